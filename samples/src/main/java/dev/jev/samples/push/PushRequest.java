package dev.jev.samples.push;

import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import com.fasterxml.jackson.annotation.JsonTypeName;
import java.util.List;

/** A message from the page of {@link Push}, as JSON. Numbers out of range are refused. */
@JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "type")
@JsonSubTypes({
  @JsonSubTypes.Type(PushRequest.Ping.class),
  @JsonSubTypes.Type(PushRequest.Move.class),
  @JsonSubTypes.Type(PushRequest.Leave.class),
  @JsonSubTypes.Type(PushRequest.Draw.class),
  @JsonSubTypes.Type(PushRequest.Clear.class),
  @JsonSubTypes.Type(PushRequest.Rate.class),
  @JsonSubTypes.Type(PushRequest.Subscribers.class),
  @JsonSubTypes.Type(PushRequest.Read.class),
  @JsonSubTypes.Type(PushRequest.Restart.class),
  @JsonSubTypes.Type(PushRequest.Kill.class)
})
sealed interface PushRequest {

  /** Maximum coordinate; the minimum is 0. Independent of the board's size on the screen. */
  int MAX_COORDINATE = 10_000;

  /** Maximum number of points of a stroke. The page splits longer ones. */
  int MAX_POINTS = 1_000;

  /** Maximum number of simulated subscribers to add or remove at once. */
  int MAX_CHANGE = 100_000;

  /** Maximum number of ticks per second. */
  int MAX_RATE = 50;

  /** Minimum number of kilobytes per second that a slow client reads. */
  int MIN_KILOBYTES = 20;

  /** Initial number of kilobytes per second that a slow client reads. */
  int DEFAULT_KILOBYTES = 40;

  /** Maximum number of kilobytes per second that a slow client reads: more than the feed has. */
  int MAX_KILOBYTES = 200;

  /** Maximum number of nodes. */
  int MAX_NODES = 2;

  /** Requests the same number back, to measure the round-trip time. */
  @JsonTypeName("ping")
  record Ping(int number) implements PushRequest {}

  /** The position of the visitor's cursor. */
  @JsonTypeName("move")
  record Move(int x, int y) implements PushRequest {
    /** Checks the numbers. */
    public Move {
      check("x", x, 0, MAX_COORDINATE);
      check("y", y, 0, MAX_COORDINATE);
    }
  }

  /** The visitor's cursor has left the board. */
  @JsonTypeName("leave")
  record Leave() implements PushRequest {}

  /**
   * Begins or continues a stroke.
   *
   * @param stroke the number of the stroke among the visitor's
   * @param from the number of points sent before
   * @param points the coordinates of further points: x, y, x, y...
   */
  @JsonTypeName("draw")
  record Draw(int stroke, int from, List<Integer> points) implements PushRequest {
    /** Checks the numbers. */
    public Draw {
      check("stroke", stroke, 0, Integer.MAX_VALUE);
      check("from", from, 0, MAX_POINTS);
      check("points", points.size(), 2, 2 * (MAX_POINTS - from));
      check("points modulo 2", points.size() % 2, 0, 0);
      points.forEach(point -> check("point", point, 0, MAX_COORDINATE));
    }
  }

  /** Clears the board. */
  @JsonTypeName("clear")
  record Clear() implements PushRequest {}

  /** Sets the number of ticks per second. */
  @JsonTypeName("rate")
  record Rate(int perSecond) implements PushRequest {
    /** Checks the numbers. */
    public Rate {
      check("perSecond", perSecond, 1, MAX_RATE);
    }
  }

  /** Changes the number of simulated subscribers by {@code change}. */
  @JsonTypeName("subscribers")
  record Subscribers(int change) implements PushRequest {
    /** Checks the numbers. */
    public Subscribers {
      check("change", change, -MAX_CHANGE, MAX_CHANGE);
    }
  }

  /** Sets how many kilobytes per second each slow client reads. */
  @JsonTypeName("read")
  record Read(int kilobytes) implements PushRequest {
    /** Checks the number. */
    public Read {
      check("kilobytes", kilobytes, MIN_KILOBYTES, MAX_KILOBYTES);
    }
  }

  /** Restarts the server: closes all connections within some seconds. */
  @JsonTypeName("restart")
  record Restart() implements PushRequest {}

  /** Kills the process of a node. */
  @JsonTypeName("kill")
  record Kill(int node) implements PushRequest {
    /** Checks the number. */
    public Kill {
      check("node", node, 1, MAX_NODES);
    }
  }

  private static void check(String subject, int value, int min, int max) {
    if (value < min || value > max) {
      throw new IllegalArgumentException(
          subject + ": " + value + " (expected: " + min + ".." + max + ")");
    }
  }
}
