package dev.jev.redis;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CallsPrograms;
import dev.jev.Eventually;
import dev.jev.redis.DeliveryLedger.Publication;
import dev.jev.redis.TopicLoad.Size;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Clients that return with positions of which Redis has no messages any more. */
@CallsPrograms
@Timeout(180)
class ResumptionTest {

  @TempDir private Path directory;
  @AutoClose private final Resources resources = new Resources();
  private RedisProcess redis;
  private TopicLoad load;

  @BeforeEach
  void start() throws Exception {
    redis = resources.closing(RedisProcess.start(directory));
    Size onePublisher = new Size(0, 0, 0, 1, 0, false);
    load = resources.closing(new TopicLoad(onePublisher, redis.uri()));
  }

  private ReturningClient subscribed(String name, String topic) throws Exception {
    ReturningClient client = load.client(name, 0, List.of(topic), false);
    TopicLoad.holds("subscribed", client::isSubscribed);
    return client;
  }

  private ReturningClient returning(String name, String topic, String position) throws Exception {
    ReturningClient client = load.client(name, 0, List.of(), false);
    TopicLoad.holds("connected", client::isSubscribed);
    client.subscribe(topic, position);
    TopicLoad.holds("subscribed", client::isSubscribed);
    return client;
  }

  private static void has(ReturningClient client, String topic, Publication message)
      throws Exception {
    TopicLoad.holds(
        "message",
        () ->
            client.stream(topic).deliveries().stream()
                .anyMatch(each -> message.name.equals(each.name())));
  }

  private static String key(char type, String topic) {
    return new RedisKeys("jev").of(type, topic);
  }

  @Test
  void positionOutlivesTheMessagesAndTheNode() throws Exception {
    ReturningClient client = subscribed("c", "brief");
    Publication first = load.stored("brief");
    has(client, "brief", first);
    Eventually.holds("expired", () -> redis.answer("EXISTS " + key('l', "brief")).contains(":0"));
    load.nodes.get(0).kill().restart();
    TopicLoad.holds("returned", () -> client.sessions() > 1 && client.isSubscribed());
    Publication second = load.stored("brief");
    has(client, "brief", second);
    assertThat(client.lost()).isZero();
    assertThat(DeliveryChecker.check(load.ledger)).isEmpty();
  }

  @Test
  void positionOfATrimmedMessageIsLost() throws Exception {
    ReturningClient client = subscribed("c", "short");
    Publication first = load.stored("short");
    has(client, "short", first);
    client.close();
    for (int i = 0; i < 300; i++) {
      load.stored("short");
    }
    load.nodes.get(0).kill().restart(); // it has kept more than Redis
    isLost("short", String.valueOf(first.position()));
  }

  @Test
  @Tag("faults")
  void positionWhoseKeysWereEvictedIsLost() throws Exception {
    Publication first = load.stored("t0");
    redis.answer("DEL " + key('l', "t0") + " " + key('x', "t0") + " " + key('y', "t0"));
    load.nodes.get(0).kill().restart();
    isLost("t0", String.valueOf(first.position()));
  }

  @Test
  @Tag("faults")
  void positionOfAnotherRedisIsLost() throws Exception {
    Publication first = load.stored("t0");
    redis.kill().restart(); // with other data: none
    load.nodes.get(0).kill().restart();
    isLost("t0", String.valueOf(first.position()));
  }

  @Test
  void whatIsNoPositionIsLost() throws Exception {
    load.stored("t0");
    isLost("t0", "garbage");
  }

  private void isLost(String topic, String position) throws Exception {
    ReturningClient client = returning("returning", topic, position);
    Publication next = load.stored(topic);
    has(client, topic, next);
    assertThat(client.lost()).isEqualTo(1);
    assertThat(client.stream(topic).deliveries().get(0).name()).as("a notice").isNull();
    assertThat(client.stream(topic).deliveries().get(1).name()).isEqualTo(next.name);
  }
}
