package dev.jev.codec;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.jev.Protocol;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class DelimitedProtocolTest {

  private final Peer<ByteBuf, ByteBuf> peer = peer(delimiters("||"));

  @AfterEach
  void inputIsNotReferredToAnyMore() {
    peer.close();
  }

  @Test
  void delimiterEndsAMessageAndIsLeftOut() {
    assertThat(peer.sends("one||||t|wo||").messages()).containsExactly("one", "", "t|wo");
  }

  @Test
  void delimiterIsKeptIfAskedFor() {
    try (Peer<ByteBuf, ByteBuf> peer = peer(delimiters("||").kept())) {
      assertThat(peer.sends("one||||").messages()).containsExactly("one||", "||");
    }
  }

  @Test
  void ofSeveralTheOneThatEndsFirstEndsTheMessage() {
    try (Peer<ByteBuf, ByteBuf> peer = peer(delimiters("<end>", ";", "\0"))) {
      assertThat(peer.sends("one<en;two<end>\0<<end>").messages())
          .containsExactly("one<en", "two", "", "<");
    }
  }

  @Test
  void ofTwoThatEndTogetherTheLongerIsLeftOut() {
    try (Peer<ByteBuf, ByteBuf> peer = peer(delimiters("\n", "\r\n"))) {
      assertThat(peer.sendsOneByOne("one\r\ntwo\nth\rree\r\r\n").messages())
          .containsExactly("one", "two", "th\rree\r");
    }
  }

  @Test
  void delimitersThatBeginAlikeAreFoundWhereverTheBytesAreCut() {
    long seed = System.nanoTime();
    System.out.println("DelimitedProtocolTest seed: " + seed);
    Random random = new Random(seed);
    Delimiters delimiters = delimiters("aaaaab", "aaaaac", "aabaad", "e");
    for (int round = 0; round < 2000; round++) {
      StringBuilder bytes = new StringBuilder();
      while (bytes.length() < 90) {
        bytes.append("aaaaabcde".charAt(random.nextInt(9)));
      }
      String text = bytes.toString();
      try (Peer<ByteBuf, ByteBuf> whole = peer(delimiters);
          Peer<ByteBuf, ByteBuf> cut = peer(delimiters)) {
        int place = random.nextInt(text.length());
        cut.sends(text.substring(0, place)).sendsOneByOne(text.substring(place));
        assertThat(whole.sends(text).messages())
            .as("seed %d, %s", seed, text)
            .isEqualTo(cut.messages())
            .containsExactlyElementsOf(split(text));
      }
    }
  }

  /** Splits a text with regular expressions of the JDK. */
  private static List<String> split(String text) {
    String[] parts = text.split("aaaaab|aaaaac|aabaad|e", -1);
    return Arrays.asList(parts).subList(0, parts.length - 1);
  }

  @Test
  void whatWasSearchedIsNotSearchedAgain() {
    ByteBuf in = bytes("abcd|");
    Protocol<ByteBuf, ByteBuf> protocol = Protocols.delimited(delimiters("||"));
    assertThat(protocol.unpack(peer.context(), in)).isNull();
    in.setByte(0, '|').setByte(1, '|').writeByte('|');
    ByteBuf message = protocol.unpack(peer.context(), in);
    assertThat(message.toString(ISO_8859_1)).isEqualTo("||cd");
    message.release();
    in.release();
  }

  @Test
  void unfinishedFrameStaysUnread() {
    assertThat(peer.sends("one|").messages()).isEmpty();
    assertThat(peer.unreadBytes()).isEqualTo(4);
  }

  @Test
  void frameMayBeAsLongAsTheLimitWithItsDelimiter() {
    try (Peer<ByteBuf, ByteBuf> peer = peer(delimiters("||").maxFrameBytes(5))) {
      assertThat(peer.sends("one||two|").messages()).containsExactly("one");
      assertThat(peer.sends("|").messages()).containsExactly("one", "two");
      assertThat(peer.sends("four|").refusal())
          .isEqualTo("!frame: more than 5 bytes (expected: <= 5)");
    }
  }

  @Test
  void frameOverTheLimitIsRefusedAlsoIfItIsWhole() {
    try (Peer<ByteBuf, ByteBuf> peer = peer(delimiters("||").kept().maxFrameBytes(5))) {
      assertThat(peer.sends("one||four||").messages()).containsExactly("one||");
      assertThat(peer.refusal()).isEqualTo("!frame: more than 5 bytes (expected: <= 5)");
    }
  }

  @Test
  void serversLimitHoldsIfItIsLower() {
    assertThat(peer.sends("x".repeat(Peer.MAX_FRAME_BYTES)).refusal())
        .isEqualTo("!frame: more than 100 bytes (expected: <= 100)");
  }

  @Test
  void firstDelimiterStandsBehindAMessage() {
    try (Peer<ByteBuf, ByteBuf> peer = peer(delimiters("<end>", "\n"))) {
      assertThat(peer.receives(bytes("one"))).isEqualTo("one<end>");
      assertThat(peer.receives(bytes("one").skipBytes(2))).isEqualTo("e<end>");
      assertThat(peer.receives(bytes(""))).isEqualTo("<end>");
    }
  }

  @Test
  void messageThatWouldArriveAsSeveralIsNotPacked() {
    assertNotPacked(delimiters("||"), "a||b", "a delimiter within its 4 bytes (expected: none)");
    assertNotPacked(
        delimiters("|", "\n"), "a\n", "a delimiter within its 2 bytes (expected: none)");
  }

  @Test
  void messageThatWouldLoseItsEndIsNotPacked() {
    assertNotPacked(delimiters("||"), "a|", "a delimiter within its 2 bytes (expected: none)");
    assertNotPacked(
        delimiters("\n", "\r\n"), "a\r", "a delimiter within its 2 bytes (expected: none)");
  }

  @Test
  void messageThatKeepsItsDelimiterIsItsOwnTail() {
    Protocol<ByteBuf, ByteBuf> protocol = Protocols.delimited(delimiters("||", "\n").kept());
    ByteBuf message = bytes("one\n");
    ByteBuf out = Unpooled.buffer();
    protocol.pack(message, out);
    assertThat(out.readableBytes()).isZero();
    assertThat(protocol.zeroCopyTail(message)).isSameAs(message);
    out.release();
    message.release();
  }

  @Test
  void messageThatKeepsItsDelimiterMustEndWithTheFirstInIt() {
    Delimiters kept = delimiters("||", "\n").kept();
    assertNotPacked(kept, "one", "no delimiter (expected: one at the end)");
    assertNotPacked(kept, "", "no delimiter (expected: one at the end)");
    assertNotPacked(kept, "a\nb||", "a delimiter within its 5 bytes (expected: one at the end)");
  }

  @Test
  void refusedMessageDoesNotDisturbTheNext() {
    Protocol<ByteBuf, ByteBuf> protocol = Protocols.delimited(delimiters("||").kept());
    try (Peer<ByteBuf, ByteBuf> peer = new Peer<>(protocol)) {
      assertThatThrownBy(() -> peer.receives(bytes("one|"))).hasMessageContaining("no delimiter");
      assertThatThrownBy(() -> peer.receives(bytes("|"))).hasMessageContaining("no delimiter");
      assertThat(peer.receives(bytes("one||"))).isEqualTo("one||");
    }
  }

  @Test
  void delimitersAreChecked() {
    assertRefused("delimiters: 0 (expected: >= 1)");
    assertRefused("delimiter 2: 0 bytes (expected: >= 1)", "a", "");
    assertRefused(
        "delimiters: more than 1024 bytes (expected: <= 1024)", "a".repeat(1000), "b".repeat(25));
    assertRefused(
        "delimiter 1: occurs within delimiter 2 (expected: only at its end)", "\n", "\n\n");
    assertRefused("delimiter 2: occurs within delimiter 1 (expected: only at its end)", "abc", "b");
    assertThatThrownBy(() -> delimiters("a", "bcd").maxFrameBytes(2))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("maxFrameBytes: 2 bytes (expected: >= 3)");
  }

  @Test
  void longestDelimitersAndAllBytesWork() {
    StringBuilder all = new StringBuilder();
    for (int b = 0; b < 256; b++) {
      all.append((char) b);
    }
    String[] sequences = {all + "x".repeat(300), all + "y".repeat(212)};
    Protocol<ByteBuf, ByteBuf> protocol = Protocols.delimited(delimiters(sequences));
    try (Peer<ByteBuf, ByteBuf> peer = new Peer<>(protocol, /* maxFrameBytes= */ 2000)) {
      peer.sends("one" + sequences[1]).sends(all + "x").sendsOneByOne("y" + sequences[0]);
      assertThat(peer.messages()).containsExactly("one", all + "xy");
    }
  }

  @Test
  void delimitersAreCopied() {
    byte[] sequence = {'|'};
    Delimiters delimiters = Delimiters.of(sequence);
    sequence[0] = '!';
    try (Peer<ByteBuf, ByteBuf> peer = peer(delimiters)) {
      assertThat(peer.receives(bytes("one"))).isEqualTo("one|");
    }
  }

  private static void assertNotPacked(Delimiters delimiters, String message, String why) {
    try (Peer<ByteBuf, ByteBuf> peer = peer(delimiters)) {
      assertThatThrownBy(() -> peer.receives(bytes(message)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("message: " + why);
    }
  }

  private static void assertRefused(String why, String... sequences) {
    assertThatThrownBy(() -> delimiters(sequences))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(why);
  }

  private static Delimiters delimiters(String... sequences) {
    byte[][] bytes = new byte[sequences.length][];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = sequences[i].getBytes(ISO_8859_1);
    }
    return Delimiters.of(bytes);
  }

  private static ByteBuf bytes(String text) {
    return Unpooled.copiedBuffer(text, ISO_8859_1);
  }

  private static Peer<ByteBuf, ByteBuf> peer(Delimiters delimiters) {
    return new Peer<>(Protocols.delimited(delimiters));
  }
}
