package dev.jev.samples.push;

import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import com.fasterxml.jackson.annotation.JsonTypeName;
import java.util.List;

/** What the page of {@link Push} says, as JSON; numbers that make no sense are refused. */
@JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "type")
@JsonSubTypes({
  @JsonSubTypes.Type(PushRequest.Ping.class),
  @JsonSubTypes.Type(PushRequest.Move.class),
  @JsonSubTypes.Type(PushRequest.Leave.class),
  @JsonSubTypes.Type(PushRequest.Draw.class),
  @JsonSubTypes.Type(PushRequest.Clear.class),
  @JsonSubTypes.Type(PushRequest.Rate.class),
  @JsonSubTypes.Type(PushRequest.Subscribers.class)
})
sealed interface PushRequest {

  /** Coordinates go from 0 to this, whatever size a board has on a screen. */
  int MAX_COORDINATE = 10_000;

  /** How many points a stroke may have; a longer one is drawn as several. */
  int MAX_POINTS = 1_000;

  /** How many simulated subscribers may be asked for at once. */
  int MAX_CHANGE = 100_000;

  /** How many messages a second may be published. */
  int MAX_RATE = 50;

  /** Wants the same number back, to measure how long that takes. */
  @JsonTypeName("ping")
  record Ping(int number) implements PushRequest {}

  /** The visitor's cursor is here. */
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
   * A stroke begins, or goes on.
   *
   * @param stroke which of the visitor's
   * @param from how many points it has already
   * @param points further ones: x, y, x, y...
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

  /** Wipes the board. */
  @JsonTypeName("clear")
  record Clear() implements PushRequest {}

  /** How many messages a second are to be published. */
  @JsonTypeName("rate")
  record Rate(int perSecond) implements PushRequest {
    /** Checks the numbers. */
    public Rate {
      check("perSecond", perSecond, 1, MAX_RATE);
    }
  }

  /** How many simulated subscribers there are to be, more or fewer. */
  @JsonTypeName("subscribers")
  record Subscribers(int change) implements PushRequest {
    /** Checks the numbers. */
    public Subscribers {
      check("change", change, -MAX_CHANGE, MAX_CHANGE);
    }
  }

  private static void check(String subject, int value, int min, int max) {
    if (value < min || value > max) {
      throw new IllegalArgumentException(
          subject + ": " + value + " (expected: " + min + ".." + max + ")");
    }
  }
}
