package dev.jev.nodes;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Eventually;
import dev.jev.LogCapture;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
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

  @Test
  void manyTopicsThatWaitForRoomHaveOneTimer() throws Exception {
    AtomicInteger asked = new AtomicInteger();
    AtomicBoolean room = new AtomicBoolean();
    Set<Integer> continued = ConcurrentHashMap.newKeySet();
    thread.execute(
        () -> {
          for (int i = 0; i < 1_000; i++) {
            int topic = i;
            thread.awaitRoom(
                () -> {
                  asked.incrementAndGet();
                  return room.get() && continued.add(topic);
                });
          }
        });
    Eventually.holds("all are asked in turn", () -> asked.get() >= 2_000);
    assertThat(thread.executor.getQueue().size()).isLessThanOrEqualTo(1);
    assertThat(continued).isEmpty();
    room.set(true);
    Eventually.holds("all continue", () -> continued.size() == 1_000);
    Eventually.holds("no timer is left", () -> thread.executor.getQueue().isEmpty());
  }

  @Test
  void topicThatFailsInItsTurnHoldsUpNoOther() throws Exception {
    AtomicInteger continued = new AtomicInteger();
    try (LogCapture log = new LogCapture("dev.jev")) {
      thread.execute(
          () -> {
            thread.awaitRoom(
                () -> {
                  throw new IllegalStateException("planted");
                });
            thread.awaitRoom(() -> continued.incrementAndGet() > 0);
          });
      Eventually.holds("the other one continues", () -> continued.get() == 1);
      assertThat(log.messages("task of a node failed")).hasSize(1);
    }
  }

  /** An executor that ends just then drops a task without a word. */
  @Test
  void taskThatIsAcceptedRunsAlsoIfTheThreadStopsMeanwhile() throws Exception {
    int accepted = 0;
    AtomicInteger ran = new AtomicInteger();
    for (int round = 0; round < 5_000; round++) {
      NodeThread stopping = new NodeThread("test", /* maxKeptBytes= */ 0);
      CompletableFuture<Void> stopped = CompletableFuture.runAsync(stopping::stop);
      if (stopping.execute(ran::incrementAndGet)) {
        accepted++;
      }
      stopped.join();
      assertThat(stopping.executor.awaitTermination(10, TimeUnit.SECONDS)).isTrue();
    }
    assertThat(ran).hasValue(accepted);
  }
}
