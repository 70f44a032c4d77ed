package dev.jev;

import org.jspecify.annotations.Nullable;

/**
 * A message published to a topic.
 *
 * @param except the connection that does not get it
 */
record TopicMessage<O>(Topic<O> topic, SharedMessage<O> message, @Nullable Connection<?> except) {}
