package dev.jev.nodes;

import static java.util.Objects.requireNonNull;

import dev.jev.Connection;
import dev.jev.SlowConsumer;
import dev.jev.Subscription;
import dev.jev.Topic;
import dev.jev.nodes.Backplane.Channel;
import dev.jev.nodes.Backplane.Session;
import dev.jev.nodes.Backplane.Stored;
import dev.jev.websocket.WebSocketMessage;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A topic on this node: its publications, its subscribers, and its feed while there are any.
 *
 * <p>A node may have a million of them, so everything is created when it is needed. What the feed
 * does happens on the thread of the topic; the other methods may be called from any thread.
 *
 * @param <O> the type of the messages
 */
final class ClusterTopic<O> implements NodeTopic<O> {

  private static final LogLimit CODEC_LOG = new LogLimit();
  private static final long MAX_RETAINED_BYTES = 4 * 1024 * 1024;

  /** Number of batches whose senders are remembered at least. */
  private static final int MIN_SENDERS = 64;

  /**
   * The beginning of a connection's stream.
   *
   * @param at the position behind which the stream begins; null for events
   */
  record Beginning(@Nullable Position at, int replayed, boolean complete) {}

  final Nodes nodes;
  final Channel channel;
  final TopicKind<O> kind;

  // Volatile: created on demand, guarded by this.
  private volatile @Nullable Outbox outbox;
  private volatile @Nullable TopicView<O> handlers;
  private volatile @Nullable TopicView<WebSocketMessage> sockets;
  volatile @Nullable NodePresence presence;
  volatile @Nullable TopicFeed feed; // null while the node does not listen

  // Guarded by this.
  private boolean closeDue;

  ClusterTopic(Nodes nodes, String name, TopicKind<O> kind) {
    this.nodes = nodes;
    this.channel = new Channel(name, kind.retention);
    this.kind = kind;
  }

  @Override
  public String name() {
    return channel.topic();
  }

  private NodeThread thread() {
    return nodes.thread(name());
  }

  // Publishing.

  @Override
  public CompletionStage<Receipt> publish(O message) {
    return publish(kind.codec.encode(requireNonNull(message, "message")), null);
  }

  @Override
  public CompletionStage<Receipt> publish(O message, Connection<?> except) {
    requireNonNull(except, "except");
    return publish(kind.codec.encode(requireNonNull(message, "message")), except);
  }

  /**
   * Publishes a message that a client has encoded.
   *
   * @param except the connection that does not receive it, or null
   * @throws IllegalArgumentException if the codec cannot decode it
   */
  CompletionStage<Receipt> publishEncoded(byte[] payload, @Nullable Connection<?> except) {
    requireNonNull(kind.codec.decode(payload), "message");
    return publish(payload, except);
  }

  private CompletionStage<Receipt> publish(byte[] payload, @Nullable Connection<?> except) {
    Outbox publications = outbox();
    if (publications == null) {
      nodes.counters.of(Receipt.Outcome.REFUSED).increment();
      return CompletableFuture.completedStage(Receipt.REFUSED);
    }
    if (kind.isEvents()) { // at once, and in the order of the calls
      KeptMessage message = new KeptMessage(Position.after(""), payload);
      deliver(message, except);
      message.release();
    }
    return publications.publish(payload, kind.isEvents() ? null : except);
  }

  /** Returns the publications, or null if the node is not running. */
  private @Nullable Outbox outbox() {
    Outbox present = outbox;
    if (present != null && nodes.running) {
      return present;
    }
    synchronized (this) { // so that stop comes later
      if (outbox == null && nodes.running) {
        int senders = Math.max(channel.retention().messages(), MIN_SENDERS);
        outbox = new Outbox(new Publishing(), nodes.outboxes, kind.isEvents(), senders);
      }
      return nodes.running ? outbox : null;
    }
  }

  /** The engine, as the publications see it. */
  private final class Publishing implements Outbox.Engine {

    @Override
    public CompletionStage<Stored> publish(byte[] body, @Nullable String since) {
      nodes.counters.batches.increment();
      Session session = nodes.session;
      return session == null
          ? CompletableFuture.failedStage(new IllegalStateException("node has stopped"))
          : session.publish(channel, body, since);
    }

    @Override
    public void execute(Runnable task) {
      if (!thread().execute(task)) {
        task.run(); // the node has stopped
      }
    }

    @Override
    public void runAfter(long nanos, Runnable task) {
      thread().runAfter(nanos, task);
    }

    @Override
    public boolean isHeard() {
      return feed != null;
    }

    @Override
    public void count(Receipt.Outcome outcome, int messages) {
      nodes.counters.of(outcome).add(messages);
    }
  }

  /** Lets publications wait, or go on. */
  void hold(boolean hold) {
    Outbox publications = outbox();
    if (publications != null) {
      publications.hold(hold);
    }
  }

  /** Returns whether all publications have an outcome. */
  boolean isOutboxEmpty() {
    Outbox present = outbox;
    return present == null || present.isEmpty();
  }

  @Nullable List<@Nullable Connection<?>> takeSenders(long batch) {
    Outbox publications = outbox;
    return publications == null ? null : publications.takeSenders(batch);
  }

  // Subscribing.

  @Override
  public Subscription subscribe(Connection<O> connection, SlowConsumer<? super O> policy) {
    synchronized (this) {
      Topic<O> topic = local(); // before the feed, which delivers to it
      open();
      Subscription subscription = topic.subscribe(connection, policy);
      closeLaterIfUnused();
      return subscription;
    }
  }

  @Override
  public CompletionStage<Resumption> resume(
      Connection<O> connection, SlowConsumer<? super O> policy, Position after) {
    requireNonNull(after, "after");
    if (!kind.isLog()) {
      throw new IllegalStateException("resume: " + kind + " (expected: a log)");
    }
    return join(handlers(), connection, policy, after, null);
  }

  /**
   * Subscribes a connection of a {@link TopicSocket}. It receives first the text that {@code
   * greeting} makes, then the messages that are replayed, then those that follow. Also for kinds
   * without replay, for which {@code after} has no effect.
   *
   * @param after the position to resume at; null for now
   * @param greeting called on the thread of the topic
   */
  CompletionStage<Resumption> subscribeSocket(
      Connection<WebSocketMessage> connection,
      SlowConsumer<? super WebSocketMessage> policy,
      @Nullable Position after,
      Function<Beginning, WebSocketMessage> greeting) {
    return join(sockets(), connection, policy, after, greeting);
  }

  private <M> CompletionStage<Resumption> join(
      TopicView<M> view,
      Connection<M> connection,
      SlowConsumer<? super M> policy,
      @Nullable Position after,
      @Nullable Function<Beginning, M> greeting) {
    requireNonNull(connection, "connection");
    requireNonNull(policy, "policy");
    CompletableFuture<Resumption> result = new CompletableFuture<>();
    TopicJoins.Join<M> join =
        new TopicJoins.Join<>(view, connection, policy, after, greeting, -1, result);
    synchronized (this) {
      TopicFeed present = open();
      if (!thread().execute(() -> present.join(join))) {
        result.completeExceptionally(new IllegalStateException("node has stopped"));
      }
    }
    return result.minimalCompletionStage();
  }

  /** Ends the subscription of a connection of a {@link TopicSocket}. */
  void unsubscribeSocket(Connection<WebSocketMessage> connection) {
    thread().execute(() -> leave(connection)); // behind its joins
  }

  private void leave(Connection<WebSocketMessage> connection) {
    TopicFeed present = feed;
    if (present != null) {
      present.joins.leave(connection);
    }
    sockets().topic().unsubscribe(connection);
    NodePresence members = presence;
    if (members != null) {
      members.sockets().remove(connection);
    }
  }

  /**
   * Sends the members to a connection that {@link #subscribeSocket} has subscribed, and then their
   * joins and leaves.
   *
   * @param done called when the thread of the topic has taken note
   * @throws IllegalStateException if the kind has no presence
   */
  void presenceSocket(Connection<WebSocketMessage> connection, Runnable done) {
    NodePresence followed = nodePresence();
    Runnable add =
        () -> {
          try {
            followed.sockets().add(connection);
          } finally {
            done.run();
          }
        };
    if (!thread().execute(add)) {
      done.run();
    }
  }

  @Override
  public Topic<O> local() {
    return handlers().topic();
  }

  private synchronized TopicView<O> handlers() {
    TopicView<O> view = handlers;
    if (view == null) {
      Topic<O> topic = Topic.of(name(), new Members<>());
      topic = isLatest() ? topic.retaining(1, MAX_RETAINED_BYTES) : topic;
      view = new TopicView<>(0, topic, this::decode, null, isLatest());
      handlers = view;
    }
    return view;
  }

  private synchronized TopicView<WebSocketMessage> sockets() {
    TopicView<WebSocketMessage> view = sockets;
    if (view == null) {
      Topic<WebSocketMessage> topic = Topic.of(name(), new Members<>());
      view = new TopicView<>(1, topic, this::envelope, this::gapEnvelope, /* retains= */ false);
      sockets = view;
    }
    return view;
  }

  private O decode(KeptMessage message) {
    return requireNonNull(kind.codec.decode(message.payload), "message");
  }

  private boolean isLatest() {
    return kind.retention.kind() == Backplane.Kind.LATEST;
  }

  private WebSocketMessage envelope(KeptMessage message) {
    decode(message); // refuses what is malformed
    Position position = kind.isEvents() ? null : message.position;
    return Envelope.message(name(), position, message.payload, kind.codec.format());
  }

  private WebSocketMessage gapEnvelope(Position from, Position to) {
    return Envelope.gap(name(), from, to);
  }

  /** Notes which members are subscribed. */
  private final class Members<M> implements Topic.Observer<M> {

    @Override
    public void onJoin(Connection<M> connection) {
      nodes.members.joined(ClusterTopic.this, connection);
    }

    @Override
    public void onLeave(Connection<M> connection) {
      nodes.members.left(ClusterTopic.this, connection);
      closeLaterIfUnused();
    }
  }

  // Presence.

  @Override
  public Presence presence() {
    return nodePresence();
  }

  NodePresence nodePresence() {
    if (!kind.hasPresence) {
      throw new IllegalStateException("presence: " + kind + " (expected: a kind with presence)");
    }
    synchronized (this) {
      NodePresence present = presence;
      if (present == null) {
        present =
            new NodePresence(
                name(),
                nodes.session(),
                thread().executor,
                kind.leaveAfter,
                used -> nodes.topics.keep(this, used));
        presence = present;
      }
      return present;
    }
  }

  // The feed.

  /** Listens, if the node does not yet; the caller holds the monitor. */
  private TopicFeed open() {
    TopicFeed present = feed;
    if (present != null) {
      return present;
    }
    Session session = nodes.session();
    nodes.requireRunning(); // else nothing would end the feed
    if (isLatest()) {
      handlers(); // retains the newest message from the beginning
    }
    TopicFeed created = new TopicFeed(this, thread(), session);
    feed = created;
    nodes.topics.feeds.put(channel, created);
    hold(true); // what is published from now on is to be heard
    thread().execute(created::begin);
    return created;
  }

  /** Ends the feed after some time, unless there are subscribers now or then. */
  void closeLaterIfUnused() {
    synchronized (this) {
      if (closeDue || feed == null || subscribers() > 0) {
        return;
      }
      closeDue = true;
    }
    thread().linger(this::closeIfUnused);
  }

  private synchronized void closeIfUnused() {
    closeDue = false;
    TopicFeed present = feed;
    if (present != null && present.joins.isIdle() && subscribers() == 0) {
      end(present);
    } else {
      closeLaterIfUnused();
    }
  }

  /** Returns the number of subscribers on this node, without those that join. */
  int subscribers() {
    return size(handlers) + size(sockets);
  }

  private static int size(@Nullable TopicView<?> view) {
    return view == null ? 0 : view.topic().size();
  }

  private void end(TopicFeed present) {
    feed = null;
    nodes.topics.feeds.remove(channel);
    present.end();
    hold(false);
    Outbox publications = outbox;
    if (publications != null) {
      publications.forgetSenders();
    }
    if (handlers != null) {
      handlers.topic().clearRetained();
    }
  }

  /** Ends the feed and the presence, since the node stops; on the thread of the topic. */
  synchronized void stop() {
    closeDue = false; // the timer ends with its thread
    TopicFeed present = feed;
    if (present != null) {
      end(present);
    }
    Outbox publications = outbox;
    if (publications != null) {
      publications.stop();
    }
    outbox = null; // that one has ended; the node may start again
    NodePresence members = presence;
    if (members != null) {
      members.stop();
    }
    presence = null;
    nodes.topics.keep(this, false);
  }

  // Called by the feed.

  /** Delivers a message to all subscribers on this node, except one. */
  void deliver(KeptMessage message, @Nullable Connection<?> except) {
    deliver(handlers, message, except);
    deliver(sockets, message, except);
  }

  private <M> void deliver(
      @Nullable TopicView<M> view, KeptMessage message, @Nullable Connection<?> except) {
    if (view == null) {
      return;
    }
    try {
      if (!view.publish(message, except) && !kind.isEvents()) {
        closeAll(view.topic());
      }
    } catch (RuntimeException e) { // of the codec
      nodes.counters.malformed.increment();
      if (!(e instanceof IllegalArgumentException)) { // is not from another program
        CODEC_LOG.warning("message of topic " + name() + " dropped: it cannot be decoded", e);
      }
    }
  }

  /**
   * Closes all subscribers, since some have missed a message: an event loop had room for it, but
   * others have filled its queue meanwhile. They get the message when they resume.
   */
  private void closeAll(Topic<?> view) {
    nodes.counters.lagged.increment();
    NodeLog.warning(
        "topic " + name() + ": subscribers closed, for an event loop has no room", null);
    view.forEach(Connection::close);
  }

  boolean hasRoom() {
    return hasRoom(handlers) && hasRoom(sockets);
  }

  private static boolean hasRoom(@Nullable TopicView<?> view) {
    return view == null || view.topic().hasRoom();
  }

  void gap(Position from, Position to) {
    TopicView<WebSocketMessage> view = sockets;
    if (view != null) {
      view.topic().publish(gapEnvelope(from, to));
    }
    nodes.tell(listener -> listener.onGap(name(), from, to));
  }

  void diverged(int records) {
    nodes.tell(listener -> listener.onDiverged(name(), records));
  }

  @Override
  public String toString() {
    return "topic " + name() + " (" + kind + ")";
  }
}
