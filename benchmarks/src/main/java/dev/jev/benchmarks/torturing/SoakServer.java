package dev.jev.benchmarks.torturing;

import static java.nio.charset.StandardCharsets.US_ASCII;

import dev.jev.Connection;
import dev.jev.EventLoops;
import dev.jev.Handler;
import dev.jev.Protocol;
import dev.jev.ScheduledTask;
import dev.jev.Server;
import dev.jev.SlowConsumer;
import dev.jev.Topic;
import dev.jev.Transport;
import dev.jev.plugin.Drain;
import dev.jev.plugin.IdleReaper;
import dev.jev.plugin.Limits;
import dev.jev.plugin.Tls;
import dev.jev.plugin.TlsIdentity;
import dev.jev.websocket.WebSocketMessage;
import dev.jev.websocket.WebSocketProtocol;
import io.netty.buffer.PoolArenaMetric;
import io.netty.buffer.PooledByteBufAllocator;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.management.BufferPoolMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * The server of a {@link SoakCommand}: echoes over TCP and TLS, and a WebSocket push server, on the
 * same event loops. It executes commands from standard input and answers each with one line:
 *
 * <ul>
 *   <li>{@code stats}: the counters, after a full collection
 *   <li>{@code restart}: drains and stops the push server, and starts it again on its port
 * </ul>
 */
@Command(name = "soak-server", hidden = true, description = "The server of a soak.")
public final class SoakServer implements Callable<Integer> {

  private static final Duration TICK = Duration.ofMillis(20);
  private static final Duration IDLE = Duration.ofSeconds(5);
  private static final int MESSAGE_BYTES = 1024;

  @Option(names = "--identity", required = true, description = "PKCS #12 file of TLS")
  private Path identity = Path.of("");

  @Option(names = "--password", required = true, description = "of that file")
  private String password = "";

  @Option(names = "--transport", description = "default: auto")
  private Transport transport = Transport.AUTO;

  private final Topic<WebSocketMessage> prices = Topic.of("prices");
  private final Random random = new Random(1);
  private final AtomicLong received = new AtomicLong();

  /** Subscribes a connection with one of the policies, by turns. */
  private final class Push implements Handler<WebSocketMessage, WebSocketMessage> {

    private final AtomicLong joined = new AtomicLong();

    @Override
    public void onConnect(Connection<WebSocketMessage> connection) {
      prices.subscribe(connection, policy(joined.getAndIncrement()));
    }

    private SlowConsumer<WebSocketMessage> policy(long number) {
      return switch ((int) (number % 4)) {
        case 0 -> SlowConsumer.close();
        case 1 -> SlowConsumer.dropNewest();
        case 2 -> SlowConsumer.dropOldest();
        default -> SlowConsumer.conflate(message -> "price");
      };
    }

    @Override
    public void onMessage(Connection<WebSocketMessage> connection, WebSocketMessage message) {
      received.incrementAndGet();
      connection.send(message);
    }
  }

  @Override
  public Integer call() throws IOException, InterruptedException {
    try (EventLoops loops = EventLoops.builder().transport(transport).count(2).start();
        Server echo = echo(TortureProtocol::new, loops).start();
        Server tls = echo(TortureProtocol::new, loops).plugin(tls()).start()) {
      PushServer push = push(loops, 0);
      int port = push.server.port();
      ScheduledTask publishing = echo.runEvery(TICK, this::publish);
      System.out.println("ports " + echo.port() + " " + tls.port() + " " + port);
      BufferedReader in = new BufferedReader(new InputStreamReader(System.in, US_ASCII));
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        if (line.equals("restart")) {
          push.stop();
          push = push(loops, port);
        }
        System.gc();
        System.out.println(stats(echo, tls, push.server));
      }
      publishing.cancel();
      push.stop();
    }
    return 0;
  }

  private <M> Server.Builder<M, M> echo(Supplier<Protocol<M, M>> protocols, EventLoops loops) {
    return Server.builder(
            protocols,
            (Connection<M> connection, M message) -> {
              received.incrementAndGet();
              connection.send(message);
            })
        .listen("tcp://127.0.0.1:0")
        .eventLoops(loops)
        .plugin(Limits.builder().writeStallTimeout(IDLE).build())
        .plugin(IdleReaper.readIdle(IDLE));
  }

  private Tls tls() {
    return Tls.server().identity(TlsIdentity.pkcs12(identity, password)).build();
  }

  private record PushServer(Server server, Drain drain) {

    void stop() {
      drain.begin().toCompletableFuture().join();
      server.close();
    }
  }

  private PushServer push(EventLoops loops, int port) {
    Drain drain =
        Drain.builder()
            .acceptTime(Duration.ofMillis(100))
            .spread(Duration.ofSeconds(1))
            .deadline(Duration.ofSeconds(3))
            .withoutShutdownHook()
            .build();
    Server.Builder<WebSocketMessage, WebSocketMessage> server =
        Server.builder(
                WebSocketProtocol.server()
                    .compression()
                    .heartbeat(Duration.ofSeconds(2), Duration.ofSeconds(1))
                    .stopCloseCode(1012)
                    .build(),
                new Push())
            .listen("tcp://127.0.0.1:" + port)
            .eventLoops(loops)
            .plugin(drain);
    return new PushServer(server.start(), drain);
  }

  private void publish() {
    byte[] payload = new byte[MESSAGE_BYTES];
    random.nextBytes(payload);
    prices.publish(WebSocketMessage.binary(payload));
  }

  private String stats(Server... servers) {
    long connections = 0;
    for (Server server : servers) {
      connections += server.connectionCount();
    }
    long direct = 0;
    for (PoolArenaMetric arena : PooledByteBufAllocator.DEFAULT.metric().directArenas()) {
      direct += arena.numActiveBytes();
    }
    for (BufferPoolMXBean pool : ManagementFactory.getPlatformMXBeans(BufferPoolMXBean.class)) {
      direct += pool.getName().equals("direct") ? pool.getMemoryUsed() : 0;
    }
    Runtime runtime = Runtime.getRuntime();
    return "connections="
        + connections
        + " received="
        + received
        + " published="
        + prices.counts().published()
        + " heap="
        + (runtime.totalMemory() - runtime.freeMemory())
        + " direct="
        + direct
        + " threads="
        + ManagementFactory.getThreadMXBean().getThreadCount();
  }
}
