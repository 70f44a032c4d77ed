package dev.jev.benchmarks.comparing;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.time.Instant;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;

/** The text that servers push: the wall-clock time, padded with spaces. */
final class TimestampedMessage {

  /** Length of a time in nanoseconds, as decimal digits, until the year 2286. */
  static final int TIME_BYTES = 19;

  private TimestampedMessage() {}

  /** Returns a message of the given size with the current time. */
  static byte[] now(int bytes) {
    byte[] text = new byte[bytes];
    Arrays.fill(text, (byte) ' ');
    byte[] time = Long.toString(wallClockNanos()).getBytes(US_ASCII);
    System.arraycopy(time, 0, text, 0, TIME_BYTES);
    return text;
  }

  /** Returns the wall-clock time, which is comparable between processes of one machine. */
  static long wallClockNanos() {
    Instant now = Instant.now();
    return TimeUnit.SECONDS.toNanos(now.getEpochSecond()) + now.getNano();
  }
}
