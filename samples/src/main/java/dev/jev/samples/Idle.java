package dev.jev.samples;

import dev.jev.Handler;
import dev.jev.Server;
import dev.jev.codec.Protocols;
import dev.jev.plugin.IdleReaper;
import dev.jev.samples.options.ServerOptions;
import java.time.Duration;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Closes connections whose clients send nothing for some time. */
@Command(name = "idle", description = "Echoes lines and closes idle connections.")
final class Idle implements Callable<Integer> {

  @Mixin private ServerOptions options = new ServerOptions(5011);

  @Option(
      names = "--timeout-ms",
      description = "Idle timeout, in milliseconds (default: ${DEFAULT-VALUE}).")
  private int timeoutMillis = 5000;

  @Override
  public Integer call() throws InterruptedException {
    return options.serve(
        Server.<String, String>builder(Protocols::lines, Handler.replying(line -> line))
            .plugin(IdleReaper.readIdle(Duration.ofMillis(timeoutMillis))));
  }
}
