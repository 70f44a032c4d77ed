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
   */
  Subscription subscribe(Connection<O> connection, SlowConsumer<? super O> policy);

  /**
   * Subscribes a connection that has received the messages up to a position: it receives those
   * behind it, in order, then those from now on. They are subject to the policy as well. If
   * messages are lost, it receives those from now on only, see {@link Resumption#complete}. A
   * connection that is subscribed already is subscribed anew.
   *
   * <p>The stage fails if the engine cannot be reached and this node does not have the messages.
   *
   * @throws IllegalStateException if the kind is not {@link TopicKind#log}
   */
  CompletionStage<Resumption> resume(
      Connection<O> connection, SlowConsumer<? super O> policy, Position after);

  /**
   * Publishes a message to the subscribers on all nodes.
   *
   * <p><b>Ownership.</b> The message is encoded before this method returns, and not retained.
   *
   * @throws IllegalArgumentException if the codec refuses the message
   */
  CompletionStage<Receipt> publish(O message);

  /** Publishes a message that a connection of this node, its sender, does not receive itself. */
  CompletionStage<Receipt> publish(O message, Connection<?> except);

  /**
   * Returns the members of the topic.
   *
   * @throws IllegalStateException if the kind has no {@linkplain TopicKind#presence() presence}
   */
  Presence presence();

  /**
   * Returns the topic of the subscribers on this node, for its counters. What is published to it
   * directly reaches this node only, without order among the other messages.
   */
  Topic<O> local();
}
