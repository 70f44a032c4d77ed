package dev.jev;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufHolder;
import io.netty.util.ReferenceCountUtil;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * The messages that other threads have sent on a connection and its event loop has not packed yet.
 *
 * <p>Lock-free; for any thread. A connection on which only the event loop sends has no mailbox.
 */
final class Mailbox<O> {

  /** Number of bytes that a message counts in addition to its length, as in Netty's accounting. */
  static final int MESSAGE_OVERHEAD = 96;

  /** Maximum size of a message: sums of it do not overflow. */
  private static final long MAX_SIZE = 1L << 40;

  /** A message, the number of bytes that it counts as, and its completion. */
  record Envelope<O>(O message, long bytes, @Nullable CompletableFuture<Void> written) {

    static <O> Envelope<O> of(O message, @Nullable CompletableFuture<Void> written) {
      return new Envelope<>(message, countOf(message), written);
    }
  }

  private final ConcurrentLinkedQueue<Envelope<O>> entries = new ConcurrentLinkedQueue<>();
  private final AtomicLong bytes = new AtomicLong();
  private final AtomicBoolean wakeupPending = new AtomicBoolean();
  private final int highWatermark;
  private volatile boolean aboveWatermark;

  /** Creates a mailbox that records when it contains more than {@code highWatermark} bytes. */
  Mailbox(int highWatermark) {
    this.highWatermark = highWatermark;
  }

  /**
   * Returns the number of bytes that a message counts as while it is queued. Releases the message
   * if its own code throws.
   */
  static long countOf(Object message) {
    try {
      return sizeOf(message) + MESSAGE_OVERHEAD;
    } catch (Throwable t) {
      ReferenceCountUtil.safeRelease(message);
      throw t;
    }
  }

  /** Returns the length of a message in bytes, or an estimate; 0 if it is unknown. */
  static long sizeOf(Object message) {
    return message instanceof ByteBuf buffer
        ? buffer.readableBytes()
        : message instanceof byte[] bytes
            ? bytes.length
            : message instanceof CharSequence text
                ? text.length()
                : message instanceof Sized sized
                    ? sizeOf(sized)
                    : message instanceof ByteBufHolder holder
                        ? holder.content().readableBytes()
                        : 0;
  }

  private static long sizeOf(Sized message) {
    long size = message.sizeBytes();
    if (size < 0 || size > MAX_SIZE) {
      throw new IllegalArgumentException(
          "sizeBytes of %s: %d (expected: 0..%d)"
              .formatted(message.getClass().getName(), size, MAX_SIZE));
    }
    return size;
  }

  /** Reserves space for a message and returns the number of bytes before. */
  long reserve(Envelope<O> envelope) {
    long before = bytes.getAndAdd(envelope.bytes);
    if (before + envelope.bytes > highWatermark) { // set as soon as isAboveWatermark is true
      aboveWatermark = true;
    }
    return before;
  }

  /** Releases the space of a message that will not be added. */
  void cancel(Envelope<O> envelope) {
    bytes.addAndGet(-envelope.bytes);
  }

  /** Adds a message with reserved space; returns whether the caller has to wake the event loop. */
  boolean add(Envelope<O> envelope) {
    entries.add(envelope);
    return !wakeupPending.get() && wakeupPending.compareAndSet(false, true);
  }

  /** Removes the oldest message and releases its space; returns null if there is none. */
  @Nullable Envelope<O> poll() {
    Envelope<O> envelope = entries.poll();
    if (envelope != null) {
      bytes.addAndGet(-envelope.bytes);
    }
    return envelope;
  }

  /**
   * Called before polling, so that a thread that adds a message from now on wakes the loop again.
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

  /** Returns true once after the size has fallen from above the high watermark to it or below. */
  boolean fellBelowWatermark() {
    if (!aboveWatermark) {
      return false;
    }
    aboveWatermark = false; // before the check: a thread that exceeds it from now on sets it again
    if (isAboveWatermark()) {
      aboveWatermark = true;
      return false;
    }
    return true;
  }
}
