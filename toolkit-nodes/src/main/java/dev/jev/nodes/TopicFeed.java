package dev.jev.nodes;

import dev.jev.Connection;
import dev.jev.nodes.Backplane.Record;
import dev.jev.nodes.Backplane.Session;
import dev.jev.nodes.Backplane.Slice;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * The records of one topic, while this node listens to it: orders them, and delivers them to its
 * subscribers.
 *
 * <p>Used by the thread of the topic only, except where noted.
 */
final class TopicFeed implements Sequence.Actions {

  /** Size of the records that are read at once, in bytes. */
  static final int READ_BYTES = 1024 * 1024;

  private static final long ROOM_CHECK_NANOS = TimeUnit.MILLISECONDS.toNanos(5);

  private final ClusterTopic<?> topic;
  private final NodeThread thread;
  private final NodeCounters counters;
  private final Session session;
  private final boolean isEvents;
  private final Sequence sequence;
  private final RecentMessages recent;
  private final TopicJoins joins;

  private final AtomicBoolean skips = new AtomicBoolean();
  private long delivered; // messages
  private boolean hasBegun; // listens, and has read the end
  private boolean ended;

  TopicFeed(ClusterTopic<?> topic, NodeThread thread, NodeCounters counters, Session session) {
    this.topic = topic;
    this.thread = thread;
    this.counters = counters;
    this.session = session;
    this.isEvents = topic.kind().isEvents();
    this.sequence = new Sequence(this, topic.kind().isLog());
    this.recent =
        new RecentMessages(thread, topic.kind().retention(), Position.after(sequence.last()));
    this.joins = new TopicJoins(topic, this, thread, counters, session, recent);
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
      joins.fail(failure);
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
    joins.joinWaiting();
  }

  /** Ends: the subscribers have left. */
  void end() {
    ended = true;
    session.unlisten(List.of(topic.channel()));
    recent.clear(at());
    joins.fail(new IllegalStateException("node has stopped"));
  }

  boolean hasEnded() {
    return ended;
  }

  /** Returns the position behind all messages that were delivered. */
  Position at() {
    return Position.after(sequence.last());
  }

  // Subscribers.

  /** Returns whether no subscriber waits. */
  boolean isIdle() {
    return joins.isIdle();
  }

  void join(TopicJoins.Join<?> join) {
    if (ended) {
      join.result().completeExceptionally(new IllegalStateException("node has stopped"));
    } else if (hasBegun) {
      joins.join(join);
    } else {
      joins.await(join);
    }
  }

  /** Ends the replay of a connection that unsubscribes. */
  void leave(Connection<?> connection) {
    joins.leave(connection);
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

  /** Notes that a record was skipped; returns false if that was known. Any thread. */
  boolean skips() {
    counters.lagged.increment();
    return skips.compareAndSet(false, true);
  }

  void onInterrupted() {
    skips.set(false);
    if (!ended && !isEvents) {
      sequence.onInterrupted();
    }
  }

  @Override
  public void read(@Nullable Position after) {
    boolean newest = after == null && needsNewest();
    if (newest) {
      joins.hasReadNewest();
    }
    counters.repairs.add(after == null ? 0 : 1);
    session
        .read(topic.channel(), after, after != null || newest ? READ_BYTES : 0)
        .whenComplete((slice, failure) -> thread.execute(() -> onSlice(after, slice, failure)));
  }

  /** Returns whether more than the end is of use at the beginning. */
  private boolean needsNewest() {
    return !topic.kind().isLog() || joins.resumes();
  }

  private void onSlice(
      @Nullable Position after, @Nullable Slice slice, @Nullable Throwable failure) {
    if (ended) {
      return;
    }
    if (slice == null) {
      if (!hasBegun && failure != null) {
        joins.fail(failure);
      }
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
    joins.reached(record.id());
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

  /** Returns the messages of a record; none if it is malformed. */
  List<KeptMessage> messagesOf(Record record) {
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
}
