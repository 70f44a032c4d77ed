package dev.jev.codec;

import dev.jev.ProtocolException;
import io.netty.buffer.ByteBuf;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import org.msgpack.core.MessageFormat;

/**
 * Finds the end of a MessagePack message, which has no length before it, in the bytes that have
 * arrived; continues where it stopped.
 *
 * <p>Reads only the first bytes of each value, and keeps the number of outstanding values for each
 * array and map around it. Each outstanding value takes at least one byte, so a count that is
 * impossible is detected as soon as it is declared.
 *
 * <p>Event loop only.
 *
 * @see <a href="https://github.com/msgpack/msgpack/blob/master/spec.md">MessagePack specification,
 *     "Formats"</a>
 */
final class MessagePackFrames {

  /** The maximum nesting of arrays and maps, since msgpack-core recurses for each. */
  static final int MAX_DEPTH = 100;

  private static final int FIRST_STACK = 8;

  private int position; // offset of the next value in the message
  private long outstanding = 1; // values still to come in the whole message
  private int @Nullable [] stack; // the same per array and map, outermost first
  private int depth; // entries in the stack

  /**
   * Returns the length of the message at the beginning of {@code in}, or -1 if it has not arrived
   * entirely.
   */
  int find(ByteBuf in, int maxBytes) {
    while (outstanding > 0) {
      int available = in.readableBytes() - position;
      if (available <= 0) {
        return -1;
      }
      int start = in.readerIndex() + position;
      MessageFormat format = MessageFormat.valueOf(in.getByte(start));
      int header = 1 + sizeBytes(format);
      if (available < header) {
        return -1;
      }
      long size = size(in, start, header);
      advance(header + payloadBytes(format, size), values(format, size), maxBytes);
    }
    if (in.readableBytes() < position) {
      return -1;
    }
    int length = position;
    position = 0;
    outstanding = 1;
    stack = null;
    return length;
  }

  private void advance(long bytes, long values, int maxBytes) {
    outstanding += values - 1;
    long end = position + bytes;
    if (end + outstanding > maxBytes) {
      throw new ProtocolException(
          "message: at least " + (end + outstanding) + " bytes (expected: <= " + maxBytes + ")");
    }
    position = (int) end;
    if (depth > 0) {
      stack()[depth - 1]--;
    }
    if (values > 0) {
      push((int) values);
    }
    while (depth > 0 && stack()[depth - 1] == 0) {
      depth--;
    }
  }

  private void push(int values) {
    if (depth == MAX_DEPTH) {
      throw new ProtocolException(
          "message: more than " + MAX_DEPTH + " levels (expected: <= " + MAX_DEPTH + ")");
    }
    if (depth == stack().length) {
      stack = Arrays.copyOf(stack(), Math.min(2 * depth, MAX_DEPTH));
    }
    stack()[depth++] = values;
  }

  private int[] stack() {
    int[] all = stack;
    if (all == null) {
      stack = all = new int[FIRST_STACK];
    }
    return all;
  }

  /** Returns the number of bytes after the first one that contain a size. */
  private static int sizeBytes(MessageFormat format) {
    return switch (format) {
      case STR8, BIN8, EXT8 -> 1;
      case STR16, BIN16, EXT16, ARRAY16, MAP16 -> 2;
      case STR32, BIN32, EXT32, ARRAY32, MAP32 -> 4;
      default -> 0;
    };
  }

  private static long size(ByteBuf in, int start, int header) {
    return switch (header) {
      case 1 -> in.getUnsignedByte(start);
      case 2 -> in.getUnsignedByte(start + 1);
      case 3 -> in.getUnsignedShort(start + 1);
      default -> in.getUnsignedInt(start + 1);
    };
  }

  /**
   * Returns the number of bytes of a value after its header; for the FIX formats the header
   * contains the size.
   */
  private static long payloadBytes(MessageFormat format, long size) {
    return switch (format) {
      case NEVER_USED ->
          throw new ProtocolException("format: 0xc1 (expected: one that MessagePack uses)");
      case FIXSTR -> size & 0x1f;
      case STR8, STR16, STR32, BIN8, BIN16, BIN32 -> size;
      case EXT8, EXT16, EXT32 -> 1 + size;
      case FIXEXT1 -> 1 + 1;
      case FIXEXT2 -> 1 + 2;
      case FIXEXT4 -> 1 + 4;
      case FIXEXT8 -> 1 + 8;
      case FIXEXT16 -> 1 + 16;
      case UINT8, INT8 -> 1;
      case UINT16, INT16 -> 2;
      case UINT32, INT32, FLOAT32 -> 4;
      case UINT64, INT64, FLOAT64 -> 8;
      case NIL, BOOLEAN, POSFIXINT, NEGFIXINT, FIXARRAY, ARRAY16, ARRAY32, FIXMAP, MAP16, MAP32 ->
          0;
    };
  }

  /** Returns the number of values in an array or map. */
  private static long values(MessageFormat format, long size) {
    return switch (format) {
      case FIXARRAY -> size & 0xf;
      case ARRAY16, ARRAY32 -> size;
      case FIXMAP -> 2 * (size & 0xf);
      case MAP16, MAP32 -> 2 * size;
      default -> 0;
    };
  }
}
