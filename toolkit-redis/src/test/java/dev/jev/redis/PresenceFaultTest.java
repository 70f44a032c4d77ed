package dev.jev.redis;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CallsPrograms;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Members of nodes that are killed, cut off and drained. */
@CallsPrograms
@Timeout(600)
class PresenceFaultTest {

  @TempDir private Path directory;
  @AutoClose private final Resources resources = new Resources();

  private MemberWatch watch;

  /** Waits for so many members, and returns the time that this took. */
  private long has(int members) throws Exception {
    long start = System.nanoTime();
    watch.has(members);
    TopicLoad.holds("joins without leaves", () -> watch.balance.get() == members);
    return TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start);
  }

  private String follow(int perNode) throws Exception {
    RedisProcess redis = resources.closing(RedisProcess.start(directory));
    Strait strait = resources.closing(new Strait(redis.port()));
    watch = resources.closing(new MemberWatch(redis.uri(), List.of("t0")));
    NodeProcess killed = resources.closing(new NodeProcess("n0", redis.uri()));
    NodeProcess cutOff = resources.closing(new NodeProcess("n1", strait.uri()));
    NodeProcess drained = resources.closing(new NodeProcess("n2", redis.uri()));
    int first = 0;
    for (NodeProcess node : List.of(killed, cutOff, drained)) {
      resources.closing(new Audience(node.port(), "t0", first, perNode));
      first += perNode;
    }
    has(3 * perNode);
    killed.kill();
    long afterKill = has(2 * perNode);
    strait.silence();
    long afterCut = has(perNode);
    strait.restore();
    long afterReturn = has(2 * perNode);
    drained.terminate();
    assertThat(watch.members()).isEqualTo(2L * perNode);
    assertThat(watch.changes).isEmpty(); // within the grace
    long afterDrain = has(perNode);
    return "%d members: killed after %d ms, cut off after %d ms, back after %d ms, drained after %d ms"
        .formatted(3 * perNode, afterKill, afterCut, afterReturn, afterDrain);
  }

  @Test
  @Tag("faults")
  void joinsWithoutLeavesAreTheMembers() throws Exception {
    follow(200);
  }

  @Test
  @Tag("faults")
  void joinsWithoutLeavesAreThousandsOfMembers() throws Exception {
    System.out.println(follow(1700));
  }
}
