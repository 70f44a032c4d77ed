package dev.jev.benchmarks.capacity;

import dev.jev.benchmarks.shared.BenchmarkException;
import dev.jev.nodes.NodeTopic;
import dev.jev.nodes.Nodes;
import dev.jev.nodes.Receipt;
import dev.jev.nodes.Receipt.Outcome;
import dev.jev.redis.RedisBackplane;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;

/** A node without subscribers that publishes at a steady rate. */
final class Publisher implements AutoCloseable {

  static final int BODY_BYTES = 128;

  private static final int AT_ONCE = 256;
  private static final String BODY = '"' + "x".repeat(BODY_BYTES - 2) + '"';

  private final RedisBackplane engine;
  private final Nodes nodes;
  private final AtomicLong published = new AtomicLong();
  private final AtomicLong answered = new AtomicLong();
  private volatile @Nullable String failure;

  Publisher(String redis) {
    engine = RedisBackplane.of(redis);
    nodes = Nodes.builder(engine).build();
    nodes.start();
  }

  /**
   * Publishes to topics in turn, evenly spaced.
   *
   * @param topics returns the name of the topic with an index
   * @return the number of messages
   */
  long publish(IntFunction<String> topics, int count, double perSecond, double seconds) {
    long start = System.nanoTime();
    long messages = Math.round(perSecond * seconds);
    double interval = 1e9 / perSecond;
    for (long i = 0; i < messages; i++) {
      long due = start + (long) (i * interval);
      for (long wait = due - System.nanoTime(); wait > 0; wait = due - System.nanoTime()) {
        LockSupport.parkNanos(wait);
      }
      publish(topics.apply((int) (i % count)));
    }
    awaitAnswers();
    return messages;
  }

  /** Publishes to topics one after the other, some at once, and returns their positions. */
  List<String> publishAll(IntFunction<String> topics, int from, int to) {
    String[] positions = new String[to - from];
    for (int i = from; i < to; i++) {
      int index = i - from;
      while (published.get() - answered.get() > AT_ONCE) {
        LockSupport.parkNanos(100_000);
      }
      publish(topics.apply(i))
          .thenAccept(receipt -> positions[index] = String.valueOf(receipt.position()));
    }
    awaitAnswers();
    return Arrays.asList(positions);
  }

  private CompletionStage<Receipt> publish(String name) {
    NodeTopic<String> topic = nodes.topic(name, TopicKinds.of(name));
    published.incrementAndGet();
    return topic
        .publish(BODY)
        .thenApply(
            receipt -> {
              answered(receipt);
              return receipt;
            });
  }

  private void answered(Receipt receipt) {
    if (receipt.outcome() != Outcome.STORED && receipt.outcome() != Outcome.SENT) {
      failure = "publication: " + receipt.outcome() + " (expected: STORED or SENT)";
    }
    answered.incrementAndGet();
  }

  private void awaitAnswers() {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
    while (answered.get() < published.get() && System.nanoTime() < deadline) {
      LockSupport.parkNanos(1_000_000);
    }
    String seen = failure;
    if (seen != null || answered.get() < published.get()) {
      throw new BenchmarkException(seen != null ? seen : "publications: not answered for 10 s");
    }
  }

  @Override
  public void close() {
    nodes.stop();
    engine.close();
  }
}
