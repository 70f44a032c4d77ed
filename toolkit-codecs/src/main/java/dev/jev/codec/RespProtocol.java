package dev.jev.codec;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import dev.jev.CloseReason;
import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import dev.jev.ProtocolException;
import dev.jev.codec.CommandNames.CommandName;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The server side of RESP: unpacks commands and packs values. Commands are the same in RESP2 and
 * RESP3, and a value is packed according to its kind, so the version need not be known here.
 *
 * <pre>
 *   *2\r\n              two arguments
 *   $3\r\nGET\r\n       a length, and as many bytes
 *   $5\r\nkey:1\r\n
 * </pre>
 *
 * <p>Every line and every argument is consumed as soon as it is complete, and the state of an
 * incomplete command is kept in fields. Each byte is therefore examined once, however small the
 * pieces are in which a command arrives, and nothing is allocated for a length that was only
 * declared.
 *
 * <p>The parser is as lenient as Redis: the second byte of a line end and the two bytes after an
 * argument are skipped whatever they are, an array with no or a negative number of arguments is
 * ignored, and a line may have up to 64 KiB. Bytes that Redis refuses are refused with the same
 * reply. An HTTP request is refused without a reply.
 */
final class RespProtocol implements Protocol<RespCommand, RespValue> {

  /** Redis' PROTO_INLINE_MAX_SIZE: the maximum number of bytes without a line end. */
  static final int MAX_LINE_BYTES = 64 * 1024;

  /** The maximum number of arguments of a command, as in Redis 6. */
  static final int MAX_ARGUMENTS = 1024 * 1024;

  private static final int CRLF_BYTES = 2;

  /** The results for lines without a valid number; valid numbers are at least zero. */
  private static final int NEGATIVE = -1;

  private static final int INVALID = -2;
  private static final int INCOMPLETE = -3;

  /** The number of decimal digits that always fit an int. */
  private static final int MAX_FAST_DIGITS = 9;

  /** The number of decimal digits of the largest long. */
  private static final int MAX_DIGITS = 19;

  private static final int FIRST_CAPACITY = 4;

  /** The memory of an argument in addition to its bytes: the header of an array and its padding. */
  private static final int ARGUMENT_BYTES = 24;

  private static final int MAX_SHORT_BYTES = 64;
  private static final VarHandle LONGS =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.BIG_ENDIAN); // as in ByteBuf
  private static final byte[][] NO_ARGUMENTS = {};
  private static final byte[] EMPTY = {};

  // State of the incomplete command. Event loop only.

  /** The number of arguments; zero between two commands. */
  private int count;

  /** The number of arguments that are complete. */
  private int taken;

  private byte[][] arguments = NO_ARGUMENTS;

  /** The first argument in upper case, if it is a known name. */
  private @Nullable String name;

  /** The length of the next argument; INCOMPLETE until its line has arrived. */
  private int bulkBytes = INCOMPLETE;

  /** The number of bytes of the command that were consumed. */
  private long commandBytes;

  /** The number of unread bytes known to contain no line end; they are not searched again. */
  private int searchedBytes;

  @Override
  public @Nullable RespCommand unpack(ProtocolContext context, ByteBuf in) {
    while (count == 0) {
      if (!in.isReadable()) {
        return null;
      }
      byte first = in.getByte(in.readerIndex());
      if (first == '\n') { // an empty line; a peer may send nothing else
        in.skipBytes(1);
      } else if (first != '*') {
        byte[] line = takeInline(context, in);
        if (line == null) {
          return null;
        }
        byte[][] arguments = line.length == 0 ? NO_ARGUMENTS : InlineCommand.split(line);
        if (arguments == null) {
          throw reject(
              context, "unbalanced quotes in request", "inline command: unbalanced quotes");
        }
        if (arguments.length > 0) {
          RespCommand command = new RespCommand(null, arguments);
          refuseHttp(command.name());
          return command;
        }
      } else if (!takeCount(context, in)) {
        return null;
      }
    }
    return takeArguments(context, in);
  }

  @Override
  public long heldBytes() {
    return count == 0 ? 0 : commandBytes;
  }

  @Override
  public long bufferedBytes() {
    return count == 0
        ? 0
        : commandBytes + (long) ARGUMENT_BYTES * taken + (long) Integer.BYTES * arguments.length;
  }

  @Override
  public void pack(RespValue message, ByteBuf out) {
    RespWriter.write(message, out);
  }

  @Override
  public Object encodingKey() {
    return RespProtocol.class;
  }

  @Override
  public void close(ProtocolContext context, CloseReason reason) {
    arguments = NO_ARGUMENTS;
  }

  /** Takes the line with the number of arguments; returns false if it is incomplete. */
  private boolean takeCount(ProtocolContext context, ByteBuf in) {
    int start = in.readerIndex();
    int number = takeNumber(context, in, "mbulk count");
    if (number == INCOMPLETE) {
      return false;
    }
    if (number == INVALID || number > MAX_ARGUMENTS) {
      throw reject(
          context,
          "invalid multibulk length",
          "multibulk length: " + quoteLine(in, start) + " (expected: <= " + MAX_ARGUMENTS + ")");
    }
    if (number > 0) {
      count = number;
      taken = 0;
      arguments = new byte[Math.min(number, FIRST_CAPACITY)][];
      name = null;
      commandBytes = (long) in.readerIndex() - start;
    }
    return true;
  }

  private @Nullable RespCommand takeArguments(ProtocolContext context, ByteBuf in) {
    while (taken < count) {
      if (bulkBytes == INCOMPLETE && !takeBulkBytes(context, in)) {
        return null;
      }
      if (in.readableBytes() < bulkBytes + CRLF_BYTES) {
        return null;
      }
      if (taken == arguments.length) {
        arguments = Arrays.copyOf(arguments, Math.min(count, 2 * taken));
      }
      arguments[taken] = takeArgument(in);
      taken++;
      commandBytes += bulkBytes + CRLF_BYTES;
      bulkBytes = INCOMPLETE;
    }
    RespCommand command = new RespCommand(name, arguments);
    arguments = NO_ARGUMENTS;
    count = 0;
    return command;
  }

  private byte[] takeArgument(ByteBuf in) {
    int index = in.readerIndex();
    in.readerIndex(index + bulkBytes + CRLF_BYTES);
    if (taken == 0) {
      CommandName known = CommandNames.find(in, index, bulkBytes);
      if (known != null) {
        name = known.name;
        return known.spelled;
      }
    }
    if (bulkBytes == 0) {
      return EMPTY;
    }
    byte[] argument = new byte[bulkBytes];
    copy(in, index, argument);
    return argument;
  }

  /** Copies eight bytes at a time: for few bytes cheaper than a call that copies all of them. */
  private static void copy(ByteBuf in, int index, byte[] target) {
    if (target.length > MAX_SHORT_BYTES) {
      in.getBytes(index, target);
      return;
    }
    int i = 0;
    for (; i <= target.length - Long.BYTES; i += Long.BYTES) {
      LONGS.set(target, i, in.getLong(index + i));
    }
    for (; i < target.length; i++) {
      target[i] = in.getByte(index + i);
    }
  }

  /** Takes the line with the length of the next argument; returns false if it is incomplete. */
  private boolean takeBulkBytes(ProtocolContext context, ByteBuf in) {
    int start = in.readerIndex();
    int number = takeNumber(context, in, "bulk count");
    if (number == INCOMPLETE) {
      return false;
    }
    byte sign = in.getByte(start);
    if (sign != '$') {
      char got = sign == '\r' || sign == '\n' ? ' ' : (char) (sign & 0xff);
      throw reject(
          context,
          "expected '$', got '" + got + "'",
          "argument: " + quoteLine(in, start) + " (expected: $ and a length)");
    }
    if (number < 0) {
      throw reject(
          context,
          "invalid bulk length",
          "bulk length: "
              + quoteLine(in, start)
              + " (expected: 0.."
              + context.maxFrameBytes()
              + ")");
    }
    commandBytes += in.readerIndex() - start;
    long wholeBytes = commandBytes + number + CRLF_BYTES;
    if (wholeBytes > context.maxFrameBytes()) {
      throw reject(
          context,
          "invalid bulk length",
          "command: " + wholeBytes + " bytes (expected: <= " + context.maxFrameBytes() + ")");
    }
    bulkBytes = number;
    return true;
  }

  /**
   * Takes a line that consists of one character, which is not checked, and a number. The line stays
   * unread if it is incomplete.
   */
  private int takeNumber(ProtocolContext context, ByteBuf in, String what) {
    int first = in.readerIndex() + 1;
    // A line is complete when the byte after its '\r' has arrived.
    int end = Math.min(in.writerIndex() - 1, first + MAX_FAST_DIGITS + 1);
    int number = 0;
    for (int i = first; i < end; i++) {
      int digit = in.getByte(i) - '0';
      if (digit >= 0 && digit <= 9 && (number > 0 || i == first)) {
        number = 10 * number + digit;
      } else if (digit == '\r' - '0' && i > first) {
        in.readerIndex(i + CRLF_BYTES);
        searchedBytes = 0;
        return number;
      } else {
        break;
      }
    }
    return takeUncommonNumber(context, in, what);
  }

  /**
   * Takes a line that is incomplete, too long, or not a plain number without sign and leading
   * zeros.
   */
  private int takeUncommonNumber(ProtocolContext context, ByteBuf in, String what) {
    int start = in.readerIndex();
    int end = in.indexOf(start + searchedBytes, in.writerIndex(), (byte) '\r');
    int length = (end < 0 ? in.writerIndex() : end) - start;
    int limit = Math.min(MAX_LINE_BYTES, context.maxFrameBytes() - CRLF_BYTES);
    if (length > limit) {
      throw reject(
          context,
          "too big " + what + " string",
          what + ": " + length + " bytes (expected: <= " + limit + ")");
    }
    if (end < 0 || end + 1 == in.writerIndex()) {
      searchedBytes = length;
      return INCOMPLETE;
    }
    int number = parse(in, Math.min(start + 1, end), end);
    in.readerIndex(end + CRLF_BYTES);
    searchedBytes = 0;
    return number;
  }

  /** Parses a number as Redis' {@code string2ll} does: no plus sign, no leading zeros, 64 bits. */
  private static int parse(ByteBuf in, int start, int end) {
    boolean negative = start < end && in.getByte(start) == '-';
    int first = negative ? start + 1 : start;
    int length = end - first;
    boolean isShort = length > 0 && length <= MAX_DIGITS;
    if (!isShort || (in.getByte(first) == '0' && (negative || length > 1))) {
      return INVALID;
    }
    long number = 0;
    for (int i = first; i < end; i++) {
      int digit = in.getByte(i) - '0';
      if (digit < 0 || digit > 9) {
        return INVALID;
      }
      number = 10 * number + digit; // negative if the last digit is too many
    }
    if (negative) {
      return number >= 0 || number == Long.MIN_VALUE ? NEGATIVE : INVALID;
    }
    return number >= 0 && number <= Integer.MAX_VALUE ? (int) number : INVALID;
  }

  /** Takes an inline command without its line end; returns null if it is incomplete. */
  private byte @Nullable [] takeInline(ProtocolContext context, ByteBuf in) {
    int start = in.readerIndex();
    int end = in.indexOf(start + searchedBytes, in.writerIndex(), (byte) '\n');
    int length = (end < 0 ? in.writerIndex() : end) - start;
    int limit = Math.min(MAX_LINE_BYTES, context.maxFrameBytes());
    if (length > limit) {
      throw reject(
          context,
          "too big inline request",
          "inline command: " + length + " bytes (expected: <= " + limit + ")");
    }
    if (end < 0) {
      searchedBytes = length;
      return null;
    }
    if (length > 0 && in.getByte(end - 1) == '\r') {
      length--;
    }
    in.readerIndex(end + 1);
    searchedBytes = 0;
    if (isBlank(in, start, start + length)) {
      return EMPTY; // a peer may send such a line for every two bytes
    }
    byte[] line = new byte[length];
    in.getBytes(start, line);
    return line;
  }

  private static boolean isBlank(ByteBuf in, int start, int end) {
    int i = start;
    while (i < end && InlineCommand.isBlank(in.getByte(i))) {
      i++;
    }
    return i == end;
  }

  /**
   * Refuses the lines by which Redis, too, recognizes an HTTP request. A web page can make a
   * browser send one anywhere, and lines of its choice as the body: cross-protocol scripting. Every
   * request has a {@code Host:} before the lines of the page.
   */
  private static void refuseHttp(String name) {
    if (name.equals("POST") || name.equals("HOST:")) {
      throw new ProtocolException(
          "inline command: " + name + " (expected: a command of Redis, not an HTTP request)");
    }
  }

  /** Answers the peer as Redis would, and returns the exception to be thrown. */
  private static ProtocolException reject(ProtocolContext context, String reply, String fault) {
    String line = "-ERR Protocol error: " + reply + "\r\n";
    context.write(Unpooled.wrappedBuffer(line.getBytes(ISO_8859_1)));
    return new ProtocolException(fault);
  }

  /** Returns the line that was taken last, in quotes and without its line end. */
  private static String quoteLine(ByteBuf in, int start) {
    int end = in.readerIndex() - CRLF_BYTES;
    byte[] line = new byte[Math.max(end - start, 0)];
    in.getBytes(start, line);
    StringBuilder text = new StringBuilder();
    Quoted.append(text, line, /* maxBytes= */ 32);
    return text.toString();
  }
}
