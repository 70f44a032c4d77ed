package dev.jev;

import dev.jev.CloseReason.Kind;
import java.time.Duration;
import java.util.function.BooleanSupplier;

/**
 * The deadline of the incomplete frame of one connection. Detects a peer that sends a frame
 * extremely slowly, which no idle timeout does.
 *
 * <p>A frame must arrive within the frame timeout plus 1 s per KiB received of it. Time in which
 * reading was paused does not count.
 *
 * <p><b>Costs.</b> An instance is created when a frame is incomplete after a read, and serves the
 * later frames, too: their beginnings and ends are only noted. When the wheel asks for the deadline
 * and no frame is incomplete, the instance leaves the wheel and the connection.
 *
 * <p>Event loop only.
 */
final class FrameDeadline extends DeadlineWheel.Entry {

  /** One second per KiB. */
  private static final long NANOS_PER_BYTE = Duration.ofSeconds(1).toNanos() / 1024;

  private final ProtocolContext context;
  private final DeadlineWheel wheel;
  private final BooleanSupplier onExpiry;
  private long start; // of the incomplete frame
  private long received; // bytes of the incomplete frame
  private boolean running; // a frame is incomplete

  /**
   * Creates and schedules a deadline.
   *
   * @param onExpiry called when the deadline leaves the wheel; returns whether a frame is still
   *     incomplete
   */
  FrameDeadline(ProtocolContext context, Duration timeout, BooleanSupplier onExpiry) {
    this.context = context;
    this.wheel = context.deadlineWheel(timeout);
    this.onExpiry = onExpiry;
    wheel.schedule(this);
  }

  /**
   * Notes that a frame is incomplete. If it is a new one, its time begins, and {@code bytes} of it
   * have arrived.
   */
  void begin(long bytes) {
    if (!running) {
      running = true;
      start = wheel.now();
      received = bytes;
    }
  }

  /** Notes that more bytes have arrived. */
  void received(int bytes) {
    received += bytes;
  }

  /** Notes that the frame is complete. */
  void end() {
    running = false;
  }

  @Override
  protected long deadline(long now) {
    if (!running) {
      return now;
    }
    long readingSince = context.readingSince();
    long from = readingSince - start > 0 ? readingSince : start;
    // No more than the elapsed time, since a deadline is at most one wheel span after now.
    long extension = Math.min(received * NANOS_PER_BYTE, now - from);
    return from + wheel.maxDelay() + extension;
  }

  @Override
  protected void expire() {
    boolean incomplete = onExpiry.getAsBoolean();
    if (running && incomplete) {
      String frame = "frame: " + received + " bytes received";
      String limit = Duration.ofNanos(wheel.maxDelay()) + " plus 1 s per KiB";
      context.close(
          new CloseReason(
              Kind.TIMEOUT,
              new ProtocolException(frame + " (expected: the end within " + limit + ")")));
    }
  }
}
