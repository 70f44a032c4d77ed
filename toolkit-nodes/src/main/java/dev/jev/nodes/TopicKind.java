package dev.jev.nodes;

import static java.util.Objects.requireNonNull;

import dev.jev.nodes.Backplane.Kind;
import dev.jev.nodes.Backplane.Retention;
import java.time.Duration;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * A kind of topic: what it promises, and how its messages are encoded.
 *
 * <p>Kinds are made once and used for any number of topics. All nodes must use an equal kind for a
 * topic. Immutable.
 *
 * @param <O> the type of the messages
 */
public final class TopicKind<O> {

  private static final Duration MIN_AGE = Duration.ofMillis(100);
  private static final int MAX_MESSAGES = 100_000;
  private static final long MAX_BYTES = 4 * 1024 * 1024;

  final MessageCodec<O> codec;
  final Retention retention;
  final boolean hasPresence;
  final Duration leaveAfter;

  private TopicKind(
      MessageCodec<O> codec, Retention retention, boolean hasPresence, Duration leaveAfter) {
    this.codec = requireNonNull(codec, "codec");
    this.retention = retention;
    this.hasPresence = hasPresence;
    this.leaveAfter = leaveAfter;
  }

  private static <O> TopicKind<O> of(MessageCodec<O> codec, Retention retention) {
    return new TopicKind<>(codec, retention, false, Duration.ofSeconds(5));
  }

  /**
   * Returns a kind for events that are worth nothing later: cursors, typing indicators. Nothing is
   * stored. Each subscriber gets an event at most once; those of one thread arrive in their order.
   * Subscribers on the publishing node get it at once, also while the engine cannot be reached.
   */
  public static <O> TopicKind<O> events(MessageCodec<O> codec) {
    return of(codec, new Retention(Kind.EVENTS, 0, 0, Duration.ZERO));
  }

  /**
   * Returns a kind for values of which only the newest counts: prices, states. A subscriber gets
   * the newest message first, also when it returns. It may miss older ones, but never goes back.
   *
   * @param age the time after which the value is deleted; from 100 ms to 365 days
   * @throws IllegalArgumentException if {@code age} is out of range
   */
  public static <O> TopicKind<O> latest(MessageCodec<O> codec, Duration age) {
    Checks.duration("age", age, MIN_AGE);
    return of(codec, new Retention(Kind.LATEST, 1, MAX_BYTES, age));
  }

  /**
   * Returns a kind for messages of which each counts: chat, orders. All subscribers on all nodes
   * get every message once, in one order, or are told of a gap. A client that returns with its
   * position gets exactly the messages that it has missed.
   *
   * @param messages the number of messages that are kept at least, unless they exceed 4 MiB; from 1
   *     to 100,000
   * @param age the time after the last publication at which all are deleted; from 100 ms to 365
   *     days
   * @throws IllegalArgumentException if an argument is out of range
   */
  public static <O> TopicKind<O> log(MessageCodec<O> codec, int messages, Duration age) {
    Checks.inRange("messages", messages, 1, MAX_MESSAGES);
    Checks.duration("age", age, MIN_AGE);
    return of(codec, new Retention(Kind.LOG, messages, MAX_BYTES, age));
  }

  /** Returns this kind with {@link Presence}. */
  public TopicKind<O> presence() {
    return new TopicKind<>(codec, retention, true, leaveAfter);
  }

  /**
   * Returns this kind with another time between the end of a member's last subscription and its
   * leave; 5 s by default, zero for none.
   *
   * @throws IllegalArgumentException if {@code grace} is negative or longer than 365 days
   */
  public TopicKind<O> leaveAfter(Duration grace) {
    Checks.duration("grace", grace, Duration.ZERO);
    return new TopicKind<>(codec, retention, hasPresence, grace);
  }

  boolean isEvents() {
    return retention.kind() == Kind.EVENTS;
  }

  boolean isLog() {
    return retention.kind() == Kind.LOG;
  }

  /** Returns whether another kind has the same codec, retention and presence. */
  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof TopicKind<?> that
        && codec.equals(that.codec)
        && retention.equals(that.retention)
        && hasPresence == that.hasPresence
        && leaveAfter.equals(that.leaveAfter);
  }

  @Override
  public int hashCode() {
    return 31 * codec.hashCode() + retention.hashCode();
  }

  /** Returns a description, such as {@code log of TEXT, 1000 messages, PT2M}. */
  @Override
  public String toString() {
    String name = retention.kind().name().toLowerCase(Locale.ROOT) + " of " + codec;
    String kept = isLog() ? ", " + retention.messages() + " messages" : "";
    String age = isEvents() ? "" : ", " + retention.age();
    return name + kept + age + (hasPresence ? ", presence, leave after " + leaveAfter : "");
  }
}
