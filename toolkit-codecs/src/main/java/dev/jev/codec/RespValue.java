package dev.jev.codec;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;

import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a Redis server answers: one of the five kinds of RESP2.
 *
 * <p>The kinds of RESP3 may join them, so a {@code switch} over values needs a default.
 *
 * <p>Made by the factories here; replies that never change are worth a constant.
 */
public sealed interface RespValue {

  /** {@code +OK}. */
  RespValue OK = new SimpleString("OK");

  /** {@code +PONG}. */
  RespValue PONG = new SimpleString("PONG");

  /** {@code $-1}: there is no such value. */
  RespValue NULL_BULK = new Bulk(null);

  /** {@code *-1}: there is no such list. */
  RespValue NULL_ARRAY = new Array(null);

  /** {@code *0}. */
  RespValue EMPTY_ARRAY = new Array(List.of());

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

  /**
   * One short line.
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
  }

  /**
   * An error.
   *
   * @param text what stands behind the minus sign
   */
  record SimpleError(String text) implements RespValue {

    /** Makes blanks of line breaks. */
    public SimpleError {
      text = text.replace('\r', ' ').replace('\n', ' ');
    }
  }

  /**
   * A whole number.
   *
   * @param value the number
   */
  record Int64(long value) implements RespValue {}

  /**
   * Any bytes, or none.
   *
   * @param bytes the bytes, not copied; null if there is no value
   */
  @SuppressWarnings("ArrayRecordComponent") // copying every value that is sent would cost too much
  record Bulk(byte @Nullable [] bytes) implements RespValue {

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
      if (bytes == null) {
        return "Bulk[null]";
      }
      StringBuilder text = new StringBuilder("Bulk[");
      Quoted.append(text, bytes, /* maxBytes= */ 32);
      return text.append(']').toString();
    }
  }

  /**
   * Several values, or no list at all.
   *
   * @param values the values, which do not change; null if there is no list
   */
  record Array(@Nullable List<RespValue> values) implements RespValue {

    /** Copies {@code values} unless they cannot change. */
    public Array {
      values = values == null ? null : List.copyOf(values);
    }
  }
}
