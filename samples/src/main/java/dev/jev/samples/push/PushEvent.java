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
   * The first message: the visitor's identity, and the limits of the controls.
   *
   * @param shared whether the drawing is in an engine that outlives this process
   */
  @JsonTypeName("welcome")
  record Welcome(Visitor you, boolean shared, int maxRate, int maxSimulated) implements PushEvent {}

  /**
   * A node.
   *
   * @param port the port of its page
   * @param up whether it runs
   */
  record Node(int number, int port, boolean up) {}

  /**
   * The nodes that share the drawing.
   *
   * @param here the number of the one that sends this
   */
  @JsonTypeName("nodes")
  record Nodes(int here, List<Node> all) implements PushEvent {}

  /**
   * A message that each node publishes several times per second.
   *
   * @param run the id of a sequence, of which there is a new one when a node starts
   * @param step the number of the message in it, from 1 on
   */
  @JsonTypeName("step")
  record Step(int node, String run, long step) implements PushEvent {}

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
