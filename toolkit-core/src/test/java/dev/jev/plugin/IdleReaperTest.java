package dev.jev.plugin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.ThreadMXBean;
import dev.jev.CloseReason;
import dev.jev.Plugin.Observer;
import io.netty.util.concurrent.AbstractScheduledEventExecutor;
import java.lang.management.ManagementFactory;
import java.lang.reflect.Field;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Tests when connections are idle, with a clock that the test moves. */
class IdleReaperTest {

  private static final CloseReason CLOSED = CloseReason.of(CloseReason.Kind.CLOSED);
  private static final Duration MINUTE = Duration.ofMinutes(1);

  private final SlowChannel channel = new SlowChannel();

  private static long millis(long millis) {
    return Duration.ofMillis(millis).toNanos();
  }

  private static long seconds(long seconds) {
    return Duration.ofSeconds(seconds).toNanos();
  }

  private static Observer connect(IdleReaper reaper, FakeLink link) {
    Observer observer = reaper.install(link);
    observer.connected();
    return observer;
  }

  /** Moves the time in small steps until there is an event; returns the elapsed time. */
  private long untilEvent(FakeLink link, long limit) {
    long start = channel.now();
    while (link.events.isEmpty()) {
      assertThat(channel.now() - start).isLessThan(limit);
      long next = channel.untilNextTimer();
      channel.pass(Math.max(next, 1));
    }
    return channel.now() - start;
  }

  @AfterEach
  void release() {
    channel.finishAndReleaseAll();
  }

  @ParameterizedTest
  @ValueSource(longs = {10, 11, 37, 100, 999, 1_000, 1_001, 30_000, 60_000, 86_400_000})
  void silentConnectionIsClosedInTimeAndNeverEarly(long millis) {
    FakeLink link = new FakeLink(channel);
    connect(IdleReaper.readIdle(Duration.ofMillis(millis)), link);
    long time = untilEvent(link, millis(2 * millis));
    assertThat(link.events).containsExactly("close IDLE");
    assertThat(time).isBetween(millis(millis), millis(millis + Math.max(millis / 100, 10)));
  }

  @Test
  void reaperWithAnActionDoesNotClose() {
    IdleReaper reaper = IdleReaper.allIdle(MINUTE);
    assertThat(reaper.closes()).isTrue();
    assertThat(reaper.onIdle(connection -> {}).closes()).isFalse();
  }

  @Test
  void thousandsOfConnectionsAreClosedInTimeAndNeverEarlyWhateverTheyDo() {
    long seed = System.nanoTime();
    System.out.println("IdleReaperTest seed: " + seed);
    Random random = new Random(seed);
    for (int round = 0; round < 20; round++) {
      long timeout = millis(10) + (long) (random.nextDouble() * seconds(round < 10 ? 1 : 100));
      sendThenFallSilent(new Random(random.nextLong()), timeout);
    }
  }

  private void sendThenFallSilent(Random random, long timeout) {
    IdleReaper reaper = IdleReaper.readIdle(Duration.ofNanos(timeout));
    long tolerance = Math.max(timeout / 100, millis(10));
    List<FakeLink> links = new ArrayList<>();
    List<Observer> observers = new ArrayList<>();
    List<Long> lastReads = new ArrayList<>();
    List<Integer> open = new ArrayList<>();
    long end = channel.now() + 3 * timeout;
    while (channel.now() < end || !open.isEmpty()) {
      if (channel.now() < end && random.nextInt(4) == 0) {
        links.add(new FakeLink(channel));
        observers.add(connect(reaper, links.get(links.size() - 1)));
        lastReads.add(channel.now());
        open.add(links.size() - 1);
      }
      if (channel.now() < end && !open.isEmpty()) {
        int i = open.get(random.nextInt(open.size()));
        observers.get(i).received(1);
        lastReads.set(i, channel.now());
      }
      channel.pass(1 + (long) (random.nextDouble() * timeout / 50));
      open.removeIf(
          i -> {
            if (links.get(i).events.isEmpty()) {
              return false;
            }
            assertThat(links.get(i).closedAt - lastReads.get(i))
                .as("silence with timeout %s", timeout)
                .isBetween(timeout, timeout + tolerance);
            observers.get(i).closed(CLOSED);
            return true;
          });
    }
    assertThat(links).hasSizeGreaterThan(20);
    assertThat(channel.untilNextTimer()).isEqualTo(-1);
  }

  @Test
  void readsKeepAliveAndWritesDoNot() {
    FakeLink link = new FakeLink(channel);
    Observer observer = connect(IdleReaper.readIdle(MINUTE), link);
    for (int i = 0; i < 5; i++) {
      channel.pass(seconds(59));
      observer.received(1);
    }
    assertThat(link.events).isEmpty();
    for (int i = 0; i < 5; i++) {
      channel.pass(seconds(13));
      observer.flushing(1);
      observer.written();
    }
    assertThat(link.events).containsExactly("close IDLE");
  }

  @Test
  void writesKeepAliveIfOnlyTheyCount() {
    FakeLink link = new FakeLink(channel);
    Observer observer = connect(IdleReaper.writeIdle(MINUTE), link);
    for (int i = 0; i < 5; i++) {
      channel.pass(seconds(59));
      observer.flushing(1);
      observer.written();
    }
    assertThat(link.events).isEmpty();
    for (int i = 0; i < 5; i++) {
      channel.pass(seconds(13));
      observer.received(1);
    }
    assertThat(link.events).containsExactly("close IDLE");
  }

  @Test
  void bothKeepAliveIfBothCount() {
    FakeLink link = new FakeLink(channel);
    Observer observer = connect(IdleReaper.allIdle(MINUTE), link);
    for (int i = 0; i < 5; i++) {
      channel.pass(seconds(59));
      observer.flushing(1);
      channel.pass(seconds(59));
      observer.received(1);
    }
    assertThat(link.events).isEmpty();
    assertThat(untilEvent(link, seconds(90))).isBetween(seconds(60), millis(60_600));
  }

  @Test
  void outputThatIsTakenSlowlyKeepsAlive() {
    FakeLink link = new FakeLink(channel);
    Observer observer = connect(IdleReaper.writeIdle(MINUTE), link);
    channel.write(1_000);
    observer.flushing(1_000);
    for (int i = 0; i < 20; i++) {
      channel.pass(seconds(50));
      channel.take(1);
    }
    assertThat(link.events).isEmpty();
    assertThat(untilEvent(link, seconds(300))).isBetween(seconds(60), seconds(122));
    assertThat(link.events).containsExactly("close IDLE");
  }

  @Test
  void actionIsCalledInsteadOfACloseAndAgainAfterEachFurtherTimeout() {
    FakeLink link = new FakeLink(channel);
    IdleReaper reaper =
        IdleReaper.writeIdle(MINUTE).<String>onIdle(connection -> connection.send("ping"));
    Observer observer = connect(reaper, link);
    for (int i = 1; i <= 3; i++) {
      channel.pass(millis(60_300));
      assertThat(link.events).hasSize(i).containsOnly("send ping");
    }
    channel.pass(seconds(40));
    observer.flushing(1);
    channel.pass(seconds(40));
    assertThat(link.events).hasSize(3);
  }

  @Test
  void timeCountsFromWhenTheConnectionIsReady() {
    FakeLink link = new FakeLink(channel);
    Observer observer = IdleReaper.readIdle(MINUTE).install(link);
    observer.received(1); // handshake bytes
    channel.pass(seconds(120));
    assertThat(link.events).isEmpty();
    observer.connected();
    assertThat(untilEvent(link, seconds(120))).isBetween(seconds(60), millis(60_600));
  }

  @Test
  void closedConnectionIsForgottenAndTheTimerStops() {
    IdleReaper reaper = IdleReaper.readIdle(MINUTE);
    List<Observer> observers = new ArrayList<>();
    for (int i = 0; i < 1_000; i++) {
      FakeLink link = new FakeLink(channel);
      observers.add(connect(reaper, link));
    }
    observers.forEach(observer -> observer.closed(CLOSED));
    observers.forEach(observer -> observer.closed(CLOSED)); // harmless
    channel.pass(seconds(61));
    assertThat(channel.untilNextTimer()).isEqualTo(-1);
  }

  @Test
  void hundredThousandConnectionsHaveOneTimer() throws Exception {
    IdleReaper reaper = IdleReaper.readIdle(MINUTE);
    FakeLink link = new FakeLink(channel);
    for (int i = 0; i < 100_000; i++) {
      connect(reaper, link).received(1);
    }
    assertThat(timers()).isEqualTo(1);
    channel.pass(seconds(30));
    assertThat(timers()).isEqualTo(1);
  }

  /** Returns the number of timers of the loop, which Netty does not expose. */
  private int timers() throws ReflectiveOperationException {
    Field queue = AbstractScheduledEventExecutor.class.getDeclaredField("scheduledTaskQueue");
    queue.setAccessible(true);
    return ((Queue<?>) queue.get(channel.eventLoop())).size();
  }

  @Test
  void stoppedProcessClosesNoActiveConnection() {
    IdleReaper reaper = IdleReaper.readIdle(Duration.ofSeconds(5));
    FakeLink alive = new FakeLink(channel);
    FakeLink dead = new FakeLink(channel);
    Observer observer = connect(reaper, alive);
    connect(reaper, dead);
    channel.pass(seconds(4));
    channel.halt(seconds(30)); // nothing runs meanwhile; then the timer runs before the reads
    for (int i = 0; i < 10; i++) {
      observer.received(1);
      channel.pass(seconds(1));
    }
    assertThat(alive.events).isEmpty();
    assertThat(dead.events).containsExactly("close IDLE");
  }

  @Test
  void everyStopHasItsGrace() {
    FakeLink link = new FakeLink(channel);
    Observer observer = connect(IdleReaper.readIdle(Duration.ofSeconds(5)), link);
    for (int i = 0; i < 10; i++) {
      channel.halt(seconds(30));
      channel.pass(seconds(1));
      observer.received(1);
    }
    assertThat(link.events).isEmpty();
  }

  @Test
  void loopThatIsAlwaysLateStillClosesIdleConnections() {
    FakeLink link = new FakeLink(channel);
    connect(IdleReaper.readIdle(Duration.ofSeconds(5)), link);
    long start = channel.now();
    while (link.events.isEmpty()) {
      channel.halt(millis(400));
    }
    assertThat(channel.now() - start).isLessThan(seconds(7));
  }

  @Test
  void manyIdleConnectionsAreClosedInBatchesBetweenWhichTheLoopReads() {
    IdleReaper reaper = IdleReaper.readIdle(Duration.ofSeconds(1));
    FakeLink link = new FakeLink(channel);
    for (int i = 0; i < 1_000; i++) {
      connect(reaper, link);
    }
    channel.advanceTimeBy(1_005, java.util.concurrent.TimeUnit.MILLISECONDS);
    channel.runScheduledPendingTasks();
    assertThat(link.events).hasSizeGreaterThanOrEqualTo(256);
    channel.pass(millis(1));
    channel.pass(millis(1));
    channel.pass(millis(1));
    assertThat(link.events).hasSize(1_000);
  }

  @Test
  void oneReaperServesManyLoops() {
    IdleReaper reaper = IdleReaper.readIdle(MINUTE);
    connect(reaper, new FakeLink(channel));
    SlowChannel other = new SlowChannel();
    FakeLink link = new FakeLink(other);
    connect(reaper, link);
    channel.pass(seconds(61));
    assertThat(link.events).isEmpty();
    other.pass(seconds(61));
    assertThat(link.events).containsExactly("close IDLE");
    other.finishAndReleaseAll();
  }

  @Test
  void readCostsNoAllocation() {
    Observer observer = connect(IdleReaper.allIdle(MINUTE), new FakeLink(channel));
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long thread = Thread.currentThread().getId();
    long before = 0;
    int rounds = 100_000;
    for (int i = -rounds; i < rounds; i++) { // the first half warms up
      if (i == 0) {
        before = threads.getThreadAllocatedBytes(thread);
      }
      observer.received(1);
      observer.flushing(1);
      observer.written();
    }
    double each = (double) (threads.getThreadAllocatedBytes(thread) - before) / rounds;
    assertThat(each).as("bytes").isLessThan(0.1);
  }

  @Test
  void timeoutIsTenMillisecondsOrMore() {
    assertThatThrownBy(() -> IdleReaper.readIdle(Duration.ofNanos(9_999_999)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("timeout: PT0.009999999S (expected: >= PT0.01S)");
    assertThatThrownBy(() -> IdleReaper.writeIdle(Duration.ZERO))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("timeout: PT0S (expected: > PT0S and <= PT87600H)");
    assertThatThrownBy(() -> IdleReaper.allIdle(Duration.ofDays(4_000)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("timeout: PT96000H (expected: > PT0S and <= PT87600H)");
    assertThatThrownBy(() -> IdleReaper.readIdle(null))
        .isInstanceOf(NullPointerException.class)
        .hasMessage("timeout");
    assertThatThrownBy(() -> IdleReaper.readIdle(MINUTE).onIdle(null))
        .isInstanceOf(NullPointerException.class)
        .hasMessage("action");
  }
}
