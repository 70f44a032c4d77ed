package dev.jev.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.jev.codec.RespValue;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Commands and answers of Redis as people write them. */
final class Words {

  /**
   * A word in double quotes, in which a backslash precedes a quote or a backslash; or any other.
   */
  private static final Pattern WORD = Pattern.compile("\"((?:[^\"\\\\]|\\\\.)*)\"|(\\S+)");

  private Words() {}

  static List<String> split(String line) {
    List<String> words = new ArrayList<>();
    Matcher matcher = WORD.matcher(line);
    while (matcher.find()) {
      String quoted = matcher.group(1);
      words.add(quoted == null ? matcher.group(2) : quoted.replaceAll("\\\\(.)", "$1"));
    }
    return words;
  }

  /** Prints a value of RESP2, an array with a line for each of its values. */
  static String print(RespValue value) {
    if (value instanceof RespValue.SimpleString simple) {
      return simple.text();
    } else if (value instanceof RespValue.SimpleError error) {
      return "(error) " + error.text();
    } else if (value instanceof RespValue.Int64 number) {
      return "(integer) " + number.value();
    } else if (value instanceof RespValue.Bulk bulk) {
      return bulk.bytes() == null ? "(nil)" : new String(bulk.bytes(), UTF_8);
    } else if (value instanceof RespValue.Array array && array.values() != null) {
      return print(array.values());
    }
    return "(nil)";
  }

  private static String print(List<RespValue> values) {
    if (values.isEmpty()) {
      return "(empty array)";
    }
    StringBuilder lines = new StringBuilder();
    for (int i = 0; i < values.size(); i++) {
      String number = (i + 1) + ") ";
      String indented = print(values.get(i)).replace("\n", "\n" + " ".repeat(number.length()));
      lines.append(i == 0 ? "" : "\n").append(number).append(indented);
    }
    return lines.toString();
  }
}
