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
 * Shuts down gracefully after SIGTERM: continues to accept connections until load balancers have
 * noticed, then closes all connections, spread over some time.
 */
@Command(name = "drained", description = "Echoes lines; drains its connections before it stops.")
final class Drained implements Callable<Integer> {

  @Mixin private ServerOptions options = new ServerOptions(5017);

  @Option(
      names = "--accept-ms",
      description = "Time to continue accepting, in milliseconds (default: ${DEFAULT-VALUE}).")
  private int acceptMillis = 2000;

  @Option(
      names = "--spread-ms",
      description = "Time to spread the closes over, in milliseconds (default: ${DEFAULT-VALUE}).")
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
