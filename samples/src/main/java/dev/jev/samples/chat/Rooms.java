package dev.jev.samples.chat;

import dev.jev.Connection;
import dev.jev.SlowConsumer;
import dev.jev.Topic;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;

/**
 * Who is in which room of a chat; a room exists while somebody is in it. For all threads.
 *
 * @param <M> what is said there
 */
final class Rooms<M> {

  private final SlowConsumer<? super M> policy;
  private final Map<String, Topic<M>> rooms = new ConcurrentHashMap<>();

  /** Those in which this happens to guests who do not read. */
  Rooms(SlowConsumer<? super M> policy) {
    this.policy = policy;
  }

  /** Lets somebody in, who hears what is told from now on. */
  void join(String room, Connection<M> guest) {
    rooms.compute(
        room,
        (name, present) -> {
          Topic<M> topic = present == null ? Topic.of(name) : present;
          topic.subscribe(guest, policy);
          return topic;
        });
  }

  void leave(String room, Connection<M> guest) {
    rooms.computeIfPresent(
        room,
        (name, topic) -> {
          topic.unsubscribe(guest);
          return topic.size() == 0 ? null : topic;
        });
  }

  /** Tells everybody in a room. */
  void publish(String room, M event) {
    Topic<M> topic = rooms.get(room);
    if (topic != null) {
      topic.publish(event);
    }
  }

  /** Calls {@code action} with everybody in a room. */
  void forEach(String room, Consumer<Connection<M>> action) {
    Topic<M> topic = rooms.get(room);
    if (topic != null) {
      topic.forEach(action);
    }
  }
}
