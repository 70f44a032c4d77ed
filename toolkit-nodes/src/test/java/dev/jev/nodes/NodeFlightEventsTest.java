package dev.jev.nodes;

import static dev.jev.nodes.NodePair.await;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Eventually;
import dev.jev.SlowConsumer;
import dev.jev.nodes.NodePair.Peer;
import java.time.Duration;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class NodeFlightEventsTest {

  private volatile boolean hides;

  /** An engine within the process that hides records from its nodes. */
  private final Backplane engine =
      new ForwardingBackplane(Backplane.inProcess(), session -> session, Hiding::new);

  private final class Hiding extends ForwardingBackplane.ForwardingReceiver {

    Hiding(Backplane.Receiver receiver) {
      super(receiver);
    }

    @Override
    public void record(Backplane.Channel channel, Backplane.Record record) {
      if (!hides) {
        super.record(channel, record);
      }
    }
  }

  private final Queue<RecordedEvent> events = new ConcurrentLinkedQueue<>();

  private @Nullable RecordedEvent find(String name, String topic) {
    return events.stream()
        .filter(event -> event.getEventType().getName().equals(name))
        .filter(event -> event.getString("topic").equals(topic))
        .findFirst()
        .orElse(null);
  }

  private RecordedEvent event(String name, String topic) throws Exception {
    Eventually.holds(name, () -> find(name, topic) != null);
    RecordedEvent found = find(name, topic);
    assertThat(found).isNotNull();
    return found;
  }

  /** Publishes three messages of which the node sees the last one, so that it reads all three. */
  private Position publish(NodePair pair, Peer peer, String topic, int kept) throws Exception {
    NodeTopic<String> published =
        pair.node(0).topic(topic, TopicKind.log(MessageCodec.utf8(), kept, Duration.ofMinutes(1)));
    Position first = await(published.publish("first")).position();
    assertThat(first).isNotNull();
    await(published.resume(peer.connection(), SlowConsumer.close(), first));
    hides = true;
    await(published.publish("hidden"));
    await(published.publish("hidden, too"));
    hides = false;
    await(published.publish("last"));
    return first;
  }

  @Test
  void repairsAndGapsAreRecorded() throws Exception {
    try (RecordingStream stream = new RecordingStream();
        NodePair pair = new NodePair(engine);
        Peer peer = pair.connect(0)) {
      stream.setReuse(false);
      Set.of("jev.TopicRepaired", "jev.TopicGap")
          .forEach(name -> stream.onEvent(name, events::add));
      stream.startAsync();
      publish(pair, peer, "kept", 100);
      assertThat(event("jev.TopicRepaired", "kept").getLong("messages")).isEqualTo(3);
      Position first = publish(pair, peer, "lost", 1);
      RecordedEvent gap = event("jev.TopicGap", "lost");
      assertThat(gap.getString("from")).isEqualTo(first.toString());
      assertThat(gap.getString("to")).isNotEqualTo(gap.getString("from"));
      assertThat(find("jev.TopicGap", "kept")).isNull();
    }
  }
}
