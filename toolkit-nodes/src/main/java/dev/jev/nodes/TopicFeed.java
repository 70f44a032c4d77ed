package dev.jev.nodes;

import dev.jev.Connection;
import dev.jev.SharedMessage;
import dev.jev.SlowConsumer;
import dev.jev.Subscription;
import dev.jev.nodes.Backplane.Record;
import dev.jev.nodes.Backplane.Session;
import dev.jev.nodes.Backplane.Slice;
import dev.jev.nodes.ClusterTopic.Beginning;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The records of one topic, while this node listens to it: delivers them to the subscribers, and
 * replays them to those that resume.
 *
 * <p>A subscriber joins on the thread of the topic, the only one that delivers. So what is replayed
 * and what follows are one order without a gap.
 *
 * <p><b>Resuming.</b> Most positions are among the {@link RecentMessages}. Otherwise the engine is
 * read, one read at a time for all who wait: first the newest records, then behind the position of
 * the one that has waited longest. A position that the engine knows and this node has not reached
 * yet is that of a client that was faster elsewhere; it waits until this node is there.
 *
 * <p>Used by the thread of the topic only, except where noted.
 *
 * @param <O> the type of the topic's messages
 */
final class TopicFeed<O> implements Sequence.Actions {

  /** Size of the records that are read at once, in bytes. */
  private static final int READ_BYTES = 1024 * 1024;

  /** Maximum time for which a subscriber waits until this node has reached its position. */
  private static final long MAX_AHEAD_NANOS = TimeUnit.SECONDS.toNanos(2);

  private static final long ROOM_CHECK_NANOS = TimeUnit.MILLISECONDS.toNanos(5);

  /** Maximum number of subscribers that wait for a read of one topic. */
  private static final int MAX_WAITING = 100_000;

  /**
   * A subscriber that joins.
   *
   * @param after the position at which it resumes; null for now
   * @param greeting makes its first message; null for none
   */
  record Join<M>(
      TopicView<M> view,
      Connection<M> connection,
      SlowConsumer<? super M> policy,
      @Nullable Position after,
      @Nullable Function<Beginning, M> greeting,
      CompletableFuture<Resumption> result) {}

  private final ClusterTopic<O> topic;
  private final NodeThread thread;
  private final NodeCounters counters;
  private final Session session;
  private final boolean isEvents;
  private final Sequence sequence;
  private final RecentMessages recent;

  private long delivered; // messages
  private boolean hasBegun; // listens, and has read the end
  private boolean ended;
  private boolean hasReadNewest;
  private boolean fetching;
  private final List<Join<?>> waiting = new ArrayList<>(0); // for the beginning, or for a read
  private final List<Join<?>> ahead = new ArrayList<>(0); // of this node

  TopicFeed(ClusterTopic<O> topic, NodeThread thread, NodeCounters counters, Session session) {
    this.topic = topic;
    this.thread = thread;
    this.counters = counters;
    this.session = session;
    this.isEvents = topic.kind().isEvents();
    this.sequence = new Sequence(this, topic.kind().isLog());
    this.recent =
        new RecentMessages(thread, topic.kind().retention(), Position.after(sequence.last()));
  }

  /** Begins to listen. */
  void begin() {
    session
        .listen(List.of(topic.channel()))
        .whenComplete((done, failure) -> thread.execute(() -> listens(failure)));
  }

  private void listens(@Nullable Throwable failure) {
    if (ended) {
      return;
    }
    if (failure != null) {
      failWaiting(failure);
      thread.runAfter(Nodes.RETRY_NANOS, this::begin);
    } else if (isEvents) {
      begun();
    } else {
      sequence.begin();
    }
  }

  private void begun() {
    hasBegun = true;
    topic.begun();
    joinWaiting();
  }

  /** Ends: the subscribers have left. */
  void end() {
    ended = true;
    session.unlisten(List.of(topic.channel()));
    recent.clear(at());
    failWaiting(new IllegalStateException("node has stopped"));
  }

  /** Returns whether no subscriber waits. */
  boolean isIdle() {
    return waiting.isEmpty() && ahead.isEmpty();
  }

  private void failWaiting(Throwable failure) {
    List<Join<?>> failed = new ArrayList<>(waiting);
    failed.addAll(ahead);
    waiting.clear();
    ahead.clear();
    failed.forEach(join -> join.result().completeExceptionally(failure));
  }

  // Records.

  void onRecord(Record record) {
    if (ended) {
      return;
    }
    counters.received.increment();
    if (!isEvents) {
      sequence.onRecord(record);
    } else if (hasRoom()) {
      deliver(record);
    }
  }

  void onInterrupted() {
    if (!ended && !isEvents) {
      sequence.onInterrupted();
    }
  }

  @Override
  public void read(@Nullable Position after) {
    boolean newest = after == null && needsNewest();
    hasReadNewest |= newest;
    counters.repairs.add(after == null ? 0 : 1);
    session
        .read(topic.channel(), after, after != null || newest ? READ_BYTES : 0)
        .whenComplete((slice, failure) -> thread.execute(() -> onSlice(after, slice, failure)));
  }

  /** Returns whether more than the end is of use at the beginning. */
  private boolean needsNewest() {
    return !topic.kind().isLog() || waiting.stream().anyMatch(join -> join.after() != null);
  }

  private void onSlice(
      @Nullable Position after, @Nullable Slice slice, @Nullable Throwable failure) {
    if (ended) {
      return;
    }
    if (slice == null) {
      thread.runAfter(Nodes.RETRY_NANOS, this::readAgain);
      return;
    }
    long before = delivered;
    sequence.onSlice(slice);
    counters.repaired.add(after == null ? 0 : delivered - before);
    if (!hasBegun && sequence.hasBegun()) {
      begun();
    }
  }

  private void readAgain() {
    if (!ended) {
      sequence.onReadFailed();
    }
  }

  @Override
  public boolean hasRoom() {
    if (topic.hasRoom()) {
      return true;
    }
    counters.lagged.increment();
    if (!isEvents) {
      thread.runAfter(ROOM_CHECK_NANOS, this::checkRoom);
    }
    return false;
  }

  private void checkRoom() {
    if (ended) {
      return;
    }
    if (topic.hasRoom()) {
      sequence.onRoom();
    } else {
      thread.runAfter(ROOM_CHECK_NANOS, this::checkRoom);
    }
  }

  @Override
  public void begin(Slice slice) {
    List<KeptMessage> messages = new ArrayList<>();
    slice.records().forEach(record -> messages.addAll(messagesOf(record)));
    if (!topic.kind().isLog()) {
      messages.forEach(message -> deliver(message, null));
    } else if (!messages.isEmpty()) {
      recent.prepend(Position.after(slice.records().get(0).previous()), messages);
    } else {
      recent.clear(Position.after(slice.end()));
    }
  }

  @Override
  public void deliver(Record record) {
    RecordBody body = parse(record);
    if (body == null) {
      return;
    }
    boolean isOwn = body.node() == topic.nodes().number();
    if (isOwn && isEvents) {
      return; // was delivered when it was published
    }
    List<@Nullable Connection<?>> senders = isOwn ? topic.takeSenders(body.batch()) : null;
    List<KeptMessage> messages = messagesOf(record.id(), body);
    for (int i = 0; i < messages.size(); i++) {
      deliver(messages.get(i), senders == null ? null : senders.get(i));
    }
    if (!ahead.isEmpty()) {
      joinReached(record.id());
    }
  }

  private void joinReached(String id) {
    List<Join<?>> reached = ahead.stream().filter(join -> isAt(join, id)).toList();
    ahead.removeAll(reached);
    reached.forEach(this::joinOrFetch);
  }

  private static boolean isAt(Join<?> join, String id) {
    return join.after() != null && join.after().record().equals(id);
  }

  private void deliver(KeptMessage message, @Nullable Connection<?> sender) {
    delivered++;
    topic.deliver(message, sender);
    if (isEvents) {
      message.release();
    } else {
      recent.add(message);
    }
  }

  private @Nullable RecordBody parse(Record record) {
    try {
      return RecordBody.parse(record.body());
    } catch (IllegalArgumentException e) {
      counters.malformed.increment();
      return null;
    }
  }

  private List<KeptMessage> messagesOf(Record record) {
    RecordBody body = parse(record);
    return body == null ? List.of() : messagesOf(record.id(), body);
  }

  private static List<KeptMessage> messagesOf(String id, RecordBody body) {
    List<byte[]> payloads = body.payloads();
    List<KeptMessage> messages = new ArrayList<>(payloads.size());
    for (int i = 0; i < payloads.size(); i++) {
      Position position = Outbox.positionOf(id, i, payloads.size());
      messages.add(new KeptMessage(position, payloads.get(i)));
    }
    return messages;
  }

  @Override
  public void gap(String from, String to) {
    counters.gaps.increment();
    recent.clear(Position.after(to));
    topic.gap(Position.after(from), Position.after(to));
  }

  @Override
  public void diverged(int records) {
    counters.diverged.add(records);
    topic.diverged(records);
  }

  // Subscribers.

  /** Returns the position behind all messages that were delivered. */
  private Position at() {
    return Position.after(sequence.last());
  }

  void join(Join<?> join) {
    if (ended) {
      join.result().completeExceptionally(new IllegalStateException("node has stopped"));
    } else if (hasBegun) {
      joinOrFetch(join);
    } else {
      await(join);
    }
  }

  private void await(Join<?> join) {
    if (waiting.size() >= MAX_WAITING) {
      join.result().completeExceptionally(new IllegalStateException("too many subscribers wait"));
    } else {
      waiting.add(join);
    }
  }

  private void joinWaiting() {
    List<Join<?>> all = List.copyOf(waiting);
    waiting.clear();
    all.forEach(this::joinOrFetch);
  }

  private void joinOrFetch(Join<?> join) {
    Position after = join.after();
    if (!topic.kind().isLog()) {
      join(join, isEvents ? List.of() : newestUnless(after), /* complete= */ true);
    } else if (after == null) {
      join(join, List.of(), /* complete= */ true);
    } else {
      List<KeptMessage> missed = recent.after(after);
      if (missed != null) {
        counters.resumedHere.increment();
        join(join, missed, /* complete= */ true);
      } else {
        await(join);
        fetch();
      }
    }
  }

  private List<KeptMessage> newestUnless(@Nullable Position after) {
    KeptMessage newest = recent.newest();
    return newest == null || newest.position().equals(after) ? List.of() : List.of(newest);
  }

  private <M> void join(Join<M> join, List<KeptMessage> missed, boolean complete) {
    Position after = join.after();
    Position begin = complete && after != null && topic.kind().isLog() ? after : at();
    List<SharedMessage<M>> first = new ArrayList<>(missed.size() + 1);
    SharedMessage<M> greeting = null;
    if (join.greeting() != null) {
      Beginning beginning = new Beginning(isEvents ? null : begin, missed.size(), complete);
      greeting = SharedMessage.of(join.greeting().apply(beginning));
      first.add(greeting);
    }
    missed.forEach(message -> addForm(join.view(), message, first));
    join.view().topic().unsubscribe(join.connection());
    Subscription subscription =
        join.view().topic().subscribe(join.connection(), join.policy(), first);
    if (greeting != null) {
      greeting.release();
    }
    if (!complete) {
      counters.resumedLost.increment();
    }
    join.result().complete(new Resumption(subscription, missed.size(), complete, at()));
  }

  private <M> void addForm(TopicView<M> view, KeptMessage message, List<SharedMessage<M>> forms) {
    try {
      forms.add(view.form(message));
    } catch (IllegalArgumentException e) { // of the codec: from another program
      counters.malformed.increment();
    }
  }

  // Messages that are no longer among the recent ones.

  private void fetch() {
    if (fetching || waiting.isEmpty()) {
      return;
    }
    fetching = true;
    recent.pin();
    boolean newest = !hasReadNewest;
    hasReadNewest = true;
    fetch(new Fetch(newest ? null : waiting.get(0).after(), new ArrayList<>()));
  }

  /** The messages that were read behind a position; the newest ones if it is null. */
  private record Fetch(@Nullable Position after, List<KeptMessage> messages) {

    @Nullable Position end() {
      return messages.isEmpty() ? after : messages.get(messages.size() - 1).position();
    }
  }

  private void fetch(Fetch fetch) {
    session
        .read(topic.channel(), fetch.end(), READ_BYTES)
        .whenComplete((slice, failure) -> thread.execute(() -> fetched(fetch, slice, failure)));
  }

  private void fetched(Fetch fetch, @Nullable Slice slice, @Nullable Throwable failure) {
    if (ended) {
      return;
    }
    if (slice == null) {
      failWaiting(failure == null ? new IllegalStateException("no answer") : failure);
      endFetch();
      return;
    }
    Position before = fetch.end();
    for (Record record : slice.records()) {
      List<KeptMessage> messages = messagesOf(record);
      boolean isInside = before != null && before.record().equals(record.id());
      fetch.messages().addAll(messages.subList(isInside ? before.messages() : 0, messages.size()));
    }
    Position after = fetch.after();
    if (after == null) {
      connect(beginOf(slice), fetch.messages());
      endFetch();
    } else if (!slice.continuous()) {
      joinThose(after, List.of(), /* complete= */ false);
      endFetch();
    } else if (isConnected(fetch) || isWhole(slice)) {
      resumeFrom(after, fetch.messages());
      endFetch();
    } else {
      fetch(fetch);
    }
  }

  private static Position beginOf(Slice slice) {
    List<Record> records = slice.records();
    return Position.after(records.isEmpty() ? slice.end() : records.get(0).previous());
  }

  private static boolean isWhole(Slice slice) {
    List<Record> records = slice.records();
    return records.isEmpty() || records.get(records.size() - 1).id().equals(slice.end());
  }

  private boolean isConnected(Fetch fetch) {
    return recent.after(Position.after(endRecord(fetch))) != null;
  }

  private static String endRecord(Fetch fetch) {
    Position end = fetch.end();
    return end == null ? "" : end.record();
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
    Position start = recent.start();
    int older = -1;
    for (int i = 0; i < messages.size() && older < 0; i++) {
      older = messages.get(i).position().equals(start) ? i + 1 : -1;
    }
    if (older < 0) {
      return begin.equals(start);
    }
    recent.prepend(begin, messages.subList(0, older));
    return true;
  }

  /** Ends a read, and asks those that still wait again. */
  private void endFetch() {
    fetching = false;
    recent.unpin();
    joinWaiting();
  }

  private void joinThose(Position after, List<KeptMessage> missed, boolean complete) {
    take(after).forEach(join -> join(join, missed, complete));
  }

  private List<Join<?>> take(Position after) {
    List<Join<?>> those = waiting.stream().filter(join -> after.equals(join.after())).toList();
    waiting.removeAll(those);
    return those;
  }

  private void awaitReaching(Position after) {
    List<Join<?>> those = take(after);
    ahead.addAll(those);
    thread.runAfter(
        MAX_AHEAD_NANOS,
        () -> {
          List<Join<?>> late = those.stream().filter(ahead::contains).toList();
          ahead.removeAll(late);
          late.forEach(join -> join(join, List.of(), /* complete= */ false));
        });
  }
}
