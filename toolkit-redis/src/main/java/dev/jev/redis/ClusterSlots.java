package dev.jev.redis;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The masters of the slots of a cluster, as {@code CLUSTER SLOTS} tells them. */
final class ClusterSlots {

  private record Range(long first, long last, String master) {}

  private final List<Range> ranges = new ArrayList<>();

  private ClusterSlots() {}

  static ClusterSlots parse(List<?> answer) {
    ClusterSlots slots = new ClusterSlots();
    for (Object each : answer) {
      List<?> range = (List<?>) each;
      List<?> master = (List<?>) range.get(2);
      String host = text(master.get(0));
      if (!host.isEmpty()) {
        slots.ranges.add(
            new Range((Long) range.get(0), (Long) range.get(1), host + ":" + (Long) master.get(1)));
      }
    }
    return slots;
  }

  private static String text(@Nullable Object host) {
    return host == null ? "" : host instanceof byte[] bytes ? new String(bytes, UTF_8) : host + "";
  }

  /** Returns the master of a slot, as {@code host:port}, or null if it has none. */
  @Nullable String master(int slot) {
    for (Range range : ranges) {
      if (range.first <= slot && slot <= range.last) {
        return range.master;
      }
    }
    return null;
  }
}
