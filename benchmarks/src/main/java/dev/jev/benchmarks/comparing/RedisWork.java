package dev.jev.benchmarks.comparing;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.util.concurrent.TimeUnit.SECONDS;

import dev.jev.Client;
import dev.jev.Requests;
import dev.jev.benchmarks.shared.BenchmarkException;
import dev.jev.codec.Protocols;
import dev.jev.codec.RespCommand;
import dev.jev.codec.RespValue;
import io.lettuce.core.RedisClient;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.api.async.RedisAsyncCommands;
import io.lettuce.core.codec.ByteArrayCodec;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** Sends GET or SET to Redis from one thread: 32 commands, then it waits for all answers. */
abstract class RedisWork implements ClientWork {

  private static final int DEPTH = 32;
  private static final byte[] GET = "GET".getBytes(US_ASCII);
  private static final byte[] SET = "SET".getBytes(US_ASCII);
  private static final byte[] KEY = "key:000000000001".getBytes(US_ASCII);
  private static final byte[] VALUE = "x".repeat(64).getBytes(US_ASCII);

  private final CompletableFuture<?>[] answers = new CompletableFuture<?>[DEPTH];

  static RedisWork ofJev(int port, boolean gets) throws Exception {
    Requests<RespCommand, RespValue> requests =
        Requests.<RespCommand, RespValue>inOrder(value -> !(value instanceof RespValue.Push))
            .build();
    Client<RespCommand> client =
        Client.builder(Protocols::respClient, requests.handler())
            .connect("tcp://127.0.0.1:" + port);
    client.connected().toCompletableFuture().get(10, SECONDS);
    requests.askAndWait(client, RespCommand.of(SET, KEY, VALUE));
    RespValue expected = gets ? RespValue.bulk(VALUE) : RespValue.OK;
    return new RedisWork() {
      @Override
      CompletableFuture<?> ask() {
        RespCommand command = gets ? RespCommand.of(GET, KEY) : RespCommand.of(SET, KEY, VALUE);
        return requests.ask(client, command);
      }

      @Override
      void flush() {}

      @Override
      boolean isRight(Object answer) {
        return answer.equals(expected);
      }

      @Override
      public void close() {
        client.close();
      }
    };
  }

  static RedisWork ofLettuce(int port, boolean gets) {
    RedisClient client = RedisClient.create("redis://127.0.0.1:" + port);
    StatefulRedisConnection<byte[], byte[]> connection = client.connect(ByteArrayCodec.INSTANCE);
    connection.sync().set(KEY, VALUE);
    connection.setAutoFlushCommands(false);
    RedisAsyncCommands<byte[], byte[]> commands = connection.async();
    return new RedisWork() {
      @Override
      CompletableFuture<?> ask() {
        return (gets ? commands.get(KEY) : commands.set(KEY, VALUE)).toCompletableFuture();
      }

      @Override
      void flush() {
        connection.flushCommands();
      }

      @Override
      boolean isRight(Object answer) {
        return gets ? Arrays.equals((byte[]) answer, VALUE) : answer.equals("OK");
      }

      @Override
      public void close() {
        client.shutdown();
      }
    };
  }

  abstract CompletableFuture<?> ask();

  abstract void flush();

  abstract boolean isRight(Object answer);

  @Override
  public long run(long millis) throws Exception {
    long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
    long count = 0;
    while (System.nanoTime() - end < 0) {
      for (int i = 0; i < DEPTH; i++) {
        answers[i] = ask();
      }
      flush();
      for (CompletableFuture<?> answer : answers) {
        Object value = answer.get();
        if (!isRight(value)) {
          throw new BenchmarkException("answer: " + value + " (expected: that of the command)");
        }
      }
      count += DEPTH;
    }
    return count;
  }
}
