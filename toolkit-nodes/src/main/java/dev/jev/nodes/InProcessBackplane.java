package dev.jev.nodes;

import static java.util.Objects.requireNonNull;

import java.security.SecureRandom;
import java.time.Duration;
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

  private final LongSupplier nanos;
  private final String epoch = Long.toUnsignedString(new SecureRandom().nextLong(), 36);
  private final AtomicLong lastId = new AtomicLong();
  private final Map<String, Node> nodes = new ConcurrentHashMap<>();
  private final Map<Key, InProcessTopic> topics = new ConcurrentHashMap<>();
  private final InProcessRosters rosters = new InProcessRosters();
  private volatile boolean closed;

  /**
   * The beginning of all topics. It changes when a topic with records is forgotten: a position of
   * that topic, or from before its records, must not be one of the next topic with its name.
   */
  private volatile String beginning = nextId();

  // Guarded by topics.
  private Iterator<InProcessTopic> sweep = topics.values().iterator();

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

  /** Calls an action with a topic, under its lock. */
  private <T> T with(Channel channel, Function<InProcessTopic, T> action) {
    Key key = new Key(channel.topic(), channel.retention().kind());
    while (true) {
      InProcessTopic topic = topics.get(key);
      if (topic == null) {
        sweep(2); // more than are created
        topic = topics.computeIfAbsent(key, this::create);
      }
      synchronized (topic) {
        if (!topic.isRemoved()) {
          return action.apply(topic);
        }
      }
    }
  }

  /** Returns the number of topics that it knows. */
  int topicCount() {
    return topics.size();
  }

  private InProcessTopic create(Key key) {
    return new InProcessTopic(key.kind, beginning, nanos.getAsLong());
  }

  private String nextId() {
    return epoch + "." + Long.toString(lastId.incrementAndGet(), 36);
  }

  /** Deletes what is too old of some topics, which are others each time. */
  private void sweep(int most) {
    synchronized (topics) {
      for (int i = 0; i < most && sweep.hasNext(); i++) {
        InProcessTopic topic = sweep.next();
        synchronized (topic) {
          if (topic.expire(nanos.getAsLong())) {
            if (topic.hasHistory()) {
              beginning = nextId(); // before there can be another topic with the name
            }
            sweep.remove();
          }
        }
      }
      if (!sweep.hasNext()) {
        sweep = topics.values().iterator();
      }
    }
  }

  private record Key(String topic, Kind kind) {}

  /** A node, and its session. */
  final class Node implements Session {

    private final String name;
    private final Receiver receiver;
    private volatile boolean open = true;

    // Guarded by itself.
    private final Set<Channel> listening = new HashSet<>();

    private Node(String name, Receiver receiver) {
      this.name = name;
      this.receiver = receiver;
    }

    String name() {
      return name;
    }

    Receiver receiver() {
      return receiver;
    }

    boolean isOpen() {
      return open;
    }

    @Override
    public CompletionStage<Stored> publish(Channel channel, byte[] body, boolean again) {
      return ifOpen(() -> with(channel, topic -> publish(topic, channel, body, again)));
    }

    private Stored publish(InProcessTopic topic, Channel channel, byte[] body, boolean again) {
      if (channel.retention().kind() == Kind.EVENTS) {
        topic.handOverEvent(body);
        return new Stored("", false);
      }
      return topic.publish(this, channel.retention(), body, again, nextId(), nanos.getAsLong());
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
