package dev.jev.nodes;

import static dev.jev.nodes.NodePair.await;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.jev.SlowConsumer;
import dev.jev.Topic;
import dev.jev.nodes.NodePair.Peer;
import dev.jev.nodes.Receipt.Outcome;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(20)
class NodeTopicTest {

  private static final Duration AGE = Duration.ofMinutes(1);
  private static final TopicKind<String> LOG = TopicKind.log(MessageCodec.utf8(), 100, AGE);
  private static final TopicKind<String> LATEST = TopicKind.latest(MessageCodec.utf8(), AGE);
  private static final TopicKind<String> EVENTS = TopicKind.events(MessageCodec.utf8());

  private final NodePair pair = NodePair.inProcess();

  @AfterEach
  void close() {
    pair.close();
  }

  private NodeTopic<String> topic(int node, TopicKind<String> kind) {
    return pair.node(node).topic("t", kind);
  }

  private void subscribe(NodeTopic<String> topic, Peer peer) {
    topic.subscribe(peer.connection(), SlowConsumer.close());
  }

  @Test
  void logReachesSubscribersOfAllNodesInOneOrder() throws Exception {
    try (Peer here = pair.connect(0);
        Peer there = pair.connect(1)) {
      resumeNow(0, here);
      resumeNow(1, there);
      here.receive(1);
      List<CompletionStage<Receipt>> receipts = new ArrayList<>();
      for (int i = 0; i < 200; i++) {
        receipts.add(topic(i % 2, LOG).publish("m" + i));
      }
      for (CompletionStage<Receipt> receipt : receipts) {
        assertThat(await(receipt).outcome()).isEqualTo(Outcome.STORED);
      }
      List<String> received = here.receive(200);
      assertThat(received).doesNotHaveDuplicates();
      assertThat(there.receive(200)).isEqualTo(received);
      assertThat(received.stream().filter(text -> isEven(text)).toList())
          .isEqualTo(IntStream.range(0, 100).mapToObj(i -> "m" + 2 * i).toList());
    }
  }

  private static boolean isEven(String text) {
    return Integer.parseInt(text.substring(1)) % 2 == 0;
  }

  /** Subscribes and waits until the node listens. */
  private void resumeNow(int node, Peer peer) throws Exception {
    Position now = await(topic(node, LOG).publish("start")).position();
    await(topic(node, LOG).resume(peer.connection(), SlowConsumer.close(), now));
  }

  /** Each that waited was looked up among all messages after each read: seconds for hundreds. */
  @Test
  void manyMayResumeAtPositionsThatAreUnknown() throws Exception {
    TopicKind<String> kind = TopicKind.log(MessageCodec.utf8(), 1_000, AGE);
    NodeTopic<String> topic = topic(0, kind);
    try (Peer peer = pair.connect(0)) {
      Position first = await(topic.publish("start")).position();
      await(topic.resume(peer.connection(), SlowConsumer.close(), first));
      for (int i = 0; i < 1_000; i++) {
        await(topic.publish("m" + i));
      }
      CountDownLatch go = new CountDownLatch(1);
      List<CompletionStage<Resumption>> resumptions = new ArrayList<>();
      pair.node(0).thread("t").execute(() -> awaitUninterruptibly(go)); // so that all wait at once
      for (int i = 0; i < 2_000; i++) {
        Position unknown = Position.parse("unknown." + i);
        resumptions.add(topic.resume(peer.connection(), SlowConsumer.close(), unknown));
      }
      long before = nodeCpuNanos(go);
      for (CompletionStage<Resumption> resumption : resumptions) {
        assertThat(await(resumption).complete()).isFalse();
      }
      assertThat(nodeCpuNanos(go) - before).isLessThan(TimeUnit.SECONDS.toNanos(2));
    }
  }

  /** Returns the processor time of the topic's thread when it has done what it has to do. */
  private long nodeCpuNanos(CountDownLatch go) throws Exception {
    CompletableFuture<Long> nanos = new CompletableFuture<>();
    ThreadMXBean threads = ManagementFactory.getThreadMXBean();
    Runnable task = () -> nanos.complete(threads.getCurrentThreadCpuTime());
    pair.node(0).thread("t").execute(task);
    go.countDown();
    return nanos.get(20, TimeUnit.SECONDS);
  }

  private static void awaitUninterruptibly(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void subscriberGetsWhatItsThreadPublishesAfterwards() throws Exception {
    try (Peer peer = pair.connect(0)) {
      subscribe(topic(0, LOG), peer);
      topic(0, LOG).publish("first");
      assertThat(peer.receive(1)).containsExactly("first");
    }
  }

  @Test
  void subscriberResumesOnAnotherNodeWithExactlyTheMissingMessages() throws Exception {
    List<Position> positions = new ArrayList<>();
    for (int i = 0; i < 50; i++) {
      positions.add(await(topic(0, LOG).publish("m" + i)).position());
    }
    for (int after : new int[] {0, 24, 48, 49}) {
      try (Peer peer = pair.connect(1)) {
        Resumption resumption = await(resume(1, peer, positions.get(after)));
        assertThat(resumption.complete()).isTrue();
        assertThat(resumption.replayed()).isEqualTo(49 - after);
        assertThat(resumption.at()).isEqualTo(positions.get(49));
        assertThat(peer.receive(49 - after))
            .isEqualTo(IntStream.range(after + 1, 50).mapToObj(i -> "m" + i).toList());
      }
    }
  }

  private CompletionStage<Resumption> resume(int node, Peer peer, Position after) {
    return topic(node, LOG).resume(peer.connection(), SlowConsumer.close(), after);
  }

  @Test
  void positionInsideABatchResumesInsideIt() throws Exception {
    Position[] positions = new Position[300];
    List<CompletionStage<Receipt>> receipts = new ArrayList<>();
    Thread[] threads = new Thread[3];
    for (int t = 0; t < threads.length; t++) {
      int first = 100 * t;
      threads[t] =
          new Thread(
              () -> {
                for (int i = first; i < first + 100; i++) {
                  synchronized (receipts) {
                    receipts.add(topic(0, LOG).publish("m" + i));
                  }
                }
              });
      threads[t].start();
    }
    for (Thread thread : threads) {
      thread.join();
    }
    for (int i = 0; i < 300; i++) {
      positions[i] = await(receipts.get(i)).position();
    }
    assertThat(positions).doesNotHaveDuplicates();
    try (Peer peer = pair.connect(1)) {
      assertThat(await(resume(1, peer, positions[298])).replayed()).isLessThan(100);
    }
  }

  @Test
  void publicationsMayFollowOneAnother() throws Exception {
    CompletionStage<Receipt> last = topic(0, LOG).publish("m");
    for (int i = 0; i < 10_000; i++) {
      last = last.thenCompose(receipt -> topic(0, LOG).publish("m"));
    }
    assertThat(await(last).outcome()).isEqualTo(Outcome.STORED);
  }

  @Test
  void oldestPositionIsThatOfAllMessagesThatAreKept() throws Exception {
    List<String> kept = new ArrayList<>();
    for (int i = 0; i < 150; i++) {
      await(topic(0, LOG).publish("m" + i));
      kept.add("m" + i);
    }
    kept.subList(0, 50).clear();
    try (Peer here = pair.connect(0);
        Peer there = pair.connect(1);
        Peer again = pair.connect(1)) {
      expectOldest(resume(0, here, Position.OLDEST), here, kept);
      expectOldest(resume(1, there, Position.OLDEST), there, kept);
      expectOldest(resume(1, again, Position.OLDEST), again, kept);
      await(topic(0, LOG).publish("next"));
      assertThat(here.receive(1)).containsExactly("next");
      assertThat(again.receive(1)).containsExactly("next");
    }
  }

  private static void expectOldest(
      CompletionStage<Resumption> resumed, Peer peer, List<String> kept) throws Exception {
    Resumption resumption = await(resumed);
    assertThat(resumption.complete()).isTrue();
    assertThat(resumption.replayed()).isEqualTo(kept.size());
    assertThat(peer.receive(kept.size())).isEqualTo(kept);
  }

  @Test
  void oldestPositionOfATopicWithoutMessagesIsNow() throws Exception {
    try (Peer peer = pair.connect(1)) {
      Resumption resumption = await(resume(1, peer, Position.OLDEST));
      assertThat(resumption.complete()).isTrue();
      assertThat(resumption.replayed()).isZero();
      await(topic(0, LOG).publish("first"));
      assertThat(peer.receive(1)).containsExactly("first");
    }
  }

  @Test
  void trimmedPositionIsLost() throws Exception {
    Position first = await(topic(0, LOG).publish("first")).position();
    for (int i = 0; i < 300; i++) {
      await(topic(0, LOG).publish("m" + i));
    }
    try (Peer peer = pair.connect(1)) {
      Resumption resumption = await(resume(1, peer, first));
      assertThat(resumption.complete()).isFalse();
      assertThat(resumption.replayed()).isZero();
      topic(0, LOG).publish("next");
      assertThat(peer.receive(1)).containsExactly("next");
    }
  }

  @Test
  void foreignPositionIsLost() throws Exception {
    await(topic(0, LOG).publish("m"));
    try (Peer peer = pair.connect(1)) {
      assertThat(await(resume(1, peer, Position.parse("other.7:3"))).complete()).isFalse();
    }
  }

  @Test
  void messageIsNotSentBackToItsSender() throws Exception {
    try (Peer sender = pair.connect(0);
        Peer other = pair.connect(0)) {
      subscribe(topic(0, LOG), sender);
      subscribe(topic(0, LOG), other);
      topic(0, LOG).publish("mine", sender.connection());
      topic(0, LOG).publish("for all");
      assertThat(sender.receive(1)).containsExactly("for all");
      assertThat(other.receive(2)).containsExactly("mine", "for all");
    }
  }

  @Test
  void subscriberThatMissesAMessageSinceItsLoopHasNoRoomIsClosed() throws Exception {
    ClusterTopic<String> topic = (ClusterTopic<String>) topic(0, LOG);
    try (Peer peer = pair.connect(0)) {
      subscribe(topic, peer);
      topic.publish("one");
      assertThat(peer.receive(1)).containsExactly("one");
      CountDownLatch blocked = new CountDownLatch(1);
      peer.connection().execute(() -> awaitUninterruptibly(blocked));
      Topic<String> other = Topic.of("other");
      other.subscribe(peer.connection(), SlowConsumer.dropNewest());
      String large = "x".repeat(1024 * 1024);
      while (other.publish(large)) {
        assertThat(other.counts().published()).isLessThan(100);
      }
      topic.deliver(new KeptMessage(Position.after("2"), "two".getBytes(UTF_8)), null);
      blocked.countDown();
      assertThat(peer.socket().readAll()).isNotEmpty(); // and the end
    }
  }

  @Test
  void latestComesFirst() throws Exception {
    await(topic(0, LATEST).publish("old"));
    await(topic(0, LATEST).publish("new"));
    for (int node = 0; node < 2; node++) {
      try (Peer peer = pair.connect(node)) {
        subscribe(topic(node, LATEST), peer);
        assertThat(peer.receive(1)).containsExactly("new");
      }
    }
  }

  @Test
  void eventReachesSubscribersOfAllNodesOnce() throws Exception {
    try (Peer here = pair.connect(0);
        Peer there = pair.connect(1)) {
      subscribe(topic(1, EVENTS), there);
      await(topic(1, EVENTS).publish("listens"));
      assertThat(there.receive(1)).containsExactly("listens");
      subscribe(topic(0, EVENTS), here);
      assertThat(await(topic(0, EVENTS).publish("one")).outcome()).isEqualTo(Outcome.SENT);
      assertThat(await(topic(0, EVENTS).publish("two")).position()).isNull();
      assertThat(here.receive(2)).containsExactly("one", "two");
      assertThat(there.receive(2)).containsExactly("one", "two");
    }
  }

  @Test
  void topicIsTheSameObjectAndItsKindIsChecked() {
    NodeTopic<String> topic = topic(0, LOG);
    assertThat(topic(0, LOG)).isSameAs(topic);
    assertThatThrownBy(() -> topic(0, LATEST))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "kind of topic t: latest of TEXT, PT1M (expected: log of TEXT, 100 messages, PT1M)");
    assertThatThrownBy(() -> topic.presence()).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void publicationOfAStoppedNodeIsRefused() throws Exception {
    NodeTopic<String> topic = topic(0, LOG);
    pair.server(0).stop(Duration.ZERO);
    pair.server(0).awaitStop();
    assertThat(await(topic.publish("late")).outcome()).isEqualTo(Outcome.REFUSED);
    assertThat(pair.node(0).health().state()).isEqualTo(Nodes.Health.State.DOWN);
  }

  @Test
  void hotTopicIsReadOnceForAllThatResume() throws Exception {
    List<Position> positions = new ArrayList<>();
    for (int i = 0; i < 60; i++) {
      positions.add(await(topic(0, LOG).publish("m" + i)).position());
    }
    List<Peer> peers = new ArrayList<>();
    List<CompletionStage<Resumption>> resumptions = new ArrayList<>();
    for (int i = 0; i < 60; i++) {
      Peer peer = pair.connect(1);
      peers.add(peer);
      resumptions.add(resume(1, peer, positions.get(i)));
    }
    for (int i = 0; i < 60; i++) {
      assertThat(await(resumptions.get(i)).replayed()).isEqualTo(59 - i);
      peers.get(i).receive(59 - i);
      peers.get(i).close();
    }
    Nodes.Counts counts = pair.node(1).counts();
    assertThat(counts.resumedHere()).isEqualTo(60);
    assertThat(counts.resumedByEngine()).isZero();
  }

  @Test
  void longReplayIsNoReasonToCloseASubscriber() throws Exception {
    NodeTopic<String> topic =
        pair.node(0).topic("long", TopicKind.log(MessageCodec.utf8(), 5_000, AGE));
    Position start = await(topic.publish("start")).position();
    List<CompletionStage<Receipt>> receipts = new ArrayList<>();
    List<String> texts = new ArrayList<>();
    for (int i = 0; i < 3_000; i++) {
      texts.add(i + "x".repeat(1_000));
      receipts.add(topic.publish(texts.get(i)));
      await(receipts.get(i));
    }
    try (Peer peer = pair.connect(0)) {
      CompletionStage<Resumption> resumption =
          topic.resume(peer.connection(), SlowConsumer.<String>close().maxBytes(1024), start);
      List<String> live = List.of("live 0", "live 1");
      peer.receive(1); // the replay has begun, and the peer reads nothing for a while
      live.forEach(topic::publish);
      assertThat(peer.receive(2_999)).isEqualTo(texts.subList(1, 3_000));
      assertThat(peer.receive(2)).isEqualTo(live);
      assertThat(await(resumption).replayed()).isEqualTo(3_000);
      assertThat(await(resumption).complete()).isTrue();
    }
  }
}
