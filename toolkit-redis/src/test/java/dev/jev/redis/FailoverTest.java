package dev.jev.redis;

import static dev.jev.redis.EngineNode.await;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CallsPrograms;
import dev.jev.Eventually;
import dev.jev.nodes.Backplane.Channel;
import dev.jev.nodes.Backplane.Slice;
import dev.jev.nodes.Position;
import dev.jev.nodes.Receipt;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A master that fails, and its replica that takes over. */
@CallsPrograms
@Tag("faults")
@Timeout(180)
class FailoverTest {

  private static final Channel LOG = EngineNode.log("t");

  @TempDir private Path directory;
  @AutoClose private final Resources resources = new Resources();

  private RedisProcess replicaOf(int port) throws Exception {
    RedisProcess replica =
        resources.closing(
            RedisProcess.start(directory, "--replicaof", "127.0.0.1", Integer.toString(port)));
    Eventually.holds(
        "replication", () -> replica.answer("INFO replication").contains("link_status:up"));
    return replica;
  }

  private static Receipt publish(RedisNodes node, String text) throws Exception {
    return node.topic().publish(text).toCompletableFuture().get(30, TimeUnit.SECONDS);
  }

  @Test
  void recordsThatAFailoverHasLostAreToldAndTheOthersGoOn() throws Exception {
    RedisProcess master = resources.closing(RedisProcess.start(directory));
    Strait replication = resources.closing(new Strait(master.port()));
    RedisProcess replica = replicaOf(replication.port());
    Strait service = resources.closing(new Strait(master.port()));
    RedisNodes node = resources.closing(new RedisNodes("a", service.uri()));
    List<String> client = node.client();
    publish(node, "kept"); // after the one with which the client has begun
    String length = "XLEN " + new RedisKeys("jev").of('l', "t");
    Eventually.holds("replicated", () -> replica.answer(length).contains(":2"));
    replication.hold();
    Receipt lost = publish(node, "lost");
    assertThat(lost.outcome()).isEqualTo(Receipt.Outcome.STORED);
    Eventually.holds("message", () -> client.contains("lost"));
    master.kill();
    replica.answer(String.join(" ", "REPLICAOF", "NO", "ONE"));
    service.lead(replica.port());
    Receipt next = publish(node, "next");
    assertThat(next.outcome()).isEqualTo(Receipt.Outcome.STORED);
    Eventually.holds("message", () -> client.contains("next"));
    assertThat(client).containsExactly("kept", "lost", "next");
    assertThat(node.events).contains("diverged 1").doesNotContain("gap");
    EngineNode other = new EngineNode(resources.closing(RedisBackplane.of(replica.uri())), "b");
    Slice slice = await(other.session.read(LOG, lost.position(), 1000));
    assertThat(slice.continuous()).isFalse();
    master.restart();
  }

  @Test
  void sentinelNamesTheNewMaster() throws Exception {
    RedisProcess master = resources.closing(RedisProcess.start(directory));
    replicaOf(master.port());
    RedisProcess sentinel = resources.closing(RedisProcess.startSentinel(directory, master.port()));
    Eventually.holds(
        "replica known to the sentinel",
        () -> sentinel.cli("INFO", "sentinel").contains("slaves=1"));
    RedisNodes node =
        resources.closing(
            new RedisNodes("a", "redis-sentinel://127.0.0.1:" + sentinel.port() + "/0#main"));
    List<String> client = node.client();
    Receipt before = publish(node, "before");
    Eventually.holds("message", () -> client.contains("before"));
    master.kill();
    Receipt after = publish(node, "after");
    assertThat(after.outcome()).isEqualTo(Receipt.Outcome.STORED);
    Eventually.holds("message", () -> client.contains("after"));
    assertThat(client).containsExactly("before", "after");
    assertThat(after.position().record().substring(0, 8))
        .isNotEqualTo(before.position().record().substring(0, 8));
    master.restart();
  }

  /** Publishes until a replica, which may stall for a moment, confirms it in time. */
  private static <T> T confirmed(Callable<T> publication) throws Exception {
    while (true) {
      try {
        return publication.call();
      } catch (ExecutionException e) {
        assertThat(e).hasMessageContaining("replicas that have confirmed");
      }
    }
  }

  @Test
  void publicationIsStoredOnlyWithItsReplicas() throws Exception {
    RedisProcess master = resources.closing(RedisProcess.start(directory));
    RedisProcess replica = replicaOf(master.port());
    EngineNode node =
        new EngineNode(
            resources.closing(
                RedisBackplane.builder(master.uri()).replicas(1, Duration.ofMillis(500)).build()),
            "a");
    String stored = confirmed(() -> node.publish(LOG, "first"));
    replica.freeze();
    byte[] body = EngineNode.body("second");
    Throwable failure =
        await(node.session.publish(LOG, body, null).handle((value, thrown) -> thrown));
    assertThat(failure)
        .hasMessageContaining("replicas that have confirmed within PT0.5S: 0 (expected: 1)");
    replica.thaw();
    assertThat(confirmed(() -> node.publish(LOG, body, stored)).again()).isTrue();
    Slice slice = await(node.session.read(LOG, Position.parse(stored), 1000));
    assertThat(EngineNode.texts(slice.records())).containsExactly("second");
  }
}
