package dev.jev.samples.redis;

import dev.jev.Client;
import dev.jev.Requests;
import dev.jev.codec.Protocols;
import dev.jev.codec.RespCommand;
import dev.jev.codec.RespValue;
import java.io.IOException;
import java.util.concurrent.Callable;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Asks a Redis server, with many requests in flight, and checks each answer. */
@Command(name = "redis-ask", description = "Asks a Redis server and checks its answers.")
public final class RedisAsk implements Callable<Integer> {

  private static final int KEYS = 1_000;

  @Option(names = "--uri", description = "Redis server (default: ${DEFAULT-VALUE}).")
  private String uri = "tcp://127.0.0.1:6379";

  @Option(names = "--requests", description = "Number of requests (default: ${DEFAULT-VALUE}).")
  private int requests = 100_000;

  @Option(names = "--depth", description = "Requests in flight (default: ${DEFAULT-VALUE}).")
  private int depth = 32;

  private final AtomicInteger wrong = new AtomicInteger();
  private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();

  /** Created by the command line. */
  public RedisAsk() {}

  @Override
  public Integer call() throws Exception {
    Requests<RespCommand, RespValue> redis =
        Requests.<RespCommand, RespValue>inOrder(value -> !(value instanceof RespValue.Push))
            .maxOpen(depth)
            .build();
    try (Client<RespCommand> client =
        Client.builder(Protocols::respClient, redis.handler()).connect(uri)) {
      client.connected().toCompletableFuture().get();
      long start = System.nanoTime();
      askAll(redis, client);
      double seconds = (System.nanoTime() - start) / 1e9;
      if (failure.get() != null) {
        throw new IOException(failure.get().getMessage(), failure.get());
      }
      long rate = Math.round(requests / seconds);
      System.out.println(requests + " answers, " + wrong + " wrong, " + rate + " per second");
    }
    return wrong.get() == 0 ? 0 : 1;
  }

  /** Writes and reads keys in turn, with as many requests in flight as allowed. */
  private void askAll(Requests<RespCommand, RespValue> redis, Client<RespCommand> client)
      throws InterruptedException {
    Semaphore free = new Semaphore(depth);
    for (int i = 0; i < requests && failure.get() == null; i++) {
      String key = "jev:" + i / 2 % KEYS;
      String value = String.valueOf(i / 2);
      boolean writes = i % 2 == 0;
      RespCommand command = writes ? RespCommand.of("SET", key, value) : RespCommand.of("GET", key);
      RespValue expected = writes ? RespValue.OK : RespValue.bulk(value);
      free.acquire();
      redis
          .ask(client, command)
          .whenComplete(
              (answer, thrown) -> {
                if (thrown != null) {
                  failure.compareAndSet(null, thrown);
                } else if (!answer.equals(expected)) {
                  wrong.incrementAndGet();
                }
                free.release();
              });
    }
    free.acquire(depth); // all are answered
  }
}
