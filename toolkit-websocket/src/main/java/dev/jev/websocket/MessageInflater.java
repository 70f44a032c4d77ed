package dev.jev.websocket;

import static java.util.Objects.requireNonNull;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import java.nio.ByteBuffer;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;
import org.jspecify.annotations.Nullable;

/**
 * Decompresses what one connection receives (RFC 7692, 7.2.2).
 *
 * <p><b>The end.</b> A sender cuts the last four bytes off a message, those of an empty block. They
 * are put back, and an empty last block behind them: if the inflater is not at its end then, and
 * exactly there, the message was incomplete.
 *
 * <p><b>Context takeover.</b> There is an inflater only while a message is being received, and it
 * is any. What the next message may refer to is kept as bytes, and given to its inflater first; and
 * once more after a last block in the middle of a message (7.2.3.4), behind which an inflater
 * begins anew.
 *
 * <p>Event loop only.
 */
final class MessageInflater {

  /** What was cut, 00 00 ff ff, and an empty last block with a fixed code. */
  private static final byte[] END = {0, 0, -1, -1, 3, 0};

  private static final int PIECE_BYTES = Zlib.SCRATCH_BYTES - END.length;

  private final int window; // what messages may refer back to those before them, in bytes
  private @Nullable ByteBuf history; // its end is what they may refer to

  // The message that is being received.
  private @Nullable Inflater inflater;
  private boolean begun; // a byte of it has come
  private int ended; // so many bytes of END were taken

  MessageInflater(PermessageDeflate agreed) {
    window = agreed.peerTakeover() ? agreed.peerWindow() : 0;
  }

  /**
   * Takes up to {@code length} bytes of a message off {@code in} and appends what they mean.
   *
   * @param last whether these are the last ones
   * @param out with room; is not made larger
   * @return whether that was all; not if there is no more room
   * @throws Violation if they mean nothing
   */
  boolean inflate(ByteBuf in, int length, boolean last, ByteBuf out) {
    begun |= length > 0;
    int left = length;
    while (begun) { // RFC 7692 knows no compressed message without a byte; it means nothing
      boolean atEnd = last && left <= PIECE_BYTES;
      int start = in.readerIndex();
      boolean finished = step(in, Math.min(left, PIECE_BYTES), atEnd, out);
      left -= in.readerIndex() - start;
      if (finished && atEnd && left == 0 && (ended == 0 || ended == END.length)) {
        return true;
      }
      if (finished) {
        restart();
      }
      if (!out.isWritable()) {
        return false;
      }
      if (left == 0) {
        return endsBefore(last);
      }
    }
    return true;
  }

  private static boolean endsBefore(boolean last) {
    if (last) {
      throw broken("incomplete");
    }
    return true;
  }

  /** Inflates a piece, and what follows if it is {@code atEnd}; returns whether a stream ended. */
  private boolean step(ByteBuf in, int piece, boolean atEnd, ByteBuf out) {
    Inflater inflater = inflater();
    ByteBuf scratch = Zlib.current().scratch().writeBytes(in, in.readerIndex(), piece);
    if (atEnd) {
      scratch.writeBytes(END, ended, END.length - ended);
    }
    ByteBuffer input = scratch.internalNioBuffer(0, scratch.readableBytes());
    int before = out.writerIndex();
    inflater.setInput(input);
    try {
      int written = inflater.inflate(out.internalNioBuffer(before, out.writableBytes()));
      out.writerIndex(before + written);
    } catch (DataFormatException e) {
      throw broken(e.getMessage());
    }
    int taken = scratch.readableBytes() - input.remaining();
    in.skipBytes(Math.min(taken, piece));
    ended += Math.max(taken - piece, 0);
    remember(out, before);
    return inflater.finished();
  }

  private static Violation broken(@Nullable String how) {
    return new Violation(
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

  /** Keeps what later messages may refer to. */
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
    known.writeBytes(out, out.writerIndex() - length, length);
  }

  /** Ends the message, or gives it up. */
  void end() {
    if (inflater != null) {
      Zlib.current().giveBack(inflater);
      inflater = null;
    }
    begun = false;
    ended = 0;
  }

  /** Frees what it holds. */
  void release() {
    end();
    if (history != null) {
      history.release();
      history = null;
    }
  }
}
