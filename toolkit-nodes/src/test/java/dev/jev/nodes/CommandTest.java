package dev.jev.nodes;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.jev.nodes.Command.Members;
import dev.jev.nodes.Command.Publish;
import dev.jev.nodes.Command.Subscribe;
import dev.jev.nodes.Command.Unsubscribe;
import dev.jev.nodes.MessageCodec.Format;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CommandTest {

  private static Command parse(String text) {
    return Command.parse(text.getBytes(UTF_8), 3);
  }

  private static Publish publish(String data) {
    return (Publish) parse("{\"publish\":\"a\",\"data\":" + data + "}");
  }

  private static String data(String data) {
    return new String(publish(data).data(), UTF_8);
  }

  private static String payload(String data, Format format) {
    return new String(publish(data).payload(format), UTF_8);
  }

  @Test
  void subscribeHasTopicsAndPositions() {
    assertThat(parse("{\"subscribe\":[\"b\",\"a\"]}"))
        .isEqualTo(new Subscribe(List.of("b", "a"), Map.of()));
    assertThat(parse("{\"after\":{\"a\":\"17-0\"},\"subscribe\":[\"b\",\"a\"]}"))
        .isEqualTo(new Subscribe(List.of("b", "a"), Map.of("a", "17-0")));
    assertThat(parse("{\"subscribe\":[\"__proto__\"],\"after\":{\"__proto__\":\"\"}}"))
        .isEqualTo(new Subscribe(List.of("__proto__"), Map.of("__proto__", "")));
  }

  @Test
  void textThatIsTooLongForPositionsIsNotKept() {
    String longest = "a".repeat(64) + ":9999";
    String longer = "a".repeat(60_000);
    assertThat(
            parse(
                "{\"subscribe\":[\"a\",\"b\"],\"after\":{\"a\":\"%s\",\"b\":\"%s\"}}"
                    .formatted(longest, longer)))
        .isEqualTo(new Subscribe(List.of("a", "b"), Map.of("a", longest, "b", "")));
  }

  @Test
  void otherCommandsHaveTopics() {
    assertThat(parse("{\"unsubscribe\":[\"a\",\"b\"]}"))
        .isEqualTo(new Unsubscribe(List.of("a", "b")));
    assertThat(parse("{\"presence\":\"ä\uD83D\uDE00\"}")).isEqualTo(new Members("ä\uD83D\uDE00"));
    assertThat(parse("{\"presence\":\"\\u00e4\\ud83d\\ude00\"}"))
        .isEqualTo(new Members("ä\uD83D\uDE00"));
  }

  @Test
  void publishHasAnswerAndEchoAsWished() {
    assertThat(publish("1").id()).isEqualTo(-1);
    assertThat(publish("1").echo()).isTrue();
    Publish full =
        (Publish) parse("{\"echo\":false,\"id\":7,\"data\":{\"x\":1},\"publish\":\"a\"}");
    assertThat(full.topic()).isEqualTo("a");
    assertThat(full.id()).isEqualTo(7);
    assertThat(full.echo()).isFalse();
    assertThat(full.data()).asString(UTF_8).isEqualTo("{\"x\":1}");
  }

  @ParameterizedTest
  @ValueSource(longs = {0, 1, Integer.MAX_VALUE, 9007199254740991L})
  void idMayBeAnyIntegerOfJavaScript(long id) {
    Publish publish = (Publish) parse("{\"publish\":\"a\",\"data\":1,\"id\":" + id + "}");
    assertThat(publish.id()).isEqualTo(id);
  }

  @Test
  void unknownMembersAreSkipped() {
    String more = "\"x\":{\"publish\":\"b\",\"y\":[1,{}]},\"__proto__\":null,\"x\":1";
    assertThat(parse("{" + more + ",\"presence\":\"a\"," + more + "}")).isEqualTo(new Members("a"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "1",
        "-0.50e+3",
        "123456789012345678901234567890.5",
        "true",
        "null",
        "\"\"",
        "\"a\\\"}\\u0000ä\uD83D\uDE00\"",
        "[]",
        "[ 1 , {\"a\" : \"}\"} ]",
        "{}",
        "{\"data\":{\"data\":1},\"publish\":[]}",
        "{\"a\":1,\"a\":2}"
      })
  void dataIsTakenAsItIs(String data) {
    assertThat(data(data)).isEqualTo(data);
    assertThat(data("\n\t " + data + " \r")).isEqualTo(data);
    byte[] first = (" {\"ä\":0, \"data\" : " + data + ",\"publish\":\"a\"} ").getBytes(UTF_8);
    assertThat(((Publish) Command.parse(first, 3)).data()).asString(UTF_8).isEqualTo(data);
  }

  @Test
  void jsonIsThePayload() {
    assertThat(payload("{\"a\": \"\\u00e4\"}", Format.JSON)).isEqualTo("{\"a\": \"\\u00e4\"}");
  }

  @Test
  void textIsDecoded() {
    assertThat(payload("\"\"", Format.TEXT)).isEmpty();
    assertThat(payload("\"ä\uD83D\uDE00\"", Format.TEXT)).isEqualTo("ä\uD83D\uDE00");
    assertThat(payload("\"\\\"\\\\\\/\\n\\u00e4\\ud83d\\ude00\"", Format.TEXT))
        .isEqualTo("\"\\/\nä\uD83D\uDE00");
  }

  @Test
  void binaryIsDecoded() {
    assertThat(publish("\"\"").payload(Format.BINARY)).isEmpty();
    assertThat(publish("\"+/8AAQ==\"").payload(Format.BINARY)).containsExactly(0xfb, 0xff, 0, 1);
    assertThat(publish("\"+\\/8A\\u0041Q==\"").payload(Format.BINARY))
        .containsExactly(0xfb, 0xff, 0, 1);
  }

  @Test
  void dataThatDoesNotFitTheFormatIsRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> publish("1").payload(Format.TEXT))
        .withMessage("data: not a string (expected: a string)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> publish("\"a\\ud800b\"").payload(Format.TEXT))
        .withMessage("data: lone surrogate (expected: Unicode)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> publish("{}").payload(Format.BINARY))
        .withMessage("data: not a string (expected: a string)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> publish("\"a b\"").payload(Format.BINARY))
        .withMessage("data: not base64 (expected: a string in base64)");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      textBlock =
          """
          [] | message: not an object (expected: an object)
          "subscribe" | message: not an object (expected: an object)
          ~~ | message: not an object (expected: an object)
          {} | message: 0 commands (expected: exactly one of subscribe, unsubscribe, publish and presence)
          {"x":1} | message: 0 commands (expected: exactly one of subscribe, unsubscribe, publish and presence)
          {"presence":"a","publish":"a","data":1} | message: 2 commands (expected: exactly one of subscribe, unsubscribe, publish and presence)
          {"presence":"a"}{"presence":"a"} | message: several values (expected: one object)
          {"presence":"a","presence":"a"} | presence: twice (expected: once)
          {"publish":"a","data":1,"data":2} | data: twice (expected: once)
          {"publish":"a"} | data: missing (expected: a JSON value)
          {"data":1} | message: 0 commands (expected: exactly one of subscribe, unsubscribe, publish and presence)
          {"presence":"a","data":1} | data: with presence (expected: with publish)
          {"unsubscribe":["a"],"after":{}} | after: with unsubscribe (expected: with subscribe)
          {"subscribe":"a"} | subscribe: not an array (expected: topics)
          {"subscribe":[]} | subscribe: no topic (expected: 1..3)
          {"subscribe":["a","b","c","d"]} | subscribe: too many topics (expected: 1..3)
          {"subscribe":["a","b","a"]} | subscribe: a topic twice (expected: each topic once)
          {"subscribe":[1]} | subscribe: not a string (expected: a topic)
          {"subscribe":[["a"]]} | subscribe: not a string (expected: a topic)
          {"unsubscribe":[null]} | unsubscribe: not a string (expected: a topic)
          {"presence":""} | topic: 0 bytes (expected: 1..200)
          {"presence":"a{b"} | topic: contains U+007B (expected: no control characters, no { and })
          {"presence":"\\u0000"} | topic: contains U+0000 (expected: no control characters, no { and })
          {"presence":"a\\ud800"} | topic: contains U+D800 (expected: no control characters, no { and })
          {"presence":["a"]} | presence: not a string (expected: a topic)
          {"subscribe":["a"],"after":[]} | after: not an object (expected: positions)
          {"subscribe":["a"],"after":{"a":1}} | after: not a string (expected: a position)
          {"subscribe":["a"],"after":{"b":"1"}} | after: another topic (expected: those of subscribe)
          {"subscribe":["a"],"after":{"a":"1","a":"1"}} | after: a topic twice (expected: once)
          {"publish":"a","data":1,"id":-1} | id: not such an integer (expected: 0..9007199254740991)
          {"publish":"a","data":1,"id":1.0} | id: not such an integer (expected: 0..9007199254740991)
          {"publish":"a","data":1,"id":"1"} | id: not such an integer (expected: 0..9007199254740991)
          {"publish":"a","data":1,"id":null} | id: not such an integer (expected: 0..9007199254740991)
          {"publish":"a","data":1,"id":9007199254740992} | id: not such an integer (expected: 0..9007199254740991)
          {"publish":"a","data":1,"id":99999999999999999999} | id: not such an integer (expected: 0..9007199254740991)
          {"publish":"a","data":1,"echo":0} | echo: not a boolean (expected: true or false)
          """)
  void malformedCommandIsNamed(String text, String message) {
    assertThatIllegalArgumentException().isThrownBy(() -> parse(text)).withMessage(message);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{",
        "{\"presence\":\"a\"",
        "{\"presence\":\"a\",}",
        "{\"presence\":\"a\"}]",
        "{presence:\"a\"}",
        "{\"presence\":'a'}",
        "{\"publish\":\"a\",\"data\":}",
        "{\"publish\":\"a\",\"data\":01}",
        "{\"publish\":\"a\",\"data\":NaN}",
        "{\"publish\":\"a\",\"data\":\"\\x\"}",
        "{\"publish\":\"a\",\"data\":[\"\\x\"]}",
        "{\"publish\":\"a\",\"data\":\"\n\"}",
        "{\"publish\":\"a\",\"data\":1 2}",
        "{\"x\":\"\\x\",\"presence\":\"a\"}",
        "\uFEFF{\"presence\":\"a\"}",
        "{\0\"\0}\0"
      })
  void otherThanJsonIsRefused(String text) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> parse(text))
        .withMessageMatching("message: (not JSON: |does not begin with JSON )[^\n]+(\n[^\n]*)?");
  }

  @Test
  void deepOrLongInputIsRefused() {
    String deep = "[".repeat(30_000) + "]".repeat(30_000);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> publish(deep))
        .withMessageContaining("depth");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> parse("{\"x\":" + deep + ",\"presence\":\"a\"}"))
        .withMessageContaining("depth");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> publish("1" + "0".repeat(60_000)))
        .withMessageContaining("maximum allowed");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> parse("{\"presence\":\"" + "a".repeat(201) + "\"}"))
        .withMessage("topic: 201 bytes (expected: 1..200)");
  }
}
