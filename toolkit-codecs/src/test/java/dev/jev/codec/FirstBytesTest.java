package dev.jev.codec;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.jev.codec.FirstBytes.Verdict;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class FirstBytesTest {

  private static final Map<String, FirstBytes> KINDS =
      Map.of(
          "http", FirstBytes.http(),
          "tls", FirstBytes.tls(),
          "proxy", FirstBytes.proxyHeader(),
          "magic", FirstBytes.of("JEV1"));

  private static Verdict judge(FirstBytes kind, String bytes) {
    ByteBuf buffer = Unpooled.copiedBuffer("??" + bytes, ISO_8859_1).skipBytes(2);
    Verdict verdict = kind.judge(buffer);
    assertThat(buffer.readableBytes()).isEqualTo(bytes.length());
    return verdict;
  }

  /** Beginnings that are recognized at their last character and not before. */
  @ParameterizedTest
  @CsvSource({
    "http, GET /",
    "http, HEAD /",
    "http, POST http",
    "http, PUT /",
    "http, DELETE /",
    "http, TRACE /",
    "http, PATCH /",
    "http, OPTIONS *",
    "http, CONNECT' '",
    "magic, JEV1",
    "proxy, PROXY' '",
    "tls, '\u0016\u0003'",
    "proxy, '\r\n\r\n\u0000\r\nQUIT\n'"
  })
  void beginningIsRecognizedAtItsLastByte(String kind, String beginning) {
    String bytes = beginning.replace("'", "");
    for (int length = 1; length < bytes.length(); length++) {
      assertThat(judge(KINDS.get(kind), bytes.substring(0, length)))
          .as("%d bytes", length)
          .isEqualTo(Verdict.MORE);
    }
    assertThat(judge(KINDS.get(kind), bytes)).isEqualTo(Verdict.YES);
    assertThat(judge(KINDS.get(kind), bytes + "and more")).isEqualTo(Verdict.YES);
  }

  @ParameterizedTest
  @CsvSource({
    "http, G/",
    "http, get /",
    "http, GET  /",
    "http, GET key",
    "http, BREW /",
    "magic, JEV2",
    "proxy, PROXY:",
    "tls, '\u0016\u0002'",
    "tls, '\u0017\u0003'",
    "http, '\u0016'"
  })
  void anythingElseIsNot(String kind, String bytes) {
    assertThat(judge(KINDS.get(kind), bytes)).isEqualTo(Verdict.NO);
  }

  @ParameterizedTest
  @ValueSource(strings = "")
  void magicHasAtLeastOneByte(String magic) {
    assertThatThrownBy(() -> FirstBytes.of(magic))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("magic: 0 bytes (expected: >= 1)");
  }

  @Test
  void laterChangesOfAMagicNumberChangeNothing() {
    byte[] magic = {1, 2};
    FirstBytes first = FirstBytes.of(magic);
    magic[0] = 9;
    assertThat(judge(first, "\1\2")).isEqualTo(Verdict.YES);
  }

  @Test
  void magicThatIsNotAsciiIsRefused() {
    assertThatThrownBy(() -> FirstBytes.of("J\u00cbV"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("magic: a character that is not ASCII (expected: ASCII only)");
  }

  @Test
  void anyOfNothingIsRefused() {
    assertThatThrownBy(() -> FirstBytes.anyOf())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("choices: 0 (expected: >= 1)");
  }
}
