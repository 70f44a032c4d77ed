package dev.jev.samples.push;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.samples.push.PushEvent.Visitor;
import java.util.List;
import org.junit.jupiter.api.Test;

class PushPageTest {

  private final PushPage page = new PushPage(new Visitor(1, "Otter", 0));

  private boolean draws(int stroke, int from, Integer... points) {
    return page.draws(new PushRequest.Draw(stroke, from, List.of(points)));
  }

  @Test
  void partContinuesTheLastStroke() {
    assertThat(draws(1, 0, 1, 2)).isTrue();
    assertThat(draws(1, 1, 3, 4, 5, 6)).isTrue();
    assertThat(draws(1, 3, 7, 8)).isTrue();
    assertThat(draws(2, 0, 1, 2)).isTrue();
    assertThat(draws(5, 0, 1, 2)).isTrue();
  }

  @Test
  void partWithoutWhatComesBeforeItIsRefused() {
    assertThat(draws(1, 1, 1, 2)).isFalse();
    assertThat(draws(1, 0, 1, 2)).isTrue();
    assertThat(draws(1, 2, 1, 2)).isFalse();
    assertThat(draws(2, 1, 1, 2)).isFalse();
  }

  @Test
  void partIsRefusedTheSecondTime() {
    assertThat(draws(1, 0, 1, 2)).isTrue();
    assertThat(draws(1, 0, 1, 2)).isFalse();
    assertThat(draws(2, 0, 1, 2)).isTrue();
    assertThat(draws(1, 1, 1, 2)).as("of an earlier stroke").isFalse();
  }
}
