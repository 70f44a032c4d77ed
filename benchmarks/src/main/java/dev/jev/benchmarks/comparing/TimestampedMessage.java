package dev.jev.benchmarks.comparing;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.time.Instant;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;

/** What servers push: a text that begins with the wall-clock time, padded with blanks. */
final class TimestampedMessage {

  /** Of a time in nanoseconds, until the year 2286. */
  static final int TIME_BYTES = 19;

  private TimestampedMessage() {}

  static byte[] now(int bytes) {
    byte[] text = new byte[bytes];
    Arrays.fill(text, (byte) ' ');
    byte[] time = Long.toString(wallClockNanos()).getBytes(US_ASCII);
    System.arraycopy(time, 0, text, 0, TIME_BYTES);
    return text;
  }

  /** The time in two processes of one machine. */
  static long wallClockNanos() {
    Instant now = Instant.now();
    return TimeUnit.SECONDS.toNanos(now.getEpochSecond()) + now.getNano();
  }
}
