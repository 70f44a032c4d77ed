package dev.jev.nodes;

import dev.jev.Connection;
import dev.jev.SlowConsumer;
import dev.jev.Subscription;
import dev.jev.Topic;
import java.util.concurrent.CompletionStage;

/**
 * A topic that spans nodes. {@link TopicKind} tells what it promises.
 *
 * <p><b>Order.</b> The messages that one thread publishes to a topic are stored in the order of the
 * calls. A subscriber gets the messages that its thread publishes after it has subscribed.
 *
 * <p><b>Threads.</b> All methods may be called from any thread. Stages complete on a thread that
 * must not be blocked.
 *
 * @param <O> the type of the messages
 */
public interface NodeTopic<O> {

  /** Returns the name. */
  String name();

  /**
   * Subscribes a connection: it receives the messages from now on, and first the newest one if the
   * kind is {@link TopicKind#latest}. Otherwise as {@link Topic#subscribe(Connection,
   * SlowConsumer)}.
   *
   * @throws IllegalStateException if the node has not started: a server with the plugin has, or
   *     {@link Nodes#start()}
   */
  Subscription subscribe(Connection<O> connection, SlowConsumer<? super O> policy);

  /**
   * Subscribes a connection that has received the messages up to a position: it receives those
   * behind it, in order, then those from now on. They are subject to the policy as well. If
   * messages are lost, it receives those from now on only, see {@link Resumption#complete}. A
   * connection that is subscribed already is subscribed anew.
   *
   * <p>The stage fails if the engine cannot be reached and this node does not have the messages.
   * Connections get messages without positions; a protocol of one's own learns them from {@link
   * Receipt}s.
   *
   * @throws IllegalStateException if the kind is not {@link TopicKind#log}, or the node has not
   *     started
   */
  CompletionStage<Resumption> resume(
      Connection<O> connection, SlowConsumer<? super O> policy, Position after);

  /**
   * Publishes a message to the subscribers on all nodes.
   *
   * <p><b>Ownership.</b> The caller keeps the message, unlike with {@link Topic#publish}. It is
   * encoded before this method returns.
   *
   * <p><b>Limits.</b> An encoded message has at most 1 MiB; others are {@code REFUSED}, and so are
   * all while the node does not run.
   *
   * @throws IllegalArgumentException if the codec refuses the message
   */
  CompletionStage<Receipt> publish(O message);

  /** Publishes a message that a connection of this node, its sender, does not receive itself. */
  CompletionStage<Receipt> publish(O message, Connection<?> except);

  /**
   * Returns the members of the topic.
   *
   * @throws IllegalStateException if the kind has no {@linkplain TopicKind#presence() presence}, or
   *     the node has not started
   */
  Presence presence();

  /**
   * Returns the topic of the connections that have subscribed here with {@link #subscribe} or
   * {@link #resume}, for its counters; not those of a {@link TopicSocket}. To subscribe to it
   * directly does not make the node listen. What is published to it directly reaches this node
   * only.
   */
  Topic<O> local();
}
