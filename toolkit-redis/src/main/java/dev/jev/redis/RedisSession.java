package dev.jev.redis;

import dev.jev.nodes.Backplane.Channel;
import dev.jev.nodes.Backplane.Lease;
import dev.jev.nodes.Backplane.Receiver;
import dev.jev.nodes.Backplane.Record;
import dev.jev.nodes.Backplane.RefusedException;
import dev.jev.nodes.Backplane.Roster;
import dev.jev.nodes.Backplane.Session;
import dev.jev.nodes.Backplane.Slice;
import dev.jev.nodes.Backplane.Stored;
import dev.jev.nodes.Position;
import dev.jev.nodes.Presence;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** A node that is connected to Redis. */
final class RedisSession implements Session {

  /** Time between two reads of the ends of a partition's topics: a day for all of them. */
  private static final long KEEP_NANOS = TimeUnit.DAYS.toNanos(1) / RedisKeys.PARTITIONS;

  private final Masters masters;
  private final Publications publications;
  private final Members members;
  private final Receiver receiver;
  private final EngineCounters counters;
  private final String node;
  private volatile long endsKept = System.nanoTime();
  private volatile int nextKept; // written by the thread that renews
  private final AtomicReference<@Nullable CompletableFuture<Void>> end = new AtomicReference<>();

  RedisSession(
      String node,
      Receiver receiver,
      RedisConnections connections,
      RedisKeys keys,
      Replication replication,
      EngineCounters counters) {
    String token = Members.newToken();
    this.node = node;
    this.receiver = receiver;
    this.counters = counters;
    this.masters = new Masters(node, token, connections, keys, replication, receiver, counters);
    this.publications = new Publications(masters, keys, token);
    this.members = new Members(masters, keys, receiver, counters, node, token);
  }

  /** Connects; ends the session if that fails. */
  CompletionStage<Session> open() {
    CompletionStage<Void> listening = masters.subscribe(members.commandChannels());
    listening.exceptionally(failure -> null); // is told by the masters
    return masters
        .open()
        .<Session>thenApply(done -> this)
        .whenComplete(
            (session, failure) -> {
              if (failure != null) {
                end.set(CompletableFuture.completedFuture(null));
                masters.close();
              }
            });
  }

  boolean isOpen() {
    return end.get() == null;
  }

  int subscriptionCount() {
    return masters.subscriptionCount();
  }

  private <T> CompletionStage<T> ifOpen(Supplier<CompletionStage<T>> action) {
    return isOpen()
        ? action.get()
        : CompletableFuture.failedStage(
            new RefusedException("session of node " + node + " closed"));
  }

  @Override
  public CompletionStage<Stored> publish(Channel channel, byte[] body, @Nullable String since) {
    return ifOpen(() -> publications.publish(channel, body, since));
  }

  @Override
  public CompletionStage<Void> listen(Collection<Channel> channels) {
    List<Subscription> subscriptions = new ArrayList<>(channels.size());
    for (Channel channel : channels) {
      subscriptions.add(
          new Subscription(
              publications.key(channel),
              RedisKeys.partition(channel.topic()),
              channel,
              message -> received(channel, message)));
    }
    return ifOpen(() -> masters.subscribe(subscriptions));
  }

  private void received(Channel channel, byte[] message) {
    Record record = Publications.parse(channel.retention().kind(), message);
    if (record == null) {
      counters.malformed.increment();
    } else {
      receiver.record(channel, record);
    }
  }

  @Override
  public void unlisten(Collection<Channel> channels) {
    channels.forEach(channel -> masters.unsubscribe(publications.key(channel)));
  }

  @Override
  public CompletionStage<Slice> read(Channel channel, @Nullable Position after, int mostBytes) {
    return ifOpen(() -> publications.read(channel, after, mostBytes));
  }

  @Override
  public CompletionStage<Void> present(String topic, Presence.Member member, int connections) {
    return ifOpen(() -> members.present(topic, member, connections));
  }

  @Override
  public CompletionStage<Roster> watch(String topic) {
    return ifOpen(() -> members.watch(topic));
  }

  @Override
  public void unwatch(String topic) {
    members.unwatch(topic);
  }

  @Override
  public CompletionStage<Lease> renew(Duration lease) {
    keepEnds();
    return ifOpen(() -> members.renew(lease));
  }

  /**
   * Reads the ends of some topics, which Redis forgets 7 days after the last publication or read.
   */
  private void keepEnds() {
    long now = System.nanoTime();
    if (isOpen() && now - endsKept > KEEP_NANOS) {
      endsKept = now;
      nextKept = (nextKept + 1) % RedisKeys.PARTITIONS;
      masters.channels(nextKept).forEach(channel -> publications.read(channel, null, 0));
    }
  }

  @Override
  public CompletionStage<Void> command(@Nullable String to, byte[] bytes) {
    return ifOpen(() -> members.command(to, bytes));
  }

  @Override
  public CompletionStage<Void> close(Duration leaveAfter) {
    CompletableFuture<Void> ended = new CompletableFuture<>();
    CompletableFuture<Void> earlier = end.compareAndExchange(null, ended);
    if (earlier != null) {
      return earlier;
    }
    members
        .leave(leaveAfter)
        .whenComplete(
            (done, failure) -> {
              masters.close();
              if (failure == null) {
                ended.complete(null);
              } else {
                ended.completeExceptionally(failure);
              }
            });
    return ended;
  }
}
