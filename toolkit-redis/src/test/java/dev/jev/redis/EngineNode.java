package dev.jev.redis;

import dev.jev.Eventually;
import dev.jev.nodes.Backplane;
import dev.jev.nodes.Backplane.Channel;
import dev.jev.nodes.Backplane.Kind;
import dev.jev.nodes.Backplane.Record;
import dev.jev.nodes.Backplane.RefusedException;
import dev.jev.nodes.Backplane.Retention;
import dev.jev.nodes.Backplane.Session;
import dev.jev.nodes.Backplane.Stored;
import dev.jev.nodes.Presence;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/** A node without topics: a session of an engine, and what its receiver was given. */
final class EngineNode implements Backplane.Receiver {

  private static final AtomicInteger BODIES = new AtomicInteger();

  final BlockingQueue<Record> records = new LinkedBlockingQueue<>();
  final BlockingQueue<Channel> interrupted = new LinkedBlockingQueue<>();
  final Queue<String> health = new ConcurrentLinkedQueue<>();
  final Session session;

  EngineNode(Backplane engine, String name) throws Exception {
    session = await(engine.open(name, this));
  }

  static Channel log(String topic) {
    return new Channel(topic, new Retention(Kind.LOG, 1000, 1 << 20, Duration.ofMinutes(10)));
  }

  /** Returns a body that was never used, and ends with a text. */
  static byte[] body(String text) {
    return String.format("%018d%s", BODIES.incrementAndGet(), text)
        .getBytes(StandardCharsets.UTF_8);
  }

  static String text(Record record) {
    return new String(record.body(), StandardCharsets.UTF_8).substring(18);
  }

  static List<String> texts(Collection<Record> records) {
    return records.stream().map(EngineNode::text).toList();
  }

  static <T> T await(CompletionStage<T> stage) throws Exception {
    return stage.toCompletableFuture().get(30, TimeUnit.SECONDS);
  }

  String publish(Channel channel, String text) throws Exception {
    return publish(channel, body(text), null).id();
  }

  /** Publishes a body when Redis can be reached. */
  Stored publish(Channel channel, byte[] body, @Nullable String since) throws Exception {
    AtomicReference<CompletionStage<Stored>> last = new AtomicReference<>();
    Eventually.holds(
        "a publication that is not refused for now", () -> ends(channel, body, since, last));
    return await(last.get());
  }

  /** Tries once; returns false if Redis cannot be reached. */
  private boolean ends(
      Channel channel,
      byte[] body,
      @Nullable String since,
      AtomicReference<CompletionStage<Stored>> last)
      throws Exception {
    CompletionStage<Stored> stored = session.publish(channel, body, since);
    last.set(stored);
    return await(
        stored.handle(
            (answer, failure) ->
                !(failure instanceof RefusedException refused && refused.isForNow())));
  }

  void listen(Channel channel) throws Exception {
    await(session.listen(List.of(channel)));
  }

  Record next() throws InterruptedException {
    Record record = records.poll(30, TimeUnit.SECONDS);
    if (record == null) {
      throw new AssertionError("no record within 30 s");
    }
    return record;
  }

  @Override
  public void record(Channel channel, Record record) {
    records.add(record);
  }

  @Override
  public void interrupted(Collection<Channel> channels) {
    interrupted.addAll(channels);
  }

  @Override
  public void presence(String topic, long version, Presence.Change change) {}

  @Override
  public void command(String from, byte[] bytes) {}

  @Override
  public void reachable(@Nullable Throwable failure) {
    health.add(failure == null ? "up" : "down");
  }
}
