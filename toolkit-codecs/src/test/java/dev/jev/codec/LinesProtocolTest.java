package dev.jev.codec;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_16LE;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.charset.Charset;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class LinesProtocolTest {

  private static final String EURO = "\u00e2\u0082\u00ac"; // in UTF-8, one character per byte

  private final Peer<String, String> peer = new Peer<>(Protocols.lines());

  @AfterEach
  void inputIsNotReferredToAnyMore() {
    peer.close();
  }

  @Test
  void lineIsATextWithoutItsEnd() {
    assertThat(peer.sends("one\r\n\ntwo\n").messages()).containsExactly("one", "", "two");
  }

  @Test
  void charactersMayBeCutAnywhere() {
    assertThat(peer.sendsOneByOne("5 " + EURO + "\r\n").messages()).containsExactly("5 \u20ac");
  }

  @Test
  void limitCountsBytesWithTheEnd() {
    for (String end : new String[] {"\n", "\r\n"}) {
      try (Peer<String, String> peer = peer(UTF_8, 3 + end.length())) {
        assertThat(peer.sends(EURO + end).messages()).containsExactly("\u20ac");
        assertThat(peer.sends("four" + end).refusal())
            .isEqualTo("!line: more than %1$d bytes (expected: <= %1$d)", 3 + end.length());
      }
    }
  }

  @Test
  void malformedBytesAreRefused() {
    String[] malformed = {
      "ab\u0080", // a continuation byte without a lead byte
      "ab\u00e2\u0082", // a line end within a character
      "ab\u00c0\u008a", // an overlong line feed of two bytes
      "ab\u00ed\u00a0\u0080", // half of a surrogate pair
      "ab\u00f5\u0080\u0080\u0080" // beyond Unicode
    };
    for (String line : malformed) {
      try (Peer<String, String> peer = peer(UTF_8, 100)) {
        assertThat(peer.sends("ok\n" + line + "\n").messages()).containsExactly("ok");
        assertThat(peer.refusal()).isEqualTo("!text: malformed at byte 2 (expected: UTF-8)");
      }
    }
  }

  @Test
  void replacementCharacterThatWasSentIsAPartOfTheText() {
    assertThat(peer.sends("a\u00ef\u00bf\u00bdb\n").messages()).containsExactly("a\ufffdb");
  }

  @Test
  void asciiHasNoOtherBytes() {
    try (Peer<String, String> peer = peer(US_ASCII, 100)) {
      assertThat(peer.sends("ok\n" + EURO + "\n").messages()).containsExactly("ok");
      assertThat(peer.refusal()).isEqualTo("!text: malformed at byte 0 (expected: US-ASCII)");
    }
    try (Peer<String, String> peer = peer(US_ASCII, 100)) {
      assertThat(peer.sends("n\u00e9\n").refusal())
          .isEqualTo("!text: malformed at byte 1 (expected: US-ASCII)");
    }
  }

  @Test
  void everyByteIsACharacterOfLatin1() {
    try (Peer<String, String> peer = peer(ISO_8859_1, 100)) {
      assertThat(peer.sends("\u0080\u00ff\0\n").messages()).containsExactly("\u0080\u00ff\0");
      assertThat(peer.receives("\u0080\u00ff\0")).isEqualTo("\u0080\u00ff\0\n");
    }
  }

  @Test
  void otherCharsetsWorkIfTheirLineFeedIsTheByte() {
    try (Peer<String, String> peer = peer(Charset.forName("Shift_JIS"), 100)) {
      assertThat(peer.sends("\u0083A\n").messages()).containsExactly("\u30a2");
      assertThat(peer.receives("a\u30a2")).isEqualTo("a\u0083A\n");
      assertThat(peer.sends("\u0083\n").refusal())
          .isEqualTo("!text: malformed at byte 0 (expected: Shift_JIS)");
    }
  }

  @Test
  void charsetWithAnotherLineFeedIsRefused() {
    for (Charset charset : new Charset[] {UTF_16LE, Charset.forName("IBM1047")}) {
      assertThatThrownBy(() -> Protocols.lines(charset, 100))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("charset: " + charset + " (expected: one in which \\n is the byte 0x0A)");
    }
  }

  @Test
  void charsetThatDoesNotEncodeIsRefused() {
    assertThatThrownBy(() -> Protocols.lines(Charset.forName("ISO-2022-CN"), 100))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("charset: ISO-2022-CN (expected: one that can encode)");
  }

  @Test
  void limitBelowOneIsRefused() {
    assertThatThrownBy(() -> Protocols.lines(UTF_8, 0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("maxBytes: 0 (expected: >= 1)");
  }

  @Test
  void textLeavesWithALineFeed() {
    assertThat(peer.receives("one\rtwo")).isEqualTo("one\rtwo\n");
    assertThat(peer.receives("")).isEqualTo("\n");
    assertThat(peer.receives("n\u00e9 5 \u20ac")).isEqualTo("n\u00c3\u00a9 5 " + EURO + "\n");
    assertThat(peer.receives("\ud83d\ude00")).isEqualTo("\u00f0\u009f\u0098\u0080\n");
    assertThat(peer.receives("\uffe6")).isEqualTo("\u00ef\u00bf\u00a6\n");
  }

  @Test
  void lineBreakIsNotPacked() {
    for (String message : new String[] {"one\ntwo", "\n", "one\r"}) {
      assertThatThrownBy(() -> peer.receives(message))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("message: has a line break (expected: one line)");
    }
  }

  @Test
  void characterThatTheCharsetLacksIsNotPacked() {
    assertUnmappable(UTF_8, "ab\ud83d", 2);
    assertUnmappable(UTF_8, "ab\ude00\ud83d", 2);
    assertUnmappable(US_ASCII, "n\u00e9", 1);
    assertUnmappable(ISO_8859_1, "n\u00e9\u20ac", 2);
    assertUnmappable(Charset.forName("Shift_JIS"), "\u00e9", 0);
  }

  @Test
  void whatWasSearchedIsNotSearchedAgain() {
    ByteBuf in = Unpooled.buffer().writeBytes("abc".getBytes(US_ASCII));
    var lines = Protocols.lines();
    assertThat(lines.unpack(peer.context(), in)).isNull();
    in.setByte(1, '\n').writeByte('\n');
    assertThat(lines.unpack(peer.context(), in)).isEqualTo("a\nc");
    in.release();
  }

  private static void assertUnmappable(Charset charset, String message, int index) {
    try (Peer<String, String> peer = peer(charset, 100)) {
      assertThatThrownBy(() -> peer.receives(message))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("message: unmappable at character " + index + " (expected: " + charset + ")");
    }
  }

  private static Peer<String, String> peer(Charset charset, int maxBytes) {
    return new Peer<>(Protocols.lines(charset, maxBytes));
  }
}
