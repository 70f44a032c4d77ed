package dev.jev.plugin;

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
  private final TokenBucket rate;
  private final int batch;

  // Guarded by this.
  private long paidUntil;
  private boolean paused;

  AcceptGate(PluginHost host, TokenBucket rate) {
    this.host = host;
    this.rate = rate;
    this.batch = Math.min(Math.max(rate.perSecond() / 100, 1), rate.burst());
    this.paidUntil = rate.full(System.nanoTime());
  }

  /** Counts an accepted connection. */
  synchronized void accepted() {
    long now = System.nanoTime();
    paidUntil = rate.take(1, paidUntil, now);
    if (!paused && rate.delay(1, paidUntil, now) > 0) {
      paused = true;
      host.pauseAccepting(this);
      resumeLater(now);
    }
  }

  private synchronized void resume() {
    long now = System.nanoTime();
    if (rate.delay(batch, paidUntil, now) > 0) {
      resumeLater(now);
    } else {
      paused = false;
      host.resumeAccepting(this);
    }
  }

  private void resumeLater(long now) {
    host.runAfter(Duration.ofNanos(rate.delay(batch, paidUntil, now)), this::resume);
  }
}
