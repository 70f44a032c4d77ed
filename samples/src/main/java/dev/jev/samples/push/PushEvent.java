package dev.jev.samples.push;

import com.fasterxml.jackson.annotation.JsonTypeInfo;
import com.fasterxml.jackson.annotation.JsonTypeName;
import java.util.List;

/** A message from {@link Push} to its page, as JSON. */
@JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "type")
sealed interface PushEvent {

  /**
   * A visitor of the page.
   *
   * @param color the index of one of the page's colors
   */
  record Visitor(int id, String name, int color) {}

  /**
   * The log of the drawing.
   *
   * @param log the id of the log: another one after a restart of the server
   * @param begin the position at which a page without one of its own begins to read
   */
  record Drawing(String log, String begin) {}

  /** The first message: the visitor's identity, the drawing, and the limits of the controls. */
  @JsonTypeName("welcome")
  record Welcome(Visitor you, Drawing drawing, int maxRate, int maxSimulated)
      implements PushEvent {}

  /** The answer to a ping, with its number. */
  @JsonTypeName("pong")
  record Pong(int number) implements PushEvent {}

  /** A message to all subscribers, the simulated ones included, at the requested rate. */
  @JsonTypeName("tick")
  record Tick(long number) implements PushEvent {}

  /** The number of visitors, and some of them. */
  @JsonTypeName("people")
  record People(int count, List<Visitor> some) implements PushEvent {}

  /** The figures of the server. */
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

  /** The position of a visitor's cursor. */
  @JsonTypeName("cursor")
  record Cursor(Visitor visitor, int x, int y) implements PushEvent {}

  /** Removes a visitor's cursor. */
  @JsonTypeName("gone")
  record Gone(int id) implements PushEvent {}

  /** A message of the drawing: a stroke or a part of one; see {@link PushRequest.Draw}. */
  @JsonTypeName("stroke")
  record Stroke(int visitor, int stroke, int color, int from, List<Integer> points)
      implements PushEvent {}

  /** A message of the drawing: the board is empty. */
  @JsonTypeName("cleared")
  record Cleared() implements PushEvent {}
}
