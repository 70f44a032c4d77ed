package dev.jev.redis;

import dev.jev.redis.DeliveryLedger.Delivery;
import dev.jev.redis.DeliveryLedger.Name;
import dev.jev.redis.DeliveryLedger.Outcome;
import dev.jev.redis.DeliveryLedger.Publication;
import dev.jev.redis.DeliveryLedger.Stream;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Finds the faults in a {@link DeliveryLedger} of topics that are logs. It has none if all this
 * holds.
 *
 * <ul>
 *   <li>a message that is stored is in each client's stream once, unless the client was told that
 *       messages are missing there;
 *   <li>a refused one is in none;
 *   <li>one whose outcome is unknown is in all streams or in none, never twice;
 *   <li>the messages of a publisher are in its order;
 *   <li>there is one order of all messages with which all streams agree;
 *   <li>a position belongs to one message, in all streams and for its publisher.
 * </ul>
 */
final class DeliveryChecker {

  private static final int MOST = 50;

  private final String topic;
  private final Map<Name, Publication> publications;
  private final List<Stream> streams;
  private final List<List<Delivery>> deliveries = new ArrayList<>();
  private final List<String> faults = new ArrayList<>();

  private DeliveryChecker(DeliveryLedger ledger, String topic) {
    this.topic = topic;
    this.publications = ledger.publications(topic);
    this.streams = ledger.streams(topic);
    streams.forEach(stream -> deliveries.add(stream.deliveries()));
  }

  /** Returns the faults, at most so many per topic that they can be read. */
  static List<String> check(DeliveryLedger ledger) {
    List<String> faults = new ArrayList<>();
    for (String topic : ledger.topics()) {
      faults.addAll(new DeliveryChecker(ledger, topic).faults());
    }
    return faults;
  }

  private List<String> faults() {
    for (int i = 0; i < streams.size(); i++) {
      checkStream(streams.get(i).client, deliveries.get(i));
    }
    checkPositions();
    Map<Name, Integer> order = order();
    for (int i = 0; i < streams.size(); i++) {
      checkMissing(streams.get(i).client, deliveries.get(i), order);
    }
    return faults.size() <= MOST ? faults : faults.subList(0, MOST);
  }

  private void fault(String text) {
    faults.add(topic + ": " + text);
  }

  /** Checks a stream for itself. */
  private void checkStream(String client, List<Delivery> stream) {
    Set<Name> seen = new HashSet<>();
    Map<String, Integer> last = new HashMap<>();
    for (Delivery delivery : stream) {
      Name name = delivery.name();
      if (name == null) {
        continue;
      }
      Publication publication = publications.get(name);
      String what = name + " in connection " + delivery.session() + " of " + client;
      if (publication == null || publication.hash != delivery.hash()) {
        fault("never published: " + what);
      } else if (publication.outcome() == Outcome.REFUSED) {
        fault("refused and delivered: " + what);
      }
      if (!seen.add(name)) {
        fault("delivered twice: " + what);
        continue;
      }
      Integer before = last.put(name.publisher(), name.number());
      if (before != null && before > name.number()) {
        fault("delivered after number " + before + " of its publisher: " + what);
      }
    }
  }

  /** Checks that positions and messages belong to each other. */
  private void checkPositions() {
    Map<String, Name> names = new HashMap<>();
    Map<Name, String> positions = new HashMap<>();
    publications.forEach(
        (name, publication) -> {
          String position = publication.position();
          if (position != null) {
            checkPosition(name, position, "its publisher", names, positions);
          }
        });
    for (int i = 0; i < streams.size(); i++) {
      for (Delivery delivery : deliveries.get(i)) {
        if (delivery.name() != null) {
          String position = String.valueOf(delivery.position());
          checkPosition(delivery.name(), position, streams.get(i).client, names, positions);
        }
      }
    }
  }

  private void checkPosition(
      Name name, String position, String by, Map<String, Name> names, Map<Name, String> positions) {
    Name other = names.putIfAbsent(position, name);
    if (other != null && !other.equals(name)) {
      fault("position of " + other + " repeated for " + name + ", seen by " + by);
    }
    String before = positions.putIfAbsent(name, position);
    if (before != null && !before.equals(position)) {
      fault("another position than elsewhere: " + name + ", seen by " + by);
    }
  }

  /** Returns the place of each message in the order with which all streams agree. */
  private Map<Name, Integer> order() {
    Map<Name, Set<Name>> next = new LinkedHashMap<>();
    Map<Name, Integer> waits = new HashMap<>();
    for (List<Delivery> stream : deliveries) {
      Name before = null;
      for (Name name : distinct(stream)) {
        next.computeIfAbsent(name, n -> new LinkedHashSet<>());
        if (before != null && next.get(before).add(name)) {
          waits.merge(name, 1, Integer::sum);
        }
        before = name;
      }
    }
    Deque<Name> ready = new ArrayDeque<>();
    next.keySet().stream().filter(name -> !waits.containsKey(name)).forEach(ready::add);
    Map<Name, Integer> order = new HashMap<>();
    for (Name name; (name = ready.poll()) != null; ) {
      order.put(name, order.size());
      for (Name follower : next.get(name)) {
        if (waits.merge(follower, -1, Integer::sum) == 0) {
          ready.add(follower);
        }
      }
    }
    if (order.size() < next.size()) {
      Set<Name> circle = new LinkedHashSet<>(next.keySet());
      circle.removeAll(order.keySet());
      fault("clients have different orders of " + circle.stream().limit(5).toList());
    }
    return order;
  }

  private static Set<Name> distinct(List<Delivery> stream) {
    Set<Name> names = new LinkedHashSet<>();
    for (Delivery delivery : stream) {
      if (delivery.name() != null) {
        names.add(delivery.name());
      }
    }
    return names;
  }

  /** Checks what a stream does not have, but must. */
  private void checkMissing(String client, List<Delivery> stream, Map<Name, Integer> order) {
    Set<Name> seen = distinct(stream);
    List<int[]> told = told(stream, order);
    for (Publication publication : publications.values()) {
      Name name = publication.name;
      Integer place = order.get(name);
      boolean isDue = publication.outcome() == Outcome.STORED || place != null;
      if (isDue && !seen.contains(name) && !isTold(told, place)) {
        fault(
            (publication.outcome() == Outcome.STORED ? "lost: " : "lost here, but not elsewhere: ")
                + name
                + " of "
                + client);
      }
    }
  }

  /** Returns the places between which a client was told that messages are missing. */
  private static List<int[]> told(List<Delivery> stream, Map<Name, Integer> order) {
    List<int[]> told = new ArrayList<>();
    int last = -1;
    boolean isMissing = false;
    for (Delivery delivery : stream) {
      Integer place = delivery.name() == null ? null : order.get(delivery.name());
      if (delivery.name() == null) {
        isMissing = true;
      } else if (place != null) {
        if (isMissing) {
          told.add(new int[] {last, place});
          isMissing = false;
        }
        last = place;
      }
    }
    if (isMissing) {
      told.add(new int[] {last, Integer.MAX_VALUE});
    }
    return told;
  }

  /** Returns whether a client was told of a message that it lacks. */
  private static boolean isTold(List<int[]> told, @Nullable Integer place) {
    if (place == null) {
      return !told.isEmpty(); // no client has got it, so it has no place
    }
    return told.stream().anyMatch(range -> range[0] < place && place < range[1]);
  }
}
