package dev.jev.samples;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CallsPrograms;
import dev.jev.Program;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The samples that send unprompted. */
@Timeout(180)
class PushIT {

  @Test
  @CallsPrograms
  void timedPushTellsNcTheTimeEveryPeriod() throws Exception {
    try (Program server = Sample.server("timed-push", "--port", "0", "--period-ms", "50");
        Program nc = Program.start("nc", "127.0.0.1", String.valueOf(server.port()))) {
      Instant first = Instant.parse(nc.line());
      Instant last = first;
      for (int i = 0; i < 10; i++) {
        last = Instant.parse(nc.line());
      }
      assertThat(Duration.between(first, last)).isGreaterThan(Duration.ofMillis(400));
      nc.kill();
      assertThat(server.terminate().exitStatus()).isZero();
      assertThat(server.errors()).isEmpty();
    }
  }

  @Test
  @CallsPrograms
  void tickerPushTellsAllClientsTheSameTicks() throws Exception {
    try (Program server = Sample.server("ticker-push", "--port", "0", "--period-ms", "20");
        Program one = Program.start("nc", "127.0.0.1", String.valueOf(server.port()));
        Program other = Program.start("nc", "127.0.0.1", String.valueOf(server.port()))) {
      for (Program nc : List.of(one, other)) {
        int tick = tick(nc.line());
        for (int i = 1; i < 10; i++) {
          assertThat(tick(nc.line())).isEqualTo(tick + i);
        }
      }
      one.kill();
      other.kill();
      assertThat(server.terminate().exitStatus()).isZero();
      assertThat(server.errors()).isEmpty();
    }
  }

  private static int tick(String line) {
    assertThat(line).matches("tick \\d+");
    return Integer.parseInt(line.substring("tick ".length()));
  }

  @Test
  @CallsPrograms
  void bufferLengthSkipsAClientThatDoesNotReadAndGoesOnWhenItDoes() throws Exception {
    int size = 100_000;
    try (Program server =
            Sample.server("buffer-length", "--port", "0", "--period-ms", "1", "--size", "" + size);
        RawClient client = new RawClient(server.port());
        Program nc = Program.start("nc", "127.0.0.1", String.valueOf(server.port()))) {
      // The lines of a fast client measure the time in which another client reads nothing.
      for (int i = 0; i < 1_000; i++) {
        assertThat(nc.line()).hasSizeGreaterThan(size);
      }
      Pattern line = Pattern.compile("(\\d+) skipped (\\d+) waiting (\\d+) +");
      int skipped = 0;
      for (int last = 0; skipped == 0; ) {
        Matcher parts = line.matcher(client.receivesLine());
        assertThat(parts.matches()).isTrue();
        int number = Integer.parseInt(parts.group(1));
        skipped = Integer.parseInt(parts.group(2));
        assertThat(number).as("no line is lost").isEqualTo(last + 1 + skipped);
        assertThat(Long.parseLong(parts.group(3))).isLessThanOrEqualTo(256 * 1024);
        last = number;
      }
      assertThat(skipped).isPositive();
      client.leaves();
      nc.kill();
      assertThat(server.terminate().exitStatus()).isZero();
      assertThat(server.errors()).isEmpty();
    }
  }
}
