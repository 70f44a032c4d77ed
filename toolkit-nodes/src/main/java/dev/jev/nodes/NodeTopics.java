package dev.jev.nodes;

import dev.jev.nodes.Backplane.Channel;
import java.lang.ref.ReferenceQueue;
import java.lang.ref.WeakReference;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The topics of a node.
 *
 * <p>A topic lives while it is in use: while the application refers to it, it has subscribers,
 * members or listeners of its presence, or messages are under way. Any thread.
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

  /** The feeds of the topics that the node listens to. */
  final ConcurrentHashMap<Channel, TopicFeed> feeds = new ConcurrentHashMap<>();

  private final Nodes nodes;
  private final ConcurrentHashMap<String, Entry> entries = new ConcurrentHashMap<>();
  private final ReferenceQueue<ClusterTopic<?>> collected = new ReferenceQueue<>();

  /** Topics with a presence that is used. */
  private final Set<ClusterTopic<?>> kept = ConcurrentHashMap.newKeySet();

  NodeTopics(Nodes nodes) {
    this.nodes = nodes;
  }

  @SuppressWarnings("unchecked") // the kinds are equal
  <O> ClusterTopic<O> get(String name, TopicKind<O> kind) {
    ClusterTopic<?> topic = find(name);
    if (topic == null) {
      topic = findOrCreate(name, kind);
    }
    if (!topic.kind.equals(kind)) {
      throw new IllegalArgumentException(
          "kind of topic " + name + ": " + kind + " (expected: " + topic.kind + ")");
    }
    return (ClusterTopic<O>) topic;
  }

  private @Nullable ClusterTopic<?> find(String name) {
    Entry entry = entries.get(name);
    return entry == null ? null : entry.get();
  }

  private synchronized ClusterTopic<?> findOrCreate(String name, TopicKind<?> kind) {
    while (collected.poll() instanceof Entry entry) {
      entries.remove(entry.name, entry);
    }
    ClusterTopic<?> topic = find(name); // that another thread has created
    if (topic == null) {
      topic = new ClusterTopic<>(nodes, name, kind);
      entries.put(name, new Entry(topic, collected));
    }
    return topic;
  }

  /** Notes whether the presence of a topic is used. */
  void keep(ClusterTopic<?> topic, boolean used) {
    if (used) {
      kept.add(topic);
    } else {
      kept.remove(topic);
    }
  }

  /** Returns the presence of a topic, or null. */
  @Nullable NodePresence presence(String name) {
    ClusterTopic<?> topic = find(name);
    return topic == null ? null : topic.presence;
  }

  void forEachPresence(Consumer<NodePresence> action) {
    present().stream().map(topic -> topic.presence).filter(Objects::nonNull).forEach(action);
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
