package dev.jev.websocket;

import static java.util.Objects.requireNonNull;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import java.nio.ByteBuffer;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;
import org.jspecify.annotations.Nullable;

/**
 * Decompresses the messages that one connection receives (RFC 7692, 7.2.2).
 *
 * <p><b>End of a message.</b> A sender removes the last four bytes of a message, those of an empty
 * stored block. They are appended again, followed by an empty final block. If the inflater does not
 * finish exactly there, the message is incomplete.
 *
 * <p><b>Context takeover.</b> The connection borrows an inflater only while it receives a message.
 * The bytes that later messages may refer to are kept in a buffer and set as the dictionary of the
 * next inflater. They are also set after a final block in the middle of a message (7.2.3.4), where
 * the inflater must restart. That takes long, and a final block may be empty, so the number of
 * restarts is limited by the number of compressed bytes.
 *
 * <p>Event loop only.
 */
final class MessageInflater {

  /** The removed bytes 00 00 ff ff, and an empty final block with fixed Huffman codes. */
  private static final byte[] END = {0, 0, -1, -1, 3, 0};

  /** Native memory of an inflater: its window and its state. */
  private static final int INFLATER_BYTES = 40 * 1024;

  private static final int PIECE_BYTES = Zlib.SCRATCH_BYTES - END.length;

  /** Number of compressed bytes whose time a restart takes. The first one is free. */
  private static final int RESTART_BYTES = 64;

  /** Maximum number of restarts that earlier bytes of a message have paid for. */
  private static final int MAX_CREDIT = 64 * RESTART_BYTES;

  private final int window; // in bytes; 0 without context takeover
  private final WebSocketObserver observer;
  private @Nullable ByteBuf history; // ends with the window

  // The current message.
  private @Nullable Inflater inflater;
  private boolean begun; // has at least one byte
  private byte ended; // bytes of END that the inflater has consumed
  private int credit; // compressed bytes, minus those that pay for restarts

  MessageInflater(PermessageDeflate agreed, WebSocketObserver observer) {
    this.observer = observer;
    window = agreed.peerTakeover() ? agreed.peerWindow() : 0;
  }

  /**
   * Consumes up to {@code length} bytes of a message and appends the decompressed bytes.
   *
   * @param last true if these are the last bytes of the message
   * @param out a buffer with room, which is not enlarged
   * @return false if {@code out} is full and there may be more output
   * @throws WebSocketException if the compressed data is invalid
   */
  boolean inflate(ByteBuf in, int length, boolean last, ByteBuf out) {
    begun |= length > 0;
    int left = length;
    boolean finished = inflater != null && inflater.finished();
    while (begun) { // a compressed message without any byte is not in RFC 7692; taken as empty
      if (finished) {
        if (last && isOver(in, left)) {
          return true;
        }
        if (left == 0) {
          return endsBefore(last);
        }
        restartWithinMessage();
        if (!out.isWritable()) {
          return false;
        }
      }
      boolean atEnd = last && left <= PIECE_BYTES;
      int start = in.readerIndex();
      finished = step(in, Math.min(left, PIECE_BYTES), atEnd, out);
      left -= in.readerIndex() - start;
      credit = Math.min(credit + in.readerIndex() - start, MAX_CREDIT);
      if (!finished && !out.isWritable()) {
        return false;
      }
      if (!finished && left == 0) {
        return endsBefore(last);
      }
    }
    return true;
  }

  /**
   * Returns whether the message is over after a final block, given the number of bytes left: none,
   * or the first byte of the empty block whose others were removed (7.2.3.4).
   */
  private boolean isOver(ByteBuf in, int left) {
    if (left == 1 && ended == 0 && in.getByte(in.readerIndex()) == 0) {
      in.skipBytes(1);
      return true;
    }
    return left == 0 && (ended == 0 || ended == END.length);
  }

  private void restartWithinMessage() {
    if (credit < 0) {
      throw new WebSocketException(
          CloseCode.POLICY_VIOLATION,
          "compressed message: too many final blocks (expected: <= 2, and 1 per "
              + RESTART_BYTES
              + " bytes)");
    }
    credit -= RESTART_BYTES;
    restart();
  }

  private static boolean endsBefore(boolean last) {
    if (last) {
      throw broken("incomplete");
    }
    return true;
  }

  /** Inflates a piece, followed by END if {@code atEnd}; returns whether the inflater finished. */
  private boolean step(ByteBuf in, int piece, boolean atEnd, ByteBuf out) {
    Inflater inflater = inflater();
    Zlib zlib = Zlib.current();
    ByteBuf scratch = zlib.scratch();
    in.getBytes(in.readerIndex(), scratch, piece);
    if (atEnd) {
      scratch.writeBytes(END, ended, END.length - ended);
    }
    ByteBuffer input = scratch.internalNioBuffer(0, scratch.readableBytes());
    int before = out.writerIndex();
    inflater.setInput(input);
    try {
      int written = inflater.inflate(out.internalNioBuffer(before, out.writableBytes()));
      out.writerIndex(before + written);
      zlib.inflated(written);
    } catch (DataFormatException e) {
      throw broken(e.getMessage());
    }
    int taken = scratch.readableBytes() - input.remaining();
    in.skipBytes(Math.min(taken, piece));
    ended = (byte) (ended + Math.max(taken - piece, 0));
    observer.inflated(Math.min(taken, piece), out.writerIndex() - before);
    remember(out, before);
    return inflater.finished();
  }

  private static WebSocketException broken(@Nullable String how) {
    return new WebSocketException(
        CloseCode.INVALID_PAYLOAD,
        "compressed message: " + how + " (expected: DEFLATE, RFC 7692, 7.2.2)");
  }

  private Inflater inflater() {
    if (inflater == null) {
      inflater = Zlib.current().borrowInflater();
      restart();
    }
    return inflater;
  }

  private void restart() {
    requireNonNull(inflater).reset();
    ByteBuf known = history;
    if (known != null) {
      int length = Math.min(known.readableBytes(), window);
      inflater.setDictionary(known.internalNioBuffer(known.writerIndex() - length, length));
    }
  }

  /** Keeps the bytes that later messages may refer to. */
  private void remember(ByteBuf out, int from) {
    int length = Math.min(out.writerIndex() - from, window);
    if (length == 0) {
      return;
    }
    ByteBuf known = history;
    if (known == null) {
      known = PooledByteBufAllocator.DEFAULT.directBuffer(length, 2 * window);
      history = known;
    }
    if (known.maxWritableBytes() < length) {
      known.readerIndex(known.writerIndex() - (window - length)).discardReadBytes();
    }
    out.getBytes(out.writerIndex() - length, known.ensureWritable(length), length);
  }

  /** Returns the number of bytes of memory of the inflater and the history. */
  long bufferedBytes() {
    return (inflater == null ? 0L : INFLATER_BYTES) + (history == null ? 0 : history.capacity());
  }

  /** Ends or aborts the current message. */
  void end() {
    if (inflater != null) {
      Zlib.current().recycle(inflater);
      inflater = null;
    }
    begun = false;
    ended = 0;
    credit = 0;
  }

  /** Releases the inflater and the history. */
  void release() {
    end();
    if (history != null) {
      history.release();
      history = null;
    }
  }
}
