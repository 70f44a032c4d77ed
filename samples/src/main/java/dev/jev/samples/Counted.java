package dev.jev.samples;

import dev.jev.Handler;
import dev.jev.Server;
import dev.jev.codec.Protocols;
import dev.jev.samples.options.ServerOptions;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * Installs a plugin of its own, {@link MessageQuota}. The line "report" is answered with its
 * counts.
 */
@Command(name = "counted", description = "Echoes lines and counts them per client address.")
final class Counted implements Callable<Integer> {

  @Mixin private ServerOptions options = new ServerOptions(5010);

  @Option(
      names = "--max-messages",
      description = "Maximum number of lines per address (default: ${DEFAULT-VALUE}).")
  private long maxMessages = 1_000_000;

  @Override
  public Integer call() throws InterruptedException {
    MessageQuota quota = new MessageQuota(maxMessages);
    Handler<String, String> handler =
        Handler.replying(line -> line.equals("report") ? quota.report() : line);
    return options.serve(Server.builder(Protocols::lines, handler).plugin(quota));
  }
}
