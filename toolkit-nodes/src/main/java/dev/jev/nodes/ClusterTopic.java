package dev.jev.nodes;

import static java.util.Objects.requireNonNull;

import dev.jev.Connection;
import dev.jev.SharedMessage;
import dev.jev.SlowConsumer;
import dev.jev.Subscription;
import dev.jev.Topic;
import dev.jev.nodes.Backplane.Channel;
import dev.jev.nodes.Backplane.Session;
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

  /**
   * The beginning of a connection's stream.
   *
   * @param at the position behind which the stream begins; null for events
   */
  record Beginning(@Nullable Position at, int replayed, boolean complete) {}

  private final Nodes nodes;
  private final Channel channel;
  private final TopicKind<O> kind;

  // Volatile: created on demand, guarded by this.
  private volatile @Nullable Outbox outbox;
  private volatile @Nullable TopicView<O> handlers;
  private volatile @Nullable TopicView<WebSocketMessage> sockets;
  private volatile @Nullable NodePresence presence;
  private volatile @Nullable PresenceSockets presenceSockets;
  private volatile @Nullable TopicFeed feed; // null while the node does not listen

  // Guarded by this.
  private boolean closeDue;

  ClusterTopic(Nodes nodes, String name, TopicKind<O> kind) {
    this.nodes = nodes;
    this.channel = new Channel(name, kind.retention());
    this.kind = kind;
  }

  Nodes nodes() {
    return nodes;
  }

  Channel channel() {
    return channel;
  }

  TopicKind<O> kind() {
    return kind;
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
    return publish(kind.codec().encode(requireNonNull(message, "message")), null);
  }

  @Override
  public CompletionStage<Receipt> publish(O message, Connection<?> except) {
    requireNonNull(except, "except");
    return publish(kind.codec().encode(requireNonNull(message, "message")), except);
  }

  /**
   * Publishes a message that a client has encoded.
   *
   * @param except the connection that does not receive it, or null
   * @throws IllegalArgumentException if the codec cannot decode it
   */
  CompletionStage<Receipt> publishEncoded(byte[] payload, @Nullable Connection<?> except) {
    requireNonNull(kind.codec().decode(payload), "message");
    return publish(payload, except);
  }

  private CompletionStage<Receipt> publish(byte[] payload, @Nullable Connection<?> except) {
    Outbox publications = outbox();
    if (publications == null) {
      nodes.counters().count(Receipt.Outcome.REFUSED, 1);
      return CompletableFuture.completedStage(Receipt.REFUSED);
    }
    if (kind.isEvents()) { // at once, and in the order of the calls
      KeptMessage message = new KeptMessage(Position.after(""), payload);
      deliver(message, except);
      message.release();
      return publications.publish(payload, null);
    }
    return publications.publish(payload, except);
  }

  /** Returns the publications, or null if the node is not running. */
  private @Nullable Outbox outbox() {
    if (!nodes.isRunning()) {
      return null;
    }
    Outbox present = outbox;
    return present != null ? present : createOutbox();
  }

  private synchronized @Nullable Outbox createOutbox() {
    if (outbox == null && nodes.isRunning()) { // with the monitor, so that stop comes later
      outbox = nodes.outbox(this);
    }
    return outbox;
  }

  /** Lets publications wait, or go on. */
  private void hold(boolean hold) {
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
      closeLaterUnless(subscription.isActive());
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
    TopicView<WebSocketMessage> view = sockets;
    if (view != null) { // behind the joins of this connection
      thread().execute(() -> unsubscribe(view, connection));
    }
  }

  private void unsubscribe(TopicView<?> view, Connection<?> connection) {
    TopicFeed present = feed;
    if (present != null) {
      present.leave(connection);
    }
    view.topic().unsubscribe(connection);
    PresenceSockets followers = presenceSockets;
    if (followers != null) {
      followers.remove(connection);
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
    PresenceSockets followers;
    synchronized (this) {
      if (presenceSockets == null) {
        presenceSockets = new PresenceSockets(name(), followed);
      }
      followers = presenceSockets;
    }
    boolean runs =
        thread()
            .execute(
                () -> {
                  try {
                    followers.add(connection);
                  } finally {
                    done.run();
                  }
                });
    if (!runs) {
      done.run();
    }
  }

  @Override
  public Topic<O> local() {
    return handlers().topic();
  }

  private TopicView<O> handlers() {
    TopicView<O> present = handlers;
    if (present != null) {
      return present;
    }
    synchronized (this) {
      if (handlers == null) {
        boolean retains = isLatest();
        Topic<O> topic = Topic.of(name(), new Members<>());
        handlers =
            new TopicView<>(
                TopicView.HANDLERS,
                retains ? topic.retaining(1, MAX_RETAINED_BYTES) : topic,
                message -> kind.codec().decode(message.payload()),
                retains);
      }
      return handlers;
    }
  }

  private boolean isLatest() {
    return kind.retention().kind() == Backplane.Kind.LATEST;
  }

  private TopicView<WebSocketMessage> sockets() {
    TopicView<WebSocketMessage> present = sockets;
    if (present != null) {
      return present;
    }
    synchronized (this) {
      if (sockets == null) {
        sockets =
            new TopicView<>(
                TopicView.SOCKETS,
                Topic.of(name(), new Members<>()),
                this::envelope,
                /* retains= */ false);
      }
      return sockets;
    }
  }

  private WebSocketMessage envelope(KeptMessage message) {
    requireNonNull(kind.codec().decode(message.payload()), "message"); // refuses what is malformed
    Position position = kind.isEvents() ? null : message.position();
    return Envelope.message(name(), position, message.payload(), kind.codec().format());
  }

  /** Notes which members are subscribed. */
  private final class Members<M> implements Topic.Observer<M> {

    @Override
    public void onJoin(Connection<M> connection) {
      nodes.members().joined(ClusterTopic.this, connection);
    }

    @Override
    public void onLeave(Connection<M> connection) {
      nodes.members().left(ClusterTopic.this, connection);
      closeLaterUnless(/* used= */ false);
    }
  }

  // Presence.

  @Override
  public Presence presence() {
    return nodePresence();
  }

  NodePresence nodePresence() {
    if (!kind.hasPresence()) {
      throw new IllegalStateException("presence: " + kind + " (expected: a kind with presence)");
    }
    NodePresence present = presence;
    if (present != null) {
      return present;
    }
    synchronized (this) {
      if (presence == null) {
        presence = new NodePresence(name(), nodes.session(), thread().executor(), kind.grace());
      }
      return presence;
    }
  }

  @Nullable NodePresence presenceIfAny() {
    return presence;
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
    TopicFeed created = new TopicFeed(this, thread(), nodes.counters(), session);
    feed = created;
    nodes.topics().listening(this, true);
    hold(true); // what is published from now on is to be heard
    thread().execute(created::begin);
    return created;
  }

  /** Called when all that is published from now on will be heard. */
  void begun() {
    hold(false);
  }

  /** Ends the feed after some time, unless there are subscribers then. */
  void closeLaterUnless(boolean used) {
    if (used) {
      return;
    }
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
    if (present != null && present.isIdle() && subscribers() == 0) {
      end(present);
    } else if (present != null) {
      closeLaterUnless(present.isIdle());
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
    nodes.topics().listening(this, false);
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
    presenceSockets = null;
  }

  @Nullable TopicFeed feed() {
    return feed;
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
    } catch (IllegalArgumentException e) { // of the codec: from another program
      nodes.counters().malformed.increment();
    } catch (RuntimeException e) { // of a codec with a fault
      nodes.counters().malformed.increment();
      CODEC_LOG.warning("message of topic " + name() + " dropped: it cannot be decoded", e);
    }
  }

  /**
   * Closes all subscribers, since some have missed a message: an event loop had room for it, but
   * others have filled its queue meanwhile. They get the message when they resume.
   */
  private void closeAll(Topic<?> view) {
    nodes.counters().lagged.increment();
    NodeLog.warning("topic " + name() + ": subscribers closed, for an event loop has no room");
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
      SharedMessage<WebSocketMessage> gap = view.gap(from, to);
      if (gap != null) {
        view.topic().publish(gap);
        gap.release();
      }
    }
    NodeLog.guarded(() -> nodes.listener().onGap(name(), from, to)).run();
  }

  void diverged(int records) {
    NodeLog.guarded(() -> nodes.listener().onDiverged(name(), records)).run();
  }

  @Override
  public String toString() {
    return "topic " + name() + " (" + kind + ")";
  }
}
