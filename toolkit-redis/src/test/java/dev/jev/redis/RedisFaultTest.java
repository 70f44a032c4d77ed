package dev.jev.redis;

import static dev.jev.redis.EngineNode.await;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.jev.CallsPrograms;
import dev.jev.Eventually;
import dev.jev.nodes.Backplane;
import dev.jev.nodes.Backplane.Channel;
import dev.jev.nodes.Backplane.RefusedException;
import dev.jev.nodes.Backplane.Slice;
import dev.jev.nodes.Backplane.Stored;
import dev.jev.nodes.Nodes;
import dev.jev.nodes.Position;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Faults of a single Redis and of the way to it, as the engine sees them. */
@CallsPrograms
@Tag("faults")
@Timeout(120)
class RedisFaultTest {

  private static final Channel LOG = EngineNode.log("t");

  @TempDir private Path directory;
  @AutoClose private final Resources resources = new Resources();
  private RedisProcess redis;

  @BeforeEach
  void start() throws Exception {
    redis =
        resources.closing(
            RedisProcess.start(directory, "--appendonly", "yes", "--appendfsync", "always"));
  }

  private EngineNode node(String name, String uri) throws Exception {
    return new EngineNode(resources.closing(RedisBackplane.of(uri)), name);
  }

  private static String epoch(String id) {
    return id.substring(0, id.indexOf('.'));
  }

  @Test
  void restartWithDataIsToldAndLosesNothing() throws Exception {
    RedisBackplane engine = resources.closing(RedisBackplane.of(redis.uri()));
    EngineNode node = new EngineNode(engine, "a");
    node.listen(LOG);
    String before = node.publish(LOG, "before");
    assertThat(node.next().id()).isEqualTo(before);
    redis.kill().restart();
    String after = node.publish(LOG, "after");
    assertThat(node.interrupted.poll(10, TimeUnit.SECONDS)).isEqualTo(LOG);
    Slice slice = await(node.session.read(LOG, Position.parse(before), 1000));
    assertThat(slice.continuous()).isTrue();
    assertThat(EngineNode.texts(slice.records())).containsExactly("after");
    assertThat(node.next().previous()).isEqualTo(before);
    assertThat(epoch(after)).isNotEqualTo(epoch(before));
    Eventually.holds("health", () -> List.copyOf(node.health).equals(List.of("down", "up")));
    assertThat(engine.counts().lostConnections()).isPositive();
    assertThat(engine.counts().subscriptions())
        .isEqualTo(3); // the log, and commands to one and all
  }

  @Test
  void emptyRestartIsALossForEachPosition() throws Exception {
    EngineNode node = node("a", redis.uri());
    node.listen(LOG);
    String beginning = await(node.session.read(LOG, null, 0)).end();
    String before = node.publish(LOG, "before");
    redis.kill();
    deleteAllIn(directory);
    redis.restart();
    String after = node.publish(LOG, "after");
    assertThat(node.interrupted.poll(10, TimeUnit.SECONDS)).isEqualTo(LOG);
    for (String lost : List.of(beginning, before)) {
      Slice slice = await(node.session.read(LOG, Position.parse(lost), 1000));
      assertThat(slice.continuous()).as(lost).isFalse();
      assertThat(slice.end()).isEqualTo(after);
    }
  }

  private static void deleteAllIn(Path directory) throws Exception {
    try (Stream<Path> files = Files.walk(directory)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        if (!file.equals(directory)) {
          Files.delete(file);
        }
      }
    }
  }

  @Test
  void deafSubscriptionIsFound() throws Exception {
    Strait strait = resources.closing(new Strait(redis.port()));
    EngineNode deaf = node("a", strait.uri());
    EngineNode publisher = node("b", redis.uri());
    deaf.listen(LOG);
    publisher.publish(LOG, "heard");
    assertThat(EngineNode.text(deaf.next())).isEqualTo("heard");
    assertThat(strait.deafen()).isEqualTo(1);
    String missed = publisher.publish(LOG, "missed");
    assertThat(deaf.interrupted.poll(30, TimeUnit.SECONDS)).isEqualTo(LOG);
    publisher.publish(LOG, "later");
    assertThat(deaf.next().previous()).isEqualTo(missed);
  }

  @Test
  void slowWayIsNoFault() throws Exception {
    Strait strait = resources.closing(new Strait(redis.port()));
    EngineNode far = node("a", strait.uri());
    far.listen(LOG);
    strait.delay(300);
    List<String> texts = new ArrayList<>();
    for (int i = 0; i < 10; i++) {
      texts.add("m" + i);
      far.publish(LOG, texts.get(i));
    }
    for (String text : texts) {
      assertThat(EngineNode.text(far.next())).isEqualTo(text);
    }
    assertThat(far.interrupted).isEmpty();
    assertThat(far.health).doesNotContain("down");
  }

  @Test
  void subscriptionThatEndsTwiceBeforeTheAnswerIsNoFault() throws Exception {
    EngineNode node = node("a", redis.uri());
    node.listen(LOG);
    redis.freeze(); // so that the answers wait
    for (int i = 0; i < 3; i++) {
      node.session.unlisten(List.of(LOG));
      LockSupport.parkNanos(50_000_000); // or both would cancel each other out
      node.session.listen(List.of(LOG));
      LockSupport.parkNanos(50_000_000);
    }
    redis.thaw();
    node.listen(LOG);
    node.publish(LOG, "heard");
    assertThat(EngineNode.text(node.next())).isEqualTo("heard");
    assertThat(node.health).doesNotContain("down");
  }

  @Test
  void publicationWhoseAnswerIsLostIsStoredOnce() throws Exception {
    EngineNode node = node("a", redis.uri());
    String first = node.publish(LOG, "first");
    byte[] body = EngineNode.body("once");
    redis.freeze();
    CompletionStage<Stored> lost = node.session.publish(LOG, body, null);
    assertThatThrownBy(() -> await(lost)).hasCauseInstanceOf(RedisError.EngineException.class);
    redis.thaw();
    assertThat(node.publish(LOG, body, first).id()).isNotEmpty();
    node.publish(LOG, "last");
    Slice slice = await(node.session.read(LOG, null, 10_000));
    assertThat(EngineNode.texts(slice.records())).containsExactly("first", "once", "last");
  }

  @Test
  void publicationThatWasTrimmedMeanwhileIsNotStoredAgain() throws Exception {
    Channel brief =
        new Channel(
            "brief",
            new Backplane.Retention(Backplane.Kind.LOG, 1, 1 << 20, Duration.ofMinutes(1)));
    EngineNode node = node("a", redis.uri());
    EngineNode other = node("b", redis.uri());
    byte[] body = EngineNode.body("once");
    redis.freeze();
    CompletionStage<Stored> lost = node.session.publish(brief, body, null);
    assertThatThrownBy(() -> await(lost)).hasCauseInstanceOf(RedisError.EngineException.class);
    redis.thaw();
    Eventually.holds("connected", () -> node.health.contains("up"));
    List<CompletionStage<Stored>> others = new ArrayList<>();
    for (int i = 0; i < 300; i++) {
      others.add(other.session.publish(brief, EngineNode.body("other"), null));
    }
    for (CompletionStage<Stored> each : others) {
      await(each);
    }
    String end = await(node.session.read(brief, null, 0)).end();
    Object outcome =
        await(node.session.publish(brief, body, "").handle((v, e) -> e == null ? v : e));
    assertThat(outcome.toString()).contains("UNTELLABLE");
    assertThat(await(node.session.read(brief, null, 0)).end()).isEqualTo(end);
  }

  @Test
  void publicationsAreRefusedForNowWhileRedisIsAway() throws Exception {
    EngineNode node = node("a", redis.uri());
    redis.kill();
    Eventually.holds("health", () -> node.health.contains("down"));
    CompletionStage<Stored> stage = node.session.publish(LOG, EngineNode.body("m"), null);
    assertThatThrownBy(() -> await(stage))
        .hasCauseInstanceOf(RefusedException.class)
        .hasMessageContaining("Redis cannot be reached");
  }

  @Test
  void wrongPasswordIsNamed() throws Exception {
    redis.answer("CONFIG SET requirepass secret");
    String uri = "redis://:wrong@127.0.0.1:" + redis.port();
    Nodes nodes = Nodes.builder(resources.closing(RedisBackplane.of(uri))).name("a").build();
    assertThatThrownBy(nodes::start)
        .isInstanceOf(IllegalStateException.class)
        .cause()
        .hasMessageContaining("user name or password refused by Redis: WRONGPASS")
        .hasMessageNotContaining("wrong@");
    EngineNode node = node("b", "redis://:secret@127.0.0.1:" + redis.port());
    node.publish(LOG, "with the right one");
  }

  @Test
  void unreachableRedisIsNamed() throws Exception {
    redis.kill();
    assertThatThrownBy(() -> node("a", redis.uri()))
        .cause()
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("Redis cannot be reached")
        .hasMessageContaining("127.0.0.1");
    redis.restart();
  }
}
