package dev.jev.nodes;

import static java.util.Objects.requireNonNull;

import dev.jev.nodes.Backplane.Roster;
import dev.jev.nodes.Backplane.Session;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The members of a topic on all nodes, as this node sees them.
 *
 * <p><b>Roster.</b> It is a snapshot of the engine and the changes that follow it, whose versions
 * grow by one. A version that is missing leads to another snapshot; its difference to the members
 * before is what the followers are told. Without followers nothing is kept, and the engine tells
 * nothing.
 *
 * <p><b>Stop.</b> A member whose last connection closes leaves after the grace. If the node stops
 * earlier, its session is closed with that grace, so that the engine removes the member only then.
 * In both cases it stays if it connects to another node meanwhile.
 *
 * <p><b>Threads.</b> Any thread; all work is done on the thread of the topic, which also calls the
 * followers.
 */
final class NodePresence implements Presence {

  private static final int MAX_AHEAD = 1024;
  private static final long RETRY_MILLIS = 200;

  private final String topic;
  private final Session session;
  private final ScheduledExecutorService thread;
  private final Consumer<Boolean> keep;

  // Thread of the topic only.
  private final OwnMembers own;
  private final Map<String, Member> roster = new HashMap<>();
  private final Set<Follower> followers = new LinkedHashSet<>();
  private final Set<Follower> beginning = new LinkedHashSet<>();

  /** Changes that do not continue the roster yet. */
  private final NavigableMap<Long, Change> ahead = new TreeMap<>();

  private @Nullable PresenceSockets sockets;
  private @Nullable List<Member> listed;
  private State state = State.IDLE;
  private long version;
  private boolean changedSinceSnapshot;

  /** The number of snapshots that were asked for. */
  private int snapshots;

  /**
   * Creates the presence of a topic.
   *
   * @param thread runs one task at a time, in order
   * @param grace the time between a member's last connection and its leave
   * @param keep called with whether this object has members or followers, which must not be
   *     forgotten
   */
  NodePresence(
      String topic,
      Session session,
      ScheduledExecutorService thread,
      Duration grace,
      Consumer<Boolean> keep) {
    this.topic = topic;
    this.session = session;
    this.thread = thread;
    this.keep = keep;
    this.own = new OwnMembers(topic, session, thread, grace, this::keepWhileUsed);
  }

  /** Counts a further connection of a member on this node. */
  void add(Member member) {
    run(() -> own.add(member));
  }

  /** Counts a connection of a member on this node less. */
  void remove(Member member) {
    run(() -> own.remove(member));
  }

  /** Joins the members of this node again, after {@link Backplane.Lease#lapsed}. */
  void rejoin() {
    run(
        () -> {
          own.rejoin();
          rewatch();
        });
  }

  /** Reads the roster again, after changes of it may have been missed. */
  void resync() {
    run(this::rewatch);
  }

  /** Handles a change that the engine has told. */
  void changed(long version, Change change) {
    run(() -> handle(version, change));
  }

  /** Returns the connections that follow the members. Thread of the topic only. */
  PresenceSockets sockets() {
    PresenceSockets present = sockets;
    if (present == null) {
      present = new PresenceSockets(topic, this);
      sockets = present;
    }
    return present;
  }

  /** Thread of the topic only. */
  private void keepWhileUsed() {
    boolean used = !own.isEmpty() || state != State.IDLE;
    keep.accept(used && state != State.STOPPED);
  }

  /** Ends everything when the node stops. Its members leave by {@link Session#close}. */
  void stop() {
    run(
        () -> {
          own.stop();
          state = State.STOPPED;
          followers.clear();
          beginning.clear();
        });
  }

  private void run(Runnable task) {
    try {
      thread.execute(
          () -> {
            task.run();
            keepWhileUsed();
          });
    } catch (RejectedExecutionException e) {
      // The node has stopped.
    }
  }

  @Override
  public CompletionStage<List<Member>> members(int most) {
    Checks.inRange("most", most, 0, Integer.MAX_VALUE);
    return query(found -> found.connections().keySet().stream().limit(most).toList());
  }

  @Override
  public CompletionStage<Counts> counts() {
    return query(
        found -> {
          long connections = found.connections().values().stream().mapToLong(c -> c).sum();
          return new Counts(found.connections().size(), connections);
        });
  }

  private <T> CompletionStage<T> query(Function<Roster, T> result) {
    try {
      return CompletableFuture.supplyAsync(() -> session.watch(topic), thread)
          .thenCompose(answer -> answer)
          .whenCompleteAsync((found, failure) -> unwatchIfIdle(), thread)
          .thenApply(result);
    } catch (RejectedExecutionException e) {
      return CompletableFuture.failedStage(e);
    }
  }

  private void unwatchIfIdle() {
    if (state == State.IDLE) {
      session.unwatch(topic);
    }
  }

  @Override
  public Listening onChange(Consumer<Change> listener) {
    requireNonNull(listener, "listener");
    return follow((version, change) -> listener.accept(change));
  }

  /** Tells a follower the members and then each change, until the returned handle is closed. */
  Listening follow(Follower follower) {
    run(() -> begin(follower));
    return () -> run(() -> end(follower));
  }

  private void begin(Follower follower) {
    if (state == State.CURRENT) {
      admit(follower);
    } else if (state != State.STOPPED) {
      beginning.add(follower);
      rewatch();
    }
  }

  private void admit(Follower follower) {
    if (!(follower instanceof Snapshot)) {
      followers.add(follower);
    }
    tell(follower, each -> each.members(version, listed()));
  }

  private void end(Follower follower) {
    followers.remove(follower);
    beginning.remove(follower);
    idleUnlessFollowed();
  }

  private void idleUnlessFollowed() {
    if (state != State.STOPPED && !isFollowed()) {
      state = State.IDLE;
      roster.clear();
      listed = null;
      ahead.clear();
      session.unwatch(topic);
    }
  }

  private boolean isFollowed() {
    return !followers.isEmpty() || !beginning.isEmpty();
  }

  /** Asks for a snapshot, unless one is under way. It covers all changes that were told before. */
  private void rewatch() {
    if (state != State.WATCHING && state != State.STOPPED && isFollowed()) {
      state = State.WATCHING;
      ahead.clear();
      watchNow(++snapshots);
    }
  }

  private void watchNow(int snapshot) {
    session.watch(topic).whenCompleteAsync((found, failure) -> watched(snapshot, found), thread);
  }

  private void watched(int snapshot, @Nullable Roster found) {
    if (snapshot != snapshots || state != State.WATCHING) {
      return; // has ended, and perhaps begun anew
    }
    if (found == null) {
      thread.schedule(() -> retry(snapshot), RETRY_MILLIS, TimeUnit.MILLISECONDS);
      return;
    }
    state = State.CURRENT;
    changedSinceSnapshot = false;
    replace(found);
    beginning.forEach(this::admit);
    beginning.clear();
    idleUnlessFollowed();
    catchUp();
  }

  private void retry(int snapshot) {
    if (snapshot == snapshots && state == State.WATCHING) {
      watchNow(snapshot);
    }
  }

  /** Returns the members, once for all followers that begin at a version. */
  private List<Member> listed() {
    List<Member> members = listed;
    if (members == null) {
      members = List.copyOf(roster.values());
      listed = members;
    }
    return members;
  }

  /** Tells the followers how a snapshot differs from the roster, which it replaces. */
  private void replace(Roster found) {
    version = found.version();
    Set<String> ids = new HashSet<>();
    found.connections().keySet().forEach(member -> ids.add(member.id()));
    for (Member member : List.copyOf(roster.values())) {
      if (!ids.contains(member.id())) {
        apply(new Change(false, member));
      }
    }
    found.connections().keySet().forEach(member -> apply(new Change(true, member)));
  }

  private void catchUp() {
    while (state == State.CURRENT && !ahead.isEmpty()) {
      Map.Entry<Long, Change> next = ahead.pollFirstEntry();
      if (next.getKey() > version) {
        handle(next.getKey(), next.getValue());
      }
    }
  }

  /** A hole, or a version that goes back because the engine has begun anew, needs a snapshot. */
  private void handle(long changed, Change change) {
    if (state == State.WATCHING) {
      ahead.put(changed, change);
      if (ahead.size() > MAX_AHEAD) {
        ahead.pollFirstEntry(); // makes a hole
      }
    } else if (state == State.CURRENT && changed == version + 1) {
      version = changed;
      changedSinceSnapshot = true;
      apply(change);
    } else if (state == State.CURRENT && (changed > version || changedSinceSnapshot)) {
      rewatch();
    }
  }

  private void apply(Change change) {
    Member member = change.member();
    boolean changes =
        change.joined()
            ? roster.putIfAbsent(member.id(), member) == null
            : roster.remove(member.id()) != null;
    listed = null;
    if (changes) {
      followers.forEach(follower -> tell(follower, each -> each.changed(version, change)));
    }
  }

  private void tell(Follower follower, Consumer<Follower> event) {
    NodeLog.run(() -> event.accept(follower));
  }

  /** A follower of the roster, which is called on the thread of the topic. */
  interface Follower {

    /** Called once, with the members at that version. */
    default void members(long version, Collection<Member> members) {}

    /**
     * Called with each change from then on, which has a higher version or, after a hole, is one of
     * several of the same version.
     */
    void changed(long version, Change change);
  }

  /** A follower beside others, for the members of one moment. */
  interface Snapshot extends Follower {

    @Override
    void members(long version, Collection<Member> members);

    @Override
    default void changed(long version, Change change) {}
  }

  /** States of the roster. */
  private enum State {
    /** Not watched. */
    IDLE,
    /** Waits for a snapshot. */
    WATCHING,
    /** Continued by each change. */
    CURRENT,
    /** Ended. */
    STOPPED
  }
}
