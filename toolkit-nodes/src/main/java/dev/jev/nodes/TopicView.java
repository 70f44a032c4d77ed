package dev.jev.nodes;

import dev.jev.Connection;
import dev.jev.Topic;
import java.util.function.BiFunction;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The subscribers of a topic on this node that get messages of one type.
 *
 * @param index the place of their messages in a {@link KeptMessage}
 * @param convert makes their form of a message
 * @param gap makes a message that tells of a gap; null if they get none
 * @param retains whether the topic retains messages, so that it gets them without subscribers
 * @param <M> the type of the messages
 */
record TopicView<M>(
    int index,
    Topic<M> topic,
    Function<KeptMessage, M> convert,
    @Nullable BiFunction<Position, Position, M> gap,
    boolean retains) {

  /** Number of views that a topic may have. */
  static final int COUNT = 2;

  /**
   * Publishes a message to the subscribers but {@code except}, on the thread of the topic. Returns
   * false if some of them do not get it, because their event loop has no room.
   */
  boolean publish(KeptMessage message, @Nullable Connection<?> except) {
    return (!retains && topic.size() == 0) || topic.publish(message.form(this), except);
  }
}
