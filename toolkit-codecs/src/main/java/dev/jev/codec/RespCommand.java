package dev.jev.codec;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A command of a Redis client: its name and what comes after.
 *
 * <p>Immutable, as long as nobody writes to the arrays it hands out.
 */
public final class RespCommand {

  private static final int MAX_PRINTED_ARGUMENTS = 8;
  private static final int MAX_PRINTED_BYTES = 32;

  /** The first may be shared by all commands of that name. */
  private final byte[][] arguments;

  /** Null until asked for. Any thread may set it: all would set the same. */
  private @Nullable String name;

  /**
   * Takes over {@code arguments}, of which there is at least one.
   *
   * @param name the first argument in upper case, if that is known already
   */
  RespCommand(@Nullable String name, byte[][] arguments) {
    this.name = name;
    this.arguments = arguments;
  }

  /**
   * A command made of texts, in UTF-8.
   *
   * @throws IllegalArgumentException if there is no text at all
   */
  public static RespCommand of(String... arguments) {
    if (arguments.length == 0) {
      throw new IllegalArgumentException("arguments: 0 (expected: >= 1)");
    }
    byte[][] bytes = new byte[arguments.length][];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = arguments[i].getBytes(UTF_8);
    }
    return new RespCommand(null, bytes);
  }

  /**
   * A command made of bytes.
   *
   * <p><b>Ownership.</b> The arrays are not copied, and must not change until the command was sent.
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
   * The first argument in upper case, {@code "GET"} for example.
   *
   * <p>For the usual commands it is one and the same {@code String} each time.
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
   * An argument as a keyword: as text, with the letters of ASCII in upper case.
   *
   * @throws IndexOutOfBoundsException if there are not that many
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

  /** How many arguments there are, with the name as the first: 2 for {@code GET key}. */
  public int size() {
    return arguments.length;
  }

  /**
   * The bytes of an argument; at 0 stands the name as it was spelled.
   *
   * <p><b>Ownership.</b> An argument other than the name is not copied: it may be kept, but not
   * written to.
   *
   * @throws IndexOutOfBoundsException if there are not that many
   */
  public byte[] argument(int index) {
    return index == 0 ? arguments[0].clone() : arguments[index];
  }

  /** An argument that nobody may write to. */
  byte[] sharedArgument(int index) {
    return arguments[index];
  }

  /**
   * An argument as UTF-8 text.
   *
   * @throws IndexOutOfBoundsException if there are not that many
   */
  public String text(int index) {
    return new String(arguments[index], UTF_8);
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof RespCommand command && Arrays.deepEquals(arguments, command.arguments);
  }

  @Override
  public int hashCode() {
    return Arrays.deepHashCode(arguments);
  }

  /** The arguments, quoted; only the beginning of many or of long ones. */
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
