package dev.jev.codec;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;

import dev.jev.CloseReason;
import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import dev.jev.ProtocolException;
import io.netty.buffer.ByteBuf;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The client side of RESP: packs commands and unpacks values of RESP2 and RESP3.
 *
 * <pre>
 *   *2\r\n              an array of two values:
 *   $5\r\nhello\r\n     a bulk string: a length and as many bytes,
 *   :1\r\n              and a number
 * </pre>
 *
 * <p>A reply is a sequence of <em>lines</em>, each of which begins with the kind of a value, and of
 * <em>payloads</em>, the bytes after a line that contains their length. Both are consumed as soon
 * as they are complete. Incomplete aggregates form a stack of {@link Level}s; a complete value is
 * added to the topmost level, which may complete that level as well. Each byte is therefore
 * examined once, however small the pieces are in which a reply arrives, nothing is allocated for a
 * length that was only declared, and there is no recursion.
 *
 * <p>The format is that of the RESP3 specification (github.com/redis/redis-specifications) with two
 * exceptions: a push may occur within another value, and numbers may have leading zeros.
 */
final class RespClientProtocol implements Protocol<RespValue, RespCommand> {

  /** The maximum nesting of values. */
  static final int MAX_DEPTH = 32;

  /** The maximum number of values in an aggregate; a pair of a map counts as two. */
  static final int MAX_ELEMENTS = 1024 * 1024;

  /** Redis' default proto-max-bulk-len. */
  static final int MAX_BULK_BYTES = 512 * 1024 * 1024;

  /** The maximum length of a line, including its line end. */
  static final int MAX_LINE_BYTES = 64 * 1024;

  private static final String KINDS = "+-:$*_#,(!=%~>|";
  private static final char CHUNK = ';';
  private static final char END = '.';
  private static final int CRLF = '\r' << 8 | '\n';
  private static final int CRLF_BYTES = 2;

  /** The shortest value is {@code _\r\n}. */
  private static final int MIN_VALUE_BYTES = 3;

  /** The memory of a constant, a number or another value in a list, apart from its content. */
  private static final int CONSTANT_BYTES = 4;

  private static final int NUMBER_BYTES = 32;
  private static final int VALUE_BYTES = 80;

  private static final int NONE = -1;
  private static final byte[] EMPTY = {};

  // State of the incomplete reply. Event loop only.

  /** The known length of the reply: the bytes consumed, and the payload that is arriving. */
  private long replyBytes;

  /** The memory of the complete values of the incomplete reply, apart from their content. */
  private long valueBytes;

  /** The innermost incomplete aggregate; null if there is none. */
  private @Nullable Level level;

  /** The kind of the payload that is arriving. */
  private char payloadKind;

  /** The length of the payload that is arriving; NONE while a line is arriving. */
  private int payloadBytes = NONE;

  /** The chunks of the streamed string that is arriving; null if there is none. */
  private @Nullable Chunks chunks;

  /** The number of unread bytes known to contain no line end; they are not searched again. */
  private int searchedBytes;

  /** The reply, once it is complete. */
  private @Nullable RespValue reply;

  @Override
  public @Nullable RespValue unpack(ProtocolContext context, ByteBuf in) {
    while (reply == null) {
      boolean taken = payloadBytes == NONE ? takeLine(context, in) : takePayload(in);
      if (!taken) {
        return null;
      }
    }
    RespValue complete = reply;
    reply = null;
    replyBytes = 0;
    valueBytes = 0;
    return complete;
  }

  @Override
  public long heldBytes() {
    return payloadBytes == NONE ? replyBytes : replyBytes - payloadBytes - CRLF_BYTES;
  }

  @Override
  public long bufferedBytes() {
    return heldBytes() + valueBytes + (chunks == null ? 0 : chunks.bytes.length - chunks.length);
  }

  @Override
  public void pack(RespCommand message, ByteBuf out) {
    RespWriter.write(message, out);
  }

  @Override
  public Object encodingKey() {
    return RespClientProtocol.class;
  }

  @Override
  public void close(ProtocolContext context, CloseReason reason) {
    level = null;
    chunks = null;
  }

  // Lines.

  /** Takes a line with the kind of a value; returns false if it is incomplete. */
  private boolean takeLine(ProtocolContext context, ByteBuf in) {
    if (!in.isReadable()) {
      return false;
    }
    int start = in.readerIndex();
    char kind = (char) in.getUnsignedByte(start);
    checkKind(kind);
    int end = lineEnd(context, in);
    if (end == NONE) {
      return false;
    }
    in.readerIndex(end + CRLF_BYTES);
    replyBytes += in.readerIndex() - start;
    takeValue(context, kind, in, start + 1, end);
    return true;
  }

  private void checkKind(char kind) {
    boolean isExpected;
    if (chunks != null) {
      isExpected = kind == CHUNK;
    } else if (kind == END) {
      isExpected = level != null && level.isStreamed();
    } else {
      isExpected = KINDS.indexOf(kind) >= 0;
    }
    if (!isExpected) {
      throw new ProtocolException(
          "kind of value: "
              + RespText.quoted(new byte[] {(byte) kind})
              + " (expected: "
              + (chunks != null ? "; and a chunk" : "one of " + KINDS)
              + ")");
    }
  }

  /** Returns the index of the {@code \r\n} of the line, or NONE if the line is incomplete. */
  private int lineEnd(ProtocolContext context, ByteBuf in) {
    int start = in.readerIndex();
    int lineFeed = in.indexOf(start + searchedBytes, in.writerIndex(), (byte) '\n');
    int length = (lineFeed < 0 ? in.writerIndex() : lineFeed + 1) - start;
    checkReplyBytes(context, length, /* exactly= */ false);
    if (length > MAX_LINE_BYTES) {
      throw new ProtocolException(
          "line: more than " + MAX_LINE_BYTES + " bytes (expected: <= " + MAX_LINE_BYTES + ")");
    }
    if (lineFeed < 0) {
      searchedBytes = length;
      return NONE;
    }
    searchedBytes = 0;
    if (in.getByte(lineFeed - 1) != '\r') {
      throw new ProtocolException("end of line: \\n (expected: \\r\\n)");
    }
    return lineFeed - 1;
  }

  /** Processes a line whose text is between {@code start} and {@code end}. */
  private void takeValue(ProtocolContext context, char kind, ByteBuf in, int start, int end) {
    switch (kind) {
      case '+' -> add(new RespValue.SimpleString(RespLine.text("simple string", in, start, end)));
      case '-' -> add(new RespValue.SimpleError(RespLine.text("error", in, start, end)));
      case ':' -> add(new RespValue.Int64(RespLine.number("integer", in, start, end)));
      case '_' -> add(RespLine.nullValue(in, start, end));
      case '#' -> add(new RespValue.Bool(RespLine.bool(in, start, end)));
      case ',' -> add(new RespValue.Float64(RespLine.doubleValue(in, start, end)));
      case '(' -> add(new RespValue.BigNumber(RespLine.bigNumber(in, start, end)));
      case '$', '!', '=', CHUNK -> openPayload(context, kind, in, start, end);
      case END -> closeStreamed(in, start, end);
      default -> openLevel(context, kind, in, start, end);
    }
  }

  // Payloads.

  private void openPayload(ProtocolContext context, char kind, ByteBuf in, int start, int end) {
    if (kind == '$' && RespLine.isQuestionMark(in, start, end)) {
      chunks = new Chunks();
      return;
    }
    String what = kind == CHUNK ? "chunk" : nameOf(kind);
    long length = RespLine.number(what, in, start, end);
    if (kind == '$' && length == -1) {
      add(RespValue.NULL_BULK);
    } else if (kind == CHUNK && length == 0) {
      add(new RespValue.Bulk(takeChunks()));
    } else {
      long allBytes = chunks == null ? length : chunks.length + length;
      if (length < 0 || length > MAX_BULK_BYTES || allBytes > MAX_BULK_BYTES) {
        throw new ProtocolException(
            what + ": " + length + " bytes (expected: 0.." + MAX_BULK_BYTES + ")");
      }
      checkReplyBytes(context, length + CRLF_BYTES, /* exactly= */ true);
      replyBytes += length + CRLF_BYTES;
      payloadKind = kind;
      payloadBytes = (int) length;
    }
  }

  /** Takes the payload that a line has declared; returns false if it is incomplete. */
  private boolean takePayload(ByteBuf in) {
    int length = payloadBytes;
    if (in.readableBytes() < length + CRLF_BYTES) {
      return false;
    }
    int start = in.readerIndex();
    if (in.getShort(start + length) != CRLF) {
      throw RespLine.unexpected(
          "end of payload", in, start + length, start + length + CRLF_BYTES, "\\r\\n");
    }
    in.skipBytes(length + CRLF_BYTES);
    payloadBytes = NONE;
    switch (payloadKind) {
      case '$' -> add(new RespValue.Bulk(bytes(in, start, length)));
      case '!' -> add(new RespValue.BulkError(in.toString(start, length, UTF_8)));
      case '=' -> add(verbatim(in, start, length));
      default -> requireNonNull(chunks).add(in, start, length);
    }
    return true;
  }

  private byte[] takeChunks() {
    byte[] whole = requireNonNull(chunks).whole();
    chunks = null;
    return whole;
  }

  private static byte[] bytes(ByteBuf in, int start, int length) {
    if (length == 0) {
      return EMPTY;
    }
    byte[] bytes = new byte[length];
    in.getBytes(start, bytes);
    return bytes;
  }

  private static RespValue verbatim(ByteBuf in, int start, int length) {
    if (length >= 4 && in.getByte(start + 3) == ':') {
      String format = in.toString(start, 3, ISO_8859_1);
      if (RespValue.Verbatim.isFormat(format)) {
        return new RespValue.Verbatim(format, bytes(in, start + 4, length - 4));
      }
    }
    throw RespLine.unexpected(
        "verbatim string", in, start, start + length, "a format of three characters and a colon");
  }

  // Aggregates.

  private void openLevel(ProtocolContext context, char kind, ByteBuf in, int start, int end) {
    boolean mayBeStreamed = kind == '*' || kind == '%' || kind == '~';
    if (mayBeStreamed && RespLine.isQuestionMark(in, start, end)) {
      push(new Level(kind, Level.STREAMED, level));
      return;
    }
    long count = RespLine.number(nameOf(kind), in, start, end);
    if (kind == '*' && count == -1) {
      add(RespValue.NULL_ARRAY);
      return;
    }
    boolean hasPairs = kind == '%' || kind == '|';
    int limit = hasPairs ? MAX_ELEMENTS / 2 : MAX_ELEMENTS;
    if (count < 0 || count > limit) {
      String unit = hasPairs ? " pairs" : " elements";
      throw new ProtocolException(
          nameOf(kind) + ": " + count + unit + " (expected: 0.." + limit + ")");
    }
    // The value that has the attribute counts as its last element.
    int elements = (int) (hasPairs ? 2 * count : count) + (kind == '|' ? 1 : 0);
    checkReplyBytes(context, (long) MIN_VALUE_BYTES * elements, /* exactly= */ false);
    Level opened = new Level(kind, elements, level);
    if (elements == 0) {
      add(opened.value());
    } else {
      push(opened);
    }
  }

  private void push(Level opened) {
    if (opened.depth > MAX_DEPTH) {
      throw new ProtocolException(
          "nesting: " + opened.depth + " levels (expected: <= " + MAX_DEPTH + ")");
    }
    level = opened;
  }

  private void closeStreamed(ByteBuf in, int start, int end) {
    if (start != end) {
      throw RespLine.unexpected("end of stream", in, start, end, "nothing after the dot");
    }
    Level closed = requireNonNull(level);
    if (closed.kind == '%' && closed.values.size() % 2 != 0) {
      throw new ProtocolException(
          "map: " + closed.values.size() + " elements (expected: an even number)");
    }
    level = closed.outer;
    add(closed.value());
  }

  /** Adds a value to the innermost aggregate, or makes it the reply if there is none. */
  private void add(RespValue value) {
    RespValue added = value;
    while (level != null) {
      if (level.isStreamed() && level.values.size() == MAX_ELEMENTS) {
        throw new ProtocolException(
            nameOf(level.kind)
                + ": more than "
                + MAX_ELEMENTS
                + " elements (expected: <= "
                + MAX_ELEMENTS
                + ")");
      }
      level.values.add(added);
      valueBytes += objectBytes(added);
      if (!level.isComplete()) {
        return;
      }
      added = level.value();
      level = level.outer;
    }
    reply = added;
  }

  private static int objectBytes(RespValue value) {
    boolean isConstant = value instanceof RespValue.Null || value instanceof RespValue.Bool;
    boolean isNumber = value instanceof RespValue.Int64 || value instanceof RespValue.Float64;
    return isConstant ? CONSTANT_BYTES : isNumber ? NUMBER_BYTES : VALUE_BYTES;
  }

  // Limits.

  private void checkReplyBytes(ProtocolContext context, long more, boolean exactly) {
    long bytes = replyBytes + more;
    int limit = context.maxFrameBytes();
    if (bytes > limit) {
      String actual = exactly ? String.valueOf(bytes) : "more than " + limit;
      throw new ProtocolException("reply: " + actual + " bytes (expected: <= " + limit + ")");
    }
  }

  private static String nameOf(char kind) {
    return switch (kind) {
      case '$' -> "bulk";
      case '!' -> "bulk error";
      case '=' -> "verbatim string";
      case '*' -> "array";
      case '%' -> "map";
      case '~' -> "set";
      case '>' -> "push";
      default -> "attribute";
    };
  }

  /** An aggregate that is incomplete. */
  private static final class Level {

    static final int STREAMED = -1;
    private static final int FIRST_CAPACITY = 8;

    final char kind;
    final int elements; // number of values once complete, or STREAMED
    final int depth;
    final @Nullable Level outer;
    final List<RespValue> values;

    Level(char kind, int elements, @Nullable Level outer) {
      this.kind = kind;
      this.elements = elements;
      this.depth = outer == null ? 1 : outer.depth + 1;
      this.outer = outer;
      this.values =
          new ArrayList<>(isStreamed() ? FIRST_CAPACITY : Math.min(elements, FIRST_CAPACITY));
    }

    boolean isStreamed() {
      return elements == STREAMED;
    }

    boolean isComplete() {
      return values.size() == elements;
    }

    RespValue value() {
      return switch (kind) {
        case '*' -> values.isEmpty() ? RespValue.EMPTY_ARRAY : new RespValue.Array(values);
        case '%' -> new RespValue.Map(values);
        case '~' -> new RespValue.Set(values);
        case '>' -> new RespValue.Push(values);
        default -> {
          int last = values.size() - 1;
          RespValue.Map attributes = new RespValue.Map(values.subList(0, last));
          yield new RespValue.Attributed(attributes, values.get(last));
        }
      };
    }
  }

  /** The chunks of a streamed string that have arrived. */
  private static final class Chunks {

    private static final int FIRST_CAPACITY = 256;

    private byte[] bytes = {};
    int length;

    void add(ByteBuf in, int start, int chunkBytes) {
      int needed = length + chunkBytes;
      if (needed > bytes.length) {
        int doubled = (int) Math.min(MAX_BULK_BYTES, 2L * bytes.length);
        bytes = Arrays.copyOf(bytes, Math.max(Math.max(needed, doubled), FIRST_CAPACITY));
      }
      in.getBytes(start, bytes, length, chunkBytes);
      length = needed;
    }

    byte[] whole() {
      return Arrays.copyOf(bytes, length);
    }
  }
}
