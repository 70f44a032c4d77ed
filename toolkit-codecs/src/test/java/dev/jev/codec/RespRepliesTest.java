package dev.jev.codec;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class RespRepliesTest {

  private final Peer<RespCommand, RespValue> peer = new Peer<>(Protocols.resp());

  static Stream<Arguments> replies() {
    return Stream.of(
        Arguments.of(RespValue.OK, "+OK\r\n"),
        Arguments.of(RespValue.simple("OK"), "+OK\r\n"),
        Arguments.of(RespValue.PONG, "+PONG\r\n"),
        Arguments.of(RespValue.simple("Grüße"), "+Gr\u00c3\u00bc\u00c3\u009fe\r\n"),
        Arguments.of(RespValue.error("ERR syntax error"), "-ERR syntax error\r\n"),
        Arguments.of(RespValue.integer(0), ":0\r\n"),
        Arguments.of(RespValue.NULL_BULK, "$-1\r\n"),
        Arguments.of(RespValue.bulk(""), "$0\r\n\r\n"),
        Arguments.of(RespValue.bulk("a\r\n\0"), "$4\r\na\r\n\0\r\n"),
        Arguments.of(RespValue.bulk("ü"), "$2\r\n\u00c3\u00bc\r\n"),
        Arguments.of(RespValue.bulk("x".repeat(12345)), "$12345\r\n" + "x".repeat(12345) + "\r\n"),
        Arguments.of(RespValue.NULL_ARRAY, "*-1\r\n"),
        Arguments.of(RespValue.EMPTY_ARRAY, "*0\r\n"),
        Arguments.of(
            RespValue.array(
                RespValue.integer(1),
                RespValue.array(List.of(RespValue.bulk("a"), RespValue.NULL_BULK)),
                RespValue.error("ERR no")),
            "*3\r\n:1\r\n*2\r\n$1\r\na\r\n$-1\r\n-ERR no\r\n"));
  }

  @ParameterizedTest
  @MethodSource("replies")
  void valueIsPackedAsResp2HasIt(RespValue value, String bytes) {
    assertThat(peer.receives(value)).isEqualTo(bytes);
  }

  @ParameterizedTest
  @ValueSource(
      longs = {
        0,
        1,
        9,
        10,
        11,
        99,
        100,
        12345,
        2147483647,
        4294967296L,
        999999999999999999L,
        Long.MAX_VALUE,
        -1,
        -9,
        -10,
        -12345,
        Long.MIN_VALUE + 1,
        Long.MIN_VALUE
      })
  void numberIsPackedInDecimal(long number) {
    assertThat(peer.receives(RespValue.integer(number))).isEqualTo(":" + number + "\r\n");
  }

  @Test
  void simpleStringWithALineBreakIsRefused() {
    for (String text : List.of("a\rb", "a\nb")) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> RespValue.simple(text))
          .withMessage(
              "simple string: has a line break (expected: one line; a bulk can have several)");
    }
  }

  @Test
  void lineBreakInAnErrorBecomesABlankSoThatNoReplyCanBeForged() {
    assertThat(peer.receives(RespValue.error("ERR 'a\r\n+OK\r\n'")))
        .isEqualTo("-ERR 'a  +OK  '\r\n");
  }

  @Test
  void valuesWithEqualContentAreEqual() {
    assertThat(RespValue.bulk("a"))
        .isEqualTo(RespValue.bulk("a".getBytes(US_ASCII)))
        .hasSameHashCodeAs(RespValue.bulk("a"))
        .isNotEqualTo(RespValue.bulk("b"))
        .isNotEqualTo(RespValue.NULL_BULK)
        .isNotEqualTo(RespValue.simple("a"));
    assertThat(RespValue.array(RespValue.bulk("a")))
        .isEqualTo(RespValue.array(List.of(RespValue.bulk("a"))));
  }

  @Test
  void bulkPrintsItsBeginning() {
    assertThat(RespValue.bulk("a\r\n\0")).hasToString("Bulk[\"a\\r\\n\\x00\"]");
    assertThat(RespValue.bulk("x".repeat(33))).hasToString("Bulk[\"" + "x".repeat(32) + "\"...]");
    assertThat(RespValue.NULL_BULK).hasToString("Bulk[null]");
  }

  @Test
  void arrayDoesNotChangeWithTheListItWasMadeOf() {
    List<RespValue> values = new ArrayList<>(List.of(RespValue.OK));
    RespValue array = RespValue.array(values);
    values.clear();
    assertThat(peer.receives(array)).isEqualTo("*1\r\n+OK\r\n");
  }
}
