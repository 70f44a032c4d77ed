package dev.jev.samples;

import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.Plugin;
import dev.jev.PluginHost;
import dev.jev.Server;
import dev.jev.codec.Protocols;
import dev.jev.samples.options.ServerOptions;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * Sends the same line to all clients at once, from a ticker. A ticker returns the delay until its
 * next run. This one starts immediately and runs ten times less often while there are no clients.
 */
@Command(name = "ticker-push", description = "Sends a counter to all clients.")
final class TickerPush implements Callable<Integer>, Handler<String, String>, Plugin {

  @Mixin private ServerOptions options = new ServerOptions(5005);

  @Option(
      names = "--period-ms",
      description = "Time between two ticks, in milliseconds (default: ${DEFAULT-VALUE}).")
  private int periodMillis = 100;

  private final Set<Connection<String>> clients = ConcurrentHashMap.newKeySet();
  private long ticks; // Ticker only, which always runs on the same event loop.

  @Override
  public Integer call() throws InterruptedException {
    return options.serve(Server.builder(Protocols::lines, this).plugin(this));
  }

  @Override
  public void start(PluginHost host) {
    host.runTicker(this::tick);
  }

  private Duration tick() {
    String line = "tick " + ticks++;
    clients.forEach(client -> client.send(line));
    return Duration.ofMillis(clients.isEmpty() ? 10 * periodMillis : periodMillis);
  }

  @Override
  public void onConnect(Connection<String> connection) {
    clients.add(connection);
  }

  @Override
  public void onMessage(Connection<String> connection, String line) {
    // Lines from clients are ignored.
  }

  @Override
  public void onClose(Connection<String> connection, CloseReason reason) {
    clients.remove(connection);
  }
}
