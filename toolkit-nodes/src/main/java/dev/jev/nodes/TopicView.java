package dev.jev.nodes;

import dev.jev.Connection;
import dev.jev.SharedMessage;
import dev.jev.Topic;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The subscribers of a topic on this node that get messages of one type.
 *
 * @param <M> the type of the messages
 */
final class TopicView<M> {

  /** Number of views that a topic may have. */
  static final int COUNT = 2;

  /** Index of the view of handlers that get decoded messages. */
  static final int HANDLERS = 0;

  /** Index of the view of WebSockets that get messages with their positions. */
  static final int SOCKETS = 1;

  private final int index;
  private final Topic<M> topic;
  private final Function<KeptMessage, M> convert;
  private final boolean retains;

  /**
   * Creates a view.
   *
   * @param retains whether the topic retains messages, so that it gets them without subscribers
   */
  TopicView(int index, Topic<M> topic, Function<KeptMessage, M> convert, boolean retains) {
    this.index = index;
    this.topic = topic;
    this.convert = convert;
    this.retains = retains;
  }

  Topic<M> topic() {
    return topic;
  }

  /**
   * Publishes a message to the subscribers but {@code except}, on the thread of the topic. Returns
   * false if some of them do not get it, because their event loop has no room.
   */
  boolean publish(KeptMessage message, @Nullable Connection<?> except) {
    return (!retains && topic.size() == 0) || topic.publish(form(message), except);
  }

  /** Returns the form of a message for these subscribers, which it shares with the others. */
  @SuppressWarnings("unchecked") // the form at this index is of this view
  SharedMessage<M> form(KeptMessage message) {
    SharedMessage<M> form = (SharedMessage<M>) message.form(index);
    if (form == null) {
      form = SharedMessage.of(convert.apply(message));
      message.form(index, form);
    }
    return form;
  }

  /** Returns the message that tells of a gap, or null if these subscribers have none. */
  @SuppressWarnings("unchecked") // sockets get messages of this type
  @Nullable SharedMessage<M> gap(Position from, Position to) {
    return index == SOCKETS
        ? (SharedMessage<M>) SharedMessage.of(Envelope.gap(topic.name(), from, to))
        : null;
  }
}
