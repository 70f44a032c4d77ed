package dev.jev.plugin;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CloseReason;
import dev.jev.Plugin;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** A plugin that writes down why connections end, also those that were never connected. */
final class CloseReasons implements Plugin {

  private final BlockingQueue<CloseReason> reasons = new LinkedBlockingQueue<>();

  @Override
  public Observer install(Link link) {
    return new Observer() {
      @Override
      public void closed(CloseReason reason) {
        reasons.add(reason);
      }
    };
  }

  /** Waits for the next end. */
  CloseReason next() throws InterruptedException {
    CloseReason reason = reasons.poll(10, TimeUnit.SECONDS);
    assertThat(reason).as("an end").isNotNull();
    return reason;
  }

  /** Waits for the next end, whose text this must be, see {@link CloseReason#toString}. */
  void expect(String reason) throws InterruptedException {
    assertThat(next()).hasToString(reason);
  }

  /** Expects no end for some time. */
  void expectNothingFor(Duration time) throws InterruptedException {
    assertThat(reasons.poll(time.toMillis(), TimeUnit.MILLISECONDS)).isNull();
  }

  void expectNothingMore() {
    assertThat(reasons).isEmpty();
  }
}
