package dev.jev.redis;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CallsPrograms;
import dev.jev.redis.DeliveryLedger.Stream;
import dev.jev.redis.TopicLoad.Size;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Nodes that are alive and do not answer, or slowly. */
@CallsPrograms
@Timeout(600)
class FrozenNodeTest {

  @TempDir private Path directory;
  @AutoClose private final Resources resources = new Resources();
  private RedisProcess redis;

  @BeforeEach
  void start() throws Exception {
    redis = resources.closing(RedisProcess.start(directory));
  }

  private static void pass(int seconds) {
    LockSupport.parkNanos(TimeUnit.SECONDS.toNanos(seconds));
  }

  private static void areSubscribed(List<ReturningClient> clients) throws Exception {
    TopicLoad.holds("subscribed", () -> clients.stream().allMatch(ReturningClient::isSubscribed));
  }

  @Test
  void clientsOfAFrozenNodeResumeElsewhereAndItComesBack() throws Exception {
    TopicLoad load =
        resources.closing(new TopicLoad(Size.SMALL.withMembers(), redis.uri(), redis.uri()));
    MemberWatch watch = resources.closing(new MemberWatch(redis.uri(), load.topics()));
    watch.has(180);
    load.begin();
    NodeProcess frozen = load.nodes.get(0);
    TopicLoad.holds("alive", () -> watch.alive.contains("n0"));
    frozen.freeze();
    TopicLoad.holds("removed", () -> !watch.alive.contains("n0"));
    TopicLoad.holds("moved", () -> load.clients.stream().allMatch(c -> c.node() == 1));
    load.areSubscribed();
    load.goesOn();
    watch.has(180);
    frozen.thaw();
    TopicLoad.holds("alive", () -> watch.alive.contains("n0"));
    TopicLoad.holds("up", () -> frozen.answer("health").equals("UP"));
    load.finish();
    watch.has(180);
    assertThat(load.clients).allMatch(client -> client.lost() == 0);
    System.out.println("frozen node: " + load.summary());
  }

  private void halfOpen(int seconds) throws Exception {
    Strait strait = resources.closing(new Strait(redis.port()));
    TopicLoad load =
        resources.closing(new TopicLoad(Size.SMALL.withMembers(), strait.uri(), redis.uri()));
    MemberWatch watch = resources.closing(new MemberWatch(redis.uri(), load.topics()));
    watch.has(180);
    load.begin();
    TopicLoad.holds("alive", () -> watch.alive.contains("n0"));
    strait.silence();
    watch.has(90);
    pass(seconds);
    load.goesOn(client -> client.node() == 1);
    strait.restore();
    load.goesOn();
    watch.has(180);
    load.finish();
    assertThat(load.clients).allMatch(client -> client.lost() == 0);
    System.out.println(seconds + " s half-open: " + load.summary());
  }

  @Test
  @Tag("faults")
  void halfOpenWayToRedisLosesNothing() throws Exception {
    halfOpen(0);
  }

  @Test
  @Tag("faults")
  void wayToRedisThatIsHalfOpenForLongLosesNothing() throws Exception {
    halfOpen(30);
  }

  @Test
  @Tag("faults")
  void slowNodeLosesNothingAndDisturbsNoOther() throws Exception {
    TopicLoad load = resources.closing(new TopicLoad(Size.FULL, redis.uri(), redis.uri()));
    load.begin();
    NodeProcess slow = load.nodes.get(0);
    Map<Stream, Integer> before = load.sizes(client -> client.node() == 1);
    pass(20);
    int normal = TopicLoad.p99Millis(before);
    long heap = Long.parseLong(slow.answer("heap"));
    Map<Stream, Integer> meanwhile = load.sizes(client -> client.node() == 1);
    AutoCloseable slowing = slow.slowDown();
    try {
      pass(60);
    } finally {
      slowing.close();
    }
    int p99 = TopicLoad.p99Millis(meanwhile);
    long grown = Long.parseLong(slow.answer("heap")) - heap;
    load.finish();
    assertThat(grown).isLessThan(64L * 1024 * 1024);
    System.out.printf(
        "slow node: p99 of the other's clients %d ms, before %d ms; heap +%d KiB; lagged %d; %s%n",
        p99, normal, grown / 1024, slow.count("lagged"), load.summary());
  }

  @Test
  void closingAMemberTellsOfTheNodeThatDoesNotAnswer() throws Exception {
    TopicLoad load = resources.closing(new TopicLoad(new Size(1, 0, 0, 0, 0, false)));
    List<ReturningClient> clients = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      load.nodes.add(resources.closing(new NodeProcess("n" + i, redis.uri(), 60)));
      clients.add(load.client("u", i, List.of("t0"), true));
    }
    areSubscribed(clients);
    NodeProcess asked = load.nodes.get(0);
    TopicLoad.holds("nodes", () -> asked.answer("close x").contains("nodes=3, silent=0"));
    load.nodes.get(2).freeze();
    // A node that stalls does not answer in time either. The clients come back meanwhile, and that
    // of the frozen node goes to another one.
    TopicLoad.holds(
        "only the frozen node is silent",
        () -> asked.answer("close u").matches("Answers\\[closed=[23], nodes=3, silent=1]"));
    load.nodes.get(2).thaw();
  }
}
