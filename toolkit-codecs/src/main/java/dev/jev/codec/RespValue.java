package dev.jev.codec;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;

import dev.jev.Sized;
import java.math.BigInteger;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A value that a Redis server sends: one of the kinds of RESP3, the first five of which RESP2 has
 * as well.
 *
 * <p>Values are created by the factories here; a reply that never changes is best kept in a
 * constant. A value is sent according to its kind, whatever version the peer has requested: a
 * server that supports both versions sends {@link #toResp2} to peers that did not request RESP3.
 *
 * <p>Lines and errors are texts. Redis may quote in them what a client has sent, so what is not
 * UTF-8 in a received one is replaced by U+FFFD. Bulk strings are bytes.
 *
 * <p>The streamed forms of RESP3 are not kinds of their own: once complete, they are ordinary bulk
 * strings, arrays, maps and sets.
 *
 * <p>The {@code toString} of a value is its beginning, with texts in quotes.
 */
public sealed interface RespValue extends Sized {

  /** {@code +OK}. */
  RespValue OK = new SimpleString("OK");

  /** {@code +PONG}. */
  RespValue PONG = new SimpleString("PONG");

  /** {@code $-1}: the null of RESP2 for a missing value. */
  RespValue NULL_BULK = new Bulk(null);

  /** {@code *-1}: the null of RESP2 for a missing list. */
  RespValue NULL_ARRAY = new Array(null);

  /** {@code *0}. */
  RespValue EMPTY_ARRAY = new Array(List.of());

  /** {@code _}: the null of RESP3 for a missing value or list. */
  RespValue NULL = new Null();

  /**
   * Returns a simple string: one short line, such as {@code +OK}.
   *
   * @throws IllegalArgumentException if {@code text} contains a line break, which a {@link
   *     #bulk(String)} can hold, or half a surrogate pair
   */
  static RespValue simple(String text) {
    return new SimpleString(text);
  }

  /**
   * Returns an error: a code in upper case, a space and a description, such as {@code ERR syntax
   * error}.
   *
   * <p>Line breaks become spaces, so an error may quote what a client has sent.
   *
   * @throws IllegalArgumentException if {@code text} contains half a surrogate pair
   */
  static RespValue error(String text) {
    return new SimpleError(text);
  }

  /** Returns an integer of 64 bits. */
  static RespValue integer(long value) {
    return new Int64(value);
  }

  /**
   * Returns a bulk string of any bytes.
   *
   * <p><b>Ownership.</b> The array is not copied, and must not be modified until the value has been
   * sent.
   */
  static RespValue bulk(byte[] bytes) {
    return new Bulk(requireNonNull(bytes, "bytes"));
  }

  /**
   * Returns a bulk string, encoded in UTF-8.
   *
   * @throws IllegalArgumentException if {@code text} contains half a surrogate pair
   */
  static RespValue bulk(String text) {
    return new Bulk(StrictText.utf8("bulk", text));
  }

  /** Returns an array of values. */
  static RespValue array(List<? extends RespValue> values) {
    return new Array(List.copyOf(values));
  }

  /** Returns an array of values. */
  static RespValue array(RespValue... values) {
    return new Array(List.of(values));
  }

  /** Returns a boolean. */
  static RespValue bool(boolean value) {
    return new Bool(value);
  }

  /** Returns a double, which may be infinite or NaN. */
  static RespValue number(double value) {
    return new Float64(value);
  }

  /** Returns an integer of any size. */
  static RespValue bigNumber(BigInteger value) {
    return new BigNumber(value);
  }

  /**
   * Returns an error as in {@link #error}, with any number of lines.
   *
   * @throws IllegalArgumentException if {@code text} contains half a surrogate pair
   */
  static RespValue bulkError(String text) {
    return new BulkError(text);
  }

  /**
   * Returns a verbatim string, encoded in UTF-8, which is meant to be shown to users unchanged.
   *
   * @param format {@code "txt"}, or {@code "mkd"} for Markdown
   * @throws IllegalArgumentException if {@code format} is not three visible characters of ASCII, or
   *     if {@code text} contains half a surrogate pair
   */
  static RespValue verbatim(String format, String text) {
    return new Verbatim(format, StrictText.utf8("verbatim string", text));
  }

  /**
   * Returns a map of alternating keys and values.
   *
   * @throws IllegalArgumentException if the last key has no value
   */
  static RespValue map(RespValue... keysAndValues) {
    return new Map(List.of(keysAndValues));
  }

  /** Returns a set of values, no two of which should be equal; this is not checked. */
  static RespValue set(RespValue... values) {
    return new Set(List.of(values));
  }

  /** Returns a push, which a server sends unprompted; the first value is the kind of push. */
  static RespValue push(RespValue... values) {
    return new Push(List.of(values));
  }

  /**
   * Returns the equivalent of this value in RESP2, as Redis does: arrays for maps, sets and pushes;
   * bulk strings for doubles, big numbers and verbatim strings; 1 and 0 for booleans; the null bulk
   * string for null; simple errors for bulk errors; and values without their attributes.
   */
  RespValue toResp2(); // not a default method, with which class initialization could deadlock

  /**
   * {@code +}: a simple string, which is one short line.
   *
   * @param text the text after the plus sign
   */
  record SimpleString(String text) implements RespValue {

    /** Checks that {@code text} is one line that UTF-8 can encode. */
    public SimpleString {
      StrictText.checked("simple string", text);
      if (text.indexOf('\r') >= 0 || text.indexOf('\n') >= 0) {
        throw new IllegalArgumentException(
            "simple string: has a line break (expected: one line; a bulk can have several)");
      }
    }

    @Override
    public long sizeBytes() {
      return RespSize.of(this);
    }

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
   * {@code -}: a simple error, which is one line.
   *
   * @param text the text after the minus sign
   */
  record SimpleError(String text) implements RespValue {

    /** Replaces line breaks with spaces, and checks that UTF-8 can encode the text. */
    public SimpleError {
      text = StrictText.checked("error", text).replace('\r', ' ').replace('\n', ' ');
    }

    @Override
    public long sizeBytes() {
      return RespSize.of(this);
    }

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
   * {@code :}: an integer of 64 bits.
   *
   * @param value the number
   */
  record Int64(long value) implements RespValue {

    @Override
    public long sizeBytes() {
      return RespSize.of(this);
    }

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
   * {@code $}: a bulk string of any bytes, or null.
   *
   * @param bytes the bytes, not copied; null if there is no value
   */
  @SuppressWarnings("ArrayRecordComponent") // copying every value that is sent would cost too much
  record Bulk(byte @Nullable [] bytes) implements RespValue {

    @Override
    public long sizeBytes() {
      return RespSize.of(this);
    }

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

    @Override
    public String toString() {
      return RespText.of(this);
    }
  }

  /**
   * {@code *}: an array of values, or null.
   *
   * @param values the values, unmodifiable; null if there is no list
   */
  record Array(@Nullable List<RespValue> values) implements RespValue {

    /** Copies {@code values} unless they are unmodifiable. */
    public Array {
      values = values == null ? null : List.copyOf(values);
    }

    @Override
    public long sizeBytes() {
      return RespSize.of(this);
    }

    @Override
    public RespValue toResp2() {
      return values == null ? this : resp2Array(values);
    }

    @Override
    public String toString() {
      return RespText.of(this);
    }
  }

  /** {@code _}: null. */
  record Null() implements RespValue {

    @Override
    public long sizeBytes() {
      return RespSize.of(this);
    }

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
   * {@code #}: a boolean.
   *
   * @param value true for {@code #t}
   */
  record Bool(boolean value) implements RespValue {

    @Override
    public long sizeBytes() {
      return RespSize.of(this);
    }

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
   * {@code ,}: a double.
   *
   * @param value the number, which may be infinite or NaN
   */
  record Float64(double value) implements RespValue {

    /**
     * Returns the number as Redis 7.2 writes it, with as few digits as distinguish it from all
     * other doubles.
     */
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
    public long sizeBytes() {
      return RespSize.of(this);
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
   * {@code (}: an integer of any size.
   *
   * @param value the number
   */
  record BigNumber(BigInteger value) implements RespValue {

    /** Accepts any number. */
    public BigNumber {
      requireNonNull(value, "value");
    }

    @Override
    public long sizeBytes() {
      return RespSize.of(this);
    }

    @Override
    public RespValue toResp2() {
      return bulk(value.toString());
    }

    @Override
    public String toString() {
      return RespText.of(this);
    }
  }

  /**
   * {@code !}: an error with any number of lines.
   *
   * @param text a code in upper case, a space and a description
   */
  record BulkError(String text) implements RespValue {

    /** Accepts any text that UTF-8 can encode. */
    public BulkError {
      StrictText.checked("error", requireNonNull(text, "text"));
    }

    @Override
    public long sizeBytes() {
      return RespSize.of(this);
    }

    @Override
    public RespValue toResp2() {
      return new SimpleError(text);
    }

    @Override
    public String toString() {
      return RespText.of(this);
    }
  }

  /**
   * {@code =}: a verbatim string, which is shown to users unchanged.
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
    public long sizeBytes() {
      return RespSize.of(this);
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

    @Override
    public String toString() {
      return RespText.of(this);
    }
  }

  /**
   * {@code %}: a map as alternating keys and values, in the order in which they were sent.
   *
   * <p>Not a {@code java.util.Map}: keys may be of any kind and may occur twice, and a hostile peer
   * could choose keys that all have the same hash.
   *
   * @param keysAndValues each key, followed by its value; unmodifiable
   */
  record Map(List<RespValue> keysAndValues) implements RespValue {

    /** Copies {@code keysAndValues} unless they are unmodifiable. */
    public Map {
      keysAndValues = List.copyOf(keysAndValues);
      if (keysAndValues.size() % 2 != 0) {
        throw new IllegalArgumentException(
            "map: " + keysAndValues.size() + " keys and values (expected: an even number)");
      }
    }

    /** Returns the number of keys. */
    public int size() {
      return keysAndValues.size() / 2;
    }

    /**
     * Returns the first value whose key is a bulk string or a simple string with this text, or null
     * if there is none.
     */
    public @Nullable RespValue get(String key) {
      Bulk bulk = new Bulk(StrictText.utf8("key", key));
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
    public long sizeBytes() {
      return RespSize.of(this);
    }

    @Override
    public RespValue toResp2() {
      return resp2Array(keysAndValues);
    }

    @Override
    public String toString() {
      return RespText.of(this);
    }
  }

  /**
   * {@code ~}: a set of values, each of which occurs once if the server follows the rules.
   *
   * <p>Two sets are equal if they have equal values in the same order.
   *
   * @param values the values in the order in which they were sent; unmodifiable
   */
  record Set(List<RespValue> values) implements RespValue {

    /** Copies {@code values} unless they are unmodifiable. */
    public Set {
      values = List.copyOf(values);
    }

    @Override
    public long sizeBytes() {
      return RespSize.of(this);
    }

    @Override
    public RespValue toResp2() {
      return resp2Array(values);
    }

    @Override
    public String toString() {
      return RespText.of(this);
    }
  }

  /**
   * {@code >}: a push, which a server sends unprompted. It is not the reply to a command, and may
   * arrive between any two replies.
   *
   * @param values the kind of push, followed by its content; unmodifiable
   */
  record Push(List<RespValue> values) implements RespValue {

    /** Copies {@code values} unless they are unmodifiable. */
    public Push {
      values = List.copyOf(values);
    }

    @Override
    public long sizeBytes() {
      return RespSize.of(this);
    }

    @Override
    public RespValue toResp2() {
      return resp2Array(values);
    }

    @Override
    public String toString() {
      return RespText.of(this);
    }
  }

  /**
   * {@code |}: a value with attributes.
   *
   * @param attributes the names and values of the attributes
   * @param value the value that they describe
   */
  record Attributed(Map attributes, RespValue value) implements RespValue {

    /** Accepts any attributes and any value. */
    public Attributed {
      requireNonNull(attributes, "attributes");
      requireNonNull(value, "value");
    }

    @Override
    public long sizeBytes() {
      return RespSize.of(this);
    }

    @Override
    public RespValue toResp2() {
      return value.toResp2();
    }

    @Override
    public String toString() {
      return RespText.of(this);
    }
  }

  private static RespValue resp2Array(List<RespValue> values) {
    return new Array(values.stream().map(RespValue::toResp2).toList());
  }
}
