package dev.jev.nodes;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Connection;
import dev.jev.nodes.Backplane.RefusedException;
import dev.jev.nodes.Backplane.Stored;
import java.lang.reflect.Proxy;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Tests what an outbox remembers, and its end; {@link SequenceModelTest} tests its order. */
class OutboxTest {

  private static final byte[] PAYLOAD = "m".getBytes(UTF_8);
  private static final int MAX_SENDERS = 500;

  private final Queue<Runnable> tasks = new ArrayDeque<>();
  private boolean heard = true;
  private @Nullable RefusedException refusal;
  private @Nullable CompletableFuture<Stored> answer; // if it does not answer at once
  private final Queue<Runnable> timers = new ArrayDeque<>();
  private long nanos;
  private final Connection<?> sender =
      (Connection<?>)
          Proxy.newProxyInstance(
              Connection.class.getClassLoader(),
              new Class<?>[] {Connection.class},
              (proxy, method, arguments) -> null);
  private final AtomicLong room = new AtomicLong(1 << 20);
  private final AtomicLong lastBatch = new AtomicLong();
  private final List<String> tries = new ArrayList<>();
  private final Outbox outbox =
      new Outbox(
          new Engine(),
          new Outbox.Shared(1, TimeUnit.SECONDS.toNanos(5), room, lastBatch),
          /* isEvents= */ false,
          MAX_SENDERS);

  /** An engine that answers at once, unless there is an answer for later. */
  private final class Engine implements Outbox.Engine {

    @Override
    public CompletionStage<Stored> publish(byte[] body, @Nullable String since) {
      tries.add(since == null ? "first" : since);
      return answer != null
          ? answer
          : refusal != null
              ? CompletableFuture.failedStage(refusal)
              : CompletableFuture.completedStage(new Stored("1", false));
    }

    @Override
    public void execute(Runnable task) {
      tasks.add(task);
    }

    @Override
    public void runAfter(long nanos, Runnable task) {
      timers.add(task);
    }

    @Override
    public long nanoTime() {
      return nanos;
    }

    @Override
    public boolean isHeard() {
      return heard;
    }

    @Override
    public void count(Receipt.Outcome outcome, int messages) {}
  }

  @Test
  void sendersAreRememberedUntilTheirMessagesComeAsFarAsTheEngineKeepsThem() {
    for (int i = 0; i < MAX_SENDERS + 1; i++) {
      outbox.publish(PAYLOAD, sender);
    }
    assertThat(outbox.takeSenders(1)).isNull(); // is no longer kept
    for (int batch = 2; batch <= MAX_SENDERS + 1; batch++) {
      assertThat(outbox.takeSenders(batch)).hasSize(1).first().isSameAs(sender);
      assertThat(outbox.takeSenders(batch)).isNull();
    }
  }

  @Test
  void senderIsNotRememberedWhenItsMessageDoesNotCome() {
    heard = false;
    outbox.publish(PAYLOAD, sender);
    assertThat(outbox.takeSenders(1)).isNull();
    heard = true;
    refusal = new RefusedException("planted");
    outbox.publish(PAYLOAD, sender);
    assertThat(outbox.takeSenders(2)).isNull();
    refusal = null;
    outbox.publish(PAYLOAD, sender);
    outbox.forgetSenders();
    assertThat(outbox.takeSenders(3)).isNull();
  }

  private CompletableFuture<Receipt> publish() {
    return outbox.publish(PAYLOAD, null).toCompletableFuture();
  }

  private void pass(int seconds) {
    nanos += TimeUnit.SECONDS.toNanos(seconds);
    for (int i = timers.size(); i > 0; i--) {
      timers.remove().run();
    }
    for (Runnable task; (task = tasks.poll()) != null; ) {
      task.run();
    }
  }

  @Test
  void outcomeOfAMessageIsUnknownWhenItsOwnTimeIsOver() {
    CompletableFuture<Stored> first = new CompletableFuture<>();
    answer = first;
    CompletableFuture<Receipt> one = publish();
    pass(3);
    CompletableFuture<Receipt> two = publish();
    pass(1);
    CompletableFuture<Receipt> three = publish();
    CompletableFuture<Stored> second = new CompletableFuture<>();
    answer = second;
    first.complete(new Stored("1", false));
    pass(3); // the second one is under way with the third one
    assertThat(one.join().outcome()).isEqualTo(Receipt.Outcome.STORED);
    assertThat(two).isNotDone();
    pass(1);
    assertThat(two).isCompletedWithValue(Receipt.UNKNOWN);
    assertThat(three).isNotDone();
    second.complete(new Stored("2", false));
    pass(0);
    assertThat(two).isCompletedWithValue(Receipt.UNKNOWN);
    assertThat(three.join().position()).isEqualTo(Position.after("2"));
    assertThat(outbox.isEmpty()).isTrue();
  }

  @Test
  void messagesWaitWhileTheEngineIsAwayAndAreNotStoredAfterTheirTime() {
    refusal = RefusedException.forNow("planted");
    CompletableFuture<Receipt> one = outbox.publish(PAYLOAD, sender).toCompletableFuture();
    pass(3);
    CompletableFuture<Receipt> two = outbox.publish(PAYLOAD, sender).toCompletableFuture();
    assertThat(one).isNotDone();
    pass(2);
    assertThat(one).isCompletedWithValue(Receipt.REFUSED);
    assertThat(two).isNotDone();
    refusal = null;
    pass(1);
    assertThat(two.join().position()).isEqualTo(Position.after("1"));
    assertThat(outbox.takeSenders(lastBatch.get())).hasSize(1);
    for (long batch = 1; batch < lastBatch.get(); batch++) {
      assertThat(outbox.takeSenders(batch)).isNull();
    }
    assertThat(outbox.isEmpty()).isTrue();
    assertThat(room).hasValue(1 << 20);
  }

  @Test
  void triesBehindAnUnknownOneSayWhatWasStoredBeforeTheFirst() {
    publish();
    answer = CompletableFuture.failedFuture(new IllegalStateException("planted"));
    CompletableFuture<Receipt> one = publish();
    answer = null;
    refusal = RefusedException.forNow("planted");
    pass(3);
    refusal = null;
    pass(1);
    assertThat(one.join().outcome()).isEqualTo(Receipt.Outcome.STORED);
    assertThat(tries).containsExactly("first", "first", "1", "1");
  }

  @Test
  void publicationAfterTheStopIsRefusedAtOnce() throws Exception {
    outbox.stop();
    CompletableFuture<Receipt> receipt = outbox.publish(PAYLOAD, null).toCompletableFuture();
    assertThat(receipt).isCompletedWithValue(Receipt.REFUSED);
  }
}
