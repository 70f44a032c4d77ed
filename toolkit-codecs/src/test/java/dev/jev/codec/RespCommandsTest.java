package dev.jev.codec;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CloseReason;
import dev.jev.Protocol;
import dev.jev.test.TestContext;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Commands that a Redis server unpacks, and its replies to malformed bytes, which are those of
 * Redis 7.0.
 */
@Timeout(60)
class RespCommandsTest {

  private static final String GET = "*2\r\n$3\r\nGET\r\n$5\r\nkey:1\r\n";
  private static final String PIPELINE =
      GET
          + "*3\r\n$3\r\nset\r\n$12\r\nkey:00000001\r\n$0\r\n\r\n"
          + "\r\n"
          + "ECHO \"a b\" 'c'\r\n"
          + "*0\r\n*-1\r\n"
          + "*1\r\n$11\r\nINCRBYFLOAT\r\n"
          + "*5\r\n$5\r\nLPUSH\r\n$1\r\nl\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n"
          + "PING\n";
  private static final String[] PIPELINED = {
    "\"GET\" \"key:1\"",
    "\"set\" \"key:00000001\" \"\"",
    "\"ECHO\" \"a b\" \"c\"",
    "\"INCRBYFLOAT\"",
    "\"LPUSH\" \"l\" \"a\" \"b\" \"c\"",
    "\"PING\""
  };

  private final Peer<RespCommand, RespValue> peer = peer();

  @AfterEach
  void inputIsNotReferredToAnyMore() {
    peer.close();
  }

  @Test
  void arrayOfBulkStringsIsACommand() {
    assertThat(peer.sends(GET).messages()).containsExactly("\"GET\" \"key:1\"");
  }

  @Test
  void pipelinedCommandsComeOneAfterTheOther() {
    assertThat(peer.sends(PIPELINE).messages()).containsExactly(PIPELINED);
    assertThat(peer.refusal()).isEmpty();
  }

  @Test
  void commandsMayArriveByteByByte() {
    assertThat(peer.sendsOneByOne(PIPELINE).messages()).containsExactly(PIPELINED);
  }

  @Test
  void commandsMayBeCutAnywhere() {
    for (int cut = 0; cut <= PIPELINE.length(); cut++) {
      try (Peer<RespCommand, RespValue> peer = peer()) {
        peer.sends(PIPELINE.substring(0, cut)).sends(PIPELINE.substring(cut));
        assertThat(peer.messages()).as("cut at %d", cut).containsExactly(PIPELINED);
      }
    }
  }

  @Test
  void argumentsAreBinarySafe() {
    ByteBuf in = Unpooled.copiedBuffer("*2\r\n$3\r\nGET\r\n$5\r\n\0\r\n\u00ff$\r\n", ISO_8859_1);
    RespCommand command = Protocols.resp().unpack(peer.context(), in);
    assertThat(command).isNotNull();
    assertThat(command.argument(1)).containsExactly(0, '\r', '\n', 0xff, '$');
    in.release();
  }

  @Test
  void whatWasTakenOfAnUnfinishedCommandIsConsumed() {
    peer.sends("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1");
    assertThat(peer.unreadBytes()).isEqualTo("$1".length());
    assertThat(peer.sends("\r\nv\r\n").messages()).containsExactly("\"SET\" \"k\" \"v\"");
  }

  @Test
  void commandOfManyArgumentsIsNotScannedAnewForEachByte() {
    int count = 50_000;
    Peer<RespCommand, RespValue> peer = new Peer<>(Protocols.resp(), /* maxFrameBytes= */ 1 << 20);
    peer.sendsOneByOne("*" + count + "\r\n" + "$1\r\nx\r\n".repeat(count));
    assertThat(peer.messages()).hasSize(1).first().asString().endsWith("(49992 more)");
    peer.close();
  }

  @Test
  void longLineIsNotSearchedAnewForEachByte() {
    Peer<RespCommand, RespValue> peer = new Peer<>(Protocols.resp(), /* maxFrameBytes= */ 1 << 20);
    String longest = "x".repeat(RespProtocol.MAX_LINE_BYTES);
    assertThat(peer.sendsOneByOne(longest + "\n").messages()).hasSize(1);
    peer.close();
  }

  @Test
  void greatestCountAllocatesNothingInAdvance() {
    ByteBuf in = Unpooled.copiedBuffer("*1048576\r\n$9999999\r\n", ISO_8859_1);
    TestContext context = new TestContext().maxFrameBytes(1 << 30);
    List<Protocol<RespCommand, RespValue>> protocols = new ArrayList<>();
    for (int i = 0; i < 1_000; i++) {
      Protocol<RespCommand, RespValue> protocol = Protocols.resp();
      assertThat(protocol.unpack(context, in.readerIndex(0))).isNull();
      // 4 MiB of references per protocol would be 4 GiB, and the bytes 10 GB.
      protocols.add(protocol);
    }
    assertThat(protocols).hasSize(1_000);
    in.release();
  }

  static Stream<Arguments> lines() {
    return Stream.of(
        Arguments.of("PING\r\n", "\"PING\""),
        Arguments.of("PING\n", "\"PING\""),
        Arguments.of("PING\r\r\n", "\"PING\""),
        Arguments.of(" \tPING \u000b\f \r\n", "\"PING\""),
        Arguments.of("ECHO a\rb\r\n", "\"ECHO\" \"a\" \"b\""),
        Arguments.of("ECHO a\u000bb\r\n", "\"ECHO\" \"a\\x0bb\""),
        Arguments.of("ECHO \"\" ''\r\n", "\"ECHO\" \"\" \"\""),
        Arguments.of("ECHO a\"b c\"\r\n", "\"ECHO\" \"ab c\""),
        Arguments.of("ECHO a'b c'\r\n", "\"ECHO\" \"ab c\""),
        Arguments.of("ECHO \"a'b\" 'a\"b'\r\n", "\"ECHO\" \"a'b\" \"a\\\"b\""),
        Arguments.of("ECHO \"\\n\\r\\t\\b\\a\"\r\n", "\"ECHO\" \"\\n\\r\\t\\x08\\x07\""),
        Arguments.of("ECHO \"\\x41\\xfF\\q\\\"\\\\\"\r\n", "\"ECHO\" \"A\\xffq\\\"\\\\\""),
        Arguments.of("ECHO \"\\xzz\\x4\"\r\n", "\"ECHO\" \"xzzx4\""),
        Arguments.of("ECHO 'a\\n\\'b'\r\n", "\"ECHO\" \"a\\\\n'b\""),
        Arguments.of("ECHO \u00ff\r\n", "\"ECHO\" \"\\xff\""),
        Arguments.of("''\r\n", "\"\""));
  }

  @ParameterizedTest
  @MethodSource("lines")
  void inlineCommandIsSplitAsRedisDoes(String line, String command) {
    assertThat(peer.sends(line).messages()).containsExactly(command);
  }

  @Test
  void emptyLinesAreIgnored() {
    assertThat(peer.sends("\r\n\n  \r\n\r\n").messages()).isEmpty();
    assertThat(peer.unreadBytes()).isZero();
  }

  @Test
  void nothingIsKeptOfAnyNumberOfEmptyLines() {
    for (int i = 0; i < 1_000; i++) {
      assertThat(peer.sends("\n".repeat(Peer.MAX_FRAME_BYTES)).unreadBytes()).isZero();
    }
    assertThat(peer.sends("PING\r\n").messages()).containsExactly("\"PING\"");
  }

  @Test
  void commandLongerThanTheLimitIsRefused() {
    String tooLong = "*1\r\n$90\r\n" + "x".repeat(90) + "\r\n";
    assertThat(peer.sends(tooLong).refusal()).endsWith("!command: 101 bytes (expected: <= 100)");
  }

  @Test
  void arraysWithoutArgumentsAreIgnored() {
    assertThat(peer.sends("*0\r\n*-1\r\n*-9223372036854775808\r\n").messages()).isEmpty();
    assertThat(peer.unreadBytes()).isZero();
  }

  @Test
  void bytesBehindAnArgumentAreSkippedWhateverTheyAreAsRedisDoes() {
    assertThat(peer.sends("*1\r\n$4\r\nPINGxx*1\rx$4\rxPINGxx").messages())
        .containsExactly("\"PING\"", "\"PING\"");
  }

  static Stream<Arguments> malformed() {
    return Stream.of(
        count("x"),
        count(""),
        count("01"),
        count("+1"),
        count("-"),
        count("-0"),
        count("1 "),
        count("1048577"),
        count("2147483648"),
        count("9223372036854775808"),
        count("-9223372036854775809"),
        count("100000000000000000000"),
        argument("f", "foo"),
        argument(" ", ""),
        argument(" ", "\n"),
        argument("\u00ff", "\u00ff"),
        argument("*", "*1"),
        length("x"),
        length(""),
        length("-1"),
        length("04"),
        length("4 "),
        length("99999999999"),
        Arguments.of(
            "*1\r\n$101\r\n", "invalid bulk length", "command: 113 bytes (expected: <= 100)"),
        Arguments.of(
            "*1\r\n$2147483647\r\n",
            "invalid bulk length",
            "command: 2147483666 bytes (expected: <= 100)"),
        Arguments.of(
            "*2\r\n$40\r\n" + "x".repeat(42) + "$48\r\n",
            "invalid bulk length",
            "command: 106 bytes (expected: <= 100)"),
        quotes("\"PING"),
        quotes("\"PING\"x"),
        quotes("'PING"),
        quotes("'PING'x"),
        quotes("ECHO \"a\\"));
  }

  @ParameterizedTest
  @MethodSource("malformed")
  void malformedInputIsRefusedInTheWordsOfRedis(String input, String reply, String offence) {
    String refusal = "-ERR Protocol error: " + reply + "\r\n!" + offence;
    assertThat(peer.sends("PING\r\n" + input + "PING\r\n").refusal()).isEqualTo(refusal);
    assertThat(peer.messages()).containsExactly("\"PING\"");
    try (Peer<RespCommand, RespValue> slow = peer()) {
      assertThat(slow.sendsOneByOne(input).refusal()).isEqualTo(refusal);
    }
  }

  @Test
  void lineWithoutEndIsRefused() {
    int tooLong = RespProtocol.MAX_LINE_BYTES + 1;
    assertRefused(
        "x".repeat(tooLong),
        "too big inline request",
        "inline command: 65537 bytes (expected: <= 65536)");
    assertRefused(
        "*".repeat(tooLong),
        "too big mbulk count string",
        "mbulk count: 65537 bytes (expected: <= 65536)");
    assertRefused(
        "*1\r\n" + "$".repeat(tooLong),
        "too big bulk count string",
        "bulk count: 65537 bytes (expected: <= 65536)");
  }

  @Test
  void numberLongerThanAFrameIsRefusedHoweverItIsCut() {
    String refusal =
        "-ERR Protocol error: too big mbulk count string\r\n"
            + "!mbulk count: 99 bytes (expected: <= 98)";
    String tooLong = "*" + "1".repeat(98);
    assertThat(peer.sends(tooLong).refusal()).isEqualTo(refusal);
    try (Peer<RespCommand, RespValue> slow = peer()) {
      assertThat(slow.sendsOneByOne(tooLong + "\r\n").refusal()).isEqualTo(refusal);
    }
  }

  @Test
  void tooLongLineIsRefusedAlsoIfItsEndIsThere() {
    String tooLong = "x".repeat(RespProtocol.MAX_LINE_BYTES + 1) + "\r\n";
    assertRefused(
        tooLong, "too big inline request", "inline command: 65538 bytes (expected: <= 65536)");
    assertRefused(
        "*" + tooLong,
        "too big mbulk count string",
        "mbulk count: 65538 bytes (expected: <= 65536)");
  }

  @Test
  void inlineCommandLongerThanAFrameIsRefused() {
    assertThat(peer.sends("x".repeat(101)).refusal())
        .isEqualTo(
            "-ERR Protocol error: too big inline request\r\n"
                + "!inline command: 101 bytes (expected: <= 100)");
  }

  @Test
  void commandMayBeAsLongAsTheLimit() {
    String longest = "*1\r\n$89\r\n" + "x".repeat(89) + "\r\n";
    assertThat(longest).hasSize(Peer.MAX_FRAME_BYTES);
    assertThat(peer.sends(longest + longest).messages()).hasSize(2);
  }

  @Test
  void offenceIsQuotedInPart() {
    assertThat(peer.sends("*" + "x".repeat(90) + "\r\n").refusal())
        .endsWith("!multibulk length: \"*" + "x".repeat(31) + "\"... (expected: <= 1048576)");
  }

  @Test
  void garbageMeansTheSameHoweverItIsCut() {
    Random random = new Random(1);
    String alphabet = "*$\r\n\r\n0123-\"'\\x aGET\u00ff";
    for (int round = 0; round < 20_000; round++) {
      String garbage =
          random
              .ints(random.nextInt(80), 0, alphabet.length())
              .collect(
                  StringBuilder::new,
                  (text, i) -> text.append(alphabet.charAt(i)),
                  StringBuilder::append)
              .toString();
      try (Peer<RespCommand, RespValue> whole = peer();
          Peer<RespCommand, RespValue> slow = peer()) {
        whole.sends(garbage);
        slow.sendsOneByOne(garbage);
        assertThat(slow.messages()).as(garbage).isEqualTo(whole.messages());
        assertThat(slow.refusal()).as(garbage).isEqualTo(whole.refusal());
      }
    }
  }

  @Test
  void closeForgetsTheUnfinishedCommand() {
    RespProtocol protocol = new RespProtocol();
    protocol.close(peer.context(), new CloseReason(CloseReason.Kind.PEER_CLOSED, null));
    assertThat(peer.refusal()).isEmpty();
  }

  private static void assertRefused(String input, String reply, String offence) {
    Peer<RespCommand, RespValue> peer = new Peer<>(Protocols.resp(), /* maxFrameBytes= */ 1 << 20);
    assertThat(peer.sends(input).refusal())
        .isEqualTo("-ERR Protocol error: " + reply + "\r\n!" + offence);
    peer.close();
  }

  private static Arguments count(String count) {
    return Arguments.of(
        "*" + count + "\r\n",
        "invalid multibulk length",
        "multibulk length: \"*" + count + "\" (expected: <= 1048576)");
  }

  private static Arguments argument(String got, String line) {
    return Arguments.of(
        "*1\r\n" + line + "\r\n",
        "expected '$', got '" + got + "'",
        "argument: " + quoted(line) + " (expected: $ and a length)");
  }

  private static Arguments length(String length) {
    return Arguments.of(
        "*1\r\n$" + length + "\r\n",
        "invalid bulk length",
        "bulk length: \"$" + length + "\" (expected: 0..100)");
  }

  private static Arguments quotes(String line) {
    return Arguments.of(
        line + "\r\n", "unbalanced quotes in request", "inline command: unbalanced quotes");
  }

  private static String quoted(String line) {
    StringBuilder text = new StringBuilder();
    Quoted.append(text, line.getBytes(ISO_8859_1), /* maxBytes= */ 32);
    return text.toString();
  }

  private static Peer<RespCommand, RespValue> peer() {
    return new Peer<>(Protocols.resp());
  }
}
