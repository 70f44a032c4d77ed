package dev.jev.nodes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.jev.nodes.ModelCluster.Planted;
import java.util.concurrent.ThreadLocalRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Random histories of an engine with faults, against the promises of a log. */
class SequenceModelTest {

  private static final int RUNS = 500;
  private static final int STEPS = 2_000;

  @Test
  void millionRandomStepsLoseDoubleAndReorderNothing() {
    long first = ThreadLocalRandom.current().nextLong();
    System.out.println("first seed of the model: " + first);
    int gaps = 0;
    int diverged = 0;
    int repairs = 0;
    int stored = 0;
    int unknown = 0;
    for (int i = 0; i < RUNS; i++) {
      ModelCluster cluster = new ModelCluster(first + i);
      cluster.run(STEPS);
      gaps += cluster.gaps;
      diverged += cluster.diverged;
      repairs += cluster.repairs;
      stored += cluster.stored;
      unknown += cluster.unknown;
    }
    assertThat(gaps).as("gaps").isPositive();
    assertThat(diverged).as("diverged").isPositive();
    assertThat(unknown).as("unknown").isPositive();
    assertThat(repairs).as("repairs").isGreaterThan(RUNS);
    assertThat(stored).as("stored").isGreaterThan(100 * RUNS);
  }

  @ParameterizedTest
  @EnumSource
  void plantedFaultIsFound(Planted planted) {
    assertThatThrownBy(
            () -> {
              for (int i = 0; i < RUNS; i++) {
                new ModelCluster(i, planted).run(STEPS);
              }
            })
        .isInstanceOf(AssertionError.class)
        .hasMessageMatching(
            switch (planted) {
              case DROP_A_REPAIR -> ".* is missing .*";
              case SKIP_A_FENCE -> ".* (is stored 2 times|comes after) .*";
              case DELIVER_TWICE -> ".* is delivered twice .*";
              case HIDE_A_GAP -> ".* is missing .*";
            });
  }
}
