package dev.jev.samples.push;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.samples.push.PushEvent.Stroke;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;

class PushBoardTest {

  private final PushBoard board = new PushBoard();

  private static Stroke stroke(int number, int from, Integer... points) {
    return new Stroke(/* visitor= */ 1, number, /* color= */ 0, from, List.of(points));
  }

  @Test
  void partsOfAStrokeAreOne() {
    assertThat(board.add(stroke(1, 0, 1, 2))).isTrue();
    assertThat(board.add(stroke(2, 0, 7, 8))).isTrue();
    assertThat(board.add(stroke(1, 1, 3, 4, 5, 6))).isTrue();
    assertThat(board.strokes()).containsExactly(stroke(1, 0, 1, 2, 3, 4, 5, 6), stroke(2, 0, 7, 8));
  }

  @Test
  void partWithoutWhatComesBeforeItIsDropped() {
    assertThat(board.add(stroke(1, 1, 1, 2))).isFalse();
    assertThat(board.add(stroke(1, 0, 1, 2))).isTrue();
    assertThat(board.add(stroke(1, 0, 1, 2))).isFalse();
    assertThat(board.add(stroke(1, 2, 1, 2))).isFalse();
    assertThat(board.strokes()).containsExactly(stroke(1, 0, 1, 2));
  }

  @Test
  void oldestStrokesAreForgotten() {
    List<Integer> many = Collections.nCopies(2 * PushRequest.MAX_POINTS, 1);
    int room = PushBoard.MAX_POINTS / PushRequest.MAX_POINTS;
    for (int i = 0; i < room; i++) {
      board.add(new Stroke(1, i, 0, 0, many));
    }
    assertThat(board.strokes()).hasSize(room);
    board.add(stroke(room, 0, 1, 2));
    assertThat(board.strokes()).hasSize(room).extracting(Stroke::stroke).doesNotContain(0);
    assertThat(board.add(stroke(0, 1, 1, 2))).as("of a stroke that is forgotten").isFalse();
  }

  @Test
  void clearedBoardIsEmpty() {
    board.add(stroke(1, 0, 1, 2));
    board.clear();
    assertThat(board.strokes()).isEmpty();
  }
}
