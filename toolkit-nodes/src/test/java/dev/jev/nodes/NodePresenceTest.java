package dev.jev.nodes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.jev.nodes.Backplane.Roster;
import dev.jev.nodes.Backplane.Session;
import dev.jev.nodes.ForwardingBackplane.ForwardingSession;
import dev.jev.nodes.Presence.Change;
import dev.jev.nodes.Presence.Counts;
import dev.jev.nodes.Presence.Member;
import io.netty.channel.embedded.EmbeddedChannel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Presence on several nodes with one thread and a clock that is advanced by hand. */
@Timeout(60)
class NodePresenceTest {

  private static final Duration GRACE = Duration.ofSeconds(5);
  private static final Duration LEASE = Duration.ofSeconds(10);
  private static final Member ANN = new Member("ann", "");
  private static final Member BOB = new Member("bob", "");

  private final EmbeddedChannel loop = new EmbeddedChannel();
  private final AtomicLong nanos = new AtomicLong();
  private final Backplane engine = new InProcessBackplane(nanos::get);
  private final Node a = new Node("a");
  private final Node b = new Node("b");
  private final Node c = new Node("c");

  NodePresenceTest() {
    loop.freezeTime();
  }

  @AfterEach
  void close() {
    engine.close();
    loop.close();
  }

  private void pass(Duration time) {
    settle();
    loop.advanceTimeBy(time.toNanos(), TimeUnit.NANOSECONDS);
    nanos.addAndGet(time.toNanos());
    settle();
  }

  /** Runs everything that is due. */
  private void settle() {
    loop.runPendingTasks();
    loop.runScheduledPendingTasks();
    loop.runPendingTasks();
  }

  private <T> T get(CompletionStage<T> stage) {
    settle();
    assertThat(stage.toCompletableFuture()).isDone();
    return stage.toCompletableFuture().join();
  }

  @Test
  void aMemberJoinsWithItsFirstConnectionAndLeavesWithItsLastOnAnyNode() {
    c.listen();
    a.presence.add(ANN);
    a.presence.add(ANN);
    b.presence.add(ANN);
    settle();
    assertThat(c.told).containsExactly("+ann");
    a.presence.remove(ANN);
    a.presence.remove(ANN);
    settle();
    assertThat(a.kept).as("during the grace").isTrue();
    pass(GRACE);
    assertThat(c.told).containsExactly("+ann");
    b.presence.remove(ANN);
    pass(GRACE);
    assertThat(c.told).containsExactly("+ann", "-ann");
    assertThat(a.kept).isFalse();
  }

  @Test
  void aMemberLeavesAfterTheGraceAndNotEarlier() {
    b.listen();
    a.presence.add(ANN);
    a.presence.remove(ANN);
    pass(GRACE.minusNanos(1));
    assertThat(b.told).containsExactly("+ann");
    pass(Duration.ofNanos(1));
    assertThat(b.told).containsExactly("+ann", "-ann");
  }

  @Test
  void aMemberThatReturnsWithinTheGraceDoesNotLeave() {
    b.listen();
    a.presence.add(ANN);
    for (int i = 0; i < 3; i++) {
      a.presence.remove(ANN);
      pass(GRACE.minusNanos(1));
      a.presence.add(ANN);
      settle();
    }
    pass(GRACE);
    assertThat(b.told).containsExactly("+ann");
  }

  @Test
  void aMemberThatMovesToAnotherNodeWithinTheGraceDoesNotLeave() {
    c.listen();
    a.presence.add(ANN);
    a.presence.remove(ANN);
    pass(GRACE.minusNanos(1));
    b.presence.add(ANN);
    pass(GRACE);
    assertThat(c.told).containsExactly("+ann");
    assertThat(get(c.presence.counts())).isEqualTo(new Counts(1, 1));
  }

  @Test
  void withoutGraceAMemberLeavesAtOnce() {
    Node node = new Node("d", Duration.ZERO);
    b.listen();
    node.presence.add(ANN);
    settle();
    node.presence.remove(ANN);
    node.presence.remove(ANN);
    settle();
    assertThat(b.told).containsExactly("+ann", "-ann");
  }

  @Test
  void theMembersOfAStoppedNodeLeaveAfterTheGraceUnlessTheyHaveMoved() {
    c.listen();
    a.presence.add(ANN);
    a.presence.add(BOB);
    settle();
    a.presence.remove(ANN); // as when the connections are closed before the stop
    a.presence.stop();
    settle();
    get(a.session.close(GRACE));
    b.presence.add(BOB);
    pass(GRACE.minusNanos(1));
    c.renew();
    assertThat(c.told).containsExactly("+ann", "+bob");
    pass(Duration.ofNanos(1));
    c.renew();
    assertThat(c.told).containsExactly("+ann", "+bob", "-ann");
    assertThat(get(c.presence.members(10))).containsExactly(BOB);
  }

  @Test
  void theMembersOfASilentNodeLeaveAndJoinAgainWhenItsLeaseHasLapsed() {
    c.listen();
    a.presence.add(ANN);
    a.presence.add(BOB);
    b.presence.add(BOB);
    settle();
    b.renew();
    pass(LEASE.minusNanos(1));
    c.renew();
    b.renew();
    assertThat(c.told).containsExactlyInAnyOrder("+ann", "+bob");
    pass(Duration.ofNanos(1));
    c.renew();
    assertThat(c.told).hasSize(3).endsWith("-ann");
    assertThat(a.renew()).isTrue();
    a.presence.rejoin();
    settle();
    assertThat(c.told).hasSize(4).endsWith("+ann");
    assertThat(get(c.presence.counts())).isEqualTo(new Counts(2, 3));
  }

  @Test
  void aCallThatIsUnderWayWhenTheLeaseLapsesIsRepeated() {
    c.listen();
    CompletableFuture<Void> gate = new CompletableFuture<>();
    a.before = gate;
    a.presence.add(ANN);
    settle();
    assertThat(a.calls).containsExactly("ann 1");
    a.presence.rejoin();
    settle();
    a.before = null;
    gate.complete(null);
    settle();
    assertThat(a.calls).containsExactly("ann 1", "ann 1");
    assertThat(c.told).containsExactly("+ann");
  }

  @Test
  void oneCallPerMemberIsUnderWayAndTheLastCountWins() {
    CompletableFuture<Void> gate = new CompletableFuture<>();
    a.before = gate;
    for (int i = 0; i < 10; i++) {
      a.presence.add(ANN);
    }
    settle();
    assertThat(a.calls).containsExactly("ann 1");
    a.presence.remove(ANN);
    a.before = null;
    gate.complete(null);
    settle();
    assertThat(a.calls).containsExactly("ann 1", "ann 9");
    assertThat(get(b.presence.counts())).isEqualTo(new Counts(1, 9));
  }

  @Test
  void whatTheEngineRefusesIsToldAgainUntilItIsTaken() {
    c.listen();
    a.failing = true;
    a.presence.add(ANN);
    a.presence.add(BOB);
    a.presence.remove(BOB);
    for (int i = 0; i < 100; i++) {
      pass(Duration.ofMillis(100));
    }
    assertThat(a.calls).hasSizeBetween(10, 40);
    assertThat(c.told).isEmpty();
    a.failing = false;
    pass(Duration.ofSeconds(2));
    assertThat(c.told).containsExactly("+ann");
    a.presence.remove(ANN);
    pass(GRACE);
    assertThat(a.kept).isFalse();
  }

  @Test
  void aMissingVersionIsRepairedAndToldOnce() {
    c.listen();
    a.presence.add(ANN);
    settle();
    c.deaf = true;
    a.presence.add(BOB);
    a.presence.remove(ANN);
    pass(GRACE);
    c.deaf = false;
    assertThat(c.told).containsExactly("+ann");
    a.presence.add(new Member("eve", ""));
    settle();
    assertThat(c.told).hasSize(4).startsWith("+ann", "-ann").contains("+bob", "+eve");
    a.presence.add(ANN);
    settle();
    assertThat(c.told).hasSize(5).endsWith("+ann");
    assertThat(c.versions).isSorted();
  }

  @Test
  void aResyncTellsWhatIsMissingAtTheEnd() {
    c.listen();
    c.deaf = true;
    a.presence.add(ANN);
    settle();
    c.deaf = false;
    c.presence.resync();
    settle();
    assertThat(c.told).containsExactly("+ann");
  }

  @Test
  void changesThatAreToldDuringASnapshotFollowIt() {
    CompletableFuture<Void> gate = new CompletableFuture<>();
    a.presence.add(ANN);
    settle();
    c.after = gate;
    c.listen();
    a.presence.add(BOB);
    a.presence.remove(ANN);
    pass(GRACE);
    assertThat(c.told).isEmpty();
    gate.complete(null);
    settle();
    assertThat(c.told).containsExactly("+bob", "-ann");
    assertThat(c.snapshots).containsExactly(List.of(ANN));
  }

  @Test
  void aSnapshotThatChangesHaveOverrunIsTakenAgain() {
    CompletableFuture<Void> gate = new CompletableFuture<>();
    c.after = gate;
    c.listen();
    for (int i = 0; i < 2000; i++) {
      a.presence.add(new Member("m" + i, ""));
    }
    settle();
    gate.complete(null);
    settle();
    assertThat(c.told).hasSize(2000).doesNotHaveDuplicates();
    assertThat(get(c.presence.members(5000))).hasSize(2000);
  }

  @Test
  void anEngineThatHasBegunAnewIsNoticed() {
    a.presence.add(ANN);
    a.presence.add(BOB);
    settle();
    c.listen();
    a.presence.add(new Member("eve", ""));
    settle();
    c.snapshot = new Roster(0, Map.of(BOB, 1));
    c.presence.changed(1, new Change(true, BOB));
    settle();
    assertThat(c.told).containsExactly("+eve", "-ann", "-eve");
  }

  @Test
  void aSnapshotThatFailsIsTakenAgain() {
    a.presence.add(ANN);
    c.failing = true;
    c.listen();
    pass(Duration.ofSeconds(1));
    assertThat(c.snapshots).isEmpty();
    CompletionStage<Counts> counts = c.presence.counts();
    assertThatThrownBy(() -> get(counts)).hasMessageContaining("planted");
    c.failing = false;
    pass(Duration.ofSeconds(1));
    assertThat(c.snapshots).containsExactly(List.of(ANN));
  }

  @Test
  void aFollowerGetsTheMembersAndThenTheChanges() throws Exception {
    a.presence.add(ANN);
    settle();
    c.listen();
    c.listen();
    assertThat(c.snapshots).containsExactly(List.of(ANN), List.of(ANN));
    assertThat(c.kept).isTrue();
    a.presence.add(BOB);
    settle();
    assertThat(c.told).containsExactly("+bob", "+bob");
    for (AutoCloseable each : c.handles) {
      each.close();
    }
    a.presence.add(new Member("eve", ""));
    settle();
    assertThat(c.told).containsExactly("+bob", "+bob");
    assertThat(c.kept).isFalse();
    c.listen();
    assertThat(c.snapshots.get(2)).hasSize(3);
  }

  @Test
  void nothingIsToldByTheEngineWithoutFollowers() {
    assertThat(get(c.presence.members(10))).isEmpty();
    assertThat(get(c.presence.counts())).isEqualTo(new Counts(0, 0));
    a.presence.add(ANN);
    settle();
    assertThat(c.received).isZero();
  }

  @Test
  void aListenerThatFailsAffectsNoOther() {
    c.presence.onChange(
        change -> {
          throw new IllegalStateException("planted");
        });
    c.listen();
    a.presence.add(ANN);
    settle();
    assertThat(c.told).containsExactly("+ann");
  }

  @Test
  void theNumberOfMembersIsLimited() {
    for (int i = 0; i < 10; i++) {
      a.presence.add(new Member("m" + i, ""));
    }
    assertThat(get(c.presence.members(3))).hasSize(3);
    assertThat(get(c.presence.members(0))).isEmpty();
    assertThatThrownBy(() -> c.presence.members(-1))
        .hasMessage("most: -1 (expected: 0..2147483647)");
  }

  /** A node with the presence of one topic, and what it has told. */
  private final class Node extends QuietReceiver implements NodePresence.Follower {

    final Session session;
    final NodePresence presence;
    final List<String> told = new ArrayList<>();
    final List<Long> versions = new ArrayList<>();
    final List<List<Member>> snapshots = new ArrayList<>();
    final List<AutoCloseable> handles = new ArrayList<>();
    final List<String> calls = new ArrayList<>();
    boolean deaf;
    boolean failing;
    int received;
    @Nullable CompletableFuture<Void> before;
    @Nullable CompletableFuture<Void> after;
    boolean kept;
    @Nullable Roster snapshot;

    Node(String name) {
      this(name, GRACE);
    }

    Node(String name, Duration grace) {
      session = engine.open(name, this).toCompletableFuture().join();
      presence =
          new NodePresence(
              "room",
              EngineSession.of(new Planted(session), Duration.ofSeconds(10)),
              loop.eventLoop(),
              grace,
              used -> kept = used);
      renew();
    }

    void listen() {
      handles.add(presence.follow(followerOfItsOwn()));
      settle();
    }

    private NodePresence.Follower followerOfItsOwn() {
      return new NodePresence.Follower() {
        @Override
        public void members(long version, Collection<Member> members) {
          Node.this.members(version, members);
        }

        @Override
        public void changed(long version, Change change) {
          Node.this.changed(version, change);
        }
      };
    }

    boolean renew() {
      boolean lapsed = session.renew(LEASE).toCompletableFuture().join().lapsed();
      settle();
      return lapsed;
    }

    @Override
    public void members(long version, Collection<Member> members) {
      versions.add(version);
      snapshots.add(List.copyOf(members));
    }

    @Override
    public void changed(long version, Change change) {
      versions.add(version);
      told.add((change.joined() ? "+" : "-") + change.member().id());
    }

    @Override
    public void presence(String topic, long version, Change change) {
      received++;
      if (!deaf) {
        presence.changed(version, change);
      }
    }

    /** A session that fails, or waits before it tells and after it has read. */
    private final class Planted extends ForwardingSession {

      Planted(Session session) {
        super(session);
      }

      @Override
      public CompletionStage<Void> present(String topic, Member member, int connections) {
        calls.add(member.id() + " " + connections);
        if (failing) {
          return CompletableFuture.failedStage(new IllegalStateException("planted"));
        }
        CompletableFuture<Void> gate = before;
        return gate == null
            ? super.present(topic, member, connections)
            : gate.thenCompose(v -> super.present(topic, member, connections));
      }

      @Override
      public CompletionStage<Roster> watch(String topic) {
        if (failing) {
          throw new IllegalStateException("planted");
        }
        CompletionStage<Roster> read =
            snapshot == null ? super.watch(topic) : CompletableFuture.completedStage(snapshot);
        CompletableFuture<Void> gate = after;
        after = null;
        return gate == null ? read : gate.thenCompose(v -> read);
      }
    }
  }
}
