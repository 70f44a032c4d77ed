package dev.jev.nodes;

import dev.jev.nodes.Nodes.Health;
import dev.jev.nodes.Nodes.Health.State;
import java.time.Instant;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** The health of the engine, as a node sees it. Any thread. */
final class NodeHealth {

  private static final long DOWN_AFTER_NANOS = TimeUnit.SECONDS.toNanos(10);

  private final Nodes nodes;
  volatile Health now = new Health(State.DOWN, Instant.now(), "node has not started");

  NodeHealth(Nodes nodes) {
    this.nodes = nodes;
  }

  /** Notes that the engine cannot be reached any more, or again if {@code failure} is null. */
  void reachable(@Nullable Throwable failure) {
    if (failure == null) {
      change(new Health(State.UP, Instant.now(), null));
    } else if (now.state() == State.UP) {
      Health degraded = new Health(State.DEGRADED, Instant.now(), failure.toString());
      change(degraded);
      nodes.thread("").runAfter(DOWN_AFTER_NANOS, () -> downAfter(degraded));
    }
  }

  private void downAfter(Health degraded) {
    if (now.equals(degraded)) {
      change(new Health(State.DOWN, degraded.since(), degraded.reason()));
    }
  }

  void stopped() {
    change(new Health(State.DOWN, Instant.now(), "node has stopped"));
  }

  private void change(Health next) {
    boolean same = now.state() == next.state();
    now = next;
    if (!same) {
      nodes.tell(listener -> listener.onHealth(next));
    }
  }
}
