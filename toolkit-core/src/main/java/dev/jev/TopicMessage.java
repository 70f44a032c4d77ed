package dev.jev;

/** A message published to a topic. */
final class TopicMessage<O> extends SharedMessage<O> {

  private final Topic<O> topic;

  TopicMessage(Topic<O> topic, O message) {
    super(message);
    this.topic = topic;
  }

  Topic<O> topic() {
    return topic;
  }

  /** Returns a description for the log. */
  @Override
  public String toString() {
    return "a message of " + topic;
  }
}
