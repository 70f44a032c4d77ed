package dev.jev.samples.chat;

import dev.jev.Connection;
import dev.jev.SlowConsumer;
import dev.jev.Topic;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;

/**
 * The rooms of a chat. A room exists while it has guests.
 *
 * <p><b>Threads.</b> All methods may be called from any thread.
 *
 * @param <M> the type of the messages
 */
final class Rooms<M> {

  private final SlowConsumer<? super M> policy;
  private final Map<String, Topic<M>> rooms = new ConcurrentHashMap<>();

  /** Creates rooms that treat slow guests by {@code policy}. */
  Rooms(SlowConsumer<? super M> policy) {
    this.policy = policy;
  }

  /** Adds a guest, which receives the messages published from now on. */
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

  /** Sends a message to all guests of a room. */
  void publish(String room, M event) {
    Topic<M> topic = rooms.get(room);
    if (topic != null) {
      topic.publish(event);
    }
  }

  /** Calls {@code action} with each guest of a room. */
  void forEach(String room, Consumer<Connection<M>> action) {
    Topic<M> topic = rooms.get(room);
    if (topic != null) {
      topic.forEach(action);
    }
  }
}
