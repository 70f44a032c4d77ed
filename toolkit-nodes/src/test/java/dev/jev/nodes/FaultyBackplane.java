package dev.jev.nodes;

import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * An engine that drops and doubles records, loses answers, and fails to read. After a drop it calls
 * {@link Receiver#interrupted} some records later, as an engine does that has noticed.
 */
final class FaultyBackplane implements Backplane {

  private final Backplane engine;
  final AtomicInteger reads = new AtomicInteger();

  /** Percentage of records, answers and reads that are lost. */
  volatile int percent;

  volatile boolean away;

  FaultyBackplane(Backplane engine) {
    this.engine = engine;
  }

  private boolean strikes() {
    return ThreadLocalRandom.current().nextInt(100) < percent;
  }

  @Override
  public CompletionStage<Session> open(String node, Receiver receiver) {
    return engine.open(node, new FaultyReceiver(receiver)).thenApply(FaultySession::new);
  }

  @Override
  public void close() {
    engine.close();
  }

  private final class FaultyReceiver extends ForwardingBackplane.ForwardingReceiver {

    private final Set<Channel> holes = ConcurrentHashMap.newKeySet();

    FaultyReceiver(Receiver receiver) {
      super(receiver);
    }

    @Override
    public void record(Channel channel, Record record) {
      if (strikes()) {
        holes.add(channel);
        return;
      }
      receiver.record(channel, record);
      if (strikes()) {
        receiver.record(channel, record);
      }
      if (strikes() && holes.remove(channel)) {
        receiver.interrupted(Set.of(channel));
      }
    }
  }

  private final class FaultySession extends ForwardingBackplane.ForwardingSession {

    FaultySession(Session session) {
      super(session);
    }

    private <T> CompletionStage<T> lost() {
      IllegalStateException failure = new IllegalStateException("connection lost");
      if (ThreadLocalRandom.current().nextBoolean()) {
        throw failure; // a fault of the engine, which a node survives
      }
      return CompletableFuture.failedStage(failure);
    }

    @Override
    public CompletionStage<Stored> publish(Channel channel, byte[] body, @Nullable String since) {
      if (away) {
        return CompletableFuture.failedStage(RefusedException.forNow("engine is away"));
      }
      if (strikes()) {
        return lost();
      }
      CompletionStage<Stored> stored = session.publish(channel, body, since);
      return strikes() ? lost() : stored;
    }

    @Override
    public CompletionStage<Slice> read(Channel channel, @Nullable Position after, int mostBytes) {
      reads.incrementAndGet();
      return away || strikes() ? lost() : session.read(channel, after, mostBytes);
    }
  }
}
