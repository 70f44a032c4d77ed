package dev.jev.samples;

import dev.jev.Handler;
import dev.jev.Server;
import dev.jev.codec.Protocols;
import dev.jev.plugin.Drain;
import dev.jev.samples.options.ServerOptions;
import java.time.Duration;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * Leaves politely after SIGTERM: serves on until load balancers have noticed, then closes its
 * connections one after the other.
 */
@Command(name = "drained", description = "Lines back; takes its time to stop.")
final class Drained implements Callable<Integer> {

  @Mixin private ServerOptions options = new ServerOptions(5017);

  @Option(names = "--accept-ms", description = "Time to go on (default: ${DEFAULT-VALUE}).")
  private int acceptMillis = 2000;

  @Option(names = "--spread-ms", description = "Time to close all (default: ${DEFAULT-VALUE}).")
  private int spreadMillis = 5000;

  @Override
  public Integer call() throws InterruptedException {
    Drain drain =
        Drain.builder()
            .acceptTime(Duration.ofMillis(acceptMillis))
            .spread(Duration.ofMillis(spreadMillis))
            .deadline(Duration.ofMillis(acceptMillis + spreadMillis + 5000L))
            .onPhase(phase -> System.out.println("now " + phase))
            .build();
    return options.serve(
        Server.<String, String>builder(Protocols::lines, Handler.replying(line -> line)), drain);
  }
}
