package dev.jev;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.channel.embedded.EmbeddedChannel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The wheel itself; IdleReaperTest and LimitsTest test its users. */
@Timeout(60)
class DeadlineWheelTest {

  private static final long SPAN = Duration.ofSeconds(10).toNanos();
  private static final long TICK = SPAN / 200;

  private final EmbeddedChannel channel = new EmbeddedChannel();
  private final DeadlineWheel wheel;

  DeadlineWheelTest() {
    channel.freezeTime();
    wheel = EventLoopWheel.of(channel.eventLoop(), Duration.ofNanos(SPAN));
  }

  @AfterEach
  void close() {
    channel.finishAndReleaseAll();
  }

  /** An entry with a deadline that notes when it was found due. */
  private class Due extends DeadlineWheel.Entry {

    private final long due;
    private long expired = -1;

    Due(long due) {
      this.due = due;
    }

    @Override
    protected long deadline(long now) {
      return Math.min(due, now + SPAN);
    }

    @Override
    protected void expire() {
      expired = wheel.now();
    }
  }

  /** Lets time pass and runs each timer when it is due; returns the number of runs. */
  private int pass(long nanos) {
    int runs = 0;
    for (long left = nanos; left > 0; ) {
      long next = channel.runScheduledPendingTasks();
      long step = next < 0 ? left : Math.min(Math.max(next, 1), left);
      channel.advanceTimeBy(step, TimeUnit.NANOSECONDS);
      channel.runPendingTasks();
      left -= step;
      runs++;
    }
    return runs;
  }

  @Test
  void entryIsFoundAtItsTimeAlsoIfThatIsSoonerThanThoseOfOthers() {
    Due late = new Due(wheel.now() + SPAN);
    Due soon = new Due(wheel.now() + SPAN / 10);
    Due sooner = new Due(wheel.now() + SPAN / 100);
    wheel.schedule(late);
    wheel.schedule(soon, soon.due);
    wheel.schedule(sooner, sooner.due);
    pass(2 * SPAN);
    for (Due each : List.of(late, soon, sooner)) {
      assertThat(each.expired - each.due).isBetween(0L, TICK);
      assertThat(each.isScheduled()).isFalse();
    }
    assertThat(channel.runScheduledPendingTasks()).as("next timer").isEqualTo(-1);
  }

  @Test
  void timeThatHasPassedIsFoundSoon() {
    Due due = new Due(wheel.now() - 1);
    wheel.schedule(due, due.due);
    pass(2 * TICK);
    assertThat(due.expired).isPositive();
  }

  @Test
  void anyTimesInAnyOrderAreFoundInTimeAndNeverEarly() {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    List<Due> all = new ArrayList<>();
    for (int i = 0; i < 3_000; i++) {
      Due due = new Due(wheel.now() + 1 + (long) (random.nextDouble() * SPAN));
      all.add(due);
      wheel.schedule(due, due.due);
      if (random.nextInt(3) == 0) {
        pass((long) (random.nextDouble() * random.nextDouble() * SPAN / 3));
      }
    }
    pass(2 * SPAN);
    for (Due each : all) {
      assertThat(each.expired - each.due).as("late, seed %s", seed).isBetween(0L, TICK);
    }
  }

  @Test
  void entryThatIsWatchedAgainIsFoundOnceAndAtItsNewTime() {
    Due due = new Due(wheel.now() + SPAN / 2);
    wheel.schedule(due, wheel.now() + SPAN / 4);
    wheel.schedule(due, due.due);
    assertThat(pass(SPAN)).isLessThan(5);
    assertThat(due.expired - due.due).isBetween(0L, TICK);
  }

  @Test
  void entryThatHasLeftIsNotFound() {
    Due due = new Due(wheel.now() + SPAN / 2);
    wheel.schedule(due);
    assertThat(due.isScheduled()).isTrue();
    due.cancel();
    assertThat(due.isScheduled()).isFalse();
    pass(2 * SPAN);
    assertThat(due.expired).isEqualTo(-1);
  }

  @Test
  void entryThatFailsIsLoggedAndDoesNotStopTheOthers() {
    DeadlineWheel.Entry faulty =
        new Due(wheel.now() + 1) {
          @Override
          protected void expire() {
            throw new IllegalStateException("boom");
          }
        };
    Due next = new Due(wheel.now() + 1);
    try (LogCapture log = new LogCapture("dev.jev")) {
      wheel.schedule(faulty, wheel.now() + 1);
      wheel.schedule(next, wheel.now() + 1);
      pass(SPAN);
      assertThat(next.expired).isPositive();
      assertThat(faulty.isScheduled()).isFalse();
      assertThat(log.messages("deadline failed: ")).hasSize(1);
    }
  }

  @Test
  void spanIsLongerThanZero() {
    assertThat(wheel.maxDelay()).isEqualTo(SPAN);
    assertThatThrownBy(() -> EventLoopWheel.of(channel.eventLoop(), Duration.ZERO))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("maxDelay: PT0S (expected: > PT0S and <= PT87600H)");
  }
}
