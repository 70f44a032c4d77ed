package dev.jev.nodes;

import static dev.jev.nodes.NodePair.await;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Eventually;
import dev.jev.SlowConsumer;
import dev.jev.nodes.ForwardingBackplane.ForwardingSession;
import dev.jev.nodes.NodePair.Peer;
import dev.jev.nodes.Receipt.Outcome;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Two nodes on an engine with faults, over real sockets. */
@Timeout(60)
class NodeFaultTest {

  private static final TopicKind<String> LOG =
      TopicKind.log(MessageCodec.utf8(), 20_000, Duration.ofMinutes(1));
  private static final int PUBLISHERS = 8;

  private final FaultyBackplane engine = new FaultyBackplane(Backplane.inProcess());
  private final NodePair pair = new NodePair(engine);

  @AfterEach
  void close() {
    pair.close();
  }

  private NodeTopic<String> topic(int node) {
    return pair.node(node).topic("t", LOG);
  }

  /** Publishes from eight threads on both nodes; returns the texts that are stored. */
  private CompletableFuture<List<String>> publish(int messages) {
    List<CompletableFuture<List<String>>> publishers = new ArrayList<>();
    for (int p = 0; p < PUBLISHERS; p++) {
      int publisher = p;
      publishers.add(
          CompletableFuture.supplyAsync(() -> publish(publisher, messages), this::start));
    }
    return CompletableFuture.allOf(publishers.toArray(new CompletableFuture<?>[0]))
        .thenApply(done -> publishers.stream().flatMap(all -> all.join().stream()).toList());
  }

  private void start(Runnable task) {
    new Thread(task).start();
  }

  private List<String> publish(int publisher, int messages) {
    List<String> stored = new ArrayList<>();
    for (int i = 0; i < messages; i++) {
      String text = publisher + "/" + i;
      Receipt receipt = topic(publisher % 2).publish(text).toCompletableFuture().join();
      if (receipt.outcome() == Outcome.STORED) {
        stored.add(text);
      }
    }
    return stored;
  }

  private static void requireOrder(List<String> received) {
    assertThat(received).doesNotHaveDuplicates();
    int[] last = new int[PUBLISHERS];
    java.util.Arrays.fill(last, -1);
    for (String text : received) {
      String[] parts = text.split("/", -1);
      int publisher = Integer.parseInt(parts[0]);
      int number = Integer.parseInt(parts[1]);
      assertThat(number).as("order of publisher %d", publisher).isGreaterThan(last[publisher]);
      last[publisher] = number;
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 5, 20})
  void subscriberThatJoinsAmongPublishersMissesAndDoublesNothing(int percent) throws Exception {
    Position start = await(topic(0).publish("0/-1")).position();
    engine.percent = percent;
    CompletableFuture<List<String>> published = publish(50);
    List<Peer> peers = new ArrayList<>();
    List<CompletionStage<Resumption>> resumptions = new ArrayList<>();
    for (int i = 0; i < 40; i++) {
      Peer peer = pair.connect(i % 2);
      peers.add(peer);
      resumptions.add(resume(i, peer, start));
      engine.reads.incrementAndGet();
    }
    List<String> stored = published.get();
    engine.percent = 0;
    String last = "0/1000000";
    assertThat(await(topic(0).publish(last)).outcome()).isEqualTo(Outcome.STORED);
    List<String> expected = null;
    for (int i = 0; i < peers.size(); i++) {
      assertThat(await(resumptions.get(i)).complete()).isTrue();
      List<String> received = receiveUntil(peers.get(i), last);
      requireOrder(received);
      assertThat(received).containsAll(stored);
      expected = expected == null ? received : expected;
      assertThat(received).isEqualTo(expected);
      peers.get(i).close();
    }
    assertThat(pair.node(0).counts().gaps() + pair.node(1).counts().gaps()).isZero();
  }

  /** Resumes, again if the engine has failed. */
  private CompletionStage<Resumption> resume(int index, Peer peer, Position start) {
    SlowConsumer<String> policy = SlowConsumer.<String>close().maxBytes(1 << 24);
    return topic(index % 2)
        .resume(peer.connection(), policy, start)
        .exceptionallyCompose(failure -> resume(index, peer, start));
  }

  private static List<String> receiveUntil(Peer peer, String last) throws IOException {
    List<String> received = new ArrayList<>();
    String text = peer.socket().receive();
    while (!text.equals(last)) {
      received.add(text);
      text = peer.socket().receive();
    }
    return received;
  }

  @Test
  void peersThatMoveBetweenNodesGetEachMessageOnce() throws Exception {
    engine.percent = 5;
    Position start = null;
    while (start == null) {
      start = await(topic(0).publish("0/-1")).position();
    }
    CompletableFuture<List<String>> published = publish(50);
    List<String> received = new ArrayList<>();
    Position at = start;
    while (!published.isDone()) {
      int node = ThreadLocalRandom.current().nextInt(2);
      try (Peer peer = pair.connect(node)) {
        Resumption resumption = await(resume(node, peer, at));
        assertThat(resumption.complete()).isTrue();
        received.addAll(peer.receive(resumption.replayed()));
        at = resumption.at();
      }
    }
    engine.percent = 0;
    try (Peer peer = pair.connect(0)) {
      topic(0).publish("0/1000000");
      Resumption resumption = await(resume(0, peer, at));
      received.addAll(peer.receive(resumption.replayed()));
      if (!received.contains("0/1000000")) {
        received.addAll(receiveUntil(peer, "0/1000000"));
      }
    }
    requireOrder(received);
    assertThat(received).containsAll(published.get());
  }

  @Test
  void publicationsAreRefusedWhileTheEngineIsAwayAndSubscribersStay() throws Exception {
    try (Peer peer = pair.connect(0)) {
      topic(0).subscribe(peer.connection(), SlowConsumer.close());
      await(topic(0).publish("0/0"));
      engine.away = true;
      assertThat(await(topic(0).publish("0/1")).outcome()).isEqualTo(Outcome.REFUSED);
      engine.away = false;
      assertThat(await(topic(0).publish("0/2")).outcome()).isEqualTo(Outcome.STORED);
      assertThat(peer.receive(2)).containsExactly("0/0", "0/2");
    }
    assertThat(pair.node(0).counts().refused()).isEqualTo(1);
  }

  /** Otherwise they would wait for each other in the engine until their time is over. */
  @Test
  void topicsThatBeginAtOnceAreReadSomeAtATime() throws Exception {
    int topics = 500;
    SlowReads reads = new SlowReads();
    try (NodePair many =
        new NodePair(new ForwardingBackplane(Backplane.inProcess(), reads::of, it -> it))) {
      Peer peer = many.connect(0);
      for (int i = 0; i < topics; i++) {
        many.node(0).topic("t" + i, LOG).subscribe(peer.connection(), SlowConsumer.close());
      }
      int most = 2 * NodeThread.MAX_READS;
      Eventually.holds("as many reads as may be", () -> reads.held.size() == most);
      for (int i = 0; i < topics; i++) {
        CompletableFuture<Void> read = reads.held.poll(5, TimeUnit.SECONDS);
        assertThat(read).as("read %d", i).isNotNull();
        reads.underWay.decrementAndGet();
        read.complete(null);
      }
      assertThat(reads.most.get()).isEqualTo(most);
      peer.close();
    }
  }

  /** Sessions whose reads wait for the test. */
  private static final class SlowReads {

    private final BlockingQueue<CompletableFuture<Void>> held = new LinkedBlockingQueue<>();
    private final AtomicInteger underWay = new AtomicInteger();
    private final AtomicInteger most = new AtomicInteger();

    private Backplane.Session of(Backplane.Session session) {
      return new ForwardingSession(session) {
        @Override
        public CompletionStage<Backplane.Slice> read(
            Backplane.Channel channel, @Nullable Position after, int mostBytes) {
          most.accumulateAndGet(underWay.incrementAndGet(), Math::max);
          CompletableFuture<Void> turn = new CompletableFuture<>();
          held.add(turn);
          return turn.thenCompose(begun -> session.read(channel, after, mostBytes));
        }
      };
    }
  }
}
