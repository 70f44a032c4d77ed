package dev.jev.codec;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;

import dev.jev.ProtocolException;
import dev.jev.Sized;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A command of a Redis client: a name and its arguments.
 *
 * <p>Immutable, provided that the arrays that it returns are not modified.
 */
public final class RespCommand implements Sized {

  private static final int MAX_PRINTED_ARGUMENTS = 8;
  private static final int MAX_PRINTED_BYTES = 32;

  /** The name and the arguments; all commands of the same name may share the first array. */
  private final byte[][] arguments;

  /** The name, or null until it is requested. Several threads may set it, all to an equal value. */
  private @Nullable String name;

  /**
   * Creates a command that takes over {@code arguments}, of which there is at least one.
   *
   * @param name the first argument in upper case, or null if it has not been determined
   */
  RespCommand(@Nullable String name, byte[][] arguments) {
    this.name = name;
    this.arguments = arguments;
  }

  /**
   * Returns a command of strings, encoded in UTF-8.
   *
   * @throws IllegalArgumentException if there are no arguments, or if one of them contains half a
   *     surrogate pair
   */
  public static RespCommand of(String... arguments) {
    if (arguments.length == 0) {
      throw new IllegalArgumentException("arguments: 0 (expected: >= 1)");
    }
    byte[][] bytes = new byte[arguments.length][];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = StrictText.utf8("argument", arguments[i]);
    }
    return new RespCommand(null, bytes);
  }

  /**
   * Returns a command of bytes.
   *
   * <p><b>Ownership.</b> The arrays are not copied, and must not be modified until the command has
   * been sent.
   */
  public static RespCommand of(byte[] name, byte[]... arguments) {
    byte[][] all = new byte[1 + arguments.length][];
    all[0] = requireNonNull(name, "name");
    for (int i = 0; i < arguments.length; i++) {
      all[1 + i] = requireNonNull(arguments[i], "argument");
    }
    return new RespCommand(null, all);
  }

  /**
   * Returns the first argument in upper case, {@code "GET"} for example.
   *
   * <p>For common commands, the same {@code String} instance is returned each time.
   */
  public String name() {
    String name = this.name;
    if (name == null) {
      name = keyword(0);
      this.name = name;
    }
    return name;
  }

  /**
   * Returns an argument as a keyword: as text, with ASCII letters in upper case. What is not UTF-8
   * is replaced by U+FFFD, and so is equal to no keyword.
   *
   * @throws IndexOutOfBoundsException if there is no such argument
   */
  public String keyword(int index) {
    byte[] letters = arguments[index].clone();
    for (int i = 0; i < letters.length; i++) {
      if (letters[i] >= 'a' && letters[i] <= 'z') {
        letters[i] = (byte) (letters[i] - 'a' + 'A');
      }
    }
    return new String(letters, UTF_8);
  }

  /** Returns the number of arguments, including the name: 2 for {@code GET key}. */
  public int size() {
    return arguments.length;
  }

  /**
   * Returns the bytes of an argument; at index 0, those of the name as it was spelled.
   *
   * <p><b>Ownership.</b> An argument other than the name is not copied: it may be kept, but must
   * not be modified.
   *
   * @throws IndexOutOfBoundsException if there is no such argument
   */
  public byte[] argument(int index) {
    return index == 0 ? arguments[0].clone() : arguments[index];
  }

  /** Returns an argument without a copy; it must not be modified. */
  byte[] sharedArgument(int index) {
    return arguments[index];
  }

  /**
   * Returns an argument as UTF-8 text. Keys and values of Redis are bytes: a handler that accepts
   * all of them uses {@link #argument}. The exception closes the connection with HANDLER_ERROR
   * unless the handler catches it.
   *
   * @throws ProtocolException if the argument is not UTF-8: nothing is replaced, so two arguments
   *     that differ have different texts
   * @throws IndexOutOfBoundsException if there is no such argument
   */
  public String text(int index) {
    return StrictText.decodeUtf8(arguments[index]);
  }

  @Override
  public long sizeBytes() {
    return RespSize.of(arguments);
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof RespCommand command && Arrays.deepEquals(arguments, command.arguments);
  }

  @Override
  public int hashCode() {
    return Arrays.deepHashCode(arguments);
  }

  /** Returns the arguments in quotes; long arguments, and many of them, are abbreviated. */
  @Override
  public String toString() {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < Math.min(size(), MAX_PRINTED_ARGUMENTS); i++) {
      if (i > 0) {
        text.append(' ');
      }
      Quoted.append(text, arguments[i], MAX_PRINTED_BYTES);
    }
    if (size() > MAX_PRINTED_ARGUMENTS) {
      text.append(" (").append(size() - MAX_PRINTED_ARGUMENTS).append(" more)");
    }
    return text.toString();
  }
}
