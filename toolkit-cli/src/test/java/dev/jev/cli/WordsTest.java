package dev.jev.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.codec.RespValue;
import org.junit.jupiter.api.Test;

/** Commands and answers of Redis as people write them. */
class WordsTest {

  @Test
  void wordsAreSeparatedByBlanks() {
    assertThat(Words.split("  SET key  1\t2 ")).containsExactly("SET", "key", "1", "2");
    assertThat(Words.split(" ")).isEmpty();
  }

  @Test
  void quotesKeepBlanksTogether() {
    assertThat(Words.split("SET key \"a \\\"b\\\" \\\\ c\" \"\""))
        .containsExactly("SET", "key", "a \"b\" \\ c", "");
  }

  @Test
  void valuesArePrintedAsPeopleReadThem() {
    assertThat(Words.print(RespValue.OK)).isEqualTo("OK");
    assertThat(Words.print(RespValue.error("ERR no"))).isEqualTo("(error) ERR no");
    assertThat(Words.print(RespValue.integer(7))).isEqualTo("(integer) 7");
    assertThat(Words.print(RespValue.bulk("ä"))).isEqualTo("ä");
    assertThat(Words.print(RespValue.NULL_BULK)).isEqualTo("(nil)");
    assertThat(Words.print(RespValue.NULL_ARRAY)).isEqualTo("(nil)");
    assertThat(Words.print(RespValue.EMPTY_ARRAY)).isEqualTo("(empty array)");
  }

  @Test
  void arraysHaveALineForEachValue() {
    RespValue inner = RespValue.array(RespValue.bulk("a"), RespValue.bulk("b"));
    assertThat(Words.print(RespValue.array(inner, RespValue.integer(1))))
        .isEqualTo("1) 1) a\n   2) b\n2) (integer) 1");
  }
}
