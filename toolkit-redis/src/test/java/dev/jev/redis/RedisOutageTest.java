package dev.jev.redis;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CallsPrograms;
import dev.jev.redis.DeliveryLedger.Outcome;
import dev.jev.redis.DeliveryLedger.Stream;
import dev.jev.redis.TopicLoad.Size;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Faults of Redis while clients are subscribed and messages are published. */
@CallsPrograms
@Timeout(600)
class RedisOutageTest {

  @TempDir private Path directory;
  @AutoClose private final Resources resources = new Resources();
  private RedisProcess redis;
  private TopicLoad load;

  private void start(Size size, String... options) throws Exception {
    redis = resources.closing(RedisProcess.start(directory, options));
    load = resources.closing(new TopicLoad(size, redis.uri(), redis.uri()));
    load.begin();
  }

  private static void pass(double seconds) {
    LockSupport.parkNanos((long) (seconds * TimeUnit.SECONDS.toNanos(1)));
  }

  private static long millisSince(long nanos) {
    return TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - nanos);
  }

  private List<Integer> sessions() {
    return load.clients.stream().map(ReturningClient::sessions).toList();
  }

  private List<Stream> streams() {
    return load.topics().stream().flatMap(topic -> load.ledger.streams(topic).stream()).toList();
  }

  private void finishUnnoticed() throws Exception {
    load.finish();
    assertThat(streams()).noneMatch(Stream::hasNotice);
  }

  @Test
  void restartWithDataLosesNothingThatIsStored() throws Exception {
    start(Size.SMALL, "--appendonly", "yes", "--appendfsync", "always");
    redis.kill();
    TopicLoad.holds("refusals", () -> load.ledger.count(Outcome.REFUSED) > 0);
    redis.restart();
    long listens = System.nanoTime();
    load.goesOn();
    long millis = millisSince(listens);
    finishUnnoticed();
    System.out.println("restart: delivery after " + millis + " ms, " + load.summary());
  }

  @Test
  @Tag("faults")
  void emptyRestartIsToldToAllClients() throws Exception {
    start(Size.SMALL);
    String before = load.clients.get(0).position("t0");
    redis.kill().restart();
    TopicLoad.holds("told", () -> streams().stream().allMatch(Stream::hasNotice));
    load.goesOn();
    ReturningClient late = load.client("late", 0, List.of(), false);
    TopicLoad.holds("connected", late::isSubscribed);
    late.subscribe("t0", before);
    TopicLoad.holds("lost", () -> late.lost() == 1);
    load.finish();
    System.out.println("empty restart: " + load.summary());
  }

  private void freeze(int seconds) throws Exception {
    start(Size.SMALL);
    redis.freeze();
    pass(seconds);
    redis.thaw();
    load.goesOn();
    finishUnnoticed();
    // A topic has one batch of each node under way at a time.
    assertThat(load.ledger.count(Outcome.UNKNOWN)).isLessThanOrEqualTo(20 * 2 * 64);
    System.out.println(seconds + " s frozen: " + load.summary());
  }

  @Test
  @Tag("faults")
  void redisThatIsFrozenStoresNothingTwice() throws Exception {
    freeze(5);
  }

  @Test
  @Tag("faults")
  void redisThatIsFrozenForLongStoresNothingTwice() throws Exception {
    freeze(20);
  }

  private void killConnections(Size size, int seconds) throws Exception {
    start(size);
    redis.cli("CONFIG", "SET", "client-output-buffer-limit", "pubsub 65536 65536 1");
    List<Integer> before = sessions();
    for (int i = 0; i < seconds; i++) {
      load.burst("t" + i % 20, 300);
      pass(0.5);
      redis.answer("CLIENT KILL TYPE pubsub");
      pass(0.5);
    }
    load.goesOn();
    finishUnnoticed();
    assertThat(sessions()).isEqualTo(before);
    assertThat(redis.hasLogged("overcoming of output buffer limits")).isTrue();
    System.out.println(seconds + " s of kills: " + load.summary());
  }

  @Test
  @Tag("faults")
  void clientsDoNotNoticeKilledConnections() throws Exception {
    killConnections(Size.SMALL, 5);
  }

  @Test
  @Tag("faults")
  void clientsDoNotNoticeAMinuteOfKilledConnections() throws Exception {
    killConnections(Size.SMALL, 60);
  }
}
