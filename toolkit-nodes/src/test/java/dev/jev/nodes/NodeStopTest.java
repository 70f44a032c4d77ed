package dev.jev.nodes;

import static dev.jev.nodes.NodePair.await;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.SlowConsumer;
import dev.jev.nodes.NodePair.Peer;
import java.time.Duration;
import java.util.concurrent.CompletionStage;
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
