package dev.jev.plugin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import org.junit.jupiter.api.Test;

/** Tests the arithmetic of tokens. */
class TokenBucketTest {

  private static final long NOW = Long.MAX_VALUE - 5; // clocks may overflow

  private static long millis(long millis) {
    return Duration.ofMillis(millis).toNanos();
  }

  @Test
  void burstIsThereAtOnceAndThenOneUnitAtATime() {
    TokenBucket rate = TokenBucket.of(/* perSecond= */ 10, /* burst= */ 3);
    long paidUntil = rate.full(NOW);
    for (int i = 0; i < 3; i++) {
      assertThat(rate.delay(1, paidUntil, NOW)).isLessThanOrEqualTo(0);
      paidUntil = rate.take(1, paidUntil, NOW);
      assertThat(rate.isExceeded(paidUntil, NOW)).isFalse();
    }
    assertThat(rate.delay(1, paidUntil, NOW)).isEqualTo(millis(100));
    assertThat(rate.delay(1, paidUntil, NOW + millis(60))).isEqualTo(millis(40));
    assertThat(rate.isExceeded(rate.take(1, paidUntil, NOW + millis(99)), NOW + millis(99)))
        .isTrue();
    assertThat(rate.isExceeded(rate.take(1, paidUntil, NOW + millis(100)), NOW + millis(100)))
        .isFalse();
  }

  @Test
  void overdraftIsPaidForLater() {
    TokenBucket rate = TokenBucket.of(1_000, 500);
    long paidUntil = rate.take(2_500, rate.full(NOW), NOW);
    assertThat(rate.delay(1, paidUntil, NOW)).isEqualTo(millis(2_001));
  }

  @Test
  void bucketDoesNotFillBeyondItsBurst() {
    TokenBucket rate = TokenBucket.of(10, 3);
    long paidUntil = rate.take(3, rate.full(NOW), NOW);
    long later = NOW + Duration.ofDays(1).toNanos();
    assertThat(rate.isExceeded(rate.take(3, paidUntil, later), later)).isFalse();
    assertThat(rate.isExceeded(rate.take(4, paidUntil, later), later)).isTrue();
  }

  @Test
  void ratesAndBurstsAreFromOneToABillion() {
    assertThatThrownBy(() -> TokenBucket.of(0, 1))
        .hasMessage("perSecond: 0 (expected: 1..1073741824)");
    assertThatThrownBy(() -> TokenBucket.of(1, (1 << 30) + 1))
        .hasMessage("burst: 1073741825 (expected: 1..1073741824)");
    long paidUntil = TokenBucket.of(1, 1 << 30).full(NOW); // the longest possible time
    assertThat(TokenBucket.of(1, 1 << 30).isExceeded(paidUntil, NOW)).isFalse();
  }
}
