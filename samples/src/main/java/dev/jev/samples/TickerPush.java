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
 * Sends everybody the same at the same time. A ticker says itself when it wants to run again: this
 * one begins at once and takes its time while nobody listens.
 */
@Command(name = "ticker-push", description = "A count, to all clients at once, tick by tick.")
final class TickerPush implements Callable<Integer>, Handler<String, String>, Plugin {

  @Mixin private ServerOptions options = new ServerOptions(5005);

  @Option(names = "--period-ms", description = "From tick to tick (default: ${DEFAULT-VALUE}).")
  private int periodMillis = 100;

  private final Set<Connection<String>> clients = ConcurrentHashMap.newKeySet();
  private long ticks; // Of the ticker only, which always runs on the same event loop.

  @Override
  public Integer call() throws InterruptedException {
    return options.serve(Server.builder(Protocols::lines, this).plugin(this));
  }

  @Override
  public void start(PluginHost server) {
    server.runTicker(this::tick);
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
  public void onMessage(Connection<String> connection, String line) {}

  @Override
  public void onClose(Connection<String> connection, CloseReason reason) {
    clients.remove(connection);
  }
}
