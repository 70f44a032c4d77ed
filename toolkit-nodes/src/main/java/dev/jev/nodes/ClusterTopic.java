package dev.jev.nodes;

import dev.jev.Connection;
import dev.jev.SlowConsumer;
import dev.jev.websocket.WebSocketMessage;
import java.util.concurrent.CompletionStage;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** A topic on this node: its publications, its order, its recent messages and its subscribers. */
abstract class ClusterTopic<O> implements NodeTopic<O> {

  /** Returns the kind. */
  abstract TopicKind<O> kind();

  /**
   * Subscribes a connection of a {@link TopicSocket}. It receives first the text that {@code
   * greeting} makes, then the messages that are replayed, then those that follow. Also for kinds
   * without replay, whose {@code after} has no effect.
   *
   * @param after the position to resume at; null for now
   * @param greeting called with the number of replayed messages, whether they are complete, and the
   *     position at which the stream of the connection begins; on a thread of the node
   */
  abstract CompletionStage<Resumption> subscribeSocket(
      Connection<WebSocketMessage> connection,
      SlowConsumer<? super WebSocketMessage> policy,
      @Nullable Position after,
      Function<Beginning, WebSocketMessage> greeting);

  /** Ends the subscription of a connection of a {@link TopicSocket}. */
  abstract void unsubscribeSocket(Connection<WebSocketMessage> connection);

  /**
   * Sends the members to a connection that {@link #subscribeSocket} has subscribed, and then their
   * joins and leaves.
   */
  abstract void presenceSocket(Connection<WebSocketMessage> connection);

  /**
   * Publishes a message that a client has encoded.
   *
   * @throws IllegalArgumentException if the codec cannot decode it
   */
  abstract CompletionStage<Receipt> publishEncoded(byte[] payload, @Nullable Connection<?> except);

  /**
   * The beginning of a connection's stream.
   *
   * @param at the position behind which the stream begins; null for events
   */
  record Beginning(@Nullable Position at, int replayed, boolean complete) {}
}
