package dev.jev.samples.push;

import com.fasterxml.jackson.annotation.JsonTypeInfo;
import com.fasterxml.jackson.annotation.JsonTypeName;
import java.util.List;

/** What {@link Push} tells its page, as JSON. */
@JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "type")
sealed interface PushEvent {

  /** What has the same key is replaced by what is newer. */
  default Object key() {
    return this;
  }

  /** Somebody who has the page open: a name, and which of the page's colors. */
  record Visitor(int id, String name, int color) {}

  /** The first message: who one is, what is on the board, and the limits of the controls. */
  @JsonTypeName("welcome")
  record Welcome(Visitor you, List<Stroke> strokes, int maxRate, int maxSimulated)
      implements PushEvent {}

  /** The number of a ping. */
  @JsonTypeName("pong")
  record Pong(int number) implements PushEvent {}

  /** What goes to every subscriber, simulated ones too, at the rate that was asked for. */
  @JsonTypeName("tick")
  record Tick(long number) implements PushEvent {}

  /** Who is there; of many only some. */
  @JsonTypeName("people")
  record People(int count, List<Visitor> some) implements PushEvent {}

  /** How the server is doing. */
  @JsonTypeName("numbers")
  record Numbers(
      int connections,
      int people,
      int simulated,
      int simulatedGoal,
      int rate,
      long pushed,
      double pushedPerSecond,
      long heapBytes,
      long directBytes)
      implements PushEvent {}

  /** Where somebody's cursor is. */
  @JsonTypeName("cursor")
  record Cursor(Visitor visitor, int x, int y) implements PushEvent {
    @Override
    public Object key() {
      return visitor.id();
    }
  }

  /** Somebody's cursor is nowhere. */
  @JsonTypeName("gone")
  record Gone(int id) implements PushEvent {
    @Override
    public Object key() {
      return id;
    }
  }

  /** A part of a stroke, or all of it; see {@link PushRequest.Draw}. */
  @JsonTypeName("stroke")
  record Stroke(int visitor, int stroke, int color, int from, List<Integer> points)
      implements PushEvent {}

  /** The board was wiped. */
  @JsonTypeName("cleared")
  record Cleared() implements PushEvent {}
}
