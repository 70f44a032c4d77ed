package dev.jev.samples;

import dev.jev.Connection;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/** Who is in which room of a chat; a room exists while somebody is in it. For all threads. */
final class Rooms {

  private final Map<String, Set<Connection<Object>>> rooms = new ConcurrentHashMap<>();

  void enter(String room, Connection<Object> guest) {
    rooms.compute(
        room,
        (name, guests) -> {
          Set<Connection<Object>> all = guests == null ? ConcurrentHashMap.newKeySet() : guests;
          all.add(guest);
          return all;
        });
  }

  void leave(String room, Connection<Object> guest) {
    rooms.computeIfPresent(
        room,
        (name, guests) -> {
          guests.remove(guest);
          return guests.isEmpty() ? null : guests;
        });
  }

  /** Sends something to everybody in a room but one. */
  void tell(String room, Object event, @Nullable Connection<Object> except) {
    for (Connection<Object> guest : rooms.getOrDefault(room, Set.of())) {
      if (!guest.equals(except)) {
        guest.send(event); // false if the guest is going, which onClose tells the others
      }
    }
  }
}
