package dev.jev;

import static java.util.Objects.requireNonNull;

import java.time.Duration;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * What happens to the messages of a {@link Topic} that a subscriber takes more slowly than they are
 * published.
 *
 * <p>A published message waits while more than the connection's {@linkplain
 * Server.Builder#writeWatermarks high mark} (256 KiB by default) is in its socket's buffer, or
 * others wait already. Of what waits a policy can still dispose; bytes in the socket's buffer, or
 * the kernel's, leave in any case. Who needs fresh messages more than smooth ones lowers the marks.
 *
 * <p><b>Limits.</b> For each subscription, {@link #maxBytes} (256 KiB by default) may wait for
 * {@link #maxAge} (30 s by default); one message may wait even if it is longer. Besides, everything
 * that waits for the peer, of all subscriptions and of {@link Connection#send}, counts as {@link
 * Connection#pendingBytes}; once that has reached the server's {@link
 * Server.Builder#maxPendingBytes}, the policy is applied too. A message counts as its bytes plus
 * 96. So a subscription that may use a good part of {@code maxPendingBytes} leaves less of it to
 * what is sent, which has the server's {@link OverflowPolicy}; and one of {@link
 * OverflowPolicy#DROP_OLDEST} makes room by dropping published messages, too, but not those of
 * {@link #close}.
 *
 * <p>Immutable; one can be used for any number of subscriptions.
 *
 * @param <O> the messages of the topic
 */
public final class SlowConsumer<O> {

  private static final int DEFAULT_MAX_BYTES = 256 * 1024;
  private static final Duration DEFAULT_MAX_AGE = Duration.ofSeconds(30);
  private static final SlowConsumer<Object> CLOSE = of(Action.CLOSE);
  private static final SlowConsumer<Object> DROP_NEWEST = of(Action.DROP_NEWEST);
  private static final SlowConsumer<Object> DROP_OLDEST = of(Action.DROP_OLDEST);

  /** What is done at a limit. */
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
   * Closes the connection at once with {@link CloseReason.Kind#OVERFLOW}: the peer never sees a
   * gap. The default.
   */
  @SuppressWarnings("unchecked") // it has no messages
  public static <O> SlowConsumer<O> close() {
    return (SlowConsumer<O>) CLOSE;
  }

  /** Drops the message that is too much. */
  @SuppressWarnings("unchecked") // it has no messages
  public static <O> SlowConsumer<O> dropNewest() {
    return (SlowConsumer<O>) DROP_NEWEST;
  }

  /** Drops the oldest of this subscription that wait, as many as are in the way. */
  @SuppressWarnings("unchecked") // it has no messages
  public static <O> SlowConsumer<O> dropOldest() {
    return (SlowConsumer<O>) DROP_OLDEST;
  }

  /**
   * Replaces a message that waits by a newer one with an equal key, in its place; at a limit it is
   * {@link #dropOldest}. A message whose key is null replaces none.
   *
   * <p>{@code key} is called on the connection's event loop, only for messages that have to wait,
   * and perhaps on several event loops at once. If it throws, the message is dropped.
   */
  public static <O> SlowConsumer<O> conflate(Function<? super O, ?> key) {
    return new SlowConsumer<>(
        Action.DROP_OLDEST,
        requireNonNull(key, "key"),
        DEFAULT_MAX_BYTES,
        DEFAULT_MAX_AGE.toNanos());
  }

  /** The same with another limit of what may wait, in bytes; 1 KiB to 1 GiB. */
  public SlowConsumer<O> maxBytes(int maxBytes) {
    int checked = Checks.inRange("maxBytes", maxBytes, 1024, 1 << 30);
    return new SlowConsumer<>(action, key, checked, maxAgeNanos);
  }

  /**
   * The same with another age: a message that has waited longer is dropped instead of written; with
   * {@link #close} the connection closes, also if no further message comes.
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

  /** The key by which a message is conflated, or null. */
  @Nullable Object key(O message) {
    return key == null ? null : key.apply(message);
  }

  int maxBytes() {
    return maxBytes;
  }

  long maxAgeNanos() {
    return maxAgeNanos;
  }
}
