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
 * Closes connections on which nothing has happened for a time, with {@link CloseReason.Kind#IDLE};
 * or {@linkplain #onIdle does something else} about them, such as to send a ping.
 *
 * <p>The time counts from when a connection is ready for messages; before that the server's {@code
 * handshakeTimeout} rules. It never ends early, and late by at most 1 % or 10 ms, whichever is
 * more. Time in which the process was stopped, or the event loop blocked, is granted once more, up
 * to one timeout: nobody is closed for what nobody could read. While a handler pauses reading
 * nothing is received.
 *
 * <p>Several reapers do not know of each other: one may send pings, another one close.
 *
 * <p><b>Costs.</b> One object a connection, one timer an event loop; a read or a write costs a look
 * at the clock and no allocation.
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
   * For connections from which nothing was received for so long, whatever is sent to them.
   *
   * @param timeout 10 ms or more
   */
  public static IdleReaper readIdle(Duration timeout) {
    return new IdleReaper(timeout, /* countsReads= */ true, /* countsWrites= */ false, null);
  }

  /**
   * For connections to which nothing was written for so long, whatever they send. Output that waits
   * counts as written as long as the socket takes some of it from one timeout to the next.
   *
   * @param timeout 10 ms or more
   */
  public static IdleReaper writeIdle(Duration timeout) {
    return new IdleReaper(timeout, /* countsReads= */ false, /* countsWrites= */ true, null);
  }

  /**
   * For connections from which nothing was received, and to which nothing was {@linkplain
   * #writeIdle written}, for so long.
   *
   * @param timeout 10 ms or more
   */
  public static IdleReaper allIdle(Duration timeout) {
    return new IdleReaper(timeout, /* countsReads= */ true, /* countsWrites= */ true, null);
  }

  /**
   * A reaper that does not close an idle connection but gives it to {@code action}, on its event
   * loop; and again after each further timeout without activity.
   *
   * <p>If the action throws, the connection closes with {@link CloseReason.Kind#HANDLER_ERROR}.
   *
   * @param <O> what can be sent on the connections of the server or client; nobody checks that
   */
  @SuppressWarnings("unchecked") // a promise of the caller's
  public <O> IdleReaper onIdle(Consumer<? super Connection<O>> action) {
    requireNonNull(action, "action");
    return new IdleReaper(
        timeout,
        countsReads,
        countsWrites,
        connection -> action.accept((Connection<O>) connection));
  }

  @Override
  public Observer install(Link link) {
    return new IdleDeadline(link);
  }

  /** What is known of one connection. */
  private final class IdleDeadline extends DeadlineWheel.Entry implements Observer {

    private final Link link;
    private final DeadlineWheel wheel;
    private long lastActiveNanos; // when something happened last
    private long progress; // of output that waits

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
