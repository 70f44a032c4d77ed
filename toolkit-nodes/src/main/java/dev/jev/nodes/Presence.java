package dev.jev.nodes;

import java.util.List;
import java.util.concurrent.CompletionStage;
import java.util.function.Consumer;

/**
 * The members of a topic on all nodes.
 *
 * <p>A connection counts for a member while it is subscribed, if it has a {@link Member}
 * {@linkplain dev.jev.Connection#attribute(Class, Object) attribute} when it subscribes. A member
 * with several connections, on one node or several, joins with the first and leaves with the last
 * one. It leaves only after the topic's {@link TopicKind#leaveAfter}, so that a reconnect is no
 * leave. Members of a node that has died leave when its {@link Nodes.Builder#lease} has ended.
 *
 * <p><b>Threads.</b> All methods may be called from any thread.
 */
public interface Presence {

  /** Returns the members, at most so many, in no order. */
  CompletionStage<List<Member>> members(int most);

  /** Returns the number of members and of their connections. */
  CompletionStage<Counts> counts();

  /**
   * Calls {@code listener} with each join and leave from now on, in one order, on a thread that
   * must not be blocked. Listening ends with the returned handle, or with the node.
   */
  Listening onChange(Consumer<Change> listener);

  /** A listener that {@link #onChange} has added. */
  interface Listening extends AutoCloseable {

    /** Removes the listener; a call that is under way goes on. */
    @Override
    void close();
  }

  /**
   * A member.
   *
   * @param id the identity, such as the name of a user; at most 200 bytes of UTF-8
   * @param info a text for others, such as JSON, that may be empty; at most 1,000 bytes of UTF-8.
   *     That of the member's first connection counts.
   */
  record Member(String id, String info) {

    /** Checks the lengths. */
    public Member {
      Checks.text("id", id, 1, 200);
      Checks.text("info", info, 0, 1000);
    }
  }

  /**
   * A join or leave.
   *
   * @param joined whether the member has joined, rather than left
   */
  record Change(boolean joined, Member member) {}

  /** Numbers of members and of their connections. */
  record Counts(long members, long connections) {}
}
