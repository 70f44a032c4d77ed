package dev.jev.plugin;

import static java.util.Objects.requireNonNull;

import dev.jev.PluginHost;
import java.time.Duration;

/**
 * Limits the rate at which a server accepts connections.
 *
 * <p>When no tokens are left, accepting pauses until there are tokens for the connections of 10 ms,
 * or for one burst if that is less. Connections that are already on their way still come in, and
 * make the pause longer.
 *
 * <p><b>Threads.</b> Any.
 */
final class AcceptGate {

  private final PluginHost host;
  private final Limits limits;

  // Guarded by this.
  private long paidUntil;
  private boolean paused;

  AcceptGate(PluginHost host, Limits limits) {
    this.host = host;
    this.limits = limits;
    this.paidUntil = rate().full(System.nanoTime());
  }

  /** Returns the present rate; a limit that was set once stays set. */
  private TokenBucket rate() {
    return requireNonNull(limits.values().acceptRate());
  }

  /** Counts an accepted connection. */
  synchronized void accepted() {
    TokenBucket rate = rate();
    long now = System.nanoTime();
    paidUntil = rate.take(1, paidUntil, now);
    if (!paused && rate.delay(1, paidUntil, now) > 0) {
      paused = true;
      host.pauseAccepting(this);
      resumeIfPaid();
    }
  }

  private synchronized void resumeIfPaid() {
    TokenBucket rate = rate();
    int batch = Math.min(Math.max(rate.perSecond() / 100, 1), rate.burst());
    long wait = rate.delay(batch, paidUntil, System.nanoTime());
    if (wait > 0) {
      host.runAfter(Duration.ofNanos(wait), this::resumeIfPaid);
    } else {
      paused = false;
      host.resumeAccepting(this);
    }
  }
}
