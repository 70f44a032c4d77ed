package dev.jev.benchmarks.comparing;

import static java.util.concurrent.TimeUnit.SECONDS;

import dev.jev.Client;
import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.Requests;
import dev.jev.benchmarks.shared.BenchmarkException;
import dev.jev.codec.Protocols;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Keeps 16 length-prefixed messages of 64 bytes in flight on one connection, from its event loop:
 * each message that comes back is sent again.
 */
final class EchoWork implements ClientWork {

  private static final int DEPTH = 16;
  private static final int SIZE = 64;

  private final @Nullable Requests<ByteBuf, ByteBuf> requests; // null: plain send
  private final Client<ByteBuf> client;
  private final Connection<ByteBuf> connection;
  private final Consumer<ByteBuf> again = this::again;
  private volatile boolean running;

  // Event loop only.
  private long count;
  private int inFlight;
  private CompletableFuture<Long> ended = new CompletableFuture<>();

  private EchoWork(@Nullable Requests<ByteBuf, ByteBuf> requests, int port) throws Exception {
    this.requests = requests;
    Handler<ByteBuf, ByteBuf> handler =
        requests == null ? (from, message) -> again(message) : requests.handler();
    this.client =
        Client.builder(Protocols::lengthPrefixed, handler).connect("tcp://127.0.0.1:" + port);
    this.connection = client.connected().toCompletableFuture().get(10, SECONDS);
  }

  static EchoWork connect(String kind, int port) throws Exception {
    return new EchoWork(
        switch (kind) {
          case "in-order" -> Requests.<ByteBuf, ByteBuf>inOrder().build();
          case "by-id" ->
              Requests.<ByteBuf, ByteBuf, Integer>byId(EchoWork::id, EchoWork::id).build();
          default -> null;
        },
        port);
  }

  private static Integer id(ByteBuf message) {
    return message.getInt(message.readerIndex());
  }

  @Override
  public long run(long millis) throws Exception {
    CompletableFuture<Long> all = new CompletableFuture<>();
    running = true;
    connection.execute(
        () -> {
          ended = all;
          count = 0;
          inFlight = DEPTH;
          for (int i = 0; i < DEPTH; i++) {
            send(PooledByteBufAllocator.DEFAULT.buffer(SIZE).writeInt(i).writeZero(SIZE - 4));
          }
        });
    TimeUnit.MILLISECONDS.sleep(millis);
    running = false;
    return all.get(10, SECONDS);
  }

  private void send(ByteBuf message) {
    if (requests == null) {
      connection.send(message);
    } else {
      requests.ask(connection, message).thenAccept(again);
    }
  }

  private void again(ByteBuf message) {
    if (message.readableBytes() != SIZE) {
      throw new BenchmarkException("answer: " + message + " (expected: " + SIZE + " bytes)");
    }
    count++;
    if (running) {
      send(message);
      return;
    }
    if (requests != null) {
      message.release();
    }
    if (--inFlight == 0) {
      ended.complete(count);
    }
  }

  @Override
  public void close() {
    client.close();
  }
}
