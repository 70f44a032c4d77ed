package dev.jev.plugin;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CloseReason;
import dev.jev.Plugin;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** A plugin that records why connections are closed, also those that were never connected. */
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

  /** Waits for the next closed connection. */
  CloseReason next() throws InterruptedException {
    CloseReason reason = reasons.poll(10, TimeUnit.SECONDS);
    assertThat(reason).as("close reason").isNotNull();
    return reason;
  }

  /** Waits for the next closed connection and checks {@link CloseReason#toString} of its reason. */
  void expect(String reason) throws InterruptedException {
    assertThat(next()).hasToString(reason);
  }

  void expectNothingMore() {
    assertThat(reasons).isEmpty();
  }
}
