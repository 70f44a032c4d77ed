package dev.jev;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufHolder;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * The messages that other threads have sent on a connection and its event loop has not packed.
 *
 * <p>Any thread, without locks. A connection on which only the event loop sends has none.
 */
final class Mailbox<O> {

  /** What a message counts for besides its bytes; the same as in Netty's accounting. */
  static final int MESSAGE_OVERHEAD = 96;

  /** A message, with what it counts for. */
  record Envelope<O>(O message, long bytes, @Nullable CompletableFuture<Void> written) {

    static <O> Envelope<O> of(O message, @Nullable CompletableFuture<Void> written) {
      return new Envelope<>(message, sizeOf(message) + MESSAGE_OVERHEAD, written);
    }
  }

  private final ConcurrentLinkedQueue<Envelope<O>> entries = new ConcurrentLinkedQueue<>();
  private final AtomicLong bytes = new AtomicLong();
  private final AtomicBoolean wakeupPending = new AtomicBoolean();
  private final int highWatermark;
  private volatile boolean aboveWatermark;

  /** Creates one that notes when more than {@code mark} bytes are in it. */
  Mailbox(int highWatermark) {
    this.highWatermark = highWatermark;
  }

  /** The length of a message in bytes, or about that; 0 if it cannot be told. */
  static long sizeOf(Object message) {
    return message instanceof ByteBuf buffer
        ? buffer.readableBytes()
        : message instanceof byte[] bytes
            ? bytes.length
            : message instanceof CharSequence text
                ? text.length()
                : message instanceof Sized sized
                    ? sized.sizeBytes()
                    : message instanceof ByteBufHolder holder
                        ? holder.content().readableBytes()
                        : 0;
  }

  /** Takes room for an entry and returns how many bytes were there before. */
  long reserve(Envelope<O> envelope) {
    long before = bytes.getAndAdd(envelope.bytes);
    if (before + envelope.bytes > highWatermark) { // now, when others see it
      aboveWatermark = true;
    }
    return before;
  }

  /** Gives back the room of an entry that does not come. */
  void cancel(Envelope<O> envelope) {
    bytes.addAndGet(-envelope.bytes);
  }

  /** Adds an entry that has its room; returns whether the event loop is to be woken. */
  boolean add(Envelope<O> envelope) {
    entries.add(envelope);
    return !wakeupPending.get() && wakeupPending.compareAndSet(false, true);
  }

  /** Takes the oldest entry and its room, or returns null. */
  @Nullable Envelope<O> poll() {
    Envelope<O> envelope = entries.poll();
    if (envelope != null) {
      bytes.addAndGet(-envelope.bytes);
    }
    return envelope;
  }

  /**
   * To be called before polling, so that whoever adds an entry from now on wakes the loop again.
   */
  void clearWakeup() {
    wakeupPending.set(false);
  }

  long bytes() {
    return bytes.get();
  }

  boolean isAboveWatermark() {
    return bytes.get() > highWatermark;
  }

  /** Whether it was over the mark and is no more; true once. */
  boolean fellBelowWatermark() {
    if (!aboveWatermark) {
      return false;
    }
    aboveWatermark = false; // before looking, since a thread that goes over the mark now sets it
    if (isAboveWatermark()) {
      aboveWatermark = true;
      return false;
    }
    return true;
  }
}
