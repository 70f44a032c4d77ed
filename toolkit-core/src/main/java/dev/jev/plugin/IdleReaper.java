package dev.jev.plugin;

import static java.util.Objects.requireNonNull;

import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.DeadlineWheel;
import dev.jev.Plugin;
import java.time.Duration;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Closes connections that have been idle for a given time, with {@link CloseReason.Kind#IDLE}, or
 * {@linkplain #onIdle calls an action}, for example to send a ping.
 *
 * <p>The timeout runs from when a connection is ready for messages; before that the server's {@code
 * handshakeTimeout} applies. A connection is never closed early, and is closed late by at most 1 %
 * of the timeout or 10 ms, whichever is more. If the process was suspended or the event loop was
 * blocked, the timeout is extended by as much, but at most by its own length, since no input could
 * be read meanwhile. Time during which a handler pauses reading counts as time without input.
 *
 * <p>Several reapers are independent of each other: one may send pings and another close.
 *
 * <p><b>Costs.</b> One object per connection and one timer per event loop. A read or a write costs
 * one reading of the clock and no allocation.
 */
public final class IdleReaper implements Plugin {

  private final Duration timeout;
  private final boolean countsReads;
  private final boolean countsWrites;
  private final @Nullable Consumer<Connection<?>> action;

  private IdleReaper(
      Duration timeout,
      boolean countsReads,
      boolean countsWrites,
      @Nullable Consumer<Connection<?>> action) {
    this.timeout = Checks.timeout("timeout", timeout);
    this.countsReads = countsReads;
    this.countsWrites = countsWrites;
    this.action = action;
  }

  /**
   * Returns a reaper for connections from which nothing was received within the timeout, whatever
   * is sent to them.
   *
   * @param timeout the timeout, 10 ms or more
   */
  public static IdleReaper readIdle(Duration timeout) {
    return new IdleReaper(timeout, /* countsReads= */ true, /* countsWrites= */ false, null);
  }

  /**
   * Returns a reaper for connections to which nothing was written within the timeout, whatever they
   * send. Pending output counts as written as long as the socket takes some of it from one timeout
   * to the next.
   *
   * @param timeout the timeout, 10 ms or more
   */
  public static IdleReaper writeIdle(Duration timeout) {
    return new IdleReaper(timeout, /* countsReads= */ false, /* countsWrites= */ true, null);
  }

  /**
   * Returns a reaper for connections from which nothing was received, and to which nothing was
   * {@linkplain #writeIdle written}, within the timeout.
   *
   * @param timeout the timeout, 10 ms or more
   */
  public static IdleReaper allIdle(Duration timeout) {
    return new IdleReaper(timeout, /* countsReads= */ true, /* countsWrites= */ true, null);
  }

  /**
   * Returns a reaper that passes an idle connection to {@code action} instead of closing it. The
   * action runs on the event loop of the connection, and again after each further timeout without
   * activity.
   *
   * <p>If the action throws, the connection is closed with {@link CloseReason.Kind#HANDLER_ERROR}.
   *
   * @param <O> the messages that can be sent on the connections of the server or client; this is
   *     not checked
   */
  @SuppressWarnings("unchecked") // the caller guarantees the type
  public <O> IdleReaper onIdle(Consumer<? super Connection<O>> action) {
    requireNonNull(action, "action");
    return new IdleReaper(
        timeout,
        countsReads,
        countsWrites,
        connection -> action.accept((Connection<O>) connection));
  }

  /** Returns whether idle connections are closed; false if an action is called instead. */
  public boolean closes() {
    return action == null;
  }

  @Override
  public Observer install(Link link) {
    return new IdleDeadline(link);
  }

  /** The idle deadline of one connection. */
  private final class IdleDeadline extends DeadlineWheel.Entry implements Observer {

    private final Link link;
    private final DeadlineWheel wheel;
    private long lastActiveNanos; // time of the last activity
    private long progress; // of pending output

    IdleDeadline(Link link) {
      this.link = link;
      this.wheel = link.deadlineWheel(timeout);
    }

    @Override
    public void connected() {
      lastActiveNanos = wheel.now();
      wheel.schedule(this);
    }

    @Override
    public void received(int bytes) {
      if (countsReads) {
        lastActiveNanos = wheel.now();
      }
    }

    @Override
    public void flushing(int bytes) {
      if (countsWrites) {
        lastActiveNanos = wheel.now();
      }
    }

    @Override
    public void written() {
      flushing(0);
    }

    @Override
    protected long deadline(long now) {
      if (countsWrites && hasProgressed()) {
        lastActiveNanos = now;
      }
      return lastActiveNanos + wheel.maxDelay();
    }

    private boolean hasProgressed() {
      long before = progress;
      progress = SocketOutput.progress(link);
      return progress != 0 && progress != before;
    }

    @Override
    protected void expire() {
      if (action == null) {
        link.close(CloseReason.of(CloseReason.Kind.IDLE));
        return;
      }
      lastActiveNanos = wheel.now();
      wheel.schedule(this);
      link.connection().execute(() -> action.accept(link.connection()));
    }

    @Override
    public void closed(CloseReason reason) {
      cancel();
    }
  }
}
