package dev.jev;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

/** The time that a client waits before it reconnects. */
class ClientBackoffTest {

  /** A random source that always returns the largest allowed number. */
  static long longest(long bound) {
    return bound - 1;
  }

  private static List<Long> waits(ClientBackoff backoff, int count) {
    List<Long> waits = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      waits.add(backoff.nextNanos());
    }
    return waits;
  }

  @Test
  void boundDoublesUpToTheCap() {
    assertThat(waits(new ClientBackoff(100, 30_000, ClientBackoffTest::longest), 12))
        .containsExactly(
            100L, 200L, 400L, 800L, 1_600L, 3_200L, 6_400L, 12_800L, 25_600L, 30_000L, 30_000L,
            30_000L);
  }

  @Test
  void largestCapDoesNotOverflow() {
    long tenYears = 3650L * 24 * 3600 * 1_000_000_000;
    assertThat(waits(new ClientBackoff(1, tenYears, ClientBackoffTest::longest), 100))
        .isSorted()
        .allMatch(wait -> wait > 0 && wait <= tenYears)
        .endsWith(tenYears);
  }

  @Test
  void capThatIsTheFirstWaitStays() {
    assertThat(waits(new ClientBackoff(100, 100, ClientBackoffTest::longest), 3))
        .containsExactly(100L, 100L, 100L);
  }

  @Test
  void waitsAreSpreadEvenlyFromZeroToTheBound() {
    long seed = ThreadLocalRandom.current().nextLong();
    Random random = new Random(seed);
    expectEven(() -> new ClientBackoff(1_000_000, 2_000_000, random::nextLong), "seed " + seed);
  }

  @Test
  void waitsOfClientsAreSpreadEvenly() {
    Client.Builder<String, String> builder =
        Client.<String, String>builder(Texts::new, Recorder.silent())
            .reconnect(Duration.ofMillis(1), Duration.ofMillis(2));
    expectEven(() -> requireNonNull(builder.newBackoff()), "of the builder");
  }

  private static void expectEven(Supplier<ClientBackoff> backoffs, String which) {
    int[] tenths = new int[10];
    int clients = 10_000;
    for (int i = 0; i < clients; i++) {
      long wait = backoffs.get().nextNanos();
      assertThat(wait).as(which).isBetween(0L, 1_000_000L);
      tenths[(int) Math.min(wait / 100_000, 9)]++;
    }
    for (int tenth : tenths) { // 1,000 are expected, with a standard deviation of 30
      assertThat(tenth).as("clients in a tenth of the time, %s", which).isBetween(800, 1_200);
    }
  }

  @Test
  void connectionThatLastedBeginsAnew() {
    ClientBackoff backoff = new ClientBackoff(100, 30_000, ClientBackoffTest::longest);
    waits(backoff, 4); // the next bound is 1,600
    backoff.connectionLasted(1_601);
    assertThat(waits(backoff, 2)).containsExactly(100L, 200L);
  }

  @Test
  void connectionThatDidNotLastGoesOnWaitingLonger() {
    ClientBackoff backoff = new ClientBackoff(100, 30_000, ClientBackoffTest::longest);
    waits(backoff, 4);
    backoff.connectionLasted(1_600);
    assertThat(waits(backoff, 2)).containsExactly(1_600L, 3_200L);
  }
}
