package dev.jev.nodes;

import dev.jev.nodes.Backplane.Session;
import dev.jev.nodes.Presence.Member;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The members of a topic that have connections on this node, and what the engine was told of them.
 *
 * <p>One call per member is under way at a time, so that the last count wins. A call that fails is
 * repeated, and what is lost by a lapsed lease is told again.
 *
 * <p><b>Threads.</b> The thread of the topic only.
 */
final class OwnMembers {

  private static final int UNKNOWN = -1;
  private static final long MIN_RETRY_MILLIS = 50;
  private static final long MAX_RETRY_MILLIS = 2000;

  private final String topic;
  private final Session session;
  private final ScheduledExecutorService thread;
  private final Duration grace;
  private final Runnable onEmpty;
  private final Map<String, Own> members = new HashMap<>();
  private long retryMillis = MIN_RETRY_MILLIS;
  private @Nullable Future<?> retry;
  private boolean stopped;

  OwnMembers(
      String topic,
      Session session,
      ScheduledExecutorService thread,
      Duration grace,
      Runnable onEmpty) {
    this.topic = topic;
    this.session = session;
    this.thread = thread;
    this.grace = grace;
    this.onEmpty = onEmpty;
  }

  /** Counts a further connection of a member. */
  void add(Member member) {
    Own own = members.computeIfAbsent(member.id(), id -> new Own(member));
    own.connections++;
    own.cancelLeave();
    tell(own);
  }

  /** Counts a connection of a member less; with the last one, it leaves after the grace. */
  void remove(Member member) {
    Own own = members.get(member.id());
    if (own == null || own.connections == 0) {
      return;
    }
    own.connections--;
    if (own.connections == 0 && !grace.isZero() && !stopped) {
      own.leave = thread.schedule(() -> leave(own), grace.toNanos(), TimeUnit.NANOSECONDS);
    }
    tell(own);
  }

  private void leave(Own own) {
    own.leave = null;
    tell(own);
  }

  private void tell(Own own) {
    if (own.telling || stopped) {
      return;
    }
    int connections = own.connectionsToTell();
    if (own.told != connections) {
      int lapses = own.lapses;
      own.telling = true;
      session
          .present(topic, own.member, connections)
          .whenCompleteAsync(
              (v, e) -> told(own, e == null ? connections : UNKNOWN, lapses), thread);
    } else if (connections == 0) {
      members.remove(own.member.id());
      if (members.isEmpty()) {
        onEmpty.run();
      }
    }
  }

  private void told(Own own, int connections, int lapses) {
    own.telling = false;
    own.told = lapses == own.lapses ? connections : UNKNOWN;
    if (connections == UNKNOWN) {
      retryLater();
    } else {
      retryMillis = MIN_RETRY_MILLIS;
      tell(own);
    }
  }

  private void retryLater() {
    if (retry == null && !stopped) {
      retry = thread.schedule(this::retryNow, retryMillis, TimeUnit.MILLISECONDS);
      retryMillis = Math.min(2 * retryMillis, MAX_RETRY_MILLIS);
    }
  }

  private void retryNow() {
    retry = null;
    List.copyOf(members.values()).stream().filter(own -> own.told == UNKNOWN).forEach(this::tell);
  }

  /** Tells the engine all members again, since it has removed them. */
  void rejoin() {
    for (Own own : List.copyOf(members.values())) {
      own.lapses++;
      own.told = UNKNOWN;
      tell(own);
    }
  }

  boolean isEmpty() {
    return members.isEmpty();
  }

  /** Ends all calls and timers. */
  void stop() {
    stopped = true;
    members.values().forEach(Own::cancelLeave);
    if (retry != null) {
      retry.cancel(false);
    }
  }

  /** A member of this node. */
  private static final class Own {

    final Member member;
    int connections;
    int told;
    int lapses;
    boolean telling;

    /** The end of the grace; null while it does not run. */
    @Nullable Future<?> leave;

    Own(Member member) {
      this.member = member;
    }

    /** Returns the number of connections, of which there is one at least while the grace runs. */
    int connectionsToTell() {
      return leave == null ? connections : 1;
    }

    void cancelLeave() {
      if (leave != null) {
        leave.cancel(false);
        leave = null;
      }
    }
  }
}
