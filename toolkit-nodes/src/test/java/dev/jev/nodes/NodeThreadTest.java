package dev.jev.nodes;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(20)
class NodeThreadTest {

  private final NodeThread thread = new NodeThread("test", /* maxKeptBytes= */ 0);

  @AfterEach
  void stop() {
    thread.stop();
  }

  @Test
  void topicsBeyondAThousandDoNotLinger() throws Exception {
    AtomicInteger ended = new AtomicInteger();
    CountDownLatch last = new CountDownLatch(1);
    for (int i = 0; i < 1_000; i++) {
      thread.linger(ended::incrementAndGet);
    }
    thread.linger(last::countDown);
    assertThat(last.await(10, TimeUnit.SECONDS)).isTrue();
    assertThat(ended).hasValue(0);
  }
}
