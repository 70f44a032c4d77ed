package dev.jev.websocket;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CloseReason;
import dev.jev.Plugin;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** A plugin that writes down why connections end, also those that no handler heard of. */
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

  /** Waits for the next end, whose text this must be, see {@link CloseReason#toString}. */
  void expect(String reason) throws InterruptedException {
    assertThat(reasons.poll(20, TimeUnit.SECONDS)).as("an end").hasToString(reason);
  }
}
