package dev.jev.websocket;

import io.netty.buffer.ByteBuf;
import java.nio.ByteBuffer;
import java.util.zip.Deflater;
import org.jspecify.annotations.Nullable;

/**
 * Compresses the messages that one connection sends (RFC 7692, 7.2.1).
 *
 * <p>Without context takeover it has no deflater of its own and uses the one of its thread.
 *
 * <p><b>Window bits.</b> The window of the JDK's zlib is always 32 KiB. If a smaller window was
 * negotiated, the data is compressed in chunks of the size of that window and the deflater is reset
 * before each chunk. So no reference can reach back further than the window.
 *
 * <p>Event loop only.
 */
final class MessageDeflater {

  /** RFC 7692, 7.2.1: number of bytes at the end of a message that are not sent. */
  private static final int CUT_BYTES = 4;

  /** The first byte of an empty stored block. The other bytes are those that are not sent. */
  private static final int EMPTY_BLOCK = 0;

  /** Maximum number of bytes by which the output is enlarged at once. */
  private static final int MAX_ROOM = 32 * 1024;

  /** The parameters on which the compressed bytes depend. */
  private record Parameters(int level, int minBytes, int chunkBytes) {}

  private final int level;
  private final int minBytes;
  private final int chunkBytes;
  private final boolean takeover;
  private final @Nullable Parameters parameters; // null with context takeover
  private final WebSocketObserver observer;
  private @Nullable Deflater own; // only with context takeover

  MessageDeflater(PermessageDeflate agreed, WebSocketObserver observer) {
    this.observer = observer;
    level = agreed.options().level();
    minBytes = agreed.options().minBytes();
    boolean narrow = agreed.ownWindow() < 32 * 1024;
    chunkBytes = narrow ? agreed.ownWindow() : Integer.MAX_VALUE;
    takeover = agreed.ownTakeover() && !narrow;
    parameters = takeover ? null : new Parameters(level, minBytes, chunkBytes);
  }

  /** Returns an upper bound of the compressed size of {@code length} bytes. */
  static int bound(int length) {
    return (int) Math.min(length + length / 16L + 64, Integer.MAX_VALUE);
  }

  /** Returns the {@link dev.jev.Protocol#encodingKey}, or null with context takeover. */
  @Nullable Object encodingKey() {
    return parameters;
  }

  /** Returns whether a message of this size is to be compressed. */
  boolean isWorthwhile(int length) {
    return length >= minBytes;
  }

  /**
   * Appends a compressed message, which is not empty. Called per message: must not allocate.
   *
   * @return false if the message would not shrink and may be sent uncompressed; what was appended
   *     is then invalid. With context takeover always true, since the deflater's window has changed
   */
  boolean deflate(ByteBuffer message, ByteBuf out) {
    int length = message.remaining();
    int start = out.writerIndex();
    int most = takeover ? Integer.MAX_VALUE : length - 1;
    if (!append(message, most + (takeover ? 0 : CUT_BYTES), out)) {
      return false;
    }
    out.writerIndex(out.writerIndex() - CUT_BYTES);
    observer.deflated(length, out.writerIndex() - start);
    return true;
  }

  /** Appends a compressed part of a message. */
  void deflatePart(ByteBuffer part, boolean last, ByteBuf out) {
    if (last && !part.hasRemaining()) {
      out.writeByte(EMPTY_BLOCK);
      return;
    }
    int length = part.remaining();
    int start = out.writerIndex();
    append(part, Integer.MAX_VALUE, out);
    if (last) {
      out.writerIndex(out.writerIndex() - CUT_BYTES);
    }
    observer.deflated(length, out.writerIndex() - start);
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

  /** Appends all output of the deflater; returns false if it is more than {@code most} bytes. */
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
    } while (written == writable); // with room left, zlib has no more output
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

  /** Makes the next message refer to no earlier one, since the latest one is not sent. */
  void forget() {
    if (own != null) {
      own.reset();
    }
  }

  /** Releases the deflater of the connection, if it has one. */
  void end() {
    if (own != null) {
      Zlib.end(own);
      own = null;
    }
  }
}
