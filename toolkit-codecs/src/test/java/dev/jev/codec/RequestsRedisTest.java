package dev.jev.codec;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CallsPrograms;
import dev.jev.Client;
import dev.jev.Eventually;
import dev.jev.RequestException;
import dev.jev.Requests;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Requests in order against a real Redis 7, with the pushes of RESP3 between the answers. */
@Timeout(60)
@CallsPrograms
class RequestsRedisTest {

  private static final int DEPTH = 32;

  private final AtomicInteger pushes = new AtomicInteger();
  private final AtomicInteger others = new AtomicInteger();
  private Requests<RespCommand, RespValue> redis;

  // Null where Redis is not installed.
  @AutoClose private RedisServer server;
  @AutoClose private Client<RespCommand> client;

  @BeforeEach
  void start(@TempDir Path directory) throws Exception {
    server = RedisServer.start(directory);
  }

  private void connect(Duration timeout) throws Exception {
    redis =
        Requests.<RespCommand, RespValue>inOrder(value -> !(value instanceof RespValue.Push))
            .timeout(timeout)
            .onUnasked(
                (connection, value) ->
                    (value instanceof RespValue.Push ? pushes : others).incrementAndGet())
            .build();
    client =
        Client.builder(Protocols::respClient, redis.handler())
            .reconnect(Duration.ofMillis(1), Duration.ofMillis(10))
            .connect("unix://" + server.socket());
    client.connected().toCompletableFuture().get(10, SECONDS);
  }

  /** Connects for requests of which none times out, with pushes. */
  private void connect() throws Exception {
    connect(Duration.ofMinutes(1));
    ask("HELLO", "3");
    assertThat(ask("CLIENT", "TRACKING", "ON", "BCAST")).isEqualTo(RespValue.OK);
  }

  private RespValue ask(String... command) throws Exception {
    return redis.askAndWait(client, RespCommand.of(command));
  }

  @Test
  void answersFindTheirQuestionsWithPushesBetweenThem() throws Exception {
    connect();
    int rounds = 200;
    for (int round = 0; round < rounds; round++) {
      List<CompletableFuture<RespValue>> answers = new ArrayList<>();
      for (int i = 0; i < DEPTH / 2; i++) {
        String value = round + " " + i;
        answers.add(redis.ask(client, RespCommand.of("SET", "key" + i, value)));
        answers.add(redis.ask(client, RespCommand.of("GET", "key" + i)));
      }
      for (int i = 0; i < DEPTH / 2; i++) {
        assertThat(answers.get(2 * i).get(10, SECONDS)).isEqualTo(RespValue.OK);
        assertThat(answers.get(2 * i + 1).get(10, SECONDS))
            .isEqualTo(RespValue.bulk(round + " " + i));
      }
    }
    assertThat(pushes).hasPositiveValue();
    assertThat(others).hasValue(0);
    assertThat(redis.stats().answered()).isEqualTo(2 + (long) rounds * DEPTH);
  }

  @Test
  void eightThreadsShareAConnection() throws Exception {
    connect();
    List<CompletableFuture<Integer>> threads =
        IntStream.range(0, 8)
            .mapToObj(thread -> CompletableFuture.supplyAsync(() -> wrongEchoes(thread)))
            .toList();
    for (CompletableFuture<Integer> wrong : threads) {
      assertThat(wrong.get(60, SECONDS)).isZero();
    }
  }

  private int wrongEchoes(int thread) {
    AtomicInteger wrong = new AtomicInteger();
    for (int round = 0; round < 100; round++) {
      List<CompletableFuture<Void>> answers = new ArrayList<>();
      for (int i = 0; i < DEPTH; i++) {
        String text = thread + " " + round + " " + i;
        answers.add(
            redis
                .ask(client, RespCommand.of("ECHO", text))
                .thenAccept(value -> wrong.addAndGet(value.equals(RespValue.bulk(text)) ? 0 : 1)));
      }
      CompletableFuture.allOf(answers.toArray(CompletableFuture<?>[]::new)).join();
    }
    return wrong.get();
  }

  @Test
  void lateAnswersOfASlowServerAreSwallowed() throws Exception {
    connect(Duration.ofMillis(500));
    CompletableFuture<RespValue> slow = redis.ask(client, RespCommand.of("DEBUG", "SLEEP", "3"));
    assertThat(slow.handle((value, failure) -> failure).get(10, SECONDS))
        .isInstanceOfSatisfying(
            RequestException.class,
            e -> assertThat(e.kind()).isEqualTo(RequestException.Kind.TIMED_OUT));
    Eventually.holds(
        "the next answer",
        () -> {
          try {
            return ask("ECHO", "next").equals(RespValue.bulk("next"));
          } catch (RequestException e) { // still asleep
            return false;
          }
        });
    assertThat(redis.stats().late()).isPositive();
    assertThat(others).hasValue(0);
  }

  @Test
  void connectionThatRedisClosesFailsItsRequestsAndTheNextOneAnswers() throws Exception {
    connect();
    CompletableFuture<RespValue> blocked =
        redis.ask(client, RespCommand.of("BLPOP", "nosuch", "0"));
    server.answer("CLIENT KILL TYPE normal SKIPME yes\r\n");
    assertThat(blocked)
        .failsWithin(Duration.ofSeconds(10))
        .withThrowableOfType(ExecutionException.class)
        .withCauseInstanceOf(RequestException.class)
        .withMessageContaining("connection closed: ");
    Eventually.holds("reconnected", client::isConnected);
    assertThat(ask("PING")).isEqualTo(RespValue.PONG);
  }
}
