package dev.jev.nodes;

import java.util.Collection;
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

  private final class FaultyReceiver implements Receiver {

    private final Receiver receiver;
    private final Set<Channel> holes = ConcurrentHashMap.newKeySet();

    FaultyReceiver(Receiver receiver) {
      this.receiver = receiver;
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

    @Override
    public void interrupted(Collection<Channel> channels) {
      receiver.interrupted(channels);
    }

    @Override
    public void presence(String topic, long version, Presence.Change change) {
      receiver.presence(topic, version, change);
    }

    @Override
    public void command(String from, byte[] bytes) {
      receiver.command(from, bytes);
    }

    @Override
    public void reachable(@Nullable Throwable failure) {
      receiver.reachable(failure);
    }
  }

  private final class FaultySession implements Session {

    private final Session session;

    FaultySession(Session session) {
      this.session = session;
    }

    private <T> CompletionStage<T> lost() {
      return CompletableFuture.failedStage(new IllegalStateException("connection lost"));
    }

    @Override
    public CompletionStage<Stored> publish(Channel channel, byte[] body, boolean again) {
      if (away) {
        return CompletableFuture.failedStage(new RefusedException("engine is away"));
      }
      if (strikes()) {
        return lost();
      }
      CompletionStage<Stored> stored = session.publish(channel, body, again);
      return strikes() ? lost() : stored;
    }

    @Override
    public CompletionStage<Slice> read(Channel channel, @Nullable Position after, int mostBytes) {
      reads.incrementAndGet();
      return away || strikes() ? lost() : session.read(channel, after, mostBytes);
    }

    @Override
    public CompletionStage<Void> listen(Collection<Channel> channels) {
      return session.listen(channels);
    }

    @Override
    public void unlisten(Collection<Channel> channels) {
      session.unlisten(channels);
    }

    @Override
    public CompletionStage<Void> present(String topic, Presence.Member member, int connections) {
      return session.present(topic, member, connections);
    }

    @Override
    public CompletionStage<Roster> watch(String topic) {
      return session.watch(topic);
    }

    @Override
    public void unwatch(String topic) {
      session.unwatch(topic);
    }

    @Override
    public CompletionStage<Lease> renew(java.time.Duration lease) {
      return session.renew(lease);
    }

    @Override
    public CompletionStage<Void> command(@Nullable String node, byte[] bytes) {
      return session.command(node, bytes);
    }

    @Override
    public CompletionStage<Void> close(java.time.Duration leaveAfter) {
      return session.close(leaveAfter);
    }
  }
}
