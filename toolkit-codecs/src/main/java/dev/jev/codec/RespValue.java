package dev.jev.codec;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a Redis server answers: one of the kinds of RESP3, of which RESP2 has the first five.
 *
 * <p>Made by the factories here; replies that never change are worth a constant. A value is sent as
 * its kind says, whatever version the peer has asked for: a server that speaks both sends {@link
 * #toResp2} to those who did not ask for RESP3.
 *
 * <p>The streamed forms of RESP3 are no kinds of their own: once they are whole, they are bulks,
 * arrays, maps and sets like others.
 */
public sealed interface RespValue {

  /** {@code +OK}. */
  RespValue OK = new SimpleString("OK");

  /** {@code +PONG}. */
  RespValue PONG = new SimpleString("PONG");

  /** {@code $-1}: there is no such value, in RESP2. */
  RespValue NULL_BULK = new Bulk(null);

  /** {@code *-1}: there is no such list, in RESP2. */
  RespValue NULL_ARRAY = new Array(null);

  /** {@code *0}. */
  RespValue EMPTY_ARRAY = new Array(List.of());

  /** {@code _}: there is no such value or list, in RESP3. */
  RespValue NULL = new Null();

  /**
   * One short line, such as {@code +OK}.
   *
   * @throws IllegalArgumentException if {@code text} contains a line break; {@link #bulk(String)}
   *     can hold any text
   */
  static RespValue simple(String text) {
    return new SimpleString(text);
  }

  /**
   * An error: a code in capitals, a blank and what went wrong, such as {@code ERR syntax error}.
   *
   * <p>Line breaks become blanks, so that an error may quote what a client has sent.
   */
  static RespValue error(String text) {
    return new SimpleError(text);
  }

  /** A whole number. */
  static RespValue integer(long value) {
    return new Int64(value);
  }

  /**
   * Any bytes.
   *
   * <p><b>Ownership.</b> The array is not copied, and must not change until the value was sent.
   */
  static RespValue bulk(byte[] bytes) {
    return new Bulk(requireNonNull(bytes, "bytes"));
  }

  /** A text, sent as UTF-8. */
  static RespValue bulk(String text) {
    return new Bulk(text.getBytes(UTF_8));
  }

  /** Several values. */
  static RespValue array(List<? extends RespValue> values) {
    return new Array(List.copyOf(values));
  }

  /** Several values. */
  static RespValue array(RespValue... values) {
    return new Array(List.of(values));
  }

  /** A truth value. */
  static RespValue bool(boolean value) {
    return new Bool(value);
  }

  /** A number with a fraction, infinite or none at all. */
  static RespValue number(double value) {
    return new Float64(value);
  }

  /** A whole number of any size. */
  static RespValue bigNumber(BigInteger value) {
    return new BigNumber(value);
  }

  /** An error as in {@link #error}, with any number of lines. */
  static RespValue bulkError(String text) {
    return new BulkError(text);
  }

  /**
   * A text, sent as UTF-8, that is to be shown to people as it is.
   *
   * @param format {@code "txt"}, or {@code "mkd"} for Markdown
   * @throws IllegalArgumentException if {@code format} is not three visible characters of ASCII
   */
  static RespValue verbatim(String format, String text) {
    return new Verbatim(format, text.getBytes(UTF_8));
  }

  /**
   * Keys and their values, in turn.
   *
   * @throws IllegalArgumentException if the last key has no value
   */
  static RespValue map(RespValue... keysAndValues) {
    return new Map(List.of(keysAndValues));
  }

  /** Several values of which no two should be equal, which nobody checks. */
  static RespValue set(RespValue... values) {
    return new Set(List.of(values));
  }

  /** What a server tells without having been asked; the first value says of which kind it is. */
  static RespValue push(RespValue... values) {
    return new Push(List.of(values));
  }

  /**
   * What RESP2 has for this value, as Redis does it: arrays for maps, sets and pushes, bulks for
   * numbers that are not of 64 bits and for verbatim strings, 1 and 0 for truth values, the null
   * bulk for null, simple errors for bulk errors, nothing for attributes.
   */
  RespValue toResp2(); // not a default method, with which two threads could wait for each other

  /**
   * {@code +}: one short line.
   *
   * @param text what stands behind the plus sign
   */
  record SimpleString(String text) implements RespValue {

    /** Checks that {@code text} is one line. */
    public SimpleString {
      if (text.indexOf('\r') >= 0 || text.indexOf('\n') >= 0) {
        throw new IllegalArgumentException(
            "simple string: has a line break (expected: one line; a bulk can have several)");
      }
    }

    @Override
    public RespValue toResp2() {
      return this;
    }

    /** The beginning of the text, in quotes. */
    @Override
    public String toString() {
      return RespText.of(this);
    }
  }

  /**
   * {@code -}: an error.
   *
   * @param text what stands behind the minus sign
   */
  record SimpleError(String text) implements RespValue {

    /** Makes blanks of line breaks. */
    public SimpleError {
      text = text.replace('\r', ' ').replace('\n', ' ');
    }

    @Override
    public RespValue toResp2() {
      return this;
    }

    /** The beginning of the text, in quotes. */
    @Override
    public String toString() {
      return RespText.of(this);
    }
  }

  /**
   * {@code :}: a whole number.
   *
   * @param value the number
   */
  record Int64(long value) implements RespValue {

    @Override
    public RespValue toResp2() {
      return this;
    }

    @Override
    public String toString() {
      return RespText.of(this);
    }
  }

  /**
   * {@code $}: any bytes, or none.
   *
   * @param bytes the bytes, not copied; null if there is no value
   */
  @SuppressWarnings("ArrayRecordComponent") // copying every value that is sent would cost too much
  record Bulk(byte @Nullable [] bytes) implements RespValue {

    @Override
    public RespValue toResp2() {
      return this;
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof Bulk bulk && Arrays.equals(bytes, bulk.bytes);
    }

    @Override
    public int hashCode() {
      return Arrays.hashCode(bytes);
    }

    /** The beginning of the bytes, in quotes. */
    @Override
    public String toString() {
      return RespText.of(this);
    }
  }

  /**
   * {@code *}: several values, or no list at all.
   *
   * @param values the values, which do not change; null if there is no list
   */
  record Array(@Nullable List<RespValue> values) implements RespValue {

    /** Copies {@code values} unless they cannot change. */
    public Array {
      values = values == null ? null : List.copyOf(values);
    }

    @Override
    public RespValue toResp2() {
      return values == null ? this : resp2Array(values);
    }

    /** The beginning of the values. */
    @Override
    public String toString() {
      return RespText.of(this);
    }
  }

  /** {@code _}: nothing. */
  record Null() implements RespValue {

    @Override
    public RespValue toResp2() {
      return NULL_BULK;
    }

    @Override
    public String toString() {
      return RespText.of(this);
    }
  }

  /**
   * {@code #}: a truth value.
   *
   * @param value whether it is true
   */
  record Bool(boolean value) implements RespValue {

    @Override
    public RespValue toResp2() {
      return new Int64(value ? 1 : 0);
    }

    @Override
    public String toString() {
      return RespText.of(this);
    }
  }

  /**
   * {@code ,}: a number with a fraction.
   *
   * @param value the number, infinite ones and NaN included
   */
  record Float64(double value) implements RespValue {

    /** The number as Redis 7.2 writes it, in as few digits as tell it from all other doubles. */
    String text() {
      if (Double.isNaN(value)) {
        return "nan";
      }
      if (Double.isInfinite(value)) {
        return value > 0 ? "inf" : "-inf";
      }
      boolean isNegativeZero = value == 0 && 1 / value < 0;
      if (value == (long) value && !isNegativeZero) {
        return Long.toString((long) value);
      }
      String text = Double.toString(value).replace('E', 'e');
      return text.replace(".0e", "e");
    }

    @Override
    public RespValue toResp2() {
      return bulk(text());
    }

    @Override
    public String toString() {
      return RespText.of(this);
    }
  }

  /**
   * {@code (}: a whole number of any size.
   *
   * @param value the number
   */
  record BigNumber(BigInteger value) implements RespValue {

    /** Takes any number. */
    public BigNumber {
      requireNonNull(value, "value");
    }

    @Override
    public RespValue toResp2() {
      return bulk(value.toString());
    }

    /** The beginning of the number. */
    @Override
    public String toString() {
      return RespText.of(this);
    }
  }

  /**
   * {@code !}: an error of any number of lines.
   *
   * @param text a code in capitals, a blank and what went wrong
   */
  record BulkError(String text) implements RespValue {

    /** Takes any text. */
    public BulkError {
      requireNonNull(text, "text");
    }

    @Override
    public RespValue toResp2() {
      return new SimpleError(text);
    }

    /** The beginning of the text, in quotes. */
    @Override
    public String toString() {
      return RespText.of(this);
    }
  }

  /**
   * {@code =}: a text to be shown as it is.
   *
   * @param format three visible characters of ASCII: {@code txt}, or {@code mkd} for Markdown
   * @param bytes the text, not copied
   */
  @SuppressWarnings("ArrayRecordComponent") // as in Bulk
  record Verbatim(String format, byte[] bytes) implements RespValue {

    /** Checks {@code format}. */
    public Verbatim {
      requireNonNull(bytes, "bytes");
      if (!isFormat(format)) {
        throw new IllegalArgumentException(
            "format: "
                + RespText.quoted(format.getBytes(UTF_8))
                + " (expected: three visible characters of ASCII)");
      }
    }

    static boolean isFormat(String format) {
      return format.length() == 3 && format.chars().allMatch(c -> c > ' ' && c <= '~');
    }

    @Override
    public RespValue toResp2() {
      return bulk(bytes);
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof Verbatim verbatim
          && format.equals(verbatim.format)
          && Arrays.equals(bytes, verbatim.bytes);
    }

    @Override
    public int hashCode() {
      return 31 * format.hashCode() + Arrays.hashCode(bytes);
    }

    /** The format and the beginning of the text, in quotes. */
    @Override
    public String toString() {
      return RespText.of(this);
    }
  }

  /**
   * {@code %}: keys and their values, in the order in which they were sent.
   *
   * <p>Not a {@code java.util.Map}: keys may be of any kind, may come twice, and are chosen by a
   * peer, who could choose them so that they all have the same hash.
   *
   * @param keysAndValues each key, followed by its value; they do not change
   */
  record Map(List<RespValue> keysAndValues) implements RespValue {

    /** Copies {@code keysAndValues} unless they cannot change. */
    public Map {
      keysAndValues = List.copyOf(keysAndValues);
      if (keysAndValues.size() % 2 != 0) {
        throw new IllegalArgumentException(
            "map: " + keysAndValues.size() + " keys and values (expected: an even number)");
      }
    }

    /** How many keys there are. */
    public int size() {
      return keysAndValues.size() / 2;
    }

    /** The first value of a key that is a bulk or simple string of this text; null if none is. */
    public @Nullable RespValue get(String key) {
      Bulk bulk = new Bulk(key.getBytes(UTF_8));
      for (int i = 0; i < keysAndValues.size(); i += 2) {
        RespValue candidate = keysAndValues.get(i);
        if (candidate.equals(bulk)
            || (candidate instanceof SimpleString line && line.text().equals(key))) {
          return keysAndValues.get(i + 1);
        }
      }
      return null;
    }

    @Override
    public RespValue toResp2() {
      return resp2Array(keysAndValues);
    }

    /** The beginning of the keys and values. */
    @Override
    public String toString() {
      return RespText.of(this);
    }
  }

  /**
   * {@code ~}: several values in no order, each of them once if the server keeps to the rules.
   *
   * <p>Two sets are equal if they have equal values in the same order.
   *
   * @param values the values, in the order in which they were sent; they do not change
   */
  record Set(List<RespValue> values) implements RespValue {

    /** Copies {@code values} unless they cannot change. */
    public Set {
      values = List.copyOf(values);
    }

    @Override
    public RespValue toResp2() {
      return resp2Array(values);
    }

    /** The beginning of the values. */
    @Override
    public String toString() {
      return RespText.of(this);
    }
  }

  /**
   * {@code >}: what a server tells without having been asked. It answers no command, and may stand
   * between any two answers.
   *
   * @param values a name of what it tells, and that itself; they do not change
   */
  record Push(List<RespValue> values) implements RespValue {

    /** Copies {@code values} unless they cannot change. */
    public Push {
      values = List.copyOf(values);
    }

    @Override
    public RespValue toResp2() {
      return resp2Array(values);
    }

    /** The beginning of the values. */
    @Override
    public String toString() {
      return RespText.of(this);
    }
  }

  /**
   * {@code |}: a value, and what the server has to say about it.
   *
   * @param attributes names and values of the attributes
   * @param value what they are about
   */
  record Attributed(Map attributes, RespValue value) implements RespValue {

    /** Takes any attributes and any value. */
    public Attributed {
      requireNonNull(attributes, "attributes");
      requireNonNull(value, "value");
    }

    @Override
    public RespValue toResp2() {
      return value.toResp2();
    }

    /** The beginning of both. */
    @Override
    public String toString() {
      return RespText.of(this);
    }
  }

  private static RespValue resp2Array(List<RespValue> values) {
    List<RespValue> converted = new ArrayList<>(values.size());
    for (RespValue value : values) {
      converted.add(value.toResp2());
    }
    return new Array(converted);
  }
}
