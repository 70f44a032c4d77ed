package dev.jev.samples.push;

import dev.jev.samples.push.PushEvent.Visitor;
import java.util.List;
import java.util.Random;
import java.util.TreeMap;

/**
 * The visitors of the page.
 *
 * <p><b>Threads.</b> All methods may be called from any thread.
 */
final class PushVisitors {

  /** Number of colors of the page. */
  private static final int COLORS = 8;

  /** Maximum number of visitors whose names the page shows. */
  private static final int MAX_SHOWN = 12;

  private static final List<String> NAMES =
      List.of(
          "Otter", "Heron", "Lynx", "Robin", "Badger", "Falcon", "Beaver", "Swallow", "Marten",
          "Crane", "Hare", "Plover", "Seal", "Wren", "Ibex", "Puffin", "Stoat", "Kestrel", "Moose",
          "Osprey", "Weasel", "Finch", "Bison", "Curlew");

  // Guarded by this.
  private final TreeMap<Integer, Visitor> places = new TreeMap<>();
  private int lastId = new Random().nextInt(1 << 30); // differs from those of other nodes

  /** Adds a visitor, with the first free name. */
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
