package dev.jev.nodes;

import static java.util.stream.Collectors.partitioningBy;

import dev.jev.Connection;
import dev.jev.SharedMessage;
import dev.jev.SlowConsumer;
import dev.jev.Subscription;
import dev.jev.Topic;
import dev.jev.nodes.Backplane.Record;
import dev.jev.nodes.Backplane.Slice;
import dev.jev.nodes.ClusterTopic.Beginning;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * The subscribers of one topic that join, and the messages that are replayed to them.
 *
 * <p>A subscriber joins on the thread of the topic, the only one that delivers. So what is replayed
 * and what follows are one order without a gap.
 *
 * <p><b>Resuming.</b> Most positions are among the {@link RecentMessages}. Otherwise the engine is
 * read, one read at a time for all that wait: first the newest records, then behind the position of
 * the one that has waited longest. A position that the engine knows and this node has not reached
 * yet is that of a client that was faster elsewhere; it waits until this node is there.
 *
 * <p><b>Back-pressure.</b> A long replay is delivered in steps. The next one follows when the
 * connection has written the one before, so that a replay does not make a subscriber slow.
 *
 * <p>Used by the thread of the topic only.
 */
final class TopicJoins {

  /** Size of the messages after which a replay waits for the connection, in bytes. */
  private static final int STEP_BYTES = 128 * 1024;

  private static final long STEP_CHECK_NANOS = TimeUnit.MILLISECONDS.toNanos(5);

  /** Maximum time for which a subscriber waits until this node has reached its position. */
  private static final long MAX_AHEAD_NANOS = TimeUnit.SECONDS.toNanos(2);

  /** Maximum number of subscribers that wait for a read of one topic. */
  private static final int MAX_WAITING = 100_000;

  /**
   * A subscriber that joins.
   *
   * @param after the position at which it resumes; null for now
   * @param greeting makes its first message; null for none
   * @param replayed the number of messages that were to be replayed at its first step, or -1
   */
  record Join<M>(
      TopicView<M> view,
      Connection<M> connection,
      SlowConsumer<? super M> policy,
      @Nullable Position after,
      @Nullable Function<Beginning, M> greeting,
      int replayed,
      CompletableFuture<Resumption> result) {

    private Join<M> at(Position begin) {
      return new Join<>(view, connection, policy, begin, greeting, replayed, result);
    }

    private boolean isAt(String id) {
      return after != null && after.record().equals(id);
    }

    private Join<M> next(Position reached, int total) {
      return new Join<>(view, connection, policy, reached, null, total, result);
    }
  }

  /** A replay whose present step is being written. */
  private record Replay(Join<?> next, Subscription step) {}

  private final TopicFeed feed;
  private final ClusterTopic<?> topic;
  private final NodeCounters counters;
  private final RecentMessages recent;
  private final boolean isLog;

  boolean hasReadNewest; // records of the engine
  private boolean fetching;
  private boolean hasPrepended; // older messages, in this read
  private final List<Join<?>> waiting = new ArrayList<>(0); // for the beginning, or for a read
  private final List<Join<?>> ahead = new ArrayList<>(0); // of this node
  private final Map<Connection<?>, Replay> replays = new HashMap<>(0); // in steps

  TopicJoins(TopicFeed feed) {
    this.feed = feed;
    this.topic = feed.topic;
    this.counters = feed.counters;
    this.recent = feed.recent;
    this.isLog = feed.topic.kind.isLog();
  }

  /** Returns whether no subscriber waits. */
  boolean isIdle() {
    return waiting.isEmpty() && ahead.isEmpty() && replays.isEmpty();
  }

  /** Returns whether a subscriber waits for the beginning in order to resume. */
  boolean resumes() {
    return waiting.stream().anyMatch(join -> join.after() != null);
  }

  void fail(Throwable failure) {
    List<Join<?>> failed = new ArrayList<>(waiting);
    failed.addAll(ahead);
    replays.values().forEach(replay -> failed.add(replay.next()));
    waiting.clear();
    ahead.clear();
    replays.clear();
    failed.forEach(join -> join.result().completeExceptionally(failure));
  }

  /** Lets a subscriber wait for the beginning or for a read. */
  void await(Join<?> join) {
    if (waiting.size() >= MAX_WAITING) {
      join.result().completeExceptionally(new IllegalStateException("too many subscribers wait"));
    } else {
      waiting.add(join);
    }
  }

  /** Joins those that wait; some may have to wait for a further read. */
  void joinWaiting() {
    List<Join<?>> all = List.copyOf(waiting);
    waiting.clear();
    all.forEach(this::join);
  }

  /** Joins those that wait until this node has reached a record. */
  void reached(String id) {
    if (!ahead.isEmpty()) {
      take(ahead, join -> join.isAt(id)).forEach(this::join);
    }
  }

  /** Ends the replay of a connection that unsubscribes. */
  void leave(Connection<?> connection) {
    endReplay(connection);
    waiting.removeIf(join -> join.connection() == connection);
    ahead.removeIf(join -> join.connection() == connection);
  }

  private void endReplay(Connection<?> connection) {
    Replay replay = replays.remove(connection);
    if (replay != null) {
      replay.step().cancel();
      Join<?> join = replay.next();
      Resumption ended = new Resumption(replay.step(), join.replayed(), false, feed.at());
      join.result().complete(ended);
    }
  }

  /** Joins a subscriber after the beginning, or reads what it has missed. */
  void join(Join<?> join) {
    attempt(join, () -> joinOrFetch(join));
  }

  private static void attempt(Join<?> join, Runnable step) {
    try {
      step.run();
    } catch (RuntimeException e) { // a connection that cannot subscribe, for example
      join.result().completeExceptionally(e);
    }
  }

  private void joinOrFetch(Join<?> join) {
    Position after = join.after();
    if (!isLog) {
      join(join, newestUnless(after), /* complete= */ true);
    } else if (after == null) {
      join(join, List.of(), /* complete= */ true);
    } else {
      List<KeptMessage> missed = recent.after(after);
      if (missed != null) {
        counters.resumedHere.add(join.replayed() < 0 ? 1 : 0);
        join(join, missed, /* complete= */ true);
      } else {
        await(join);
        fetch();
      }
    }
  }

  private List<KeptMessage> newestUnless(@Nullable Position after) {
    KeptMessage newest = recent.newest();
    return newest == null || newest.position.equals(after) ? List.of() : List.of(newest);
  }

  private <M> void join(Join<M> join, List<KeptMessage> missed, boolean complete) {
    List<KeptMessage> step = firstStep(missed);
    List<SharedMessage<M>> first = new ArrayList<>(step.size() + 1);
    SharedMessage<M> greeting = greeting(join, missed.size(), complete);
    if (greeting != null) {
      first.add(greeting);
    }
    step.forEach(message -> addForm(join.view(), message, first));
    int replayed = join.replayed() < 0 ? missed.size() : join.replayed();
    endReplay(join.connection()); // which this one replaces
    Topic<M> main = join.view().topic();
    main.unsubscribe(join.connection());
    boolean isLast = step.size() == missed.size();
    Topic<M> joined = isLast ? main : Topic.of(topic.name());
    Subscription subscription = joined.subscribe(join.connection(), join.policy(), first);
    if (greeting != null) {
      greeting.release();
    }
    if (!isLast) {
      Position reached = step.get(step.size() - 1).position;
      Replay replay = new Replay(join.next(reached, replayed), subscription);
      replays.put(join.connection(), replay);
      goOnLater(replay);
      return;
    }
    counters.resumedLost.add(complete ? 0 : 1);
    topic.closeLaterIfUnused();
    join.result().complete(new Resumption(subscription, replayed, complete, feed.at()));
  }

  private static List<KeptMessage> firstStep(List<KeptMessage> messages) {
    long bytes = 0;
    for (int i = 0; i < messages.size(); i++) {
      if (bytes > STEP_BYTES) {
        return messages.subList(0, i);
      }
      bytes += messages.get(i).payload.length;
    }
    return messages;
  }

  private <M> @Nullable SharedMessage<M> greeting(Join<M> join, int missed, boolean complete) {
    Position after = join.after();
    if (join.greeting() != null) {
      Beginning beginning = new Beginning(beginOf(after, missed, complete), missed, complete);
      return SharedMessage.of(join.greeting().apply(beginning));
    }
    boolean isLost = !complete && join.replayed() >= 0; // in the middle of a replay
    BiFunction<Position, Position, M> gap = join.view().gap();
    return isLost && after != null && gap != null
        ? SharedMessage.of(gap.apply(after, feed.at()))
        : null;
  }

  /** Returns the position behind which a stream begins; null if there is none. */
  private @Nullable Position beginOf(@Nullable Position after, int missed, boolean complete) {
    if (isLog) {
      return complete && after != null ? after : feed.at();
    }
    return topic.kind.isEvents() || missed > 0 ? null : feed.at();
  }

  private <M> void addForm(TopicView<M> view, KeptMessage message, List<SharedMessage<M>> forms) {
    try {
      forms.add(message.form(view));
    } catch (RuntimeException e) { // of the codec: a record of another program, or a fault
      counters.malformed.increment();
    }
  }

  private void goOnLater(Replay replay) {
    feed.runAfter(STEP_CHECK_NANOS, () -> goOn(replay));
  }

  private void goOn(Replay replay) {
    Join<?> next = replay.next();
    if (!replay.equals(replays.get(next.connection()))) {
      return; // has ended, or begun anew
    }
    if (!replay.step().isActive()) {
      endReplay(next.connection());
      topic.closeLaterIfUnused();
    } else if (replay.step().pendingBytes() > 0) {
      goOnLater(replay);
    } else {
      replays.remove(next.connection());
      replay.step().cancel();
      join(next);
    }
  }

  // Messages that are no longer among the recent ones.

  private void fetch() {
    if (fetching || waiting.isEmpty()) {
      return;
    }
    fetching = true;
    recent.pin();
    Position after = hasReadNewest ? waiting.get(0).after() : null;
    hasReadNewest = true;
    fetch(after, new ArrayList<>());
  }

  /** Reads behind the messages that were read behind a position; the newest ones if it is null. */
  private void fetch(@Nullable Position after, List<KeptMessage> messages) {
    feed.read(
        endOf(after, messages),
        TopicFeed.READ_BYTES,
        (slice, failure) -> {
          if (slice == null) {
            fail(failure == null ? new IllegalStateException("no answer") : failure);
            endFetch();
            return;
          }
          Position begin = Position.OLDEST.equals(after) ? fromOldest(slice) : after;
          if (isOver(begin, messages, slice)) {
            endFetch();
          } else {
            fetch(begin, messages);
          }
        });
  }

  private static @Nullable Position endOf(@Nullable Position after, List<KeptMessage> messages) {
    return messages.isEmpty() ? after : messages.get(messages.size() - 1).position;
  }

  /** Lets those that want the oldest messages resume at the position before these. */
  private Position fromOldest(Slice slice) {
    Position begin = beginOf(slice);
    take(waiting, join -> Position.OLDEST.equals(join.after()))
        .forEach(join -> waiting.add(join.at(begin)));
    return begin;
  }

  /** Adds the messages of a slice, and uses all once they suffice; returns whether they do. */
  private boolean isOver(@Nullable Position after, List<KeptMessage> messages, Slice slice) {
    Position end = endOf(after, messages);
    for (Record record : slice.records()) {
      List<KeptMessage> all = feed.messagesOf(record);
      int known = end != null && end.record().equals(record.id()) ? end.messages() : 0;
      messages.addAll(all.subList(Math.min(known, all.size()), all.size()));
    }
    if (after == null) {
      connect(beginOf(slice), messages);
    } else if (!slice.continuous()) {
      joinThose(after, List.of(), /* complete= */ false);
    } else if (isConnected(after, messages) || isWhole(slice)) {
      resumeFrom(after, messages);
    } else {
      return false;
    }
    return true;
  }

  private static Position beginOf(Slice slice) {
    List<Record> records = slice.records();
    return Position.after(records.isEmpty() ? slice.end() : records.get(0).previous());
  }

  private static boolean isWhole(Slice slice) {
    List<Record> records = slice.records();
    return records.isEmpty() || records.get(records.size() - 1).id().equals(slice.end());
  }

  private boolean isConnected(Position after, List<KeptMessage> messages) {
    Position end = messages.isEmpty() ? after : messages.get(messages.size() - 1).position;
    return recent.after(Position.after(end.record())) != null;
  }

  private void resumeFrom(Position after, List<KeptMessage> messages) {
    List<KeptMessage> missed = recent.after(after); // if this node has reached it meanwhile
    if (missed == null && connect(after, messages)) {
      missed = recent.after(after);
    }
    if (missed != null) {
      counters.resumedByEngine.increment();
      joinThose(after, missed, /* complete= */ true);
    } else {
      awaitReaching(after);
    }
  }

  /**
   * Puts messages in front of the recent ones, where these begin or end in between; returns whether
   * they do.
   */
  private boolean connect(Position begin, List<KeptMessage> messages) {
    Position start = recent.start;
    int older = -1;
    for (int i = 0; i < messages.size() && older < 0; i++) {
      older = messages.get(i).position.equals(start) ? i + 1 : -1;
    }
    if (older < 0) {
      return begin.equals(start);
    }
    recent.prepend(begin, messages.subList(0, older));
    hasPrepended = true;
    return true;
  }

  /**
   * Ends a read. Those that still wait are asked again only if it has found older messages: each
   * looks through all that are kept, and there may be thousands of both.
   */
  private void endFetch() {
    fetching = false;
    recent.unpin();
    if (hasPrepended) {
      hasPrepended = false;
      joinWaiting();
    } else {
      fetch();
    }
  }

  private void joinThose(Position after, List<KeptMessage> missed, boolean complete) {
    take(waiting, join -> after.equals(join.after()))
        .forEach(join -> attempt(join, () -> join(join, missed, complete)));
  }

  /** Removes some of many subscribers in one pass, and returns them. */
  private static List<Join<?>> take(List<Join<?>> all, Predicate<Join<?>> wanted) {
    Map<Boolean, List<Join<?>>> parts = all.stream().collect(partitioningBy(wanted));
    all.clear();
    all.addAll(parts.getOrDefault(false, List.of()));
    return parts.getOrDefault(true, List.of());
  }

  private void awaitReaching(Position after) {
    Set<Join<?>> those = Set.copyOf(take(waiting, join -> after.equals(join.after())));
    ahead.addAll(those);
    feed.runAfter(
        MAX_AHEAD_NANOS,
        () ->
            take(ahead, those::contains)
                .forEach(
                    join -> attempt(join, () -> join(join, List.of(), /* complete= */ false))));
  }
}
