package dev.jev.websocket;

import dev.jev.DeadlineWheel;
import dev.jev.ProtocolContext;
import java.time.Duration;

/**
 * Finds a peer that begins a message and lets it drip, while it answers every ping.
 *
 * <p>A message may take 30 s, and a second more for each KiB that has come. Time in which nothing
 * was read does not count. There is one of these only while a message is incomplete, and none for
 * those that come with one read.
 *
 * <p>Event loop only.
 */
final class MessageDeadline extends DeadlineWheel.Entry {

  static final Duration PATIENCE = Duration.ofSeconds(30);

  /** Of a KiB a second. */
  private static final long NANOS_A_BYTE = Duration.ofSeconds(1).toNanos() / 1024;

  private final MessageReader messages;
  private final ProtocolContext context;
  private final Runnable missed;
  private final long begun;

  /** One that is looked at from now on, and runs {@code missed} unless it leaves in time. */
  MessageDeadline(MessageReader messages, ProtocolContext context, Runnable missed) {
    this.messages = messages;
    this.context = context;
    this.missed = missed;
    DeadlineWheel wheel = context.deadlineWheel(PATIENCE);
    this.begun = wheel.now();
    wheel.schedule(this);
  }

  @Override
  protected long deadline(long now) {
    long reading = context.readingSince();
    long from = reading - begun > 0 ? reading : begun;
    long granted = messages.receivedBytes() * NANOS_A_BYTE;
    return from + PATIENCE.toNanos() + Math.min(granted, now - from);
  }

  @Override
  protected void expire() {
    missed.run();
  }
}
