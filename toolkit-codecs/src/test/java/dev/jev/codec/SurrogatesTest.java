package dev.jev.codec;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import com.google.protobuf.StringValue;
import dev.jev.Protocol;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.charset.Charset;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Tests that no codec turns a character that it cannot encode into a question mark. */
class SurrogatesTest {

  private static final String HALF = "a\uD83Db";

  /** A text in a place where it has to be encoded. */
  private record Row(String message, ThrowingCallable call) {
    @Override
    public String toString() {
      return message;
    }
  }

  private static Row half(String name, ThrowingCallable call) {
    String expected = ": half a surrogate pair (expected: text that UTF-8 can encode)";
    return new Row(name + expected, call);
  }

  private static Row line(String text, int index, Charset charset) {
    String where = "message: unmappable at character " + index;
    return new Row(
        where + " (expected: " + charset + ")", () -> pack(Protocols.lines(charset, 100), text));
  }

  private static <O> void pack(Protocol<?, O> protocol, O message) {
    ByteBuf out = Unpooled.buffer();
    try {
      protocol.pack(message, out);
    } finally {
      out.release();
    }
  }

  static Stream<Row> rows() {
    RespValue.Map map = (RespValue.Map) RespValue.map();
    return Stream.of(
        line(HALF, 1, UTF_8),
        line("n\u00E9", 1, US_ASCII),
        line("\u20AC", 0, ISO_8859_1),
        line("\u0434\u00E4", 1, Charset.forName("windows-1251")),
        half("simple string", () -> RespValue.simple(HALF)),
        half("error", () -> RespValue.error(HALF)),
        half("error", () -> RespValue.bulkError(HALF)),
        half("bulk", () -> RespValue.bulk(HALF)),
        half("verbatim string", () -> RespValue.verbatim("txt", HALF)),
        half("key", () -> map.get(HALF)),
        half("argument", () -> RespCommand.of("SET", "key", HALF)),
        half("type name", () -> ProtobufTypes.of().with(HALF, StringValue.getDefaultInstance())),
        new Row(
            "magic: a character that is not ASCII (expected: ASCII only)",
            () -> FirstBytes.of("ch\u00E4t")));
  }

  @ParameterizedTest
  @MethodSource("rows")
  void textThatCannotBeEncodedIsRefused(Row row) {
    assertThatIllegalArgumentException().isThrownBy(row.call).withMessage(row.message);
  }

  @Test
  void wholePairsAreEncoded() {
    String whole = "?\uD83D\uDE00\uFFFD";
    assertThat(RespValue.bulk(whole)).isEqualTo(RespValue.bulk(whole.getBytes(UTF_8)));
    assertThat(RespCommand.of(whole).text(0)).isEqualTo(whole);
  }

  @Test
  void jsonIsNotReplacedEither() {
    JsonNode half = new JsonMapper().createObjectNode().put("a", HALF);
    ByteBuf out = Unpooled.buffer();
    try {
      Protocols.jsonLines(new JsonMapper(), JsonNode.class).pack(half, out);
      assertThat(out.toString(UTF_8)).isEqualTo("{\"a\":\"a\\uD83Db\"}\n");
    } catch (RuntimeException e) {
      assertThat(e).hasMessageContaining("surrogate");
    } finally {
      out.release();
    }
  }
}
