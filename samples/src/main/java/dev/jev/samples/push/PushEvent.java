package dev.jev.samples.push;

import com.fasterxml.jackson.annotation.JsonTypeInfo;
import com.fasterxml.jackson.annotation.JsonTypeName;
import java.util.List;
import org.jspecify.annotations.Nullable;

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
   * @param url the page's URL for other devices; null if they cannot reach it
   */
  @JsonTypeName("welcome")
  record Welcome(Visitor you, boolean shared, @Nullable String url, int maxRate, int maxSimulated)
      implements PushEvent {}

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

  /**
   * A client of the price feed.
   *
   * @param policy the last part of its path
   * @param age the age of the newest price that it has received, in milliseconds
   * @param price the latest price of the first symbol that it has received
   * @param waiting bytes that wait in the server
   * @param dropped messages that the server has dropped
   * @param replaced messages that the server has replaced by newer ones
   */
  record Lane(String policy, long age, double price, long waiting, long dropped, long replaced) {}

  /**
   * The clients of the price feed.
   *
   * @param kilobytes the kilobytes per second that a slow one reads
   */
  @JsonTypeName("lanes")
  record Lanes(int kilobytes, List<Lane> lanes) implements PushEvent {}

  /**
   * The return of the connections after a restart of the server.
   *
   * @param before the number of connections before
   * @param now the number of connections now
   * @param perSecond the number of connections that came in each second since the start
   */
  @JsonTypeName("restarted")
  record Restarted(int before, int now, List<Integer> perSecond) implements PushEvent {}

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
