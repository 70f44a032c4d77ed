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

/** Closes connections from which nothing comes for a while. */
@Command(name = "idle", description = "Lines back, until a client is silent for too long.")
final class Idle implements Callable<Integer> {

  @Mixin private ServerOptions options = new ServerOptions(5011);

  @Option(names = "--timeout-ms", description = "How long (default: ${DEFAULT-VALUE}).")
  private int timeoutMillis = 5000;

  @Override
  public Integer call() throws InterruptedException {
    return options.serve(
        Server.<String, String>builder(Protocols::lines, Handler.replying(line -> line))
            .plugin(IdleReaper.readIdle(Duration.ofMillis(timeoutMillis))));
  }
}
