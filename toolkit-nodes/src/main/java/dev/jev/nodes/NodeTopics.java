package dev.jev.nodes;

import dev.jev.nodes.Backplane.Channel;
import java.lang.ref.ReferenceQueue;
import java.lang.ref.WeakReference;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The topics of a node.
 *
 * <p>A topic lives while it is in use: while the application refers to it, it has subscribers, or
 * messages are under way. Any thread.
 */
final class NodeTopics {

  /** A topic that may be collected. */
  private static final class Entry extends WeakReference<ClusterTopic<?>> {
    private final String name;

    private Entry(ClusterTopic<?> topic, ReferenceQueue<ClusterTopic<?>> collected) {
      super(topic, collected);
      this.name = topic.name();
    }
  }

  private final Nodes nodes;
  private final ConcurrentHashMap<String, Entry> entries = new ConcurrentHashMap<>();
  private final ReferenceQueue<ClusterTopic<?>> collected = new ReferenceQueue<>();
  private final ConcurrentHashMap<Channel, ClusterTopic<?>> listening = new ConcurrentHashMap<>();

  NodeTopics(Nodes nodes) {
    this.nodes = nodes;
  }

  @SuppressWarnings("unchecked") // the kinds are equal
  <O> ClusterTopic<O> get(String name, TopicKind<O> kind) {
    removeCollected();
    while (true) {
      Entry entry = entries.get(name);
      ClusterTopic<?> topic = entry == null ? null : entry.get();
      if (topic != null) {
        requireKind(topic, kind);
        return (ClusterTopic<O>) topic;
      }
      ClusterTopic<O> created = new ClusterTopic<>(nodes, name, kind);
      Entry next = new Entry(created, collected);
      if (entry == null
          ? entries.putIfAbsent(name, next) == null
          : entries.replace(name, entry, next)) {
        return created;
      }
    }
  }

  private static void requireKind(ClusterTopic<?> topic, TopicKind<?> kind) {
    if (!topic.kind().equals(kind)) {
      throw new IllegalArgumentException(
          "kind of topic " + topic.name() + ": " + kind + " (expected: " + topic.kind() + ")");
    }
  }

  private void removeCollected() {
    while (collected.poll() instanceof Entry entry) {
      entries.remove(entry.name, entry);
    }
  }

  /** Notes whether the node listens to a topic. */
  void listening(ClusterTopic<?> topic, boolean listens) {
    if (listens) {
      listening.put(topic.channel(), topic);
    } else {
      listening.remove(topic.channel());
    }
  }

  /** Returns the feed of a topic that the node listens to, or null. */
  @Nullable TopicFeed listening(Channel channel) {
    ClusterTopic<?> topic = listening.get(channel);
    return topic == null ? null : topic.feed();
  }

  int listeningCount() {
    return listening.size();
  }

  /** Returns the presence of a topic, or null. */
  @Nullable NodePresence presence(String name) {
    Entry entry = entries.get(name);
    ClusterTopic<?> topic = entry == null ? null : entry.get();
    return topic == null ? null : topic.presenceIfAny();
  }

  void forEachPresence(Consumer<NodePresence> action) {
    present().stream().map(ClusterTopic::presenceIfAny).filter(Objects::nonNull).forEach(action);
  }

  private List<ClusterTopic<?>> present() {
    return entries.values().stream()
        .<ClusterTopic<?>>map(Entry::get)
        .filter(Objects::nonNull)
        .toList();
  }

  /** Waits until all publications have an outcome, or the deadline. */
  void awaitPublished(long deadline) throws InterruptedException {
    CountDownLatch pause = new CountDownLatch(1);
    while (System.nanoTime() < deadline
        && !present().stream().allMatch(ClusterTopic::isOutboxEmpty)) {
      pause.await(1, TimeUnit.MILLISECONDS);
    }
  }

  /** Ends the feeds and presences of all topics. */
  void stop() {
    for (ClusterTopic<?> topic : present()) {
      nodes.thread(topic.name()).execute(topic::stop);
    }
  }
}
