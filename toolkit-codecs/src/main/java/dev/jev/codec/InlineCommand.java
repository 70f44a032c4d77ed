package dev.jev.codec;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A parser that splits an inline command into arguments, as Redis' {@code sdssplitargs} does.
 *
 * <p>Arguments are separated by white space. Within {@code "..."} a backslash begins one of {@code
 * \n \r \t \b \a \xHH}, or stands for the character after it; within {@code '...'} it does so only
 * before a quote. A closing quote must be followed by white space or the end of the line.
 */
final class InlineCommand {

  private static final int END = -1;

  private final byte[] line;
  private final byte[] argument; // an argument is never longer than what stands for it
  private int argumentBytes;
  private int position;

  private InlineCommand(byte[] line) {
    this.line = line;
    this.argument = new byte[line.length];
  }

  /** Returns the arguments of {@code line}, possibly none, or null if its quotes are unbalanced. */
  static byte @Nullable [][] split(byte[] line) {
    InlineCommand command = new InlineCommand(line);
    List<byte[]> arguments = new ArrayList<>();
    while (command.skipBlanks()) {
      if (!command.takeArgument()) {
        return null;
      }
      arguments.add(Arrays.copyOf(command.argument, command.argumentBytes));
      command.argumentBytes = 0;
    }
    return arguments.toArray(byte[][]::new);
  }

  private boolean skipBlanks() {
    while (isBlank(peek(0))) {
      position++;
    }
    return peek(0) != END;
  }

  /** Takes bytes up to a blank; returns false if a quote is not closed properly. */
  private boolean takeArgument() {
    while (true) {
      int b = peek(0);
      switch (b) {
        case END, ' ', '\n', '\r', '\t' -> {
          return true;
        }
        case '"', '\'' -> {
          position++;
          boolean closed = b == '"' ? takeQuoted() : takeSingleQuoted();
          return closed && (peek(0) == END || isBlank(peek(0)));
        }
        default -> take(b, /* length= */ 1);
      }
    }
  }

  private boolean takeQuoted() {
    while (peek(0) != END) {
      int b = peek(0);
      if (b == '"') {
        position++;
        return true;
      }
      if (b != '\\' || peek(1) == END) {
        take(b, /* length= */ 1);
      } else if (peek(1) == 'x' && isHex(peek(2)) && isHex(peek(3))) {
        take(Character.digit(peek(2), 16) << 4 | Character.digit(peek(3), 16), /* length= */ 4);
      } else {
        take(unescape(peek(1)), /* length= */ 2);
      }
    }
    return false;
  }

  private boolean takeSingleQuoted() {
    while (peek(0) != END) {
      int b = peek(0);
      if (b == '\'') {
        position++;
        return true;
      }
      if (b == '\\' && peek(1) == '\'') {
        take('\'', /* length= */ 2);
      } else {
        take(b, /* length= */ 1);
      }
    }
    return false;
  }

  /** Appends {@code b}, which the next {@code length} bytes of the line represent. */
  private void take(int b, int length) {
    argument[argumentBytes++] = (byte) b;
    position += length;
  }

  private int peek(int ahead) {
    int index = position + ahead;
    return index < line.length ? line[index] & 0xff : END;
  }

  private static int unescape(int b) {
    return switch (b) {
      case 'n' -> '\n';
      case 'r' -> '\r';
      case 't' -> '\t';
      case 'b' -> '\b';
      case 'a' -> 0x07;
      default -> b;
    };
  }

  /** Returns what C's {@code isspace} returns for a byte. */
  static boolean isBlank(int b) {
    return b == ' ' || (b >= '\t' && b <= '\r');
  }

  private static boolean isHex(int b) {
    return (b >= '0' && b <= '9') || (b >= 'a' && b <= 'f') || (b >= 'A' && b <= 'F');
  }
}
