package dev.jev.nodes;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class SocketRateTest {

  private long now = Long.MAX_VALUE - 5; // overflows
  private final SocketRate bucket = new SocketRate(/* perSecond= */ 10, /* burst= */ 3, now);

  private void pass(long millis) {
    now += TimeUnit.MILLISECONDS.toNanos(millis);
  }

  @Test
  void tokensAreSavedUpToTheBurst() {
    pass(10_000);
    for (int i = 0; i < 3; i++) {
      assertThat(bucket.take(now)).isTrue();
    }
    assertThat(bucket.take(now)).isFalse();
    pass(99);
    assertThat(bucket.take(now)).isFalse();
    pass(2);
    assertThat(bucket.take(now)).isTrue();
    assertThat(bucket.take(now)).isFalse();
  }

  @Test
  void debtIsPaidByTime() {
    bucket.spend(3, now);
    assertThat(bucket.debtNanos(now)).isZero();
    bucket.spend(5, now);
    assertThat(bucket.debtNanos(now)).isEqualTo(TimeUnit.MILLISECONDS.toNanos(500));
    pass(400);
    assertThat(bucket.debtNanos(now)).isEqualTo(TimeUnit.MILLISECONDS.toNanos(100));
    pass(101);
    assertThat(bucket.debtNanos(now)).isZero();
  }
}
