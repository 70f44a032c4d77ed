package dev.jev.samples.push;

import dev.jev.samples.push.PushEvent.Stroke;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The most recent strokes, for visitors that join later.
 *
 * <p><b>Threads.</b> All methods may be called from any thread.
 */
final class PushBoard {

  /** Maximum number of points on the board: a quarter of a megabyte of JSON. */
  static final int MAX_POINTS = 20_000;

  private record Key(int visitor, int stroke) {}

  // Guarded by this.
  private final Map<Key, Stroke> strokes = new LinkedHashMap<>();
  private int points;

  /** Adds a part of a stroke. Returns false, and drops it, if the part before it is missing. */
  synchronized boolean add(Stroke part) {
    Key key = new Key(part.visitor(), part.stroke());
    Stroke known = strokes.get(key);
    if (part.from() != (known == null ? 0 : known.points().size() / 2)) {
      return false;
    }
    List<Integer> all = known == null ? new ArrayList<>() : known.points();
    all.addAll(part.points());
    if (known == null) {
      strokes.put(key, new Stroke(part.visitor(), part.stroke(), part.color(), 0, all));
    }
    points += part.points().size() / 2;
    removeOldest();
    return true;
  }

  private void removeOldest() {
    for (Iterator<Stroke> oldest = strokes.values().iterator(); points > MAX_POINTS; ) {
      points -= oldest.next().points().size() / 2;
      oldest.remove();
    }
  }

  synchronized void clear() {
    strokes.clear();
    points = 0;
  }

  /** Returns a copy of all strokes, the oldest first. */
  synchronized List<Stroke> strokes() {
    return strokes.values().stream()
        .map(s -> new Stroke(s.visitor(), s.stroke(), s.color(), 0, List.copyOf(s.points())))
        .toList();
  }
}
