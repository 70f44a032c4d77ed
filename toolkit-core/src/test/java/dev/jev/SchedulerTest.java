package dev.jev;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Timers of servers and connections. */
class SchedulerTest {

  private static final Duration MS = Duration.ofMillis(1);

  private final Recorder<String, String> recorder = new Recorder<>(Connection::send);
  private @Nullable RawPeer peer;
  private Server server = startServer(recorder, 2);
  private Connection<String> connection;

  private static Server startServer(Handler<String, String> handler, int eventLoops) {
    return Server.builder(Texts::new, handler)
        .listen("tcp://127.0.0.1:0")
        .eventLoops(eventLoops)
        .lingeringCloseTimeout(Duration.ZERO)
        .start();
  }

  @BeforeEach
  void connect() throws Exception {
    peer = RawPeer.connect(server);
    connection = recorder.connection();
    recorder.expect("connect");
  }

  @AfterEach
  void stop() throws Exception {
    if (peer != null) {
      peer.close();
    }
    server.close();
  }

  private Scheduler timers(String whose) {
    return whose.equals("server") ? server : connection;
  }

  /** Waits for a duration, by a timer that is independent of the test. */
  private static void pass(Duration time) {
    long end = System.nanoTime() + time.toNanos();
    for (long left; (left = end - System.nanoTime()) > 0; ) {
      LockSupport.parkNanos(left);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"server", "connection"})
  void runAfterRunsOnceOnAnEventLoopAndNeverEarly(String whose) throws Exception {
    List<String> threads = new CopyOnWriteArrayList<>();
    AtomicReference<Long> ran = new AtomicReference<>();
    CountDownLatch done = new CountDownLatch(1);
    long start = System.nanoTime();
    timers(whose)
        .runAfter(
            MS.multipliedBy(40),
            () -> {
              threads.add(Thread.currentThread().getName());
              ran.set(System.nanoTime());
              done.countDown();
            });
    assertThat(done.await(10, TimeUnit.SECONDS)).isTrue();
    assertThat(Duration.ofNanos(ran.get() - start)).isGreaterThanOrEqualTo(MS.multipliedBy(40));
    pass(MS.multipliedBy(60));
    assertThat(threads).singleElement().asString().startsWith("jev-loop");
  }

  @Test
  void timersOfAConnectionRunOnItsEventLoopAndMaySend() throws Exception {
    connection.runAfter(Duration.ZERO, () -> connection.send("later"));
    assertThat(peer.receive()).isEqualTo("later");
  }

  @Test
  void runEveryHasNoDrift() throws Exception {
    List<Long> times = new ArrayList<>();
    try (TimedConnections<String, String> timed =
        new TimedConnections<>(Texts::new, Recorder.silent())) {
      long start = timed.now();
      Runnable tick = () -> times.add(Duration.ofNanos(timed.now() - start).toMillis());
      timed.connect().connection().runEvery(MS.multipliedBy(20), tick);
      for (int i = 0; i < 20; i++) {
        timed.halt(MS.multipliedBy(9)); // so the ticks are late
      }
    }
    // If each period began with the late tick before it, the second would come at 54 ms.
    assertThat(times).containsExactly(27L, 45L, 63L, 81L, 108L, 126L, 144L, 162L, 180L);
  }

  @ParameterizedTest
  @ValueSource(strings = {"server", "connection"})
  void missedTimesAreLeftOutAndNothingOverlaps(String whose) throws Exception {
    AtomicInteger runs = new AtomicInteger();
    AtomicInteger inside = new AtomicInteger();
    AtomicInteger most = new AtomicInteger();
    CountDownLatch done = new CountDownLatch(4);
    long start = System.nanoTime();
    AtomicReference<Long> secondRun = new AtomicReference<>();
    ScheduledTask timer =
        timers(whose)
            .runEvery(
                MS.multipliedBy(10),
                () -> {
                  most.accumulateAndGet(inside.incrementAndGet(), Math::max);
                  if (runs.incrementAndGet() == 1) {
                    pass(MS.multipliedBy(105)); // ten times are missed
                  } else if (runs.get() == 2) {
                    secondRun.set(System.nanoTime() - start);
                  }
                  inside.decrementAndGet();
                  done.countDown();
                });
    assertThat(done.await(10, TimeUnit.SECONDS)).isTrue();
    timer.cancel();
    assertThat(most).hasValue(1);
    // The first ran at 10 ms, until 115 ms; the second is due at 120 ms, and not ten at once.
    assertThat(Duration.ofNanos(secondRun.get())).isGreaterThanOrEqualTo(MS.multipliedBy(119));
    assertThat(Duration.ofNanos(System.nanoTime() - start)).isGreaterThan(MS.multipliedBy(139));
  }

  @ParameterizedTest
  @ValueSource(strings = {"server", "connection"})
  void tickerRunsFirstAtOnceAndThenAsItSays(String whose) throws Exception {
    CountDownLatch first = new CountDownLatch(1);
    timers(whose)
        .runTicker(
            () -> {
              first.countDown();
              return Duration.ofMinutes(1);
            });
    assertThat(first.await(10, TimeUnit.SECONDS)).isTrue(); // and not after a minute
    List<Long> times = new CopyOnWriteArrayList<>();
    CountDownLatch done = new CountDownLatch(4);
    long start = System.nanoTime();
    ScheduledTask timer =
        timers(whose)
            .runTicker(
                () -> {
                  times.add(System.nanoTime() - start);
                  done.countDown();
                  return MS.multipliedBy(times.size() * 20L);
                });
    assertThat(done.await(10, TimeUnit.SECONDS)).isTrue();
    timer.cancel();
    assertThat(Duration.ofNanos(times.get(1) - times.get(0))).isGreaterThan(MS.multipliedBy(19));
    assertThat(Duration.ofNanos(times.get(2) - times.get(1))).isGreaterThan(MS.multipliedBy(39));
    assertThat(Duration.ofNanos(times.get(3) - times.get(2))).isGreaterThan(MS.multipliedBy(59));
  }

  private static void await(CountDownLatch latch) {
    try {
      assertThat(latch.await(10, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"server", "connection"})
  void cancelledTimerDoesNotRunAndATaskCanCancelItself(String whose) throws Exception {
    AtomicInteger runs = new AtomicInteger();
    Recorder<String, String> ofOneLoop = Recorder.silent();
    try (Server one = startServer(ofOneLoop, 1);
        RawPeer onlyPeer = RawPeer.connect(one)) {
      Connection<String> accepted = ofOneLoop.connection();
      assertThat(accepted.remoteAddress()).isEqualTo(onlyPeer.socket().getLocalSocketAddress());
      Scheduler timers = whose.equals("server") ? one : accepted;
      CountDownLatch cancelled = new CountDownLatch(1);
      accepted.execute(() -> await(cancelled)); // so no timer runs before it is cancelled
      timers.runAfter(MS.multipliedBy(20), runs::incrementAndGet).cancel();
      timers.runEvery(MS.multipliedBy(20), runs::incrementAndGet).cancel();
      AtomicReference<ScheduledTask> self = new AtomicReference<>();
      CountDownLatch once = new CountDownLatch(1);
      self.set(
          timers.runEvery(
              MS.multipliedBy(10),
              () -> {
                self.get().cancel();
                once.countDown();
              }));
      cancelled.countDown();
      assertThat(once.await(10, TimeUnit.SECONDS)).isTrue();
      pass(MS.multipliedBy(60));
      assertThat(runs).hasValue(0);
      self.get().cancel();
    }
  }

  @Test
  void timersOfAConnectionEndWithIt() throws Exception {
    AtomicInteger runs = new AtomicInteger();
    connection.runEvery(MS.multipliedBy(10), runs::incrementAndGet);
    connection.runAfter(Duration.ofMillis(300), () -> runs.addAndGet(1000));
    Eventually.holds("it runs", () -> runs.get() > 1);
    connection.closeNow();
    recorder.expect("close CLOSED");
    int before = runs.get();
    connection.runAfter(MS, () -> runs.addAndGet(1000));
    for (int i = 0; i < 10_000; i++) { // the event loop may be faster than this thread
      connection.runAfter(Duration.ZERO, () -> runs.addAndGet(1000));
    }
    pass(MS.multipliedBy(350));
    assertThat(runs).hasValue(before);
  }

  @Test
  void timersOfAServerEndWhenItStops() throws Exception {
    AtomicInteger runs = new AtomicInteger();
    server.runEvery(MS, runs::incrementAndGet);
    Eventually.holds("it runs", () -> runs.get() > 1);
    server.close();
    int before = runs.get();
    server.runAfter(Duration.ZERO, runs::incrementAndGet);
    server.runTicker(
        () -> {
          runs.incrementAndGet();
          return MS;
        });
    pass(MS.multipliedBy(30));
    assertThat(runs).hasValue(before);
  }

  @Test
  void whatATimerOfAConnectionThrowsClosesIt() throws Exception {
    try (LogCapture log = new LogCapture("dev.jev")) {
      connection.runEvery(
          MS,
          () -> {
            throw new IllegalStateException("broken");
          });
      recorder.expect("close HANDLER_ERROR");
      assertThat(log.records()).hasSize(1);
    }
  }

  @Test
  void whatATimerOfAServerThrowsEndsTheTimerOnly() throws Exception {
    AtomicInteger runs = new AtomicInteger();
    try (LogCapture log = new LogCapture("dev.jev")) {
      server.runEvery(
          MS,
          () -> {
            runs.incrementAndGet();
            throw new IllegalStateException("broken");
          });
      Eventually.holds("it is logged", () -> !log.records().isEmpty());
      pass(MS.multipliedBy(20));
      assertThat(log.records()).hasSize(1);
      assertThat(log.records().get(0).getMessage())
          .isEqualTo("task failed; its timer is cancelled");
    }
    assertThat(runs).hasValue(1);
    assertThat(peer.send("hello").receive()).isEqualTo("hello");
  }

  @Test
  void badTimesAreRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> server.runAfter(Duration.ofNanos(-1), () -> {}))
        .withMessage("delay: PT-0.000000001S (expected: PT0S..PT87600H)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> connection.runEvery(Duration.ZERO, () -> {}))
        .withMessage("period: PT0S (expected: > PT0S and <= PT87600H)");
  }
}
