package dev.jev.samples.push;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.nodes.Backplane;
import dev.jev.nodes.Nodes;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class PushDrawingTest {

  private static final String STROKE = "{\"type\":\"stroke\"}";
  private static final String CLEARED = "{\"type\":\"cleared\"}";

  private final Nodes nodes = Nodes.builder(Backplane.inProcess()).build();
  private final PushDrawing drawing = new PushDrawing(nodes);

  @BeforeEach
  void start() {
    nodes.start();
    clear();
  }

  @AfterEach
  void stop() {
    nodes.stop();
  }

  private void clear() {
    drawing.clear(CLEARED).toCompletableFuture().join();
  }

  private void draw(int points) {
    drawing.draw(STROKE, points).toCompletableFuture().join();
  }

  private String begin() {
    return drawing.begin().begin();
  }

  @Test
  void pagesBeginWhereTheBoardWasEmpty() {
    String first = begin();
    draw(1);
    assertThat(begin()).isEqualTo(first);
    clear();
    assertThat(begin()).isNotEqualTo(first);
  }

  @Test
  void pagesReadABoundedNumberOfPoints() {
    String empty = begin();
    for (int points = 0; points < PushDrawing.MAX_POINTS; points += 500) {
      draw(500);
    }
    assertThat(begin()).isEqualTo(empty);
    draw(500);
    assertThat(begin()).isNotEqualTo(empty);
  }
}
