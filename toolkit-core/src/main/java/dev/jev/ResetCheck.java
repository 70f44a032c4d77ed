package dev.jev;

import java.time.Duration;

/**
 * Finds that the peer has reset a connection, where the transport has not reported it: with
 * io_uring, Netty 4.2 misses a reset that comes while it reads bytes which came before. Such a
 * connection would remain open until something is written.
 *
 * <p>Looks once, a second after the last read, so that it costs a busy connection nothing.
 *
 * <p>Event loop only.
 */
final class ResetCheck extends DeadlineWheel.Entry {

  private static final Duration QUIET = Duration.ofSeconds(1);

  private final Loop loop;
  private final DeadlineWheel wheel;
  private final Runnable check;
  private long lastRead;

  /**
   * Creates the check of a connection that begins now.
   *
   * @param check closes the connection if it was reset
   */
  ResetCheck(Loop loop, Runnable check) {
    this.loop = loop;
    this.wheel = loop.deadlineWheel(QUIET);
    this.check = check;
    read();
  }

  /** Notes that bytes were read. */
  void read() {
    lastRead = loop.turnTime();
    if (!isScheduled()) {
      wheel.schedule(this);
    }
  }

  @Override
  protected long deadline(long now) {
    return lastRead + wheel.maxDelay();
  }

  @Override
  protected void expire() {
    check.run();
  }
}
