package dev.jev.nodes;

import static java.util.Objects.requireNonNull;

import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The engine within this process.
 *
 * <p>All calls are complete when they return; records, changes and commands are handed over by the
 * calling thread, so that nothing is queued here. A receiver must not call the engine.
 */
final class InProcessBackplane implements Backplane {

  private static final int SWEPT_PER_RENEWAL = 10_000;
  private static final int MIN_BINS = 1024; // of topics; one thread at a time uses those of a bin

  private final LongSupplier nanos;
  private final String epoch = Long.toUnsignedString(new SecureRandom().nextLong(), 36);
  private final AtomicLong lastId = new AtomicLong();
  private final Map<String, Node> nodes = new ConcurrentHashMap<>();
  private final Map<Key, InProcessTopic> topics = new ConcurrentHashMap<>(MIN_BINS);
  private final InProcessRosters rosters = new InProcessRosters();
  private volatile boolean closed;

  /**
   * The beginning of all topics. It changes when a topic with records is forgotten: a position of
   * that topic, or from before its records, must not be one of the next topic with its name.
   */
  private volatile String beginning = nextId();

  private Iterator<Key> sweep = topics.keySet().iterator(); // guarded by topics

  InProcessBackplane() {
    this(System::nanoTime);
  }

  InProcessBackplane(LongSupplier nanos) {
    this.nanos = nanos;
  }

  @Override
  public CompletionStage<Session> open(String node, Receiver receiver) {
    Node opened = new Node(Checks.text("node", node, 1, 64), requireNonNull(receiver, "receiver"));
    if (nodes.putIfAbsent(node, opened) != null) {
      return CompletableFuture.failedStage(
          new IllegalStateException("node " + node + " is open already"));
    }
    if (closed) {
      opened.close(Duration.ZERO);
      return CompletableFuture.failedStage(new IllegalStateException("engine closed"));
    }
    return CompletableFuture.completedStage(opened);
  }

  @Override
  public void close() {
    closed = true;
    List.copyOf(nodes.values()).forEach(node -> node.close(Duration.ZERO));
    topics.clear();
  }

  /** Calls an action with a topic, which no other thread uses meanwhile. */
  private <T> T with(Channel channel, Function<InProcessTopic, T> action) {
    Key key = new Key(channel.topic(), channel.retention().kind());
    if (!topics.containsKey(key)) {
      sweep(2); // more than are created
    }
    List<T> result = new ArrayList<>(1);
    topics.compute(
        key,
        (same, present) -> {
          InProcessTopic topic =
              present == null
                  ? new InProcessTopic(key.kind, beginning, nanos.getAsLong())
                  : present;
          result.add(action.apply(topic));
          return topic;
        });
    return result.get(0);
  }

  /** Returns the number of topics that it knows. */
  int topicCount() {
    return topics.size();
  }

  private String nextId() {
    return epoch + "." + Long.toString(lastId.incrementAndGet(), 36);
  }

  /** Deletes what is too old of some topics, which are others each time. */
  private void sweep(int most) {
    synchronized (topics) {
      for (int i = 0; i < most && sweep.hasNext(); i++) {
        topics.computeIfPresent(sweep.next(), (key, topic) -> isForgotten(topic) ? null : topic);
      }
      if (!sweep.hasNext()) {
        sweep = topics.keySet().iterator();
      }
    }
  }

  private boolean isForgotten(InProcessTopic topic) {
    boolean isForgotten = topic.expire(nanos.getAsLong());
    if (isForgotten && topic.hasHistory()) {
      beginning = nextId(); // before there can be another topic with the name
    }
    return isForgotten;
  }

  private record Key(String topic, Kind kind) {}

  /** A node, and its session. */
  final class Node implements Session {

    final String name;
    final Receiver receiver;
    volatile boolean open = true;

    // Guarded by itself.
    private final Set<Channel> listening = new HashSet<>();

    private Node(String name, Receiver receiver) {
      this.name = name;
      this.receiver = receiver;
    }

    @Override
    public CompletionStage<Stored> publish(Channel channel, byte[] body, @Nullable String since) {
      return ifOpen(() -> with(channel, topic -> publish(topic, channel, body, since)));
    }

    private Stored publish(
        InProcessTopic topic, Channel channel, byte[] body, @Nullable String since) {
      if (channel.retention().kind() == Kind.EVENTS) {
        topic.handOver(new Record("", "", body)); // and does not store it
        return new Stored("", false);
      }
      return topic.publish(channel.retention(), body, since, nextId(), nanos.getAsLong());
    }

    @Override
    public CompletionStage<Void> listen(Collection<Channel> channels) {
      synchronized (listening) {
        return runIfOpen(() -> channels.forEach(this::listen));
      }
    }

    private void listen(Channel channel) {
      listening.add(channel);
      with(channel, topic -> topic.listen(this, channel));
    }

    @Override
    public void unlisten(Collection<Channel> channels) {
      synchronized (listening) {
        for (Channel channel : channels) {
          if (listening.remove(channel)) {
            with(channel, topic -> topic.unlisten(this, nanos.getAsLong()));
          }
        }
      }
    }

    @Override
    public CompletionStage<Slice> read(Channel channel, @Nullable Position after, int mostBytes) {
      return ifOpen(() -> with(channel, topic -> topic.read(after, mostBytes, nanos.getAsLong())));
    }

    @Override
    public CompletionStage<Void> present(String topic, Presence.Member member, int connections) {
      return runIfOpen(() -> rosters.present(topic, member, this, connections));
    }

    @Override
    public CompletionStage<Roster> watch(String topic) {
      return ifOpen(() -> rosters.watch(topic, this));
    }

    @Override
    public void unwatch(String topic) {
      rosters.unwatch(topic, this);
    }

    @Override
    public CompletionStage<Lease> renew(Duration lease) {
      sweep(SWEPT_PER_RENEWAL);
      return ifOpen(() -> rosters.renew(this, lease, nanos.getAsLong()));
    }

    @Override
    public CompletionStage<Void> command(@Nullable String node, byte[] bytes) {
      return runIfOpen(
          () -> {
            for (Node each : nodes.values()) {
              if (node == null ? each != this : each.name.equals(node)) {
                each.receiver.command(name, bytes);
              }
            }
          });
    }

    @Override
    public CompletionStage<Void> close(Duration leaveAfter) {
      if (nodes.remove(name, this)) {
        open = false;
        synchronized (listening) {
          unlisten(List.copyOf(listening));
        }
        rosters.endLease(this, leaveAfter, nanos.getAsLong());
      }
      return CompletableFuture.completedStage(null);
    }

    private CompletionStage<Void> runIfOpen(Runnable action) {
      return ifOpen(
          () -> {
            action.run();
            return null;
          });
    }

    private <T> CompletionStage<T> ifOpen(Supplier<T> action) {
      try {
        if (!open) {
          throw new RefusedException("session of node " + name + " closed");
        }
        return CompletableFuture.completedStage(action.get());
      } catch (IllegalStateException | RefusedException e) {
        return CompletableFuture.failedStage(e);
      }
    }
  }
}
