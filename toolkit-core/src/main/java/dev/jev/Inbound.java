package dev.jev;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.channel.ChannelConfig;
import io.netty.channel.RecvByteBufAllocator;
import io.netty.util.UncheckedBooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Where the bytes of one connection are read to, and where they stay until they are unpacked.
 *
 * <p>Three places, so that bytes are moved as little as possible and an idle connection holds none:
 *
 * <ul>
 *   <li>Nothing is left over, the usual case: the socket is read into the loop's buffer and
 *       unpacked there.
 *   <li>A short beginning of a frame is left over: it is kept in a buffer of its size. The next
 *       read goes into the loop's buffer again and the beginning is put in front of it.
 *   <li>A long one is left over: it is kept in a buffer with room, and the socket is read into that
 *       room. The buffer doubles as bytes arrive, never because a length was announced.
 * </ul>
 *
 * <p>Event loop only.
 */
@SuppressWarnings(
    "ReferenceEquality") // buffers are compared with ==: the very one, not one with equal bytes
final class Inbound implements RecvByteBufAllocator.ExtendedHandle {

  /** Says to Netty that now is not the time to read. */
  static final class Paused extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private Paused() {
      super("reading is paused", null, false, false);
    }
  }

  /** After so many full reads the other connections of the loop get their turn. */
  private static final int MAX_READS_PER_BATCH = 4;

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
   * Adds what has arrived and returns all unread bytes; {@link #keep} is to be called with them.
   */
  ByteBuf add(ByteBuf arrived) {
    ByteBuf kept = unread;
    if (kept == null) {
      return loop.isReadBuffer(arrived) ? arrived : pooled(arrived);
    }
    if (arrived == kept) { // it was read into the room behind the kept bytes
      arrived.release();
      return kept;
    }
    int length = kept.readableBytes();
    if (length <= Loop.HEADROOM && loop.isReadBuffer(arrived)) {
      int start = arrived.readerIndex() - length;
      arrived.setBytes(start, kept, kept.readerIndex(), length).readerIndex(start);
      release();
      return arrived;
    }
    try {
      kept = withRoom(kept, arrived.readableBytes());
      kept.writeBytes(arrived);
    } finally {
      arrived.release();
    }
    return kept;
  }

  /**
   * Keeps what is left of {@code bytes} after unpacking, and little more memory than that needs.
   */
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
        unread = Loop.ALLOCATOR.directBuffer(capacity).writeBytes(bytes);
      }
    } finally {
      bytes.release();
    }
  }

  /**
   * The bytes in a buffer whose slices have reference counts of their own, see {@link
   * MessageOwnership}.
   */
  private static ByteBuf pooled(ByteBuf bytes) {
    if (bytes.alloc() == Loop.ALLOCATOR) {
      return bytes;
    }
    try {
      return Loop.ALLOCATOR.directBuffer(bytes.readableBytes()).writeBytes(bytes);
    } finally {
      bytes.release();
    }
  }

  /** How many bytes are kept; on another thread, as it last saw them. */
  int unreadBytes() {
    ByteBuf kept = unread;
    return kept == null ? 0 : kept.readableBytes();
  }

  /** The bytes that were kept, or null. */
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
    ByteBuf larger = Loop.ALLOCATOR.directBuffer(Math.max(length + room, 2 * length));
    larger.writeBytes(kept);
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
   * Lends the loop's buffer to this channel no longer, since it gets a new owner.
   *
   * @return the unread bytes, which are the new owner's too, or null
   */
  @Nullable ByteBuf detach() {
    ByteBuf kept = unread;
    unread = null;
    detached = true;
    resume();
    return kept;
  }

  // What Netty asks for when a socket is readable.

  @Override
  public ByteBuf allocate(ByteBufAllocator allocator) {
    if (detached) {
      return allocator.ioBuffer(MIN_ROOM_BYTES);
    }
    if (paused && !refusedWhilePaused) {
      // A FIN makes the native transports read all that the socket holds, paused or not. That would
      // be as much as the kernel's buffer; so it is refused, and read after the pause. If they ask
      // again it is because of an error, and reading is the only way to be told of it.
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
    loop.reads = 0;
  }

  @Override
  public void incMessagesRead(int count) {
    loop.reads += count;
  }

  @Override
  public void lastBytesRead(int bytes) {
    loop.lastRead = bytes;
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
    return !paused && loop.reads < MAX_READS_PER_BATCH && loop.lastRead == loop.attempted;
  }

  @Override
  public boolean continueReading(UncheckedBooleanSupplier maybeMore) {
    return !paused && loop.reads < MAX_READS_PER_BATCH && maybeMore.get();
  }

  @Override
  public void readComplete() {}
}
