package dev.jev.plugin;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.junit.jupiter.api.Test;

/** Tests which connections exceed the budget. */
class BufferBudgetTest {

  private final BufferBudget budget = new BufferBudget(1_000);

  @Test
  void noConnectionIsPausedOrClosedBelowTheThresholds() {
    budget.change(0, 800);
    assertThat(budget.shouldPause(800)).isFalse();
    budget.change(0, 150);
    assertThat(budget.shouldPause(800)).isTrue();
    assertThat(budget.shouldClose(800)).isFalse();
    budget.change(150, 151);
    assertThat(budget.shouldClose(800)).isTrue();
  }

  @Test
  void onlyTheLargestConnectionsThatMakeUpForTheExcessArePaused() {
    budget.change(0, 600);
    budget.change(0, 200);
    budget.change(0, 100);
    assertThat(budget.shouldPause(600)).isTrue(); // 100 too many
    assertThat(budget.shouldPause(200)).isFalse();
    for (int i = 0; i < 100; i++) {
      budget.change(0, 1);
    }
    assertThat(budget.shouldPause(600)).isTrue(); // 200 too many
    assertThat(budget.shouldPause(200)).isFalse();
    assertThat(budget.shouldPause(1)).isFalse();
    assertThat(budget.shouldPause(0)).isFalse();
  }

  @Test
  void onlyTheLargestConnectionsThatMakeUpForTheExcessAreClosed() {
    budget.change(0, 600);
    budget.change(0, 200);
    budget.change(0, 100);
    for (int i = 0; i < 700; i++) {
      budget.change(0, 1);
    }
    assertThat(budget.shouldClose(600)).isTrue(); // 650 too many
    assertThat(budget.shouldClose(200)).isTrue();
    assertThat(budget.shouldClose(100)).isFalse();
    assertThat(budget.shouldClose(0)).isFalse();
  }

  @Test
  void allConnectionsWithBytesArePausedAboveTheBudget() {
    budget.change(0, 999);
    budget.change(0, 1);
    assertThat(budget.shouldPause(1)).isFalse();
    budget.change(0, 1);
    assertThat(budget.shouldPause(1)).isTrue();
    assertThat(budget.shouldPause(0)).isFalse();
  }

  @Test
  void totalIsZeroWhenAllConnectionsAreEmpty() {
    Random random = new Random(1);
    long[] held = new long[100];
    for (int i = 0; i < 100_000; i++) {
      int one = random.nextInt(held.length);
      long now = random.nextInt(3) == 0 ? 0 : random.nextInt(1 << random.nextInt(30));
      budget.change(held[one], now);
      held[one] = now;
    }
    for (long last : held) {
      budget.change(last, 0);
    }
    assertThat(budget.total()).isZero();
    assertThat(budget.shouldPause(Long.MAX_VALUE)).isFalse();
    budget.change(0, 801);
    assertThat(budget.shouldPause(801)).isTrue(); // no larger connection is left
  }
}
