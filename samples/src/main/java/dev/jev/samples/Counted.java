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
 * A server with a plugin of its own, {@link MessageQuota}; the line "report" asks for the counts.
 */
@Command(name = "counted", description = "Lines back, and a report of who sent how many.")
final class Counted implements Callable<Integer> {

  @Mixin private ServerOptions options = new ServerOptions(5010);

  @Option(
      names = "--max-messages",
      description = "How many an address may send (default: ${DEFAULT-VALUE}).")
  private long maxMessages = 1_000_000;

  @Override
  public Integer call() throws InterruptedException {
    MessageQuota quota = new MessageQuota(maxMessages);
    Handler<String, String> handler =
        Handler.replying(line -> line.equals("report") ? quota.report() : line);
    return options.serve(Server.builder(Protocols::lines, handler).plugin(quota));
  }
}
