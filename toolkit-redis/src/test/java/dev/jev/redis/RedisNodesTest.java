package dev.jev.redis;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CallsPrograms;
import dev.jev.Eventually;
import dev.jev.nodes.Presence;
import dev.jev.nodes.Receipt;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Two nodes over one Redis, with clients. */
@CallsPrograms
@Timeout(180)
class RedisNodesTest {

  private static final int PER_PUBLISHER = 300;

  @TempDir private Path directory;
  @AutoClose private final Resources resources = new Resources();
  private RedisProcess redis;

  @BeforeEach
  void start() throws Exception {
    redis = resources.closing(RedisProcess.start(directory));
  }

  /** Publishes from two threads per node, and returns the number of messages with an outcome. */
  private static CompletableFuture<Integer> publishers(List<RedisNodes> nodes, int millisBetween) {
    List<CompletableFuture<Integer>> publishers = new ArrayList<>();
    for (int p = 0; p < 4; p++) {
      String name = "p" + p + "-";
      RedisNodes node = nodes.get(p % nodes.size());
      publishers.add(
          CompletableFuture.supplyAsync(
              () -> publish(node, name, millisBetween), task -> new Thread(task, name).start()));
    }
    return CompletableFuture.allOf(publishers.toArray(new CompletableFuture<?>[0]))
        .thenApply(done -> publishers.stream().mapToInt(CompletableFuture::join).sum());
  }

  private static int publish(RedisNodes node, String name, int millisBetween) {
    List<CompletableFuture<Receipt>> receipts = new ArrayList<>();
    for (int i = 0; i < PER_PUBLISHER; i++) {
      receipts.add(node.topic().publish(name + i).toCompletableFuture());
      LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(millisBetween));
    }
    int stored = 0;
    for (CompletableFuture<Receipt> receipt : receipts) {
      stored += receipt.join().outcome() == Receipt.Outcome.STORED ? 1 : 0;
    }
    return stored;
  }

  /** Checks that both clients have all messages once, in one order, each publisher's in its own. */
  private static void complete(List<String> one, List<String> other, int count) throws Exception {
    Eventually.holds("messages", () -> one.size() >= count && other.size() >= count);
    assertThat(one).doesNotHaveDuplicates().hasSize(count);
    assertThat(other).isEqualTo(one);
    for (int p = 0; p < 4; p++) {
      String name = "p" + p + "-";
      assertThat(one.stream().filter(text -> text.startsWith(name)).toList())
          .isEqualTo(IntStream.range(0, PER_PUBLISHER).mapToObj(i -> name + i).toList());
    }
  }

  @Test
  void clientsOfAllNodesGetEachMessageOnceInOneOrder() throws Exception {
    RedisNodes a = resources.closing(new RedisNodes("a", redis.uri()));
    RedisNodes b = resources.closing(new RedisNodes("b", redis.uri()));
    List<String> one = a.client();
    List<String> other = b.client();
    int stored = publishers(List.of(a, b), 0).join();
    assertThat(stored).isEqualTo(4 * PER_PUBLISHER);
    complete(one, other, stored);
  }

  @Test
  @Tag("faults")
  void killedConnectionsLoseAndRepeatNothing() throws Exception {
    RedisNodes a = resources.closing(new RedisNodes("a", redis.uri()));
    RedisNodes b = resources.closing(new RedisNodes("b", redis.uri()));
    List<String> one = a.client();
    List<String> other = b.client();
    CompletableFuture<Integer> stored = publishers(List.of(a, b), 10);
    int kills = 0;
    for (; !stored.isDone(); kills++) {
      LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(700));
      redis.answer("CLIENT KILL TYPE " + (kills % 2 == 0 ? "pubsub" : "normal"));
    }
    assertThat(stored.join()).isEqualTo(4 * PER_PUBLISHER);
    complete(one, other, stored.join());
    assertThat(kills).isGreaterThanOrEqualTo(2);
    assertThat(a.events).doesNotContain("gap");
  }

  @Test
  @Tag("faults")
  void frozenRedisStoresNothingTwice() throws Exception {
    RedisNodes a = resources.closing(new RedisNodes("a", redis.uri()));
    RedisNodes b = resources.closing(new RedisNodes("b", redis.uri()));
    List<String> one = a.client();
    List<String> other = b.client();
    CompletableFuture<Integer> stored = publishers(List.of(a, b), 10);
    Eventually.holds("first messages", () -> one.size() > 50);
    redis.freeze();
    Eventually.holds("a connection that is given up", () -> a.events.contains("DEGRADED"));
    LockSupport.parkNanos(TimeUnit.SECONDS.toNanos(1)); // the publishers try again meanwhile
    redis.thaw();
    assertThat(stored.join()).isEqualTo(4 * PER_PUBLISHER);
    complete(one, other, stored.join());
    assertThat(a.events).contains("UP").doesNotContain("gap");
  }

  @Test
  @Tag("faults")
  void deafNodeRepairsWithoutItsClientsNoticing() throws Exception {
    Strait strait = resources.closing(new Strait(redis.port()));
    RedisNodes a = resources.closing(new RedisNodes("a", strait.uri()));
    RedisNodes b = resources.closing(new RedisNodes("b", redis.uri()));
    List<String> one = a.client();
    List<String> other = b.client();
    CompletableFuture<Integer> stored = publishers(List.of(b), 5);
    Eventually.holds("first messages", () -> one.size() > 10);
    assertThat(strait.deafen()).isEqualTo(1);
    assertThat(stored.join()).isEqualTo(4 * PER_PUBLISHER);
    complete(one, other, stored.join());
    assertThat(a.nodes.counts().repaired()).isPositive();
  }

  @Test
  @Tag("faults")
  void emptyRestartIsToldAsAGap() throws Exception {
    RedisNodes a = resources.closing(new RedisNodes("a", redis.uri()));
    List<String> client = a.client();
    Receipt before = a.topic().publish("before").toCompletableFuture().get(20, TimeUnit.SECONDS);
    Eventually.holds("message", () -> client.contains("before"));
    redis.kill().restart();
    Receipt after = a.topic().publish("after").toCompletableFuture().get(20, TimeUnit.SECONDS);
    assertThat(after.outcome()).isEqualTo(Receipt.Outcome.STORED);
    assertThat(after.position()).isNotEqualTo(before.position());
    Eventually.holds("gap", () -> a.events.contains("gap"));
    Eventually.holds("health", () -> List.copyOf(a.events).contains("DEGRADED"));
    a.topic().publish("last").toCompletableFuture().get(20, TimeUnit.SECONDS);
    Eventually.holds("last message", () -> client.contains("last"));
  }

  @Test
  @Tag("faults")
  void membersJoinAgainAfterAnEmptyRestart() throws Exception {
    RedisNodes a = resources.closing(new RedisNodes("a", redis.uri()));
    RedisNodes b = resources.closing(new RedisNodes("b", redis.uri()));
    a.client();
    b.client();
    Eventually.holds("members", () -> members(b).equals("a b"));
    redis.kill().restart();
    Eventually.holds("members", () -> members(b).equals("a b"));
    assertThat(b.events).contains("DEGRADED");
  }

  private static String members(RedisNodes node) {
    try {
      return node
          .topic()
          .presence()
          .members(10)
          .toCompletableFuture()
          .get(10, TimeUnit.SECONDS)
          .stream()
          .map(Presence.Member::id)
          .sorted()
          .collect(Collectors.joining(" "));
    } catch (Exception e) {
      return e.toString(); // while Redis is away
    }
  }

  @Test
  @Tag("faults")
  void membersOfANodeThatIsCutOffLeave() throws Exception {
    Strait strait = resources.closing(new Strait(redis.port()));
    RedisNodes a = resources.closing(new RedisNodes("a", strait.uri()));
    RedisNodes b = resources.closing(new RedisNodes("b", redis.uri()));
    List<String> changes = Collections.synchronizedList(new ArrayList<>());
    resources.closing(
        b.topic()
            .presence()
            .onChange(change -> changes.add(change.joined() + " " + change.member().id())));
    a.client();
    Eventually.holds("join", () -> changes.contains("true a"));
    Eventually.holds("node", () -> b.events.contains("a alive"));
    strait.shut();
    Eventually.holds("leave", () -> changes.contains("false a"));
    Eventually.holds("node", () -> b.events.contains("a gone"));
  }
}
