package dev.jev.plugin;

import dev.jev.CloseReason.Kind;
import dev.jev.DeadlineWheel;
import io.netty.channel.ChannelConfig;
import io.netty.channel.epoll.EpollChannelOption;
import io.netty.channel.uring.IoUringChannelOption;
import java.time.Duration;

/**
 * Closes a connection whose socket takes none of the pending output in time.
 *
 * <p>A socket does not report that it takes output, so it is checked several times per timeout
 * while output is pending. Linux would buffer megabytes per socket and then take nothing until a
 * third of them has been sent, for which a slow peer may need longer than the timeout. So the
 * amount of unsent bytes that it buffers is reduced.
 */
final class WriteStall extends DeadlineWheel.Entry {

  private static final int CHECKS_PER_TIMEOUT = 8;

  /** Maximum number of unsent bytes in the kernel; half of it is one step of progress. */
  private static final long UNSENT_BYTES = 128 * 1024;

  private final LimitContext connection;
  private final DeadlineWheel wheel;
  // When the socket last took output, or had none to take.
  private long lastProgressNanos;
  private long progress;

  WriteStall(LimitContext connection, Duration timeout) {
    this.connection = connection;
    this.wheel = connection.link().deadlineWheel(timeout.dividedBy(CHECKS_PER_TIMEOUT));
    ChannelConfig config = connection.channel().config();
    config.setOption(
        EpollChannelOption.TCP_NOTSENT_LOWAT, UNSENT_BYTES); // no effect on other channels
    config.setOption(IoUringChannelOption.TCP_NOTSENT_LOWAT, UNSENT_BYTES);
  }

  void flushing() {
    if (!isScheduled()) {
      lastProgressNanos = wheel.now();
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
      lastProgressNanos = now;
    }
    return now + Math.min(timeoutNanos() - (now - lastProgressNanos), wheel.maxDelay());
  }

  private long timeoutNanos() {
    return wheel.maxDelay() * CHECKS_PER_TIMEOUT;
  }

  @Override
  protected void expire() {
    if (progress != 0) {
      connection.abort(
          Kind.TIMEOUT,
          "write stall",
          "socket took no output within " + Duration.ofNanos(timeoutNanos()));
    }
  }
}
