package dev.jev.codec;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.jev.Protocol;
import dev.jev.ProtocolException;
import dev.jev.test.ProtocolContract;
import dev.jev.test.TestContext;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.exc.StreamConstraintsException;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;
import tools.jackson.databind.util.RawValue;

@Timeout(60)
class JsonLinesProtocolTest {

  private static final int MIB = 1 << 20;
  private static final String LINES = "{\"a\":[1,2.5]}\n[]\r\n\"x\"\n null \n";
  private static final String[] TEXTS = {"{\"a\":[1,2.5]}", "[]", "\"x\"", "null"};

  private final Peer<JsonNode, JsonNode> peer = new Peer<>(Protocols.jsonLines());

  /** A type of an application, with validation of its own. */
  record Point(int x, int y) {
    Point {
      if (x < 0) {
        throw new IllegalArgumentException("x: " + x);
      }
    }
  }

  @AfterEach
  void inputIsNotReferredToAnyMore() {
    peer.close();
  }

  @TestFactory
  Stream<DynamicTest> contract() {
    return ProtocolContract.of(() -> Protocols.jsonLines())
        .message(JsonNodeFactory.instance.stringNode("x".repeat(2_000)))
        .message(randomTree(new Random(1), 4))
        .wire("0a 7b7d0d0a 0d0a 310a", tree("{}"), tree("1"))
        .refused("7b 0a", "line: 1 bytes that do not parse")
        .refused("31 20 32 0a", "line: 3 bytes that do not parse")
        .tests();
  }

  @TestFactory
  Stream<DynamicTest> contractWithATypeOfTheUsers() {
    JsonMapper mapper = JsonMapper.shared();
    return ProtocolContract.of(() -> Protocols.<Point, Point>jsonLines(mapper, Point.class))
        .message(new Point(1, 2))
        .message(new Point(Integer.MAX_VALUE, Integer.MIN_VALUE))
        .refused("6e756c6c 0a", "line: null")
        .tests();
  }

  private static JsonNode tree(String text) {
    return JsonMapper.shared().readTree(text);
  }

  @Test
  void lineIsAMessage() {
    assertThat(peer.sends(LINES).messages()).containsExactly(TEXTS);
  }

  @Test
  void linesMayArriveByteByByte() {
    assertThat(peer.sendsOneByOne(LINES).messages()).containsExactly(TEXTS);
  }

  @Test
  void blankLinesAreSkipped() {
    assertThat(peer.sends("\n\r\n \t\n1\n\n2\n\n").messages()).containsExactly("1", "2");
    assertThat(peer.unreadBytes()).isZero();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"{", "nul", "1 2", "{} x", "[1,]", "{'a':1}", "\"\t\"", "NaN", "\u00ff", "/**/1"})
  void whatIsNotOneJsonTextIsRefused(String line) {
    assertThat(peer.sends("1\n" + line + "\n").messages()).containsExactly("1");
    assertThat(peer.refusal())
        .isEqualTo(
            "!line: "
                + line.length()
                + " bytes that do not parse (expected: one JSON text for JsonNode)");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "\u00c0\u0080", // overlong forms
        "\u00c1\u00bf",
        "\u00e0\u0080\u0080",
        "\u00e0\u009f\u00bf",
        "\u00f0\u0080\u0080\u0080",
        "\u00f0\u008f\u00bf\u00bf",
        "\u00ed\u00a0\u0080", // surrogates
        "\u00ed\u00bf\u00bf",
        "\u00ed\u00a0\u0080\u00ed\u00b0\u0080",
        "\u00f4\u0090\u0080\u0080", // above U+10FFFF
        "\u00f5\u0080\u0080\u0080",
        "\u00f7\u00bf\u00bf\u00bf",
        "\u00f8\u0088\u0080\u0080\u0080",
        "\u00c3", // incomplete
        "\u00e2\u0082",
        "\u00f0\u009f\u0098",
        "\u0080", // without a first byte
      })
  void illFormedUtf8IsRefusedWhereverItIs(String bytes) {
    for (String line :
        List.of("\"" + bytes + "\"", "{\"" + bytes + "\":1}", "[\"abcdef\",\"" + bytes + "x\"]")) {
      try (Peer<JsonNode, JsonNode> peer = new Peer<>(Protocols.jsonLines())) {
        peer.sends("1\n" + line + "\n2\n");
        assertThat(peer.messages()).containsExactly("1");
        assertThat(peer.refusal())
            .isEqualTo(
                "!line: "
                    + line.length()
                    + " bytes that do not parse (expected: one JSON text for JsonNode)");
      }
    }
  }

  @Test
  void bytesAreCheckedAsStrictlyAsThoseOfLines() {
    long seed = System.nanoTime();
    System.out.println("bytesAreCheckedAsStrictlyAsThoseOfLines seed: " + seed);
    Random random = new Random(seed);
    byte[] likely = {'a', (byte) 0x80, (byte) 0x9f, (byte) 0xa0, (byte) 0xbf, (byte) 0xc2};
    byte[] leads = {(byte) 0xc0, (byte) 0xe0, (byte) 0xed, (byte) 0xef, (byte) 0xf0, (byte) 0xf4};
    int accepted = 0;
    for (int round = 0; round < 50_000; round++) {
      StringBuilder text = new StringBuilder("a".repeat(random.nextInt(12)));
      for (int length = random.nextInt(6); length > 0; length--) {
        byte[] choice = random.nextBoolean() ? likely : leads;
        text.append((char) (choice[random.nextInt(choice.length)] & 0xff));
      }
      String line = "\"" + text + "\"\n";
      try (Peer<JsonNode, JsonNode> json = new Peer<>(Protocols.jsonLines());
          Peer<String, String> lines = new Peer<>(Protocols.lines())) {
        lines.sends(line);
        assertThat(json.sends(line).messages()).as(line).isEqualTo(lines.messages());
        accepted += lines.messages().size();
      }
    }
    assertThat(accepted).isBetween(5_000, 45_000);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"\0001", "1\000", "\000[\000]", "[\000]\000", "\000\000\0001", "1\000\000\000"})
  void utf16AndUtf32AreRefused(String line) {
    assertThat(peer.sends(line + "\n").messages()).isEmpty();
    assertThat(peer.refusal()).contains("bytes that do not parse");
  }

  /** Jackson's table for bytes refuses more than some hundred names with the same hash. */
  @Test
  void namesWithTheSameHashAreOrdinaryNames() {
    ObjectNode object = JsonNodeFactory.instance.objectNode();
    for (String name : namesWithTheSameHash()) {
      object.put(name, 1);
    }
    assertThat(object.size()).isGreaterThan(2_000);
    String line = object + "\n";
    try (Peer<JsonNode, JsonNode> trees = new Peer<>(Protocols.jsonLines(), MIB);
        Peer<JsonNode, JsonNode> types =
            new Peer<>(Protocols.jsonLines(JsonMapper.shared(), JsonNode.class), MIB)) {
      assertThat(trees.sends(line).refusal()).isEmpty();
      assertThat(trees.messages()).containsExactly(object.toString());
      assertThat(types.sends(line).refusal()).isEmpty();
      assertThat(types.messages()).containsExactly(object.toString());
    }
  }

  /** The hash adds the fourth group of four bytes and the fifth, with their upper bits mixed in. */
  private static Collection<String> namesWithTheSameHash() {
    Map<Integer, List<String>> names = new HashMap<>();
    for (int i = 0; i < 26 * 26 * 26; i++) {
      int[] up = {i % 26, i / 26 % 26, i / 26 / 26};
      byte[] name = "nnnnnnnnnnnnnaaanzzz".getBytes(UTF_8);
      for (int j = 0; j < up.length; j++) {
        name[13 + j] += (byte) up[j];
        name[17 + j] -= (byte) up[j];
      }
      ByteBuffer groups = ByteBuffer.wrap(name);
      int fourth = groups.getInt(12);
      int fifth = groups.getInt(16);
      int sum = (fourth ^ fourth >> 21) + (fifth ^ fifth >> 21);
      names.computeIfAbsent(sum, key -> new ArrayList<>()).add(new String(name, UTF_8));
    }
    return Collections.max(names.values(), Comparator.comparing(List::size));
  }

  @Test
  void byteOrderMarkOfUtf8IsSkipped() {
    assertThat(peer.sends("\u00ef\u00bb\u00bf{\"a\":1}\n").messages()).containsExactly("{\"a\":1}");
  }

  @Test
  void lineLongerThanTheLimitIsRefusedBeforeItsEnd() {
    assertThat(peer.sends("[" + " ".repeat(98)).refusal()).isEmpty();
    assertThat(peer.sends(" ").refusal()).contains("line: ").contains("(expected: <= 100)");
  }

  @Test
  void moreThan500LevelsAreRefusedWithJacksonsException() {
    Protocol<JsonNode, JsonNode> protocol = Protocols.jsonLines();
    TestContext context = new TestContext();
    ByteBuf in = in("[".repeat(500) + "]".repeat(500) + "\n" + "[".repeat(501) + "\n");
    assertThat(protocol.unpack(context, in)).isNotNull();
    assertThatThrownBy(() -> protocol.unpack(context, in))
        .isInstanceOf(ProtocolException.class)
        .hasCauseInstanceOf(StreamConstraintsException.class);
    in.release();
  }

  @Test
  void mapperOfTheUsersHasConstraintsOfItsOwn() {
    JsonMapper mapper =
        JsonMapper.builder(
                JsonFactory.builder()
                    .streamReadConstraints(
                        StreamReadConstraints.builder().maxNestingDepth(2).build())
                    .build())
            .build();
    try (Peer<JsonNode, Object> peer =
        new Peer<>(Protocols.jsonLines(mapper, JsonNode.class), 100)) {
      peer.sends("[[1]]\n[[[1]]]\n");
      assertThat(peer.messages()).containsExactly("[[1]]");
      assertThat(peer.refusal()).contains("do not parse");
    }
  }

  @Test
  void lineIsAnObjectOfTheUsers() {
    try (Peer<Point, Object> peer = points()) {
      assertThat(peer.sends("{\"x\":1,\"y\":2}\n").messages()).containsExactly("Point[x=1, y=2]");
      assertThat(peer.receives(new Point(3, 4))).isEqualTo("{\"x\":3,\"y\":4}\n");
      assertThat(peer.receives(List.of("gr\u00fcn", "a\nb")))
          .isEqualTo(new String("[\"gr\u00fcn\",\"a\\nb\"]\n".getBytes(UTF_8), ISO_8859_1));
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"{\"x\":-1,\"y\":2}", "{\"x\":\"one\",\"y\":2}", "[]", "{\"x\":null,\"y\":2}"})
  void whatDoesNotMakeAnObjectIsRefusedWithTheCause(String line) {
    Protocol<Point, Object> protocol = Protocols.jsonLines(JsonMapper.shared(), Point.class);
    ByteBuf in = in(line + "\n");
    assertThatThrownBy(() -> protocol.unpack(peer.context(), in))
        .isInstanceOf(ProtocolException.class)
        .hasMessage(
            "line: %d bytes that do not parse (expected: one JSON text for Point)", line.length())
        .hasCauseInstanceOf(JacksonException.class);
    in.release();
  }

  @Test
  void nullIsNoObject() {
    try (Peer<Point, Object> peer = points()) {
      assertThat(peer.sends("null\n").refusal())
          .isEqualTo("!line: null (expected: one JSON text for Point)");
    }
  }

  @Test
  void whatIsWrittenIsOneLineWhateverTheMapperWouldDo() {
    JsonMapper mapper = JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();
    try (Peer<Point, Object> peer = new Peer<>(Protocols.jsonLines(mapper, Point.class))) {
      assertThat(peer.receives(new Point(3, 4))).isEqualTo("{\"x\":3,\"y\":4}\n");
    }
  }

  @Test
  void whatJacksonCannotWriteIsAnIllegalArgument() {
    Object self = new Object[1];
    ((Object[]) self)[0] = self;
    try (Peer<Point, Object> peer = points()) {
      assertThatThrownBy(() -> peer.receives(self))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageEndingWith("(expected: a value that Jackson can write)")
          .hasCauseInstanceOf(JacksonException.class);
    }
  }

  @Test
  void whatIsWrittenIsRead() {
    long seed = System.nanoTime();
    System.out.println("JsonLinesProtocolTest seed: " + seed);
    Random random = new Random(seed);
    for (int round = 0; round < 2_000; round++) {
      JsonNode tree = randomTree(random, 4);
      try (Peer<JsonNode, JsonNode> peer = new Peer<>(Protocols.jsonLines(), 1 << 20)) {
        String line = peer.receives(tree);
        assertThat(line.indexOf('\n')).isEqualTo(line.length() - 1);
        int cut = random.nextInt(line.length());
        peer.sends(line.substring(0, cut)).sends(line.substring(cut));
        assertThat(peer.messages()).containsExactly(tree.toString());
      }
    }
  }

  private static JsonNode randomTree(Random random, int levels) {
    JsonNodeFactory nodes = JsonNodeFactory.instance;
    return switch (random.nextInt(levels > 0 ? 6 : 4)) {
      case 0 -> nodes.numberNode(random.nextLong());
      case 1 -> nodes.stringNode("\u00e4\n\"\ud83d\ude00\r".repeat(random.nextInt(20)));
      case 2 -> nodes.booleanNode(random.nextBoolean());
      case 3 -> nodes.nullNode();
      case 4 -> {
        ArrayNode array = nodes.arrayNode();
        for (int i = random.nextInt(8); i > 0; i--) {
          array.add(randomTree(random, levels - 1));
        }
        yield array;
      }
      default -> {
        ObjectNode object = nodes.objectNode();
        for (int i = random.nextInt(8); i > 0; i--) {
          object.set("k" + i, randomTree(random, levels - 1));
        }
        yield object;
      }
    };
  }

  private static Peer<Point, Object> points() {
    return new Peer<>(Protocols.jsonLines(JsonMapper.shared(), Point.class));
  }

  private static ByteBuf in(String line) {
    return Unpooled.copiedBuffer(line, ISO_8859_1);
  }

  @Test
  void messageThatWouldArriveAsSeveralCannotBePacked() {
    try (Peer<Point, RawValue> peer =
        new Peer<>(Protocols.<Point, RawValue>jsonLines(JsonMapper.shared(), Point.class))) {
      assertThat(peer.receives(new RawValue("{}"))).isEqualTo("{}\n");
      assertThatThrownBy(() -> peer.receives(new RawValue("{\n}")))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("message: has a line break (expected: one line)");
    }
  }
}
