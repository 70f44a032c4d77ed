package dev.jev;

import static java.util.Objects.requireNonNull;

import java.time.Duration;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The policy for a subscriber that takes the messages of a {@link Topic} more slowly than they are
 * published.
 *
 * <p><b>Queue.</b> A published message is queued while the connection's write buffer exceeds the
 * {@linkplain Server.Builder#writeWatermarks high watermark} (256 KiB by default), or while other
 * messages are queued. The policy applies to queued messages only: bytes in the write buffer or in
 * the kernel are always sent. Lower watermarks make the delivered messages fresher and the flow
 * less smooth.
 *
 * <p><b>Limits.</b> Per subscription, up to {@link #maxBytes} (256 KiB by default) may be queued
 * for up to {@link #maxAge} (30 s by default). A message counts as its length plus 96 bytes; a
 * single message may be queued even if it is longer than the limit.
 *
 * <p>In addition, everything queued for the peer, by all subscriptions and by {@link
 * Connection#send}, counts as {@link Connection#pendingBytes}. The policy also applies once that
 * has reached the server's {@link Server.Builder#maxPendingBytes}. A subscription that may use a
 * large part of {@code maxPendingBytes} therefore leaves less of it to messages that are sent, and
 * those are subject to the server's {@link OverflowPolicy}. {@link OverflowPolicy#DROP_OLDEST}
 * makes room by dropping published messages too, except those of a subscription with {@link
 * #close}.
 *
 * <p>Immutable; one instance may be used for any number of subscriptions.
 *
 * @param <O> the type of the topic's messages
 */
public final class SlowConsumer<O> {

  private static final int DEFAULT_MAX_BYTES = 256 * 1024;
  private static final Duration DEFAULT_MAX_AGE = Duration.ofSeconds(30);
  private static final SlowConsumer<Object> CLOSE = of(Action.CLOSE);
  private static final SlowConsumer<Object> DROP_NEWEST = of(Action.DROP_NEWEST);
  private static final SlowConsumer<Object> DROP_OLDEST = of(Action.DROP_OLDEST);

  /** The action taken at a limit. */
  private enum Action {
    CLOSE,
    DROP_NEWEST,
    DROP_OLDEST
  }

  private final Action action;
  private final @Nullable Function<? super O, ?> key;
  private final int maxBytes;
  private final long maxAgeNanos;

  private SlowConsumer(
      Action action, @Nullable Function<? super O, ?> key, int maxBytes, long maxAgeNanos) {
    this.action = action;
    this.key = key;
    this.maxBytes = maxBytes;
    this.maxAgeNanos = maxAgeNanos;
  }

  private static SlowConsumer<Object> of(Action action) {
    return new SlowConsumer<>(action, null, DEFAULT_MAX_BYTES, DEFAULT_MAX_AGE.toNanos());
  }

  /**
   * Returns a policy that closes the connection at once with {@link CloseReason.Kind#OVERFLOW}, so
   * that the peer never sees a gap. The default.
   */
  @SuppressWarnings("unchecked") // it has no messages
  public static <O> SlowConsumer<O> close() {
    return (SlowConsumer<O>) CLOSE;
  }

  /** Returns a policy that drops the new message. */
  @SuppressWarnings("unchecked") // it has no messages
  public static <O> SlowConsumer<O> dropNewest() {
    return (SlowConsumer<O>) DROP_NEWEST;
  }

  /**
   * Returns a policy that drops the oldest queued messages of the subscription, as many as needed
   * to make room for the new one.
   */
  @SuppressWarnings("unchecked") // it has no messages
  public static <O> SlowConsumer<O> dropOldest() {
    return (SlowConsumer<O>) DROP_OLDEST;
  }

  /**
   * Returns a policy that replaces a queued message with a newer one of an equal key, at the same
   * position in the queue. At a limit it works like {@link #dropOldest}: a newer message that is
   * longer than the replaced one may cause others to be dropped. A message whose key is null
   * replaces no other.
   *
   * <p>{@code key} is called on the connection's event loop, possibly on several event loops at
   * once, and only for messages that have to be queued. Then {@code hashCode} of the key is called,
   * and {@code equals} for those queued with the same hash code, the newest 32 at most; others with
   * this hash code are not replaced. If one of these throws, the failure is logged and the new
   * message is dropped. Keys must not change.
   */
  public static <O> SlowConsumer<O> conflate(Function<? super O, ?> key) {
    return new SlowConsumer<>(
        Action.DROP_OLDEST,
        requireNonNull(key, "key"),
        DEFAULT_MAX_BYTES,
        DEFAULT_MAX_AGE.toNanos());
  }

  /**
   * Returns this policy with another limit of queued bytes per subscription, from 1 KiB to 1 GiB.
   *
   * @throws IllegalArgumentException if {@code maxBytes} is out of range
   */
  public SlowConsumer<O> maxBytes(int maxBytes) {
    int checked = Checks.inRange("maxBytes", maxBytes, 1024, 1 << 30);
    return new SlowConsumer<>(action, key, checked, maxAgeNanos);
  }

  /**
   * Returns this policy with another maximum age. A message that has been queued for longer is
   * dropped instead of written. With {@link #close}, the connection closes, even if no further
   * message is published.
   *
   * @throws IllegalArgumentException if {@code maxAge} is not longer than zero
   */
  public SlowConsumer<O> maxAge(Duration maxAge) {
    long nanos = Checks.positive("maxAge", maxAge).toNanos();
    return new SlowConsumer<>(action, key, maxBytes, nanos);
  }

  boolean closes() {
    return action == Action.CLOSE;
  }

  boolean dropsOldest() {
    return action == Action.DROP_OLDEST;
  }

  /** Returns the key by which a message is conflated, or null. */
  @Nullable Object key(O message) {
    return key == null ? null : key.apply(message);
  }

  /** Returns whether keys of this policy may be compared with those of another one. */
  boolean hasKeyOf(SlowConsumer<?> other) {
    return key == other.key;
  }

  int maxBytes() {
    return maxBytes;
  }

  long maxAgeNanos() {
    return maxAgeNanos;
  }
}
