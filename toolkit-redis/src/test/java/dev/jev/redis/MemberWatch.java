package dev.jev.redis;

import dev.jev.nodes.Nodes;
import dev.jev.nodes.Presence;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** A node without clients, which watches the members of topics and the other nodes. */
final class MemberWatch implements AutoCloseable {

  /** The joins and leaves since the last call of {@link #has}. */
  final Queue<String> changes = new ConcurrentLinkedQueue<>();

  /** The nodes that are alive. */
  final Set<String> alive = ConcurrentHashMap.newKeySet();

  /** The joins without the leaves. */
  final AtomicInteger balance = new AtomicInteger();

  private final RedisBackplane engine;
  private final Nodes nodes;
  private final List<String> topics;

  MemberWatch(String uri, List<String> topics) {
    this.topics = topics;
    engine = RedisBackplane.of(uri);
    nodes =
        Nodes.builder(engine)
            .name("watch")
            .lease(Duration.ofSeconds(3))
            .listener(
                new Nodes.Listener() {
                  @Override
                  public void onNode(String node, boolean isAlive) {
                    if (isAlive) {
                      alive.add(node);
                    } else {
                      alive.remove(node);
                    }
                  }
                })
            .build();
    nodes.start();
    topics.forEach(topic -> presence(topic).onChange(change -> changed(topic, change)));
  }

  private Presence presence(String topic) {
    return nodes.topic(topic, NodeProgram.LOG).presence();
  }

  private void changed(String topic, Presence.Change change) {
    balance.addAndGet(change.joined() ? 1 : -1);
    changes.add(topic + (change.joined() ? " + " : " - ") + change.member().id());
  }

  /** Waits until the topics have so many members, all together, and forgets the changes. */
  void has(int members) throws Exception {
    TopicLoad.holds(members + " members", () -> members() == members);
    changes.clear();
  }

  /** Returns the number of members of all topics; -1 while that is not known. */
  long members() {
    List<Long> counts = new ArrayList<>();
    try {
      for (String topic : topics) {
        counts.add(
            presence(topic).counts().toCompletableFuture().get(10, TimeUnit.SECONDS).members());
      }
    } catch (Exception e) {
      return -1; // while Redis cannot be reached
    }
    return counts.stream().mapToLong(Long::longValue).sum();
  }

  @Override
  public void close() {
    nodes.stop();
    engine.close();
  }
}
