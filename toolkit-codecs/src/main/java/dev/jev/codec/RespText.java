package dev.jev.codec;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.math.BigInteger;
import java.util.List;

/** Formats values as text: one line of a few hundred characters at most, whatever they contain. */
final class RespText {

  private static final int MAX_PRINTED_BYTES = 32;
  private static final int MAX_PRINTED_VALUES = 8;

  /** The length of the text from which on no further value is appended. */
  private static final int MAX_CHARS = 400;

  private final StringBuilder text = new StringBuilder();

  private RespText() {}

  static String of(RespValue value) {
    RespText printer = new RespText();
    printer.append(value);
    return printer.text.toString();
  }

  /** Returns the beginning of {@code bytes}, in quotes. */
  static String quoted(byte[] bytes) {
    StringBuilder text = new StringBuilder();
    Quoted.append(text, bytes, MAX_PRINTED_BYTES);
    return text.toString();
  }

  private void append(RespValue value) {
    text.append(value.getClass().getSimpleName()).append('[');
    if (value instanceof RespValue.SimpleString line) {
      append(line.text());
    } else if (value instanceof RespValue.SimpleError error) {
      append(error.text());
    } else if (value instanceof RespValue.BulkError error) {
      append(error.text());
    } else if (value instanceof RespValue.Int64 number) {
      text.append(number.value());
    } else if (value instanceof RespValue.Float64 number) {
      text.append(number.text());
    } else if (value instanceof RespValue.BigNumber number) {
      append(number.value());
    } else if (value instanceof RespValue.Bool bool) {
      text.append(bool.value());
    } else if (value instanceof RespValue.Bulk bulk) {
      append(bulk);
    } else if (value instanceof RespValue.Verbatim verbatim) {
      text.append(verbatim.format()).append(", ").append(quoted(verbatim.bytes()));
    } else {
      appendAggregate(value);
    }
    text.append(']');
  }

  private void appendAggregate(RespValue value) {
    if (value instanceof RespValue.Array array) {
      if (array.values() == null) {
        text.append("null");
      } else {
        append(array.values());
      }
    } else if (value instanceof RespValue.Map map) {
      append(map.keysAndValues());
    } else if (value instanceof RespValue.Set set) {
      append(set.values());
    } else if (value instanceof RespValue.Push push) {
      append(push.values());
    } else if (value instanceof RespValue.Attributed attributed) {
      append(List.of(attributed.attributes(), attributed.value()));
    }
  }

  private void append(List<RespValue> values) {
    for (int i = 0; i < values.size(); i++) {
      if (i > 0) {
        text.append(", ");
      }
      if (i == MAX_PRINTED_VALUES || text.length() > MAX_CHARS) {
        text.append('(').append(values.size() - i).append(" more)");
        return;
      }
      append(values.get(i));
    }
  }

  private void append(RespValue.Bulk bulk) {
    byte[] bytes = bulk.bytes();
    text.append(bytes == null ? "null" : quoted(bytes));
  }

  private void append(BigInteger number) {
    if (number.bitLength() <= Byte.SIZE * MAX_PRINTED_BYTES) {
      text.append(number);
    } else {
      text.append(number.bitLength())
          .append(" bits"); // its decimal digits would take too long to compute
    }
  }

  /** Appends the beginning of a string in quotes, formatted as its bytes. */
  private void append(String line) {
    // Each character has at least one byte, so the rest would not be printed.
    String beginning = line.substring(0, Math.min(line.length(), MAX_PRINTED_BYTES + 1));
    text.append(quoted(beginning.getBytes(UTF_8)));
  }
}
