package dev.jev.nodes;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.nodes.Backplane.Session;
import dev.jev.nodes.Presence.Change;
import dev.jev.nodes.Presence.Counts;
import dev.jev.nodes.Presence.Member;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Random joins and leaves on three nodes at once, of which one misses changes. */
@Timeout(60)
class PresenceStormTest {

  private static final int MEMBERS = 20;

  private final Backplane engine = Backplane.inProcess();
  private final List<Node> nodes = new ArrayList<>();
  private final List<Thread> threads = new ArrayList<>();
  private final List<AtomicInteger> connections = new ArrayList<>();
  private final AtomicInteger misses = new AtomicInteger();
  private final CountDownLatch halfway = new CountDownLatch(6);
  private final CountDownLatch followed = new CountDownLatch(1); // by all nodes

  @AfterEach
  void close() {
    engine.close();
    nodes.forEach(node -> node.thread.shutdownNow());
  }

  @Test
  void joinsMinusLeavesAreTheMembersOnEveryNode() throws Exception {
    for (int i = 0; i < MEMBERS; i++) {
      connections.add(new AtomicInteger());
    }
    for (String name : List.of("a", "b", "c")) {
      nodes.add(new Node(name, name.equals("c")));
    }
    for (int i = 0; i < 6; i++) {
      Node node = nodes.get(i % 3);
      Random random = new Random(i);
      threads.add(new Thread(() -> churn(node, random), "churn " + i));
    }
    nodes.get(0).follow();
    threads.forEach(Thread::start);
    assertThat(halfway.await(30, TimeUnit.SECONDS)).isTrue();
    for (Node node : nodes.subList(1, 3)) {
      node.follow();
      assertThat(node.began.await(30, TimeUnit.SECONDS)).isTrue();
    }
    followed.countDown();
    for (Thread thread : threads) {
      thread.join();
    }
    Set<String> expected = new TreeSet<>();
    long sum = 0;
    for (int i = 0; i < MEMBERS; i++) {
      sum += connections.get(i).get();
      if (connections.get(i).get() > 0) {
        expected.add("m" + i);
      }
    }
    awaitCounts(new Counts(expected.size(), sum));
    nodes.get(2).deafness = 0;
    nodes.get(2).presence.resync();
    for (Node node : nodes) {
      node.await(expected);
    }
    assertThat(misses.get()).isPositive();
    assertThat(expected).isNotEmpty().hasSizeLessThan(MEMBERS);
  }

  /** Adds and removes connections; those that are left at the end are the expected ones. */
  private void churn(Node node, Random random) {
    int[] own = new int[MEMBERS];
    for (int i = 0; i < 1000; i++) {
      int member = random.nextInt(MEMBERS);
      if (own[member] == 0 || random.nextInt(5) < 2) {
        own[member]++;
        node.presence.add(new Member("m" + member, ""));
      } else {
        own[member]--;
        node.presence.remove(new Member("m" + member, ""));
      }
      if (i == 500) {
        halfway.countDown();
        awaitFollowers();
      }
    }
    for (int member = 0; member < MEMBERS; member++) {
      for (; own[member] > (member % 2 == 0 ? 0 : 1); own[member]--) {
        node.presence.remove(new Member("m" + member, ""));
      }
      connections.get(member).addAndGet(own[member]);
    }
  }

  private void awaitFollowers() {
    try {
      followed.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void awaitCounts(Counts expected) throws Exception {
    Counts counts;
    do {
      counts = nodes.get(0).presence.counts().toCompletableFuture().get(10, TimeUnit.SECONDS);
    } while (!counts.equals(expected));
  }

  /** A node, with the members as a follower sees them. */
  private final class Node extends QuietReceiver implements NodePresence.Follower {

    final ScheduledExecutorService thread = Executors.newSingleThreadScheduledExecutor();
    final NodePresence presence;
    final Set<String> members = ConcurrentHashMap.newKeySet();
    final CountDownLatch began = new CountDownLatch(1);
    final CompletableFuture<Void> failed = new CompletableFuture<>();
    volatile int deafness;
    private long version;

    Node(String name, boolean missesChanges) {
      Session session = engine.open(name, this).toCompletableFuture().join();
      session.renew(Duration.ofMinutes(1)).toCompletableFuture().join();
      presence =
          new NodePresence(
              "room",
              EngineSession.of(session, Duration.ofSeconds(10)),
              thread,
              Duration.ofMillis(2),
              used -> {});
      deafness = missesChanges ? 7 : 0;
    }

    void follow() {
      presence.follow(this);
    }

    /** Waits until the members are these, and checks that no change was told twice before. */
    void await(Set<String> expected) throws Exception {
      while (!members.equals(expected)) {
        thread.submit(() -> {}).get(10, TimeUnit.SECONDS);
        assertThat(failed).isNotDone();
      }
      assertThat(failed).isNotDone();
    }

    @Override
    public void members(long version, Collection<Member> first) {
      this.version = version;
      first.forEach(member -> members.add(member.id()));
      began.countDown();
    }

    @Override
    public void changed(long version, Change change) {
      String id = change.member().id();
      boolean changes = change.joined() ? members.add(id) : members.remove(id);
      if (!changes || version < this.version) {
        failed.completeExceptionally(new AssertionError(change + " at " + version));
      }
      this.version = version;
    }

    @Override
    public void presence(String topic, long version, Change change) {
      if (deafness > 0 && version % deafness == 0) {
        misses.incrementAndGet();
      } else {
        presence.changed(version, change);
      }
    }
  }
}
