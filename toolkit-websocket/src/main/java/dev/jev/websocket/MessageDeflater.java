package dev.jev.websocket;

import io.netty.buffer.ByteBuf;
import java.nio.ByteBuffer;
import java.util.zip.Deflater;
import org.jspecify.annotations.Nullable;

/**
 * Compresses what one connection sends (RFC 7692, 7.2.1).
 *
 * <p>Without context takeover it has nothing of its own, but uses the deflater of its thread.
 *
 * <p><b>Windows.</b> The JDK's zlib refers back 32 KiB and cannot be told otherwise. If the peer
 * keeps fewer bytes, no more than that are compressed in a row, and the deflater forgets them
 * before the next ones: then nothing in it can refer back further, whatever zlib does.
 *
 * <p>Event loop only.
 */
final class MessageDeflater {

  /** RFC 7692, 7.2.1: the end of a message that is not sent. */
  private static final int CUT_BYTES = 4;

  /** An empty block without compression, apart from its end. */
  private static final int EMPTY_BLOCK = 0;

  /** The most room that is made at once. */
  private static final int MAX_ROOM = 32 * 1024;

  /** What the bytes that messages become depend on. */
  private record Parameters(int level, int minBytes, int chunkBytes) {}

  private final int level;
  private final int minBytes;
  private final int chunkBytes;
  private final boolean takeover;
  private final @Nullable Parameters parameters; // null if they depend on earlier messages, too
  private @Nullable Deflater own;

  MessageDeflater(PermessageDeflate agreed) {
    level = agreed.options().level();
    minBytes = agreed.options().minBytes();
    boolean narrow = agreed.ownWindow() < 32 * 1024;
    chunkBytes = narrow ? agreed.ownWindow() : Integer.MAX_VALUE;
    takeover = agreed.ownTakeover() && !narrow;
    parameters = takeover ? null : new Parameters(level, minBytes, chunkBytes);
  }

  /** No fewer bytes than so many become at most. */
  static int bound(int length) {
    return (int) Math.min(length + length / 16L + 64, Integer.MAX_VALUE);
  }

  /** What stands for the bytes that messages become, or null if they are others each time. */
  @Nullable Object representation() {
    return parameters;
  }

  /** Whether a message of so many bytes is to be compressed. */
  boolean wants(int length) {
    return length >= minBytes;
  }

  /**
   * Appends a message, which is not empty, compressed. Called for every message: must not allocate.
   *
   * @return whether it has; not if that would not be shorter and it need not
   */
  boolean deflate(ByteBuffer message, ByteBuf out) {
    int most = takeover ? Integer.MAX_VALUE : message.remaining() - 1;
    if (!append(message, most + (takeover ? 0 : CUT_BYTES), out)) {
      return false;
    }
    out.writerIndex(out.writerIndex() - CUT_BYTES);
    return true;
  }

  /** Appends part of a message, compressed. */
  void deflatePart(ByteBuffer part, boolean last, ByteBuf out) {
    if (part.hasRemaining()) {
      append(part, Integer.MAX_VALUE, out);
    } else if (last) {
      out.writeByte(EMPTY_BLOCK);
      return;
    }
    if (last) {
      out.writerIndex(out.writerIndex() - CUT_BYTES);
    }
  }

  private boolean append(ByteBuffer bytes, int most, ByteBuf out) {
    int start = out.writerIndex();
    int end = bytes.limit();
    Deflater deflater = takeover ? own() : Zlib.current().deflater(level);
    while (bytes.position() < end) {
      bytes.limit(Math.min(end - bytes.position(), chunkBytes) + bytes.position());
      if (!takeover) {
        deflater.reset();
      }
      int room = Math.min(bound(bytes.remaining()), MAX_ROOM);
      deflater.setInput(bytes);
      if (!flush(deflater, most - (out.writerIndex() - start), room, out)) {
        return false;
      }
    }
    return true;
  }

  /** Appends all that the deflater has, unless it is more than {@code most}. */
  private static boolean flush(Deflater deflater, int most, int room, ByteBuf out) {
    int start = out.writerIndex();
    int writable;
    int written;
    do {
      out.ensureWritable(room);
      writable = out.writableBytes();
      ByteBuffer free = out.internalNioBuffer(out.writerIndex(), writable);
      written = deflater.deflate(free, Deflater.SYNC_FLUSH);
      out.writerIndex(out.writerIndex() + written);
      if (out.writerIndex() - start > most) {
        return false;
      }
    } while (written == writable); // zlib says so: otherwise it is all
    return true;
  }

  private Deflater own() {
    Deflater deflater = own;
    if (deflater == null) {
      deflater = Zlib.newDeflater(level);
      own = deflater;
    }
    return deflater;
  }

  /** Frees what it has of its own. */
  void end() {
    if (own != null) {
      Zlib.end(own);
      own = null;
    }
  }
}
