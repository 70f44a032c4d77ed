package dev.jev.redis;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CallsPrograms;
import dev.jev.Eventually;
import dev.jev.nodes.BackplaneContract;
import dev.jev.nodes.Receipt;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A cluster of three masters. */
@CallsPrograms
@Tag("faults")
@Timeout(240)
class RedisClusterTest {

  private static final int SLOT = RedisKeys.slot(RedisKeys.partition("t"));

  @TempDir private Path directory;
  @AutoClose private final Resources resources = new Resources();

  @Test
  void keepsTheContract() throws Exception {
    RedisCluster cluster = resources.closing(new RedisCluster(directory, 0));
    BackplaneContract.of(() -> RedisBackplane.of(cluster.uri()))
        .lease(Duration.ofSeconds(2))
        .timeout(Duration.ofSeconds(30))
        .check();
  }

  /** A cluster with two nodes, a client of each, and a publisher that has begun. */
  private final class Scene {

    private final RedisCluster cluster;
    private final RedisNodes node;
    private final List<String> one;
    private final List<String> other;
    private final Publisher publisher;

    private Scene(int replicas) throws Exception {
      cluster = resources.closing(new RedisCluster(directory, replicas));
      node = resources.closing(new RedisNodes("a", cluster.uri()));
      RedisNodes second = resources.closing(new RedisNodes("b", cluster.uri()));
      one = node.client();
      other = second.client();
      publisher = new Publisher(node);
      Eventually.holds("first messages", () -> other.size() > 20);
    }

    /** Waits for further messages, and returns those that are stored. */
    private List<String> goesOn() throws Exception {
      int size = other.size();
      Eventually.holds("further messages", () -> other.size() > size + 100);
      return publisher.stop();
    }

    private void awaitAll(List<String> stored) throws Exception {
      Eventually.holds("messages", () -> one.containsAll(stored) && other.containsAll(stored));
    }
  }

  /** Publishes one message after the other until it is stopped. */
  private static final class Publisher {

    private final List<String> stored = new ArrayList<>();
    private final CompletableFuture<Void> end;
    private volatile boolean stopped;

    private Publisher(RedisNodes node) {
      end =
          CompletableFuture.runAsync(
              () -> {
                for (int i = 0; !stopped; i++) {
                  String text = "m" + i;
                  Receipt receipt = node.topic().publish(text).toCompletableFuture().join();
                  if (receipt.outcome() == Receipt.Outcome.STORED) {
                    stored.add(text);
                  }
                  LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(5));
                }
              },
              task -> new Thread(task, "publisher").start());
    }

    private List<String> stop() {
      stopped = true;
      end.join();
      return stored;
    }
  }

  /** A master redirects each command with ASK, as long as the keys of a slot are on their way. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void movedSlotLosesAndRepeatsNothing(boolean isAsked) throws Exception {
    Scene scene = new Scene(0);
    RedisCluster cluster = scene.cluster;
    RedisProcess from = cluster.master(SLOT);
    RedisProcess to = cluster.servers.get((cluster.servers.indexOf(from) + 1) % 3);
    cluster.beginMove(SLOT, from, to);
    if (isAsked) {
      Eventually.holds(
          "a publication is redirected", () -> from.cli("INFO", "errorstats").contains("_ASK:"));
    }
    cluster.endMove(SLOT, from, to);
    List<String> stored = scene.goesOn();
    assertThat(cluster.master(SLOT)).isSameAs(to);
    scene.awaitAll(stored);
    assertThat(scene.one).isEqualTo(scene.other).doesNotHaveDuplicates().isEqualTo(stored);
    assertThat(scene.node.events).doesNotContain("gap");
  }

  @Test
  void failoverOfAMasterIsNeverSilent() throws Exception {
    Scene scene = new Scene(1);
    RedisProcess master = scene.cluster.master(SLOT);
    master.kill();
    List<String> stored = scene.goesOn();
    Queue<String> events = scene.node.events;
    boolean isTold =
        events.contains("gap") || events.stream().anyMatch(event -> event.startsWith("diverged"));
    if (!isTold) {
      scene.awaitAll(stored);
    }
    assertThat(scene.one).doesNotHaveDuplicates();
    assertThat(scene.other).doesNotHaveDuplicates();
    assertThat(events).contains("DEGRADED", "UP");
    master.restart();
  }
}
