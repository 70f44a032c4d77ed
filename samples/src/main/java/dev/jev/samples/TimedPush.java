package dev.jev.samples;

import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.Server;
import dev.jev.codec.Protocols;
import dev.jev.samples.options.ServerOptions;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Sends unprompted, from a timer per connection. A connection's timers end when it closes. */
@Command(name = "timed-push", description = "Sends every client the time, periodically.")
final class TimedPush implements Callable<Integer>, Handler<String, String> {

  @Mixin private ServerOptions options = new ServerOptions(5004);

  @Option(
      names = "--period-ms",
      description = "Time between two lines, in milliseconds (default: ${DEFAULT-VALUE}).")
  private int periodMillis = 1000;

  @Override
  public Integer call() throws InterruptedException {
    return options.serve(Server.builder(Protocols::lines, this));
  }

  @Override
  public void onConnect(Connection<String> connection) {
    connection.runEvery(
        Duration.ofMillis(periodMillis), () -> connection.send(Instant.now().toString()));
  }

  @Override
  public void onMessage(Connection<String> connection, String line) {
    // Lines from clients are ignored.
  }
}
