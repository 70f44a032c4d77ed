package dev.jev.codec;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Arrays;
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
  void valueIsPackedAsItsKindSays(RespValue value, String bytes) {
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

  static Stream<Arguments> resp2() {
    RespValue one = RespValue.integer(1);
    RespValue isTrue = RespValue.bool(true);
    return Stream.of(
        Arguments.of(RespValue.OK, "+OK\r\n"),
        Arguments.of(RespValue.error("ERR no"), "-ERR no\r\n"),
        Arguments.of(one, ":1\r\n"),
        Arguments.of(RespValue.bulk("a"), "$1\r\na\r\n"),
        Arguments.of(RespValue.NULL_BULK, "$-1\r\n"),
        Arguments.of(RespValue.NULL_ARRAY, "*-1\r\n"),
        Arguments.of(RespValue.NULL, "$-1\r\n"),
        Arguments.of(isTrue, ":1\r\n"),
        Arguments.of(RespValue.bool(false), ":0\r\n"),
        Arguments.of(RespValue.number(3.141), "$5\r\n3.141\r\n"),
        Arguments.of(RespValue.number(3), "$1\r\n3\r\n"),
        Arguments.of(RespValue.number(Double.NEGATIVE_INFINITY), "$4\r\n-inf\r\n"),
        Arguments.of(
            RespValue.bigNumber(new BigInteger("1234567999999999999999999999999999999")),
            "$37\r\n1234567999999999999999999999999999999\r\n"),
        Arguments.of(RespValue.bulkError("ERR a\r\n+OK"), "-ERR a  +OK\r\n"),
        Arguments.of(RespValue.verbatim("txt", "a\nb"), "$3\r\na\nb\r\n"),
        Arguments.of(RespValue.array(isTrue, RespValue.NULL), "*2\r\n:1\r\n$-1\r\n"),
        Arguments.of(
            RespValue.map(RespValue.bulk("a"), isTrue, RespValue.NULL, RespValue.map()),
            "*4\r\n$1\r\na\r\n:1\r\n$-1\r\n*0\r\n"),
        Arguments.of(RespValue.set(isTrue), "*1\r\n:1\r\n"),
        Arguments.of(RespValue.push(RespValue.simple("pong"), isTrue), "*2\r\n+pong\r\n:1\r\n"),
        Arguments.of(
            new RespValue.Attributed((RespValue.Map) RespValue.map(one, one), isTrue), ":1\r\n"));
  }

  @ParameterizedTest
  @MethodSource("resp2")
  void formInResp2IsThatOfRedis(RespValue value, String bytes) {
    assertThat(peer.receives(value.toResp2())).isEqualTo(bytes);
  }

  @ParameterizedTest
  @ValueSource(
      doubles = {
        0.1,
        1e21,
        1e300,
        Double.MIN_VALUE,
        Double.MAX_VALUE,
        -2.5,
        9.3e18,
        0x1p63,
        -0x1p63,
        1e15
      })
  void numberComesBackAsItWas(double number) {
    assertThat(Double.parseDouble(new RespValue.Float64(number).text())).isEqualTo(number);
  }

  @Test
  void mapIsAskedByTextOfTheKey() {
    RespValue.Map map =
        (RespValue.Map)
            RespValue.map(
                RespValue.integer(1),
                RespValue.bulk("proto"),
                RespValue.bulk("proto"),
                RespValue.integer(3),
                RespValue.simple("id"),
                RespValue.integer(4),
                RespValue.bulk("proto"),
                RespValue.integer(5));
    assertThat(map.size()).isEqualTo(4);
    assertThat(map.get("proto")).isEqualTo(RespValue.integer(3));
    assertThat(map.get("id")).isEqualTo(RespValue.integer(4));
    assertThat(map.get("1")).isNull();
  }

  @Test
  void mapNeedsAValueForEachKey() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> RespValue.map(RespValue.OK, RespValue.OK, RespValue.OK))
        .withMessage("map: 3 keys and values (expected: an even number)");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "text", "t t", "tx\u00fc", "t\r\n"})
  void formatHasThreeVisibleCharacters(String format) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> RespValue.verbatim(format, "text"))
        .withMessageStartingWith("format: \"")
        .withMessageEndingWith("\" (expected: three visible characters of ASCII)");
  }

  @Test
  void kindsWithEqualContentAreNotEqual() {
    assertThat(RespValue.NULL).isNotEqualTo(RespValue.NULL_BULK).isEqualTo(new RespValue.Null());
    assertThat(RespValue.set(RespValue.OK))
        .isEqualTo(RespValue.set(RespValue.OK))
        .isNotEqualTo(RespValue.push(RespValue.OK))
        .isNotEqualTo(RespValue.array(RespValue.OK));
    assertThat(RespValue.verbatim("txt", "a"))
        .isEqualTo(RespValue.verbatim("txt", "a"))
        .hasSameHashCodeAs(RespValue.verbatim("txt", "a"))
        .isNotEqualTo(RespValue.verbatim("mkd", "a"))
        .isNotEqualTo(RespValue.verbatim("txt", "b"))
        .isNotEqualTo(RespValue.bulk("a"));
    assertThat(RespValue.number(Double.NaN)).isEqualTo(RespValue.number(Double.NaN));
  }

  @Test
  void valuePrintsItsKindAndItsBeginning() {
    RespValue one = RespValue.integer(1);
    assertThat(RespValue.simple("x".repeat(33)))
        .hasToString("SimpleString[\"" + "x".repeat(32) + "\"...]");
    assertThat(RespValue.error("a\u00fc")).hasToString("SimpleError[\"a\\xc3\\xbc\"]");
    assertThat(RespValue.bulkError("a\nb")).hasToString("BulkError[\"a\\nb\"]");
    assertThat(RespValue.NULL).hasToString("Null[]");
    assertThat(RespValue.NULL_ARRAY).hasToString("Array[null]");
    assertThat(RespValue.bool(true)).hasToString("Bool[true]");
    assertThat(RespValue.number(-1.5)).hasToString("Float64[-1.5]");
    assertThat(RespValue.bigNumber(BigInteger.TEN)).hasToString("BigNumber[10]");
    assertThat(RespValue.bigNumber(BigInteger.ONE.shiftLeft(256)))
        .hasToString("BigNumber[257 bits]");
    assertThat(RespValue.verbatim("txt", "a")).hasToString("Verbatim[txt, \"a\"]");
    assertThat(RespValue.map(RespValue.bulk("a"), one)).hasToString("Map[Bulk[\"a\"], Int64[1]]");
    assertThat(RespValue.set(one, one)).hasToString("Set[Int64[1], Int64[1]]");
    assertThat(RespValue.push(one)).hasToString("Push[Int64[1]]");
    assertThat(new RespValue.Attributed((RespValue.Map) RespValue.map(), one))
        .hasToString("Attributed[Map[], Int64[1]]");
  }

  @Test
  void whatIsPrintedDoesNotGrowWithTheValue() {
    RespValue[] many = new RespValue[1_000];
    Arrays.fill(many, RespValue.NULL);
    RespValue value = RespValue.array(many);
    assertThat(value).asString().isEqualTo("Array[" + "Null[], ".repeat(8) + "(992 more)]");
    for (int depth = 0; depth < 1_000; depth++) {
      value = RespValue.array(value, value, value);
    }
    assertThat(value.toString()).hasSizeLessThan(4_000);
  }

  @Test
  void arrayDoesNotChangeWithTheListItWasMadeOf() {
    List<RespValue> values = new ArrayList<>(List.of(RespValue.OK));
    RespValue array = RespValue.array(values);
    values.clear();
    assertThat(peer.receives(array)).isEqualTo("*1\r\n+OK\r\n");
  }
}
