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
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A cluster of three masters. */
@CallsPrograms
@Tag("faults")
@Timeout(240)
class RedisClusterTest {

  private static final int SLOT = RedisKeys.slot(RedisKeys.partition("t"));

  @TempDir private Path directory;
  private final List<AutoCloseable> open = new ArrayList<>();

  @AfterEach
  void close() throws Exception {
    for (int i = open.size() - 1; i >= 0; i--) {
      open.get(i).close();
    }
  }

  private <T extends AutoCloseable> T closing(T resource) {
    open.add(resource);
    return resource;
  }

  @Test
  void keepsTheContract() throws Exception {
    RedisCluster cluster = closing(new RedisCluster(directory, 0));
    BackplaneContract.of(() -> RedisBackplane.of(cluster.uri()))
        .lease(Duration.ofSeconds(2))
        .timeout(Duration.ofSeconds(30))
        .check();
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

  @Test
  void movedSlotLosesAndRepeatsNothing() throws Exception {
    RedisCluster cluster = closing(new RedisCluster(directory, 0));
    RedisNodes a = closing(new RedisNodes("a", cluster.uri()));
    RedisNodes b = closing(new RedisNodes("b", cluster.uri()));
    List<String> one = a.client();
    List<String> other = b.client();
    Publisher publisher = new Publisher(a);
    Eventually.holds("first messages", () -> other.size() > 20);
    RedisProcess from = cluster.master(SLOT);
    RedisProcess to = cluster.servers.get((cluster.servers.indexOf(from) + 1) % 3);
    cluster.move(SLOT, from, to);
    int size = other.size();
    Eventually.holds("messages after the move", () -> other.size() > size + 100);
    List<String> stored = publisher.stop();
    assertThat(cluster.master(SLOT)).isSameAs(to);
    Eventually.holds("messages", () -> one.containsAll(stored) && other.containsAll(stored));
    assertThat(one).isEqualTo(other).doesNotHaveDuplicates().isEqualTo(stored);
    assertThat(a.events).doesNotContain("gap");
  }

  @Test
  void failoverOfAMasterIsNeverSilent() throws Exception {
    RedisCluster cluster = closing(new RedisCluster(directory, 1));
    RedisNodes a = closing(new RedisNodes("a", cluster.uri()));
    RedisNodes b = closing(new RedisNodes("b", cluster.uri()));
    List<String> one = a.client();
    List<String> other = b.client();
    Publisher publisher = new Publisher(a);
    Eventually.holds("first messages", () -> other.size() > 20);
    RedisProcess master = cluster.master(SLOT);
    master.kill();
    int size = other.size();
    Eventually.holds("messages after the failover", () -> other.size() > size + 100);
    List<String> stored = publisher.stop();
    boolean isTold =
        a.events.contains("gap") || a.events.stream().anyMatch(e -> e.startsWith("diverged"));
    if (!isTold) {
      Eventually.holds("messages", () -> one.containsAll(stored) && other.containsAll(stored));
    }
    assertThat(one).doesNotHaveDuplicates();
    assertThat(other).doesNotHaveDuplicates();
    assertThat(a.events).contains("DEGRADED", "UP");
    master.restart();
  }
}
