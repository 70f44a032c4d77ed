package dev.jev.nodes;

import static java.nio.charset.StandardCharsets.UTF_16LE;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class JsonTest {

  @ParameterizedTest
  @ValueSource(
      strings = {
        "1",
        " -0.5e3 ",
        "\"\"",
        "null",
        "true",
        "[]",
        "{\"a\":[{}]}",
        "\n\"ä\uD83D\uDE00\"\r\t"
      })
  void oneValueIsValid(String json) {
    assertThatCode(() -> Json.requireValid(json.getBytes(UTF_8))).doesNotThrowAnyException();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        " ",
        "1 2",
        "[",
        "{\"a\":1}]",
        "{a:1}",
        "'a'",
        "\"\\x\"",
        "01",
        "NaN",
        "\"\n\"",
        "/**/1"
      })
  void othersAreNot(String json) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Json.requireValid(json.getBytes(UTF_8)))
        .withMessageContaining("expected: ");
  }

  @ParameterizedTest
  @ValueSource(strings = {"1", "{}", "\"a\"", "[1]"})
  void otherEncodingsAreNot(String json) {
    // A parser that detects encodings takes them for JSON. Inside a message they are none.
    String bom = "\uFEFF" + json;
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Json.requireValid(bom.getBytes(UTF_8)))
        .withMessage("message: does not begin with JSON in UTF-8 (expected: a JSON value)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Json.requireValid(json.getBytes(UTF_16LE)));
  }
}
