package dev.jev.nodes;

import static dev.jev.nodes.NodePair.await;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.jev.Eventually;
import dev.jev.SlowConsumer;
import dev.jev.nodes.NodePair.Peer;
import dev.jev.nodes.Nodes.Health;
import dev.jev.nodes.Presence.Member;
import java.lang.ref.WeakReference;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(20)
class NodesTest {

  private static final TopicKind<String> EVENTS = TopicKind.events(MessageCodec.utf8());

  @Test
  void memberIsClosedOnAllNodes() throws Exception {
    try (NodePair pair = NodePair.inProcess();
        Peer first = pair.connect(0);
        Peer second = pair.connect(1);
        Peer other = pair.connect(1)) {
      join(pair.node(0), first, "ada");
      join(pair.node(1), second, "ada");
      join(pair.node(1), other, "bob");
      Nodes.Answers answers = closeWhenKnown(pair.node(0), 2);
      assertThat(answers).isEqualTo(new Nodes.Answers(2, 2, 0));
      first.socket().readAll(); // the others' events, and the end
      second.socket().readAll();
      assertThat(other.connection().isOpen()).isTrue();
    }
  }

  private static void join(Nodes node, Peer peer, String member) throws Exception {
    peer.connection().attribute(Member.class, new Member(member, ""));
    NodeTopic<String> topic = node.topic("t", EVENTS);
    topic.subscribe(peer.connection(), SlowConsumer.close());
    topic.publish("joined");
    while (!peer.socket().receive().equals("joined")) {}
  }

  /** Closes the member; the node may not know the other one before it has renewed its lease. */
  private static Nodes.Answers closeWhenKnown(Nodes node, int nodes) throws Exception {
    Eventually.holds("both are known", () -> await(node.closeMember("eve")).nodes() == nodes);
    return await(node.closeMember("ada"));
  }

  @Test
  void listenerOfMembersKeepsTheTopic() throws Exception {
    TopicKind<String> kind = TopicKind.events(MessageCodec.utf8()).presence();
    BlockingQueue<Boolean> changes = new LinkedBlockingQueue<>();
    try (NodePair pair = NodePair.inProcess();
        Peer peer = pair.connect(1)) {
      pair.node(0).topic("t", kind).presence().onChange(change -> changes.add(change.joined()));
      WeakReference<Object> unused = new WeakReference<>(new Object());
      Eventually.holds("collection", () -> isCollected(unused));
      peer.connection().attribute(Member.class, new Member("ada", ""));
      pair.node(1).topic("t", kind).subscribe(peer.connection(), SlowConsumer.close());
      assertThat(changes.poll(10, TimeUnit.SECONDS)).isTrue();
    }
  }

  private static boolean isCollected(WeakReference<Object> unused) {
    System.gc();
    return unused.get() == null;
  }

  @Test
  void healthFollowsTheEngine() throws Exception {
    BlockingQueue<Health> changes = new LinkedBlockingQueue<>();
    Nodes.Listener listener =
        new Nodes.Listener() {
          @Override
          public void onHealth(Health health) {
            changes.add(health);
          }
        };
    Capturing engine = new Capturing();
    Nodes node = Nodes.builder(engine).name("a").listener(listener).build();
    assertThat(node.health().state()).isEqualTo(Health.State.DOWN);
    node.start();
    assertThat(changes.take().state()).isEqualTo(Health.State.UP);
    engine.receiver.reachable(new IllegalStateException("gone"));
    Health degraded = changes.take();
    assertThat(degraded.state()).isEqualTo(Health.State.DEGRADED);
    assertThat(degraded.reason()).contains("gone");
    engine.receiver.reachable(null);
    assertThat(changes.take().state()).isEqualTo(Health.State.UP);
    node.stop();
    assertThat(changes.take().state()).isEqualTo(Health.State.DOWN);
  }

  @Test
  void nodesAreSeenToComeAndGo() throws Exception {
    BlockingQueue<String> seen = new LinkedBlockingQueue<>();
    Nodes.Listener listener =
        new Nodes.Listener() {
          @Override
          public void onNode(String node, boolean alive) {
            seen.add(node + (alive ? " is alive" : " has gone"));
          }
        };
    Backplane engine = Backplane.inProcess();
    Duration lease = Duration.ofMillis(200);
    Nodes first = Nodes.builder(engine).name("a").lease(lease).listener(listener).build();
    Nodes second = Nodes.builder(engine).name("b").lease(lease).build();
    first.start();
    second.start();
    assertThat(seen.take()).isEqualTo("b is alive");
    second.stop();
    assertThat(seen.take()).isEqualTo("b has gone");
    first.stop();
  }

  @Test
  void engineThatCannotBeReachedFailsTheStart() {
    Backplane engine = new Failing();
    Nodes node = Nodes.builder(engine).name("a").build();
    assertThatThrownBy(node::start)
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("engine of node a cannot be reached: no route")
        .hasRootCauseMessage("no route");
  }

  @Test
  void publicationsHaveAnOutcomeWhenTheNodeStops() throws Exception {
    Capturing engine = new Capturing();
    engine.silent = true;
    Nodes node = Nodes.builder(engine).name("a").publishTimeout(Duration.ofMillis(100)).build();
    node.start();
    NodeTopic<String> topic =
        node.topic("t", TopicKind.log(MessageCodec.utf8(), 10, Duration.ofMinutes(1)));
    CompletionStage<Receipt> underWay = topic.publish("one");
    CompletionStage<Receipt> queued = topic.publish("two");
    node.stop();
    assertThat(await(underWay).outcome()).isEqualTo(Receipt.Outcome.UNKNOWN);
    assertThat(await(queued).outcome()) // it may have been sent after the first one's time
        .isIn(Receipt.Outcome.REFUSED, Receipt.Outcome.UNKNOWN);
  }

  @Test
  void topicNeedsAStartedNodeForSubscribers() {
    Nodes node = Nodes.builder(Backplane.inProcess()).name("a").build();
    NodeTopic<String> topic = node.topic("t", EVENTS);
    assertThat(topic.publish("m").toCompletableFuture().join().outcome())
        .isEqualTo(Receipt.Outcome.REFUSED);
  }

  @Test
  void badArgumentsAreNamed() {
    Nodes.Builder builder = Nodes.builder(Backplane.inProcess());
    expect(() -> builder.name(""), "node: 0 bytes (expected: 1..64)");
    expect(() -> builder.lease(Duration.ZERO), "lease: PT0S (expected: PT0.1S..PT8760H)");
    expect(() -> builder.keptBytes(-1), "keptBytes: -1 (expected: 0..1099511627776)");
    expect(
        () -> builder.build().topic("{a}", EVENTS),
        "topic: contains U+007B (expected: no control characters, no { and })");
    expect(
        () -> TopicKind.log(MessageCodec.utf8(), 0, Duration.ofSeconds(1)),
        "messages: 0 (expected: 1..100000)");
    expect(() -> Position.parse("a b"), "position: a b (expected: as received)");
    expect(() -> Position.parse("a:0"), "position: a:0 (expected: as received)");
  }

  private static void expect(Runnable call, String message) {
    assertThatThrownBy(call::run).isInstanceOf(IllegalArgumentException.class).hasMessage(message);
  }

  @Test
  void positionsAreTexts() {
    for (String text : List.of("a1.17-3", "a1.17-3:63")) {
      assertThat(Position.parse(text)).hasToString(text).isEqualTo(Position.parse(text));
    }
    assertThat(Position.parse("a:1").isInside()).isTrue();
    assertThat(Position.parse("a")).isNotEqualTo(Position.parse("a:1"));
  }

  /** An engine that hands out its receiver, and may answer no publication. */
  private static final class Capturing implements Backplane {

    private final Backplane engine = Backplane.inProcess();
    private volatile Receiver receiver = null;
    private volatile boolean silent;

    @Override
    public CompletionStage<Session> open(String node, Receiver receiver) {
      this.receiver = receiver;
      return engine.open(node, receiver).thenApply(Muted::new);
    }

    /** A session. */
    private final class Muted extends ForwardingBackplane.ForwardingSession {

      private Muted(Session session) {
        super(session);
      }

      @Override
      public CompletionStage<Stored> publish(Channel channel, byte[] body, @Nullable String since) {
        return silent ? new CompletableFuture<>() : super.publish(channel, body, since);
      }
    }

    @Override
    public void close() {
      engine.close();
    }
  }

  /** An engine that cannot be reached. */
  private static final class Failing implements Backplane {

    @Override
    public CompletionStage<Session> open(String node, Receiver receiver) {
      return CompletableFuture.failedStage(new IllegalStateException("no route"));
    }

    @Override
    public void close() {}
  }
}
