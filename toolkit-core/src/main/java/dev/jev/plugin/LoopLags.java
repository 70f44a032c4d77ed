package dev.jev.plugin;

import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;

/**
 * The recent lags of event loops.
 *
 * <p><b>Threads.</b> Any.
 */
final class LoopLags {

  private static final long WINDOW_NANOS = TimeUnit.SECONDS.toNanos(10);

  private final Map<Thread, LagWindow> loops = new ConcurrentHashMap<>();

  void add(Thread loop, Duration lag) {
    LagWindow window = loops.get(loop);
    if (window == null) {
      loops.keySet().removeIf(thread -> !thread.isAlive());
      window = loops.computeIfAbsent(loop, thread -> new LagWindow(WINDOW_NANOS));
    }
    window.add(lag.toNanos(), System.nanoTime());
  }

  /** Returns the lag of each event loop within the last 10 to 20 s, sorted by name. */
  List<Diagnostics.LoopLag> list() {
    long now = System.nanoTime();
    return loops.entrySet().stream()
        .map(loop -> loop.getValue().lag(loop.getKey().getName(), now))
        .sorted(Comparator.comparing(Diagnostics.LoopLag::loop))
        .toList();
  }
}
