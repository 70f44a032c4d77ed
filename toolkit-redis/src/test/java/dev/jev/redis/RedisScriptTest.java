package dev.jev.redis;

import static dev.jev.redis.EngineNode.await;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.jev.CallsPrograms;
import dev.jev.nodes.Backplane.Channel;
import dev.jev.nodes.Backplane.Kind;
import dev.jev.nodes.Backplane.Record;
import dev.jev.nodes.Backplane.RefusedException;
import dev.jev.nodes.Backplane.Retention;
import dev.jev.nodes.Backplane.Stored;
import io.lettuce.core.RedisClient;
import io.lettuce.core.ScriptOutputType;
import io.lettuce.core.api.sync.RedisCommands;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletionStage;
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

  private Object store(String since, String body) {
    return publish(1, since, body).get(0);
  }

  private List<Object> publish(int generation, String since, String body) {
    RedisScript script =
        since.equals("-") ? RedisScript.PUBLISH_LOG : RedisScript.PUBLISH_LOG_AGAIN;
    return commands.eval(
        script.source(),
        ScriptOutputType.MULTI,
        KEYS,
        Integer.toString(generation),
        since,
        "abc",
        "abc.beginning",
        "100",
        "1000000",
        "60000",
        body);
  }

  @Test
  void publicationOfALostConnectionIsRefusedBehindALaterOne() {
    publish(1, "-", "000000000000000001one");
    publish(2, "-", "000000000000000002two");
    assertThatThrownBy(() -> publish(1, "-", "000000000000000003late"))
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
  void furtherTryOfAStoredBodyIsNotStored() {
    Object first = store("-", "000000000000000001one");
    Object second = store("-", "000000000000000002two");
    for (int i = 3; i <= 120; i++) {
      store("-", "%018d".formatted(i));
    }
    for (String since : List.of("", first.toString(), "abc.1-1")) {
      assertThat(publish(2, since, "000000000000000002two")).as(since).containsExactly(second, 1L);
    }
    assertThat(commands.xlen("{t}l")).isEqualTo(120);
  }

  @Test
  void furtherTryOfABodyThatWasNotStoredIs() {
    assertThat(publish(1, "", "000000000000000001one").get(1)).isEqualTo(0L); // all is kept
    Object second = store("-", "000000000000000002two");
    assertThat(publish(1, "", "000000000000000003three").get(1)).isEqualTo(0L);
    commands.xtrim("{t}l", false, 1);
    assertThat(publish(1, second.toString(), "000000000000000004four").get(1)).isEqualTo(0L);
    assertThat(commands.xlen("{t}l")).isEqualTo(2);
    Object last = store("-", "000000000000000005five");
    commands.del("{t}l"); // as if it had expired
    assertThat(publish(1, last.toString(), "000000000000000006six").get(1)).isEqualTo(0L);
  }

  @Test
  void furtherTryFailsIfTheRecordMayHaveBeenRemoved() {
    Object first = store("-", "000000000000000001one");
    store("-", "000000000000000002two");
    store("-", "000000000000000003three");
    commands.xtrim("{t}l", false, 1);
    for (String since : List.of("", first.toString())) {
      assertThatThrownBy(() -> store(since, "000000000000000002two"))
          .as(since)
          .hasMessageStartingWith("UNTELLABLE");
    }
    assertThat(commands.xlen("{t}l")).isEqualTo(1);
  }

  @Test
  void largeBodiesShortenALog() throws Exception {
    Channel channel =
        new Channel("large", new Retention(Kind.LOG, 1000, 100_000, Duration.ofMinutes(1)));
    try (RedisBackplane engine = RedisBackplane.of(redis.uri())) {
      EngineNode node = new EngineNode(engine, "a");
      String body = "x".repeat(982); // 1,000 bytes with its identity
      for (int i = 0; i < 250; i++) {
        node.publish(channel, body);
      }
      List<Record> kept = await(node.session.read(channel, null, Integer.MAX_VALUE)).records();
      assertThat(kept).hasSizeBetween(60, 100); // Redis counts what it allocates
      List<String> previous = kept.stream().map(Record::previous).toList();
      List<String> ids = kept.stream().map(Record::id).toList();
      assertThat(previous.subList(1, kept.size())).isEqualTo(ids.subList(0, kept.size() - 1));
    }
  }

  @Test
  void scriptsThatRedisHasForgottenAreLoadedAgain() throws Exception {
    Channel channel = EngineNode.log("t");
    try (RedisBackplane engine = RedisBackplane.of(redis.uri())) {
      EngineNode node = new EngineNode(engine, "a");
      node.publish(channel, "before");
      commands.scriptFlush();
      node.publish(channel, "after");
      List<Record> kept = await(node.session.read(channel, null, Integer.MAX_VALUE)).records();
      assertThat(EngineNode.texts(kept)).containsExactly("before", "after");
    }
  }

  @Test
  void publicationIsRefusedAndNotRepeatedWhileMemoryIsFull() throws Exception {
    Channel channel = EngineNode.log("t");
    try (RedisBackplane engine = RedisBackplane.of(redis.uri())) {
      EngineNode node = new EngineNode(engine, "a");
      node.publish(channel, "before");
      commands.configSet("maxmemory", "1");
      CompletionStage<Stored> full = node.session.publish(channel, EngineNode.body("full"), null);
      assertThatThrownBy(() -> await(full))
          .cause()
          .hasMessageContaining("OOM")
          .isInstanceOfSatisfying(
              RefusedException.class, refused -> assertThat(refused.isForNow()).isFalse());
      commands.configSet("maxmemory", "0");
      node.publish(channel, "after");
      List<Record> kept = await(node.session.read(channel, null, Integer.MAX_VALUE)).records();
      assertThat(EngineNode.texts(kept)).containsExactly("before", "after");
    }
  }
}
