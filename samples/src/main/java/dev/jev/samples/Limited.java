package dev.jev.samples;

import dev.jev.Handler;
import dev.jev.Server;
import dev.jev.codec.Protocols;
import dev.jev.plugin.Limits;
import dev.jev.samples.options.ServerOptions;
import java.time.Duration;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Keeps each client within bounds: how many connections, how fast, how soon. */
@Command(name = "limited", description = "Lines back, a few a second, to a few of each address.")
final class Limited implements Callable<Integer> {

  @Mixin private ServerOptions options = new ServerOptions(5012);

  @Option(
      names = "--per-address",
      description = "Connections of one address (default: ${DEFAULT-VALUE}).")
  private int perAddress = 2;

  @Option(
      names = "--per-second",
      description = "Lines a second; more have to wait (default: ${DEFAULT-VALUE}).")
  private int perSecond = 10;

  @Option(
      names = "--first-ms",
      description = "Time until the first line (default: ${DEFAULT-VALUE}).")
  private int firstMillis = 10_000;

  @Override
  public Integer call() throws InterruptedException {
    Limits limits =
        Limits.builder()
            .connectionsPerAddress(perAddress)
            .messageRate(perSecond, /* burst= */ 1)
            .firstMessageTimeout(Duration.ofMillis(firstMillis))
            .build();
    return options.serve(
        Server.<String, String>builder(Protocols::lines, Handler.replying(line -> line))
            .plugin(limits));
  }
}
