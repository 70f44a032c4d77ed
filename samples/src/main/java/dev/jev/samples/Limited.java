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

/** Limits each client: its connections, its message rate and the time until its first message. */
@Command(name = "limited", description = "Echoes lines, with limits for each client.")
final class Limited implements Callable<Integer> {

  @Mixin private ServerOptions options = new ServerOptions(5012);

  @Option(
      names = "--per-address",
      description = "Maximum number of connections per address (default: ${DEFAULT-VALUE}).")
  private int perAddress = 2;

  @Option(
      names = "--per-second",
      description =
          "Maximum number of lines per second; more are delayed (default: ${DEFAULT-VALUE}).")
  private int perSecond = 10;

  @Option(
      names = "--first-ms",
      description = "Timeout for the first line, in milliseconds (default: ${DEFAULT-VALUE}).")
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
