package dev.jev.redis;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CallsPrograms;
import dev.jev.redis.TopicLoad.Size;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Nodes that are killed or replaced while clients are subscribed and messages are published. */
@CallsPrograms
@Timeout(600)
class NodeKillTest {

  @TempDir private Path directory;
  @AutoClose private final Resources resources = new Resources();
  private RedisProcess redis;

  @BeforeEach
  void start() throws Exception {
    redis = resources.closing(RedisProcess.start(directory));
  }

  /** Kills one node after the other, each when all clients have returned from the one before. */
  private TopicLoad kill(int kills, Size size) throws Exception {
    TopicLoad load = resources.closing(new TopicLoad(size, redis.uri(), redis.uri()));
    load.begin();
    for (int i = 0; i < kills; i++) {
      NodeProcess node = load.nodes.get(i % 2).kill();
      load.areSubscribed();
      load.goesOn();
      node.restart();
    }
    load.finish();
    assertThat(load.clients).allMatch(client -> client.lost() == 0);
    return load;
  }

  /** Replaces all nodes by others, in rounds, of which no client may lose more than its place. */
  private TopicLoad rollingRestart(int rounds) throws Exception {
    String uri = redis.uri();
    TopicLoad load = resources.closing(new TopicLoad(Size.SMALL.withMembers(), uri, uri, uri));
    MemberWatch watch = resources.closing(new MemberWatch(uri, load.topics()));
    watch.has(load.topics().size() * 9);
    load.begin();
    for (int i = 0; i < 3 * rounds; i++) {
      List<Integer> before = load.clients.stream().map(ReturningClient::sessions).toList();
      NodeProcess node = load.nodes.get(i % 3).terminate();
      load.areSubscribed();
      load.goesOn();
      for (int c = 0; c < before.size(); c++) {
        assertThat(load.clients.get(c).sessions()).isLessThanOrEqualTo(before.get(c) + 1);
      }
      node.restart();
    }
    load.finish();
    assertThat(load.clients).allMatch(client -> client.lost() == 0);
    watch.has(load.topics().size() * 9);
    assertThat(watch.changes).isEmpty();
    return load;
  }

  @Test
  @Tag("faults")
  void rollingRestartLosesNothingAndNoMemberLeaves() throws Exception {
    TopicLoad load = rollingRestart(1);
    assertThat(load.clients).anyMatch(client -> client.replayed() > 0);
  }

  @Test
  @Tag("faults")
  void threeRollingRestartsLoseNothingAndNoMemberLeaves() throws Exception {
    System.out.println("3 rolling restarts: " + rollingRestart(3).summary());
  }

  @Test
  void killedNodesLoseAndRepeatNothing() throws Exception {
    TopicLoad load = kill(3, Size.SMALL);
    assertThat(load.clients).anyMatch(client -> client.replayed() > 0);
  }

  @Test
  @Tag("faults")
  void twentyKilledNodesLoseAndRepeatNothing() throws Exception {
    System.out.println("20 kills: " + kill(20, Size.SMALL).summary());
  }

  @Test
  @Tag("faults")
  void killedNodesUnderFullLoadLoseAndRepeatNothing() throws Exception {
    System.out.println("6 kills, full load: " + kill(6, Size.FULL).summary());
  }
}
