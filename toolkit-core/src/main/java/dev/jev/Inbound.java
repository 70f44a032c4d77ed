package dev.jev;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.channel.ChannelConfig;
import io.netty.channel.RecvByteBufAllocator;
import io.netty.util.UncheckedBooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The input buffer of one connection: the place that the socket is read into, and where bytes stay
 * until they are unpacked. It also implements Netty's handle that determines how much to read.
 *
 * <p><b>Problem.</b> A buffer per connection would make idle connections expensive, and copying all
 * input into one would make busy ones slow. Most reads end at the end of a frame, so the connection
 * needs a buffer of its own only while a frame is incomplete.
 *
 * <p><b>Three places.</b> The length of the incomplete frame determines where the next bytes go:
 *
 * <ul>
 *   <li>No bytes are left over, the usual case: the socket is read into the loop's buffer, and the
 *       bytes are unpacked there.
 *   <li>At most {@link Loop#HEADROOM} bytes are left over: they move to a buffer of exactly their
 *       size. The next read goes to the loop's buffer again, and the kept bytes are copied into the
 *       headroom in front of the new bytes.
 *   <li>More bytes are left over: they move to a buffer with room, and the socket is read into that
 *       room. The buffer doubles as bytes arrive.
 * </ul>
 *
 * <p>With io_uring, and behind handlers of plugins, bytes arrive in other buffers. They are
 * unpacked there if no bytes are left over, else appended to the kept bytes.
 *
 * <p><b>Invariants.</b> The unread bytes are always contiguous. An idle connection without an
 * incomplete frame has no buffer. A buffer grows because bytes have arrived, never because a peer
 * has declared a length.
 *
 * <p>Event loop only.
 */
@SuppressWarnings("ReferenceEquality") // == asks for the same buffer, not for equal bytes
final class Inbound implements RecvByteBufAllocator.ExtendedHandle {

  /** Thrown by {@link #allocate} to keep Netty from reading during a pause. */
  static final class Paused extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private Paused() {
      super("reading is paused", null, false, false);
    }
  }

  /**
   * Maximum number of messages that are unpacked in a row, so that other connections of the loop
   * get their turn. Only messages of fewer than 8 bytes are so many in one read, which behind a
   * plugin such as TLS arrives in many pieces.
   */
  static final int MAX_MESSAGES = 8192;

  /**
   * Number of bytes after which a read batch ends, for the same reason. A single read may be long:
   * that into the room after a long frame.
   */
  static final int BATCH_BYTES = 256 * 1024;

  private static final int MIN_ROOM_BYTES = 16 * 1024;

  private final Loop loop;
  private @Nullable ByteBuf unread;

  private boolean paused;
  private boolean refusedWhilePaused;
  private boolean detached;

  Inbound(Loop loop) {
    this.loop = loop;
  }

  /**
   * Returns the number of bytes that have arrived in a buffer, which may be the one with the kept
   * bytes.
   */
  int lengthOf(ByteBuf arrived) {
    return arrived == unread ? loop.lastRead : arrived.readableBytes();
  }

  /**
   * Adds bytes that have arrived; returns all unread bytes, which must be given to {@link #keep}.
   */
  ByteBuf add(ByteBuf arrived) {
    ByteBuf kept = unread;
    if (kept == null) {
      return loop.isReadBuffer(arrived) ? arrived : pooled(arrived);
    }
    if (arrived == kept) { // they were read into the room after the kept bytes
      arrived.release();
      return kept;
    }
    int length = kept.readableBytes();
    if (length <= Loop.HEADROOM && loop.isReadBuffer(arrived)) {
      int start = arrived.readerIndex() - length;
      kept.getBytes(kept.readerIndex(), arrived.readerIndex(start), start, length);
      release();
      return arrived;
    }
    try {
      kept = withRoom(kept, arrived.readableBytes());
      arrived.readBytes(kept, arrived.readableBytes());
    } finally {
      arrived.release();
    }
    return kept;
  }

  /** Keeps the bytes that are left after unpacking, in little more memory than they need. */
  void keep(ByteBuf bytes) {
    int length = bytes.readableBytes();
    if (bytes == unread) {
      if (length > 0 && bytes.capacity() <= Math.max(4L * length, 2L * MIN_ROOM_BYTES)) {
        return;
      }
      unread = null;
    }
    try {
      if (length > 0) {
        int capacity = length <= Loop.HEADROOM ? length : Math.max(2 * length, MIN_ROOM_BYTES);
        unread = copy(bytes, Loop.ALLOCATOR.directBuffer(capacity));
      }
    } finally {
      bytes.release();
    }
  }

  /**
   * Returns the bytes in a buffer whose slices have reference counts of their own, see {@link
   * MessageOwnership}. Consumes {@code bytes}.
   */
  private static ByteBuf pooled(ByteBuf bytes) {
    if (bytes.alloc() == Loop.ALLOCATOR) {
      return bytes;
    }
    try {
      return copy(bytes, Loop.ALLOCATOR.directBuffer(bytes.readableBytes()));
    } finally {
      bytes.release();
    }
  }

  /** Copies bytes into a new buffer; returns that. */
  private static ByteBuf copy(ByteBuf bytes, ByteBuf created) {
    bytes.readBytes(created, bytes.readableBytes());
    return created;
  }

  /** Returns the kept bytes, or null if there are none. */
  @Nullable ByteBuf unread() {
    return unread;
  }

  void release() {
    if (unread != null) {
      unread.release();
      unread = null;
    }
  }

  private ByteBuf withRoom(ByteBuf kept, int room) {
    if (kept.writableBytes() >= room) {
      return kept;
    }
    int length = kept.readableBytes();
    ByteBuf larger = copy(kept, Loop.ALLOCATOR.directBuffer(Math.max(length + room, 2 * length)));
    kept.release();
    unread = larger;
    return larger;
  }

  void pause() {
    paused = true;
  }

  void resume() {
    paused = false;
    refusedWhilePaused = false;
  }

  /**
   * Stops lending the loop's buffer to the channel, which gets a new owner.
   *
   * @return the unread bytes, which the new owner gets too, or null
   */
  @Nullable ByteBuf detach() {
    ByteBuf kept = unread;
    unread = null;
    detached = true;
    resume();
    return kept;
  }

  // RecvByteBufAllocator.ExtendedHandle, called by Netty when the socket is readable.

  @Override
  public ByteBuf allocate(ByteBufAllocator allocator) {
    if (detached) {
      return allocator.ioBuffer(MIN_ROOM_BYTES);
    }
    if (paused && !refusedWhilePaused) {
      // After a FIN the native transports read everything that the socket holds, even during a
      // pause. That may be as much as the kernel's buffer, so the first read is refused, and made
      // after the pause. A second one means an error, which only a read can report.
      refusedWhilePaused = true;
      throw new Paused();
    }
    ByteBuf kept = unread;
    if (kept != null && kept.readableBytes() > Loop.HEADROOM) {
      return withRoom(kept, MIN_ROOM_BYTES).retain();
    }
    return loop.readBuffer();
  }

  @Override
  public int guess() {
    return Loop.READ_BYTES;
  }

  @Override
  public void reset(ChannelConfig config) {
    loop.batchBytes = 0;
  }

  @Override
  public void incMessagesRead(int count) {}

  @Override
  public void lastBytesRead(int bytes) {
    loop.lastRead = bytes;
    loop.batchBytes += bytes;
  }

  @Override
  public int lastBytesRead() {
    return loop.lastRead;
  }

  @Override
  public void attemptedBytesRead(int bytes) {
    loop.attempted = bytes;
  }

  @Override
  public int attemptedBytesRead() {
    return loop.attempted;
  }

  @Override
  public boolean continueReading() {
    return !paused && loop.batchBytes < BATCH_BYTES && loop.lastRead == loop.attempted;
  }

  @Override
  public boolean continueReading(UncheckedBooleanSupplier maybeMore) {
    return !paused && loop.batchBytes < BATCH_BYTES && maybeMore.get();
  }

  @Override
  public void readComplete() {}
}
