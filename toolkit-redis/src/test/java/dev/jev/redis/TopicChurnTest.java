package dev.jev.redis;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CallsPrograms;
import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.RawPeer;
import dev.jev.Server;
import dev.jev.SlowConsumer;
import dev.jev.Subscription;
import dev.jev.Texts;
import dev.jev.nodes.MessageCodec;
import dev.jev.nodes.Nodes;
import dev.jev.nodes.TopicKind;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Subscriptions to many topics, which begin and end all the time. */
@CallsPrograms
@Timeout(300)
class TopicChurnTest {

  private static final TopicKind<String> LOG =
      TopicKind.log(MessageCodec.utf8(), 10, Duration.ofMinutes(5));

  /** Commands to this node, and to all. */
  private static final int OWN_CHANNELS = 2;

  @TempDir private Path directory;
  @AutoClose private final Resources resources = new Resources();

  private String churn(int topics, int perSecond, int seconds) throws Exception {
    RedisProcess redis = resources.closing(RedisProcess.start(directory));
    RedisBackplane engine = resources.closing(RedisBackplane.of(redis.uri()));
    Nodes nodes = Nodes.builder(engine).name("a").build();
    CompletableFuture<Connection<String>> connected = new CompletableFuture<>();
    Server server =
        Server.builder(Texts::new, handler(connected))
            .plugin(nodes)
            .listen("tcp://127.0.0.1:0")
            .start();
    resources.closing(() -> server.stop(Duration.ofSeconds(1)));
    RawPeer peer = resources.closing(RawPeer.connect(server));
    Connection<String> connection = connected.get(10, TimeUnit.SECONDS);
    Map<String, Subscription> joined = new TreeMap<>();
    Random random = new Random(14);
    long start = System.nanoTime();
    int changes = 0;
    while (changes < perSecond * seconds) {
      String topic = "t" + random.nextInt(topics);
      Subscription present = joined.remove(topic);
      if (present == null) {
        joined.put(topic, nodes.topic(topic, LOG).subscribe(connection, SlowConsumer.close()));
      } else {
        present.cancel();
      }
      long due = start + TimeUnit.SECONDS.toNanos(1) * ++changes / perSecond;
      LockSupport.parkNanos(due - System.nanoTime());
    }
    double took = (System.nanoTime() - start) / 1e9;
    long end = System.nanoTime();
    int all = joined.size() + OWN_CHANNELS;
    TopicLoad.holds("subscriptions", () -> subscriptions(redis) == all + 1); // and the probe
    double settled = (System.nanoTime() - end) / 1e9;
    assertThat(engine.counts().subscriptions()).isEqualTo(all);
    RedisBackplane other = resources.closing(RedisBackplane.of(redis.uri()));
    Nodes publisher = Nodes.builder(other).name("b").build();
    publisher.start();
    resources.closing(publisher::stop);
    for (String topic : joined.keySet()) {
      publisher.topic(topic, LOG).publish(topic);
    }
    List<String> received = new ArrayList<>();
    while (received.size() < joined.size()) {
      received.add(peer.receive());
    }
    assertThat(new TreeSet<>(received)).isEqualTo(joined.keySet());
    return "%d changes in %.1f s, %d topics in use; subscriptions right after %.1f s"
        .formatted(changes, took, joined.size(), settled);
  }

  private static int subscriptions(RedisProcess redis) throws Exception {
    String clients = redis.answer("CLIENT LIST TYPE pubsub");
    int found = 0;
    for (String field : clients.split("\\s", -1)) {
      found += field.startsWith("ssub=") ? Integer.parseInt(field.substring(5)) : 0;
    }
    return found;
  }

  private static Handler<String, String> handler(CompletableFuture<Connection<String>> connected) {
    return new Handler<>() {
      @Override
      public void onConnect(Connection<String> connection) {
        connected.complete(connection);
      }

      @Override
      public void onMessage(Connection<String> connection, String message) {}
    };
  }

  @Test
  void subscriptionsAtRedisAreTheTopicsInUse() throws Exception {
    churn(1000, 2000, 5);
  }

  @Test
  @Tag("faults")
  void subscriptionsToTenThousandTopicsAreThoseInUse() throws Exception {
    System.out.println(churn(10_000, 5000, 60));
  }
}
