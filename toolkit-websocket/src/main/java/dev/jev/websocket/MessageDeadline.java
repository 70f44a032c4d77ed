package dev.jev.websocket;

import dev.jev.DeadlineWheel;
import dev.jev.ProtocolContext;
import java.time.Duration;

/**
 * The deadline of an incomplete message. Detects a peer that sends a message extremely slowly while
 * it answers every ping.
 *
 * <p>A message must arrive within 30 s plus 1 s per KiB received. Time in which reading was paused
 * does not count. An instance exists only while a message is incomplete after a read.
 *
 * <p>Event loop only.
 */
final class MessageDeadline extends DeadlineWheel.Entry {

  static final Duration BASE_TIMEOUT = Duration.ofSeconds(30);

  /** One second per KiB. */
  private static final long NANOS_PER_BYTE = Duration.ofSeconds(1).toNanos() / 1024;

  private final MessageReader reader;
  private final ProtocolContext context;
  private final Runnable onTimeout;
  private final long start;

  /** Creates and schedules a deadline that runs {@code onTimeout} unless it is cancelled. */
  MessageDeadline(MessageReader reader, ProtocolContext context, Runnable onTimeout) {
    this.reader = reader;
    this.context = context;
    this.onTimeout = onTimeout;
    DeadlineWheel wheel = context.deadlineWheel(BASE_TIMEOUT);
    this.start = wheel.now();
    wheel.schedule(this);
  }

  @Override
  protected long deadline(long now) {
    long readingSince = context.readingSince();
    long from = readingSince - start > 0 ? readingSince : start;
    long extension = reader.receivedBytes() * NANOS_PER_BYTE;
    // No more than the elapsed time, since a deadline is at most one wheel span after now.
    return from + BASE_TIMEOUT.toNanos() + Math.min(extension, now - from);
  }

  @Override
  protected void expire() {
    onTimeout.run();
  }
}
