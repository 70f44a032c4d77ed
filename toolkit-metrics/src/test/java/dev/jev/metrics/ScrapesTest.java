package dev.jev.metrics;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;

/** The part of the time that scrapes take, with a clock that is advanced by hand. */
class ScrapesTest {

  private long now;
  private Duration duration = Duration.ofMillis(100); // of a scrape
  private byte count;
  private final Scrapes scrapes = new Scrapes(this::scrape, () -> now);

  private byte[] scrape() {
    advance(duration);
    return new byte[] {++count};
  }

  private void advance(Duration time) {
    now += time.toNanos();
  }

  private int answer() {
    return scrapes.answer()[0];
  }

  @Test
  void answersAreFreshWhileScrapesAreFew() {
    for (int i = 1; i <= 100; i++) {
      assertThat(answer()).isEqualTo(i);
      advance(Duration.ofMillis(100));
    }
  }

  @Test
  void scrapesInARowTakeHalfOfTheTime() {
    for (int i = 0; i < 1000; i++) {
      advance(Duration.ofMillis(10));
      answer();
    }
    assertThat(count).isBetween((byte) 95, (byte) 110);
  }

  @Test
  void anAnswerIsUsedForTwoSecondsAtMost() {
    assertThat(answer()).isEqualTo(1);
    duration = Duration.ofSeconds(30);
    assertThat(answer()).isEqualTo(2);
    assertThat(answer()).isEqualTo(2);
    advance(Duration.ofMillis(2_010));
    assertThat(answer()).isEqualTo(3);
  }

  @Test
  void firstScrapeCostsNothing() {
    duration = Duration.ofSeconds(1);
    assertThat(answer()).isEqualTo(1);
    duration = Duration.ofMillis(100);
    assertThat(answer()).isEqualTo(2);
    assertThat(answer()).isEqualTo(3);
  }
}
