package dev.jev.websocket;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CloseReason;
import dev.jev.Plugin;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** A plugin that records close reasons, including those of connections without a handler. */
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

  /** Waits for the next close reason and compares it, see {@link CloseReason#toString}. */
  void expect(String reason) throws InterruptedException {
    assertThat(reasons.poll(20, TimeUnit.SECONDS)).as("close reason").hasToString(reason);
  }
}
