package dev.jev.nodes;

import dev.jev.Connection;
import dev.jev.nodes.Backplane.Record;
import dev.jev.nodes.Backplane.Session;
import dev.jev.nodes.Backplane.Slice;
import dev.jev.nodes.NodeFlightEvents.TopicRepaired;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BiConsumer;
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

  final ClusterTopic<?> topic;
  final NodeCounters counters;
  final Session session;
  final RecentMessages recent;
  final TopicJoins joins;
  private final NodeThread thread;
  private final boolean isEvents;
  private final Sequence sequence;

  private final AtomicBoolean skips = new AtomicBoolean(); // records, and will read them
  private long delivered; // messages
  private boolean hasBegun; // listens, and has read the end
  private boolean ended;

  TopicFeed(ClusterTopic<?> topic, NodeThread thread, Session session) {
    this.topic = topic;
    this.thread = thread;
    this.counters = topic.nodes.counters;
    this.session = session;
    this.isEvents = topic.kind.isEvents();
    this.sequence = new Sequence(this, topic.kind.isLog());
    this.recent = new RecentMessages(thread, topic.kind.retention, at());
    this.joins = new TopicJoins(this);
  }

  /** Handles an answer of the engine on the thread of the topic, unless the feed has ended. */
  <T> void whenAnswered(
      CompletionStage<T> stage, BiConsumer<@Nullable T, @Nullable Throwable> action) {
    stage.whenComplete(
        (answer, failure) ->
            thread.execute(() -> unlessEnded(() -> action.accept(answer, failure))));
  }

  /** Runs a task after some time, unless the feed has ended. */
  void runAfter(long nanos, Runnable task) {
    thread.runAfter(nanos, () -> unlessEnded(task));
  }

  private void unlessEnded(Runnable task) {
    if (!ended) {
      task.run();
    }
  }

  /** Begins to listen. */
  void begin() {
    whenAnswered(session.listen(List.of(topic.channel)), (done, failure) -> listens(failure));
  }

  private void listens(@Nullable Throwable failure) {
    if (failure != null) {
      joins.fail(failure);
      runAfter(Nodes.RETRY_NANOS, this::begin);
    } else if (isEvents) {
      begun();
    } else {
      sequence.begin();
    }
  }

  private void begun() {
    hasBegun = true;
    topic.hold(false); // all that is published from now on is heard
    joins.joinWaiting();
  }

  /** Ends: the subscribers have left. */
  void end() {
    ended = true;
    session.unlisten(List.of(topic.channel));
    recent.clear(at());
    joins.fail(new IllegalStateException("node has stopped"));
  }

  /** Returns the position behind all messages that were delivered. */
  Position at() {
    return Position.after(sequence.last());
  }

  // Subscribers.

  void join(TopicJoins.Join<?> join) {
    if (ended) {
      join.result().completeExceptionally(new IllegalStateException("node has stopped"));
    } else if (hasBegun) {
      joins.join(join);
    } else {
      joins.await(join);
    }
  }

  // Records.

  /** Takes a record of the engine, unless too many wait. Any thread. */
  void receive(Record record) {
    if (!thread.execute(record, () -> onRecord(record))) {
      counters.lagged.increment();
      if (skips.compareAndSet(false, true)) {
        interrupted(); // reads what was skipped
      }
    }
  }

  private void onRecord(Record record) {
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

  /** Notes that records may have been missed. Any thread. */
  void interrupted() {
    thread.execute(
        () -> {
          skips.set(false);
          if (!ended && !isEvents) {
            new NodeFlightEvents.TopicInterrupted(topic.name()).commit();
            sequence.onInterrupted();
          }
        });
  }

  @Override
  public void read(@Nullable Position after) {
    // At the beginning, more than the end is of use if there are subscribers that get it.
    boolean newest = after == null && (!topic.kind.isLog() || joins.resumes());
    joins.hasReadNewest |= newest;
    TopicRepaired repair = after == null ? null : new TopicRepaired(topic.name());
    if (repair != null) {
      counters.repairs.increment();
      repair.begin();
    }
    read(
        after,
        after != null || newest ? READ_BYTES : 0,
        (slice, failure) -> onSlice(repair, slice, failure));
  }

  /** Reads from the engine in turn with other topics, and handles the answer as above. */
  void read(
      @Nullable Position after,
      int mostBytes,
      BiConsumer<@Nullable Slice, @Nullable Throwable> action) {
    thread.read(
        () -> ended ? null : session.read(topic.channel, after, mostBytes),
        (slice, failure) -> unlessEnded(() -> action.accept(slice, failure)));
  }

  private void onSlice(
      @Nullable TopicRepaired repair, @Nullable Slice slice, @Nullable Throwable failure) {
    if (slice == null) {
      if (!hasBegun && failure != null) {
        joins.fail(failure);
      }
      runAfter(Nodes.RETRY_NANOS, sequence::onReadFailed);
      return;
    }
    long before = delivered;
    sequence.onSlice(slice);
    if (repair != null) {
      repair.messages = delivered - before;
      repair.commit();
      counters.repaired.add(repair.messages);
    }
    if (!hasBegun && sequence.hasBegun()) {
      begun();
    }
  }

  @Override
  public boolean hasRoom() {
    if (topic.hasRoom()) {
      return true;
    }
    counters.lagged.increment();
    if (!isEvents) {
      thread.awaitRoom(this::continueIfRoom);
    }
    return false;
  }

  /** Reads on, if the event loops have room; returns whether the wait for room is over. */
  private boolean continueIfRoom() {
    boolean room = ended || topic.hasRoom();
    if (room && !ended) {
      sequence.onRoom();
    }
    return room;
  }

  @Override
  public void begin(Slice slice) {
    List<KeptMessage> messages = new ArrayList<>();
    slice.records().forEach(record -> messages.addAll(messagesOf(record)));
    if (!topic.kind.isLog()) {
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
    boolean isOwn = body.node() == topic.nodes.outboxes.node();
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
    new NodeFlightEvents.TopicGap(topic.name(), from, to).commit();
    recent.clear(Position.after(to));
    topic.gap(Position.after(from), Position.after(to));
  }

  @Override
  public void diverged(int records) {
    counters.diverged.add(records);
    new NodeFlightEvents.TopicDiverged(topic.name(), records).commit();
    topic.diverged(records);
  }
}
