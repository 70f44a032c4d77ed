package dev.jev.plugin;

import dev.jev.CloseReason.Kind;
import dev.jev.DeadlineWheel;
import io.netty.channel.ChannelConfig;
import io.netty.channel.epoll.EpollChannelOption;
import io.netty.channel.uring.IoUringChannelOption;
import java.time.Duration;

/**
 * Watches whether one connection's socket takes what is written to it.
 *
 * <p>It does not tell when it does, so while output waits it is asked, several times in the time
 * that it has. Linux would collect megabytes for a socket and take nothing until a third of them
 * has left, for which a slow peer may need longer than the deadline: so it is told to collect less.
 */
final class WriteStall extends DeadlineWheel.Entry {

  private static final int LOOKS = 8;

  /**
   * How many bytes the system takes before it has sent them; half of it is one step of progress.
   */
  private static final long UNSENT_BYTES = 128 * 1024;

  private final LimitedConnection connection;
  private final DeadlineWheel wheel;
  private long since; // when the socket is known to have taken something, or had nothing to take
  private long progress;

  WriteStall(LimitedConnection connection, Duration deadline) {
    this.connection = connection;
    this.wheel = connection.link().deadlineWheel(deadline.dividedBy(LOOKS));
    ChannelConfig config = connection.channel().config();
    config.setOption(EpollChannelOption.TCP_NOTSENT_LOWAT, UNSENT_BYTES); // if it is epoll's
    config.setOption(IoUringChannelOption.TCP_NOTSENT_LOWAT, UNSENT_BYTES);
  }

  void flushing() {
    if (!isScheduled()) {
      since = wheel.now();
      progress = SocketOutput.progress(connection.link());
      wheel.schedule(this);
    }
  }

  @Override
  protected long deadline(long now) {
    long before = progress;
    progress = SocketOutput.progress(connection.link());
    if (progress == 0) {
      return now;
    }
    if (progress != before) {
      since = now;
    }
    return now + Math.min(deadline() - (now - since), wheel.maxDelay());
  }

  private long deadline() {
    return wheel.maxDelay() * LOOKS;
  }

  @Override
  protected void expire() {
    if (progress != 0) {
      connection.abort(
          Kind.TIMEOUT,
          "output taken",
          "none within " + Duration.ofNanos(deadline()) + " (expected: some)");
    }
  }
}
