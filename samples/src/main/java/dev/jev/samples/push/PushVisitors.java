package dev.jev.samples.push;

import dev.jev.samples.push.PushEvent.Visitor;
import java.util.List;
import java.util.TreeMap;

/** Who has the page open. For all threads. */
final class PushVisitors {

  /** How many colors the page has. */
  private static final int COLORS = 8;

  /** How many are told by name. */
  private static final int MAX_SHOWN = 12;

  private static final List<String> NAMES =
      List.of(
          "Otter", "Heron", "Lynx", "Robin", "Badger", "Falcon", "Beaver", "Swallow", "Marten",
          "Crane", "Hare", "Plover", "Seal", "Wren", "Ibex", "Puffin", "Stoat", "Kestrel", "Moose",
          "Osprey", "Weasel", "Finch", "Bison", "Curlew");

  // Guarded by this.
  private final TreeMap<Integer, Visitor> places = new TreeMap<>();
  private int lastId;

  /** Gives somebody the first name that is free. */
  synchronized Visitor add() {
    int place = 0;
    while (places.containsKey(place)) {
      place++;
    }
    int round = place / NAMES.size();
    String name = NAMES.get(place % NAMES.size()) + (round == 0 ? "" : " " + (round + 1));
    Visitor visitor = new Visitor(++lastId, name, place % COLORS);
    places.put(place, visitor);
    return visitor;
  }

  synchronized void remove(Visitor visitor) {
    places.values().remove(visitor);
  }

  synchronized PushEvent.People people() {
    return new PushEvent.People(places.size(), places.values().stream().limit(MAX_SHOWN).toList());
  }

  synchronized int count() {
    return places.size();
  }
}
