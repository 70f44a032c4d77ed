package dev.jev.codec;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.util.stream.Collectors.joining;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CloseReason;
import dev.jev.Protocol;
import dev.jev.test.TestContext;
import dev.jev.test.UnpackLoop;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Values that a client unpacks from the bytes of a Redis server, and commands that it packs. */
@Timeout(60)
class RespClientProtocolTest {

  private static final int MIB = 1 << 20;

  private final Peer<RespValue, RespCommand> peer = peer();

  @AfterEach
  void inputIsNotReferredToAnyMore() {
    peer.close();
  }

  /** Values with the bytes that they are packed to as well. */
  static Stream<Arguments> canonical() {
    RespValue one = RespValue.integer(1);
    return Stream.of(
        Arguments.of("+OK\r\n", RespValue.OK),
        Arguments.of("+\r\n", RespValue.simple("")),
        Arguments.of("+Gr\u00c3\u00bc\u00c3\u009fe\r\n", RespValue.simple("Grüße")),
        Arguments.of("-ERR no\r\n", RespValue.error("ERR no")),
        Arguments.of(":0\r\n", RespValue.integer(0)),
        Arguments.of(":-12\r\n", RespValue.integer(-12)),
        Arguments.of(":999999999999999999\r\n", RespValue.integer(999_999_999_999_999_999L)),
        Arguments.of(":9223372036854775807\r\n", RespValue.integer(Long.MAX_VALUE)),
        Arguments.of(":-9223372036854775808\r\n", RespValue.integer(Long.MIN_VALUE)),
        Arguments.of("$0\r\n\r\n", RespValue.bulk("")),
        Arguments.of("$7\r\na\r\n\0\u00c3\u00bc$\r\n", RespValue.bulk("a\r\n\0ü$")),
        Arguments.of("$-1\r\n", RespValue.NULL_BULK),
        Arguments.of("*-1\r\n", RespValue.NULL_ARRAY),
        Arguments.of("*0\r\n", RespValue.EMPTY_ARRAY),
        Arguments.of("*2\r\n:1\r\n*1\r\n$-1\r\n", array(one, array(RespValue.NULL_BULK))),
        Arguments.of("_\r\n", RespValue.NULL),
        Arguments.of("#t\r\n", RespValue.bool(true)),
        Arguments.of("#f\r\n", RespValue.bool(false)),
        Arguments.of(",0\r\n", RespValue.number(0)),
        Arguments.of(",-0.0\r\n", RespValue.number(-0.0)),
        Arguments.of(",3.141\r\n", RespValue.number(3.141)),
        Arguments.of(",10\r\n", RespValue.number(10)),
        Arguments.of(",-1.5e300\r\n", RespValue.number(-1.5e300)),
        Arguments.of(",1e-7\r\n", RespValue.number(1e-7)),
        Arguments.of(",inf\r\n", RespValue.number(Double.POSITIVE_INFINITY)),
        Arguments.of(",-inf\r\n", RespValue.number(Double.NEGATIVE_INFINITY)),
        Arguments.of(",nan\r\n", RespValue.number(Double.NaN)),
        Arguments.of(
            "(-3492890328409238509324850943850943825024385\r\n",
            RespValue.bigNumber(new BigInteger("-3492890328409238509324850943850943825024385"))),
        Arguments.of("!8\r\nERR\r\nno\r\r\n", RespValue.bulkError("ERR\r\nno\r")),
        Arguments.of("=8\r\ntxt:a\r\nb\r\n", RespValue.verbatim("txt", "a\r\nb")),
        Arguments.of("=4\r\nmkd:\r\n", RespValue.verbatim("mkd", "")),
        Arguments.of("%0\r\n", RespValue.map()),
        Arguments.of(
            "%2\r\n+a\r\n:1\r\n*0\r\n%0\r\n",
            RespValue.map(RespValue.simple("a"), one, RespValue.EMPTY_ARRAY, RespValue.map())),
        Arguments.of("~0\r\n", RespValue.set()),
        Arguments.of("~2\r\n:1\r\n#t\r\n", RespValue.set(one, RespValue.bool(true))),
        Arguments.of(">0\r\n", RespValue.push()),
        Arguments.of(
            ">2\r\n$7\r\nmessage\r\n:1\r\n", RespValue.push(RespValue.bulk("message"), one)),
        Arguments.of("|1\r\n+ttl\r\n:1\r\n_\r\n", attributed(RespValue.NULL, "ttl", one)),
        Arguments.of(
            "*2\r\n|1\r\n+a\r\n:1\r\n|1\r\n+b\r\n:1\r\n:1\r\n:1\r\n",
            array(attributed(attributed(one, "b", one), "a", one), one)));
  }

  /** Values that are packed to other bytes. */
  static Stream<Arguments> others() {
    RespValue one = RespValue.integer(1);
    return Stream.of(
        Arguments.of(":+1\r\n", one),
        Arguments.of(":0000000000000000000000001\r\n", one),
        Arguments.of(":-0\r\n", RespValue.integer(0)),
        Arguments.of("$01\r\nx\r\n", RespValue.bulk("x")),
        Arguments.of("+\u00ff\r\n", RespValue.simple("\ufffd")),
        Arguments.of(",3.0\r\n", RespValue.number(3)),
        Arguments.of(",+1E+2\r\n", RespValue.number(100)),
        Arguments.of(",1e999\r\n", RespValue.number(Double.POSITIVE_INFINITY)),
        Arguments.of(",-nan\r\n", RespValue.number(Double.NaN)),
        Arguments.of(",0.10000000000000001\r\n", RespValue.number(0.1)),
        Arguments.of("(+1\r\n", RespValue.bigNumber(BigInteger.ONE)),
        Arguments.of("$?\r\n;0\r\n", RespValue.bulk("")),
        Arguments.of("$?\r\n;4\r\nHell\r\n;2\r\no\n\r\n;0\r\n", RespValue.bulk("Hello\n")),
        Arguments.of("*?\r\n.\r\n", RespValue.EMPTY_ARRAY),
        Arguments.of("*?\r\n:1\r\n*?\r\n.\r\n.\r\n", array(one, RespValue.EMPTY_ARRAY)),
        Arguments.of("~?\r\n:1\r\n.\r\n", RespValue.set(one)),
        Arguments.of("%?\r\n+a\r\n$?\r\n;0\r\n.\r\n", map("a", RespValue.bulk(""))),
        Arguments.of(
            "*1\r\n|1\r\n+a\r\n*?\r\n.\r\n~?\r\n:1\r\n.\r\n",
            array(attributed(RespValue.set(one), "a", RespValue.EMPTY_ARRAY))));
  }

  static Stream<Arguments> all() {
    return Stream.concat(canonical(), others());
  }

  @ParameterizedTest
  @MethodSource("all")
  void valueIsUnpacked(String bytes, RespValue value) {
    List<RespValue> values = unpack(bytes + bytes);
    assertThat(values).containsExactly(value, value);
    assertThat(values.get(0)).hasSameHashCodeAs(value).hasToString(value.toString());
  }

  @ParameterizedTest
  @MethodSource("all")
  void valueMayArriveInPieces(String bytes, RespValue value) {
    assertThat(peer.sendsOneByOne(bytes + bytes).messages())
        .containsExactly(value.toString(), value.toString());
    assertThat(peer.unreadBytes()).isZero();
    for (int cut = 0; cut <= bytes.length(); cut++) {
      try (Peer<RespValue, RespCommand> peer = peer()) {
        peer.sends(bytes.substring(0, cut)).sends(bytes.substring(cut));
        assertThat(peer.messages()).as("cut at %d", cut).containsExactly(value.toString());
      }
    }
  }

  @ParameterizedTest
  @MethodSource("canonical")
  void valueIsPackedAsItCame(String bytes, RespValue value) {
    assertThat(new Peer<>(Protocols.resp()).receives(value)).isEqualTo(bytes);
  }

  static Stream<Arguments> malformed() {
    String kinds = "one of +-:$*_#,(!=%~>|";
    return Stream.of(
        Arguments.of("x", "kind of value: \"x\" (expected: " + kinds + ")"),
        Arguments.of("\r\n", "kind of value: \"\\r\" (expected: " + kinds + ")"),
        Arguments.of(";1\r\n", "kind of value: \";\" (expected: " + kinds + ")"),
        Arguments.of(".\r\n", "kind of value: \".\" (expected: " + kinds + ")"),
        Arguments.of("*1\r\n.\r\n", "kind of value: \".\" (expected: " + kinds + ")"),
        Arguments.of("*?\r\n|0\r\n.\r\n", "kind of value: \".\" (expected: " + kinds + ")"),
        Arguments.of("$?\r\n+a\r\n", "kind of value: \"+\" (expected: ; and a chunk)"),
        Arguments.of("+OK\n", "end of line: \\n (expected: \\r\\n)"),
        Arguments.of("+\n", "end of line: \\n (expected: \\r\\n)"),
        Arguments.of("+a\rb\r\n", "simple string: \"a\\rb\" (expected: no \\r)"),
        Arguments.of("-a\r\r\n", "error: \"a\\r\" (expected: no \\r)"),
        Arguments.of(":\r\n", "integer: \"\" (expected: a number of 64 bits)"),
        Arguments.of(":-\r\n", "integer: \"-\" (expected: a number of 64 bits)"),
        Arguments.of(":1 \r\n", "integer: \"1 \" (expected: a number of 64 bits)"),
        Arguments.of(":--1\r\n", "integer: \"--1\" (expected: a number of 64 bits)"),
        Arguments.of(":1.5\r\n", "integer: \"1.5\" (expected: a number of 64 bits)"),
        Arguments.of(
            ":9223372036854775808\r\n",
            "integer: \"9223372036854775808\" (expected: a number of 64 bits)"),
        Arguments.of(
            ":" + "x".repeat(40) + "\r\n",
            "integer: \"" + "x".repeat(32) + "\"... (expected: a number of 64 bits)"),
        Arguments.of("_x\r\n", "null: \"x\" (expected: nothing)"),
        Arguments.of("#\r\n", "boolean: \"\" (expected: t or f)"),
        Arguments.of("#T\r\n", "boolean: \"T\" (expected: t or f)"),
        Arguments.of("#tt\r\n", "boolean: \"tt\" (expected: t or f)"),
        fraction(""),
        fraction("1f"),
        fraction("0x1p3"),
        fraction("1e"),
        fraction("e"),
        fraction(" 1"),
        fraction("Infinity"),
        fraction("NaN"),
        Arguments.of("(\r\n", "big number: \"\" (expected: a decimal number)"),
        Arguments.of("(1.5\r\n", "big number: \"1.5\" (expected: a decimal number)"),
        Arguments.of("$x\r\n", "bulk: \"x\" (expected: a number of 64 bits)"),
        Arguments.of("$\r\n", "bulk: \"\" (expected: a number of 64 bits)"),
        Arguments.of("$-2\r\n", "bulk: -2 bytes (expected: 0..536870912)"),
        Arguments.of("$536870913\r\n", "bulk: 536870913 bytes (expected: 0..536870912)"),
        Arguments.of("!-1\r\n", "bulk error: -1 bytes (expected: 0..536870912)"),
        Arguments.of("!?\r\n", "bulk error: \"?\" (expected: a number of 64 bits)"),
        Arguments.of("=-1\r\n", "verbatim string: -1 bytes (expected: 0..536870912)"),
        Arguments.of("$?\r\n;-1\r\n", "chunk: -1 bytes (expected: 0..536870912)"),
        Arguments.of("$?\r\n;?\r\n", "chunk: \"?\" (expected: a number of 64 bits)"),
        Arguments.of("$1\r\nabc", "end of payload: \"bc\" (expected: \\r\\n)"),
        Arguments.of("$?\r\n;1\r\nab\r", "end of payload: \"b\\r\" (expected: \\r\\n)"),
        verbatim("txt"),
        verbatim("text"),
        verbatim("t\nt:a"),
        verbatim("\u00fctt:a"),
        Arguments.of("*x\r\n", "array: \"x\" (expected: a number of 64 bits)"),
        Arguments.of("*-2\r\n", "array: -2 elements (expected: 0..1048576)"),
        Arguments.of("*1048577\r\n", "array: 1048577 elements (expected: 0..1048576)"),
        Arguments.of("~-1\r\n", "set: -1 elements (expected: 0..1048576)"),
        Arguments.of(">1048577\r\n", "push: 1048577 elements (expected: 0..1048576)"),
        Arguments.of(">?\r\n", "push: \"?\" (expected: a number of 64 bits)"),
        Arguments.of("%-1\r\n", "map: -1 pairs (expected: 0..524288)"),
        Arguments.of("%524289\r\n", "map: 524289 pairs (expected: 0..524288)"),
        Arguments.of("|524289\r\n", "attribute: 524289 pairs (expected: 0..524288)"),
        Arguments.of("|?\r\n", "attribute: \"?\" (expected: a number of 64 bits)"),
        Arguments.of("%?\r\n:1\r\n.\r\n", "map: 1 elements (expected: an even number)"),
        Arguments.of("*?\r\n.x\r\n", "end of stream: \"x\" (expected: nothing after the dot)"));
  }

  @ParameterizedTest
  @MethodSource("malformed")
  void malformedInputIsRefused(String input, String refusal) {
    assertThat(peer.sends("+OK\r\n" + input).refusal()).isEqualTo("!" + refusal);
    assertThat(peer.messages()).containsExactly("SimpleString[\"OK\"]");
    try (Peer<RespValue, RespCommand> slow = peer()) {
      assertThat(slow.sendsOneByOne(input).refusal()).isEqualTo("!" + refusal);
    }
  }

  /** Rejections of replies that are longer than 100 bytes. */
  static Stream<Arguments> tooLong() {
    String more = "reply: more than 100 bytes (expected: <= 100)";
    return Stream.of(
        Arguments.of("$94\r\n", "reply: 101 bytes (expected: <= 100)"),
        Arguments.of("$536870912\r\n", "reply: 536870926 bytes (expected: <= 100)"),
        Arguments.of("=94\r\n", "reply: 101 bytes (expected: <= 100)"),
        Arguments.of(
            "*2\r\n$39\r\n" + "x".repeat(39) + "\r\n$44\r\n",
            "reply: 101 bytes (expected: <= 100)"),
        Arguments.of(
            "$?\r\n;39\r\n" + "x".repeat(39) + "\r\n;44\r\n",
            "reply: 101 bytes (expected: <= 100)"),
        Arguments.of("+" + "x".repeat(100), more),
        Arguments.of("+" + "x".repeat(98) + "\r\n", more),
        Arguments.of("*33\r\n", more),
        Arguments.of("%17\r\n", more),
        Arguments.of("|16\r\n", more),
        Arguments.of("*?\r\n" + "_\r\n".repeat(33), more));
  }

  @ParameterizedTest
  @MethodSource("tooLong")
  void tooLongReplyIsRefusedAsSoonAsItIsKnown(String input, String refusal) {
    assertThat(peer.sends(input).refusal()).isEqualTo("!" + refusal);
    try (Peer<RespValue, RespCommand> slow = peer()) {
      assertThat(slow.sendsOneByOne(input).refusal()).isEqualTo("!" + refusal);
    }
  }

  @Test
  void replyMayBeAsLongAsTheLimit() {
    for (String longest :
        List.of(
            "$93\r\n" + "x".repeat(93) + "\r\n",
            "+" + "x".repeat(97) + "\r\n",
            "*31\r\n+x\r\n" + "_\r\n".repeat(29) + "$-1\r\n",
            "*?\r\n+\r\n" + "_\r\n".repeat(29) + "+x\r\n" + ".\r\n")) {
      int limit = longest.length();
      try (Peer<RespValue, RespCommand> peer = peer(limit);
          Peer<RespValue, RespCommand> tooSmall = peer(limit - 1)) {
        assertThat(peer.sends(longest + longest).messages()).as(longest).hasSize(2);
        assertThat(peer.refusal()).isEmpty();
        assertThat(tooSmall.sends(longest).refusal()).startsWith("!reply: ");
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"*1\r\n", "%1\r\n_\r\n", "~?\r\n", "*?\r\n", ">1\r\n", "|0\r\n"})
  void valuesMayStandWithinEachOther32Deep(String level) {
    try (Peer<RespValue, RespCommand> peer = peer(MIB);
        Peer<RespValue, RespCommand> tooDeep = peer(MIB)) {
      String ends = ".\r\n".repeat(level.contains("?") ? RespClientProtocol.MAX_DEPTH : 0);
      peer.sends(level.repeat(RespClientProtocol.MAX_DEPTH) + ":1\r\n" + ends);
      assertThat(peer.messages()).hasSize(1);
      tooDeep.sends(level.repeat(RespClientProtocol.MAX_DEPTH + 1));
      assertThat(tooDeep.refusal()).isEqualTo("!nesting: 33 levels (expected: <= 32)");
    }
  }

  @Test
  void levelsThatAreCompleteDoNotCount() {
    try (Peer<RespValue, RespCommand> peer = peer(MIB)) {
      assertThat(peer.sends("*3\r\n*1\r\n*1\r\n:1\r\n*0\r\n_\r\n".repeat(100)).messages())
          .hasSize(100);
    }
  }

  @Test
  void lineMayHave64Kib() {
    int text = RespClientProtocol.MAX_LINE_BYTES - "+\r\n".length();
    try (Peer<RespValue, RespCommand> peer = peer(MIB);
        Peer<RespValue, RespCommand> slow = peer(MIB)) {
      assertThat(peer.sends("+" + "x".repeat(text) + "\r\n").messages()).hasSize(1);
      String refusal = "!line: more than 65536 bytes (expected: <= 65536)";
      String tooLong = "+" + "x".repeat(text + 1) + "\r\n";
      assertThat(peer.sends(tooLong).refusal()).isEqualTo(refusal);
      assertThat(slow.sendsOneByOne(tooLong).refusal()).isEqualTo(refusal);
    }
  }

  @Test
  void bigNumberMayHave1024Digits() {
    try (Peer<RespValue, RespCommand> peer = peer(MIB)) {
      assertThat(peer.sends("(" + "9".repeat(1024) + "\r\n").messages())
          .containsExactly("BigNumber[3402 bits]");
      assertThat(peer.sends("(" + "9".repeat(1025) + "\r\n").refusal())
          .isEqualTo("!big number: 1025 bytes (expected: <= 1024)");
    }
  }

  @Test
  void streamMayHaveAsManyElementsAsAnArray() {
    try (Peer<RespValue, RespCommand> peer = peer(8 * MIB);
        Peer<RespValue, RespCommand> tooMany = peer(8 * MIB)) {
      String elements = "_\r\n".repeat(RespClientProtocol.MAX_ELEMENTS);
      assertThat(peer.sends("*?\r\n" + elements + ".\r\n").messages()).hasSize(1);
      assertThat(tooMany.sends("*?\r\n" + elements + "_\r\n").refusal())
          .isEqualTo("!array: more than 1048576 elements (expected: <= 1048576)");
    }
  }

  @Test
  void whatIsDeclaredAllocatesNothingInAdvance() {
    List<Protocol<RespValue, RespCommand>> protocols = new ArrayList<>();
    TestContext context = new TestContext().maxFrameBytes(1 << 30);
    for (String declared :
        List.of(
            "*1000000\r\n", "%500000\r\n", "|500000\r\n", "$10000000\r\n", "$?\r\n;9999999\r\n")) {
      ByteBuf in = Unpooled.copiedBuffer(declared, ISO_8859_1);
      for (int i = 0; i < 1_000; i++) {
        Protocol<RespValue, RespCommand> protocol = Protocols.respClient();
        assertThat(protocol.unpack(context, in.readerIndex(0))).isNull();
        // 4 MB of references, or the 10 MB of a bulk, per protocol would be too much.
        protocols.add(protocol);
      }
      in.release();
    }
    assertThat(protocols).hasSize(5_000);
  }

  @Test
  void replyOfManyElementsIsNotScannedAnewForEachByte() {
    int count = 50_000;
    try (Peer<RespValue, RespCommand> peer = peer(MIB)) {
      peer.sendsOneByOne("*" + count + "\r\n" + "$1\r\nx\r\n".repeat(count));
      peer.sendsOneByOne("$?\r\n" + ";1\r\nx\r\n".repeat(count) + ";0\r\n");
      peer.sendsOneByOne("*?\r\n" + "$1\r\nx\r\n".repeat(count) + ".\r\n");
      assertThat(peer.messages()).hasSize(3);
      assertThat(peer.messages().get(0)).endsWith("(49992 more)]");
      assertThat(peer.messages().get(1)).isEqualTo("Bulk[\"" + "x".repeat(32) + "\"...]");
    }
  }

  @Test
  void whatWasTakenOfAnUnfinishedReplyIsConsumed() {
    peer.sends("*3\r\n:1\r\n$1\r\nk\r\n$1");
    assertThat(peer.unreadBytes()).isEqualTo("$1".length());
    assertThat(peer.sends("\r\nv\r\n").messages())
        .containsExactly("Array[Int64[1], Bulk[\"k\"], Bulk[\"v\"]]");
  }

  @Test
  void closeForgetsTheUnfinishedReply() {
    Protocol<RespValue, RespCommand> protocol = Protocols.respClient();
    ByteBuf in = Unpooled.copiedBuffer("*2\r\n$?\r\n", ISO_8859_1);
    assertThat(protocol.unpack(peer.context(), in)).isNull();
    protocol.close(peer.context(), new CloseReason(CloseReason.Kind.PEER_CLOSED, null));
    assertThat(peer.refusal()).isEmpty();
    in.release();
  }

  @Test
  void garbageMeansTheSameHoweverItIsCut() {
    long seed = System.nanoTime();
    System.out.println("RespClientProtocolTest: garbage of seed " + seed);
    Random random = new Random(seed);
    String[] words = {
      "*", "$", "%", "~", "|", ">", "+", "-", ":", "_", "#t", ",", "(", "!", "=", ";", ".", "?",
      "\r\n", "\r\n", "\r\n", "\r", "\n", "0", "1", "2", "3", "-1", "txt:", "a", "*2\r\n", "*?\r\n",
      "$1\r\n"
    };
    for (int round = 0; round < 20_000; round++) {
      String garbage =
          IntStream.range(0, random.nextInt(40))
              .mapToObj(i -> words[random.nextInt(words.length)])
              .collect(joining());
      try (Peer<RespValue, RespCommand> whole = peer();
          Peer<RespValue, RespCommand> slow = peer()) {
        whole.sends(garbage);
        slow.sendsOneByOne(garbage);
        assertThat(slow.messages()).as(garbage).isEqualTo(whole.messages());
        assertThat(slow.refusal()).as(garbage).isEqualTo(whole.refusal());
      }
    }
  }

  @Test
  void randomValuesComeBackAsTheyWere() {
    long seed = System.nanoTime();
    System.out.println("RespClientProtocolTest: values of seed " + seed);
    Random random = new Random(seed);
    Peer<RespCommand, RespValue> server = new Peer<>(Protocols.resp());
    for (int round = 0; round < 5_000; round++) {
      RespValue value = value(random, /* depth= */ 0);
      assertThat(unpack(server.receives(value))).containsExactly(value);
    }
    server.close();
  }

  @Test
  void commandIsPackedAsAnArrayOfBulks() {
    assertThat(peer.receives(RespCommand.of("SET", "k", "ü")))
        .isEqualTo("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\n\u00c3\u00bc\r\n");
    byte[] name = {'G', 'E', 'T'};
    byte[] key = {0, '\r', '\n', (byte) 0xff};
    assertThat(peer.receives(RespCommand.of(name, key)))
        .isEqualTo("*2\r\n$3\r\nGET\r\n$4\r\n\0\r\n\u00ff\r\n");
    assertThat(peer.receives(RespCommand.of(name))).isEqualTo("*1\r\n$3\r\nGET\r\n");
  }

  private static RespValue value(Random random, int depth) {
    int kind = random.nextInt(depth < 4 ? 16 : 11);
    return switch (kind) {
      case 0 -> RespValue.simple(text(random).replaceAll("[\r\n]", ""));
      case 1 -> RespValue.error(text(random));
      case 2 -> RespValue.integer(random.nextLong() >> random.nextInt(64));
      case 3 -> RespValue.bulk(text(random));
      case 4 -> RespValue.NULL_BULK;
      case 5 -> RespValue.NULL;
      case 6 -> RespValue.bool(random.nextBoolean());
      case 7 -> RespValue.number(Double.longBitsToDouble(random.nextLong()));
      case 8 -> RespValue.bigNumber(new BigInteger(random.nextInt(300), random).negate());
      case 9 -> RespValue.bulkError(text(random));
      case 10 -> RespValue.verbatim("txt", text(random));
      case 11 -> RespValue.array(values(random, depth, random.nextInt(4)));
      case 12 -> RespValue.map(values(random, depth, 2 * random.nextInt(3)));
      case 13 -> RespValue.set(values(random, depth, random.nextInt(4)));
      case 14 -> RespValue.push(values(random, depth, random.nextInt(4)));
      default ->
          new RespValue.Attributed(
              new RespValue.Map(List.of(values(random, depth, 2))), value(random, depth + 1));
    };
  }

  private static RespValue[] values(Random random, int depth, int count) {
    return Stream.generate(() -> value(random, depth + 1)).limit(count).toArray(RespValue[]::new);
  }

  private static String text(Random random) {
    String alphabet = "ab\r\n\0üß€$*;.:";
    return random
        .ints(random.nextInt(20), 0, alphabet.length())
        .mapToObj(i -> alphabet.substring(i, i + 1))
        .collect(joining());
  }

  private static List<RespValue> unpack(String bytes) {
    List<RespValue> values = new ArrayList<>();
    try (var loop =
        new UnpackLoop<>(Protocols.respClient(), new TestContext(), values::add).open()) {
      loop.read(bytes.getBytes(ISO_8859_1));
      assertThat(loop.refusal()).isNull();
      assertThat(loop.unreadBytes()).isZero();
    }
    return values;
  }

  private static RespValue array(RespValue... values) {
    return RespValue.array(values);
  }

  private static RespValue map(String key, RespValue value) {
    return RespValue.map(RespValue.simple(key), value);
  }

  private static RespValue attributed(RespValue value, String key, RespValue attribute) {
    return new RespValue.Attributed((RespValue.Map) map(key, attribute), value);
  }

  private static Arguments fraction(String text) {
    return Arguments.of(
        "," + text + "\r\n",
        "double: \"" + text + "\" (expected: a decimal number, inf, -inf or nan)");
  }

  private static Arguments verbatim(String text) {
    return Arguments.of(
        "=" + text.length() + "\r\n" + text + "\r\n",
        "verbatim string: "
            + RespText.quoted(text.getBytes(ISO_8859_1))
            + " (expected: a format of three characters and a colon)");
  }

  private static Peer<RespValue, RespCommand> peer() {
    return peer(Peer.MAX_FRAME_BYTES);
  }

  private static Peer<RespValue, RespCommand> peer(int maxFrameBytes) {
    return new Peer<>(Protocols.respClient(), maxFrameBytes);
  }
}
