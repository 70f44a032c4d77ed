package dev.jev.nodes;

import static dev.jev.nodes.NodePair.await;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.jev.SlowConsumer;
import dev.jev.nodes.NodePair.Peer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(20)
class NodeStopTest {

  private static final TopicKind<String> LOG =
      TopicKind.log(MessageCodec.utf8(), 5_000, Duration.ofMinutes(1));

  @Test
  void nodeThatAnInterruptedThreadStopsStartsAgain() throws Exception {
    Nodes node = Nodes.builder(Backplane.inProcess()).name("a").build();
    node.start();
    Thread.currentThread().interrupt();
    node.stop();
    assertThat(Thread.interrupted()).isTrue();
    node.start();
    assertThat(await(node.topic("t", LOG).publish("m")).outcome())
        .isEqualTo(Receipt.Outcome.STORED);
    node.stop();
  }

  @Test
  void subscriptionWhileTheNodeStopsIsRefusedAndTheNextStartHasNoDeadFeed() throws Exception {
    AtomicBoolean answers = new AtomicBoolean(true);
    Backplane engine =
        new ForwardingBackplane(
            Backplane.inProcess(), session -> new Silent(session, answers), receiver -> receiver);
    try (NodePair pair = new NodePair(engine);
        Peer peer = pair.connect(1)) {
      Position start = await(pair.node(0).topic("t", LOG).publish("before")).position();
      NodeTopic<String> topic = pair.node(1).topic("t", LOG);
      answers.set(false);
      topic.publish("for which the stop waits");
      Thread stop = new Thread(pair.node(1)::stop);
      stop.start();
      while (!isRefused(topic.publish("m"))) {
        LockSupport.parkNanos(1_000_000); // or it would be refused since too many wait
      }
      assertThatIllegalStateException()
          .isThrownBy(() -> topic.subscribe(peer.connection(), SlowConsumer.close()));
      stop.join();
      answers.set(true);
      pair.node(1).start();
      assertThat(await(topic.resume(peer.connection(), SlowConsumer.close(), start)).complete())
          .isTrue();
    }
  }

  /** A session that may not answer publications. */
  private static final class Silent extends ForwardingBackplane.ForwardingSession {
    private final AtomicBoolean answers;

    Silent(Backplane.Session session, AtomicBoolean answers) {
      super(session);
      this.answers = answers;
    }

    @Override
    public CompletionStage<Backplane.Stored> publish(
        Backplane.Channel channel, byte[] body, @Nullable String since) {
      return answers.get() ? super.publish(channel, body, since) : new CompletableFuture<>();
    }
  }

  @Test
  void publicationsWhileTheNodeStopsHaveAnOutcome() throws Exception {
    Nodes node = Nodes.builder(Backplane.inProcess()).name("a").build();
    for (int round = 0; round < 50; round++) {
      node.start();
      NodeTopic<String> topic = node.topic("t", LOG);
      List<CompletionStage<Receipt>> receipts = new ArrayList<>();
      Thread publisher =
          new Thread(
              () -> {
                for (boolean refused = false; !refused; ) {
                  CompletionStage<Receipt> receipt = topic.publish("m");
                  receipts.add(receipt);
                  refused = receipts.size() > 1_000_000 || isRefused(receipt);
                }
              });
      publisher.start();
      node.stop();
      publisher.join();
      for (CompletionStage<Receipt> receipt : receipts) {
        await(receipt);
      }
    }
  }

  private static boolean isRefused(CompletionStage<Receipt> receipt) {
    CompletableFuture<Receipt> future = receipt.toCompletableFuture();
    return future.isDone() && future.join().outcome() == Receipt.Outcome.REFUSED;
  }

  @Test
  void longReplayIsAnsweredWhenTheNodeStops() throws Exception {
    try (NodePair pair = NodePair.inProcess()) {
      NodeTopic<String> topic = pair.node(0).topic("t", LOG);
      Position start = await(topic.publish("start")).position();
      for (int i = 0; i < 1_500; i++) {
        await(topic.publish("x".repeat(2_000)));
      }
      try (Peer peer = pair.connect(0)) {
        CompletionStage<Resumption> replay =
            topic.resume(peer.connection(), SlowConsumer.close(), start);
        peer.receive(1);
        pair.server(0).stop(Duration.ZERO);
        assertThat(replay.toCompletableFuture().handle((r, failure) -> true).get()).isTrue();
      }
    }
  }

  @Test
  void positionThatNeverWasConcernsNoOtherSubscriber() throws Exception {
    try (NodePair pair = NodePair.inProcess();
        Peer forger = pair.connect(1);
        Peer other = pair.connect(1)) {
      Position first = await(pair.node(0).topic("t", LOG).publish("one")).position();
      await(pair.node(0).topic("t", LOG).publish("two"));
      NodeTopic<String> topic = pair.node(1).topic("t", LOG);
      topic.subscribe(forger.connection(), SlowConsumer.close());
      await(topic.publish("three"));
      Position forged = Position.parse(first + ":9");
      topic.resume(forger.connection(), SlowConsumer.close(), forged);
      Resumption resumption = await(topic.resume(other.connection(), SlowConsumer.close(), first));
      assertThat(resumption.replayed()).isEqualTo(2);
      assertThat(other.receive(2)).containsExactly("two", "three");
    }
  }
}
