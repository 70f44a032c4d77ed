package dev.jev.samples;

import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.Plugin;
import dev.jev.PluginHost;
import dev.jev.Server;
import dev.jev.SlowConsumer;
import dev.jev.Topic;
import dev.jev.samples.options.ServerOptions;
import dev.jev.websocket.WebSocketMessage;
import dev.jev.websocket.WebSocketProtocol;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * Publishes the time to all clients, as a text of nanoseconds since 1970. A receiver can compute
 * the age of each message.
 */
@Command(name = "ws-broadcast", description = "Publishes the time to all WebSocket clients.")
final class WsBroadcast
    implements Callable<Integer>, Handler<WebSocketMessage, WebSocketMessage>, Plugin {

  private static final int MIN_SIZE = 20; // digits and sign of a long

  @Mixin private ServerOptions options = new ServerOptions(5023);

  @Option(
      names = "--period-ms",
      description = "Time between two messages, in milliseconds (default: ${DEFAULT-VALUE}).")
  private int periodMillis = 100;

  @Option(names = "--size", description = "Message length, in bytes (default: ${DEFAULT-VALUE}).")
  private int size = 64;

  private final Topic<WebSocketMessage> clients = Topic.of("clients");

  @Override
  public Integer call() throws InterruptedException {
    if (size < MIN_SIZE || size > 1 << 20) {
      throw new IllegalArgumentException(
          "size: " + size + " bytes (expected: " + MIN_SIZE + ".." + (1 << 20) + ")");
    }
    var protocol = WebSocketProtocol.server().path("/").allowAnyOrigin().build();
    return options.serve(Server.builder(protocol, this).plugin(this));
  }

  @Override
  public void start(PluginHost host) {
    host.runEvery(Duration.ofMillis(periodMillis), this::publishTime);
  }

  private void publishTime() {
    Instant now = Instant.now();
    long nanos = TimeUnit.SECONDS.toNanos(now.getEpochSecond()) + now.getNano();
    String time = Long.toString(nanos);
    clients.publish(WebSocketMessage.text(time + " ".repeat(size - time.length())));
  }

  @Override
  public void onConnect(Connection<WebSocketMessage> connection) {
    clients.subscribe(connection, SlowConsumer.dropOldest());
  }

  @Override
  public void onMessage(Connection<WebSocketMessage> connection, WebSocketMessage message) {
    // Messages from clients are ignored.
  }
}
