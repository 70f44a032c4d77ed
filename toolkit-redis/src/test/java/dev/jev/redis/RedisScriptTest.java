package dev.jev.redis;

import static dev.jev.redis.EngineNode.await;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.jev.CallsPrograms;
import dev.jev.nodes.Backplane.Channel;
import dev.jev.nodes.Backplane.Kind;
import dev.jev.nodes.Backplane.Record;
import dev.jev.nodes.Backplane.Retention;
import io.lettuce.core.RedisClient;
import io.lettuce.core.ScriptOutputType;
import io.lettuce.core.api.sync.RedisCommands;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The scripts, as commands of a connection that was lost meet them. */
@CallsPrograms
@Timeout(120)
class RedisScriptTest {

  private static final String[] KEYS = {"{t}l", "{t}x", "{t}f"};

  @TempDir private Path directory;
  private RedisProcess redis;
  private RedisClient client;
  private RedisCommands<String, String> commands;

  @BeforeEach
  void start() throws Exception {
    redis = RedisProcess.start(directory);
    client = RedisClient.create(redis.uri());
    commands = client.connect().sync();
  }

  @AfterEach
  void close() throws Exception {
    if (client != null) {
      client.shutdown(Duration.ZERO, Duration.ofSeconds(1));
    }
    if (redis != null) { // null where redis-server is missing
      redis.close();
    }
  }

  private List<Object> publish(int generation, int number, String tries, String body) {
    return commands.eval(
        RedisScript.PUBLISH_LOG.source(),
        ScriptOutputType.MULTI,
        KEYS,
        Integer.toString(generation),
        Integer.toString(number),
        tries,
        "abc",
        "abc.beginning",
        "100",
        "1000000",
        "60000",
        "60000",
        body);
  }

  @Test
  void publicationOfALostConnectionIsRefusedBehindALaterOne() {
    publish(1, 1, "", "000000000000000001one");
    publish(2, 1, "", "000000000000000002two");
    assertThatThrownBy(() -> publish(1, 2, "", "000000000000000003late"))
        .hasMessage("FENCED this connection was replaced by a later one");
    assertThat(commands.xlen("{t}l")).isEqualTo(2);
  }

  @Test
  void memberOfALostConnectionIsRefusedBehindALaterChange() {
    String[] keys = {"{t}p", "{t}i", "{t}g", "{t}f"};
    String script = RedisScript.PRESENT.source();
    commands.eval(script, ScriptOutputType.INTEGER, keys, "2", "token", "m", "", "0");
    assertThatThrownBy(
            () -> commands.eval(script, ScriptOutputType.INTEGER, keys, "1", "token", "m", "", "1"))
        .hasMessageContaining("FENCED");
    assertThat(commands.exists("{t}p")).isZero();
  }

  @Test
  void triesTellWhetherAPublicationWasExecuted() {
    Object first = publish(1, 1, "", "000000000000000001one").get(0);
    assertThat(publish(2, 1, "1:1", "000000000000000001one")).containsExactly(first, 1L);
    // The second publication of the first generation was not executed: the fence has seen one only.
    assertThat(publish(2, 2, "1:2", "000000000000000002two").get(1)).isEqualTo(0L);
    assertThat(publish(3, 1, "1:2,2:2", "000000000000000002two").get(1)).isEqualTo(1L);
    assertThat(commands.xlen("{t}l")).isEqualTo(2);
    commands.del("{t}l");
    assertThatThrownBy(() -> publish(3, 2, "2:2", "000000000000000002two"))
        .hasMessageStartingWith("UNTELLABLE");
  }

  @Test
  void largeBodiesShortenALog() throws Exception {
    Channel channel =
        new Channel("large", new Retention(Kind.LOG, 1000, 10_000, Duration.ofMinutes(1)));
    try (RedisBackplane engine = RedisBackplane.of(redis.uri())) {
      EngineNode node = new EngineNode(engine, "a");
      String body = "x".repeat(982); // 1,000 bytes with its identity
      for (int i = 0; i < 50; i++) {
        node.publish(channel, body);
      }
      List<Record> kept = await(node.session.read(channel, null, Integer.MAX_VALUE)).records();
      assertThat(kept).hasSize(10);
      List<String> previous = new ArrayList<>(kept.stream().map(Record::previous).toList());
      assertThat(previous.subList(1, 10))
          .isEqualTo(kept.stream().map(Record::id).toList().subList(0, 9));
    }
  }
}
