package dev.jev.samples.push;

import dev.jev.nodes.Backplane;
import dev.jev.nodes.Nodes;
import dev.jev.plugin.Limits;
import dev.jev.samples.options.ServerOptions;
import java.time.Duration;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Serves a web page with live data, and the page's WebSockets on the same port. */
@Command(name = "push", description = "Serves a page with live data; open it in a browser.")
public final class Push implements Callable<Integer> {

  /** Maximum message rate of a connection. A page sends about 60 messages per second. */
  private static final int MAX_MESSAGES_PER_SECOND = 200;

  @Mixin private ServerOptions options = new ServerOptions(8088);

  @Option(
      names = "--period-ms",
      description =
          "Time between two updates of the numbers, in milliseconds (default: ${DEFAULT-VALUE}).")
  private int periodMillis = 1000;

  @Override
  public Integer call() throws InterruptedException {
    Limits limits =
        Limits.builder()
            .messageRate(MAX_MESSAGES_PER_SECOND, 2 * MAX_MESSAGES_PER_SECOND)
            .onRateExceeded(Limits.RateLimitAction.CLOSE)
            .build();
    try (Backplane engine = Backplane.inProcess()) {
      Nodes nodes = Nodes.builder(engine).build();
      PushHandler handler = new PushHandler(nodes, Duration.ofMillis(periodMillis));
      options.measure(nodes);
      options.measure(metrics -> handler.measure(metrics.bind(limits)));
      return options.servePage(handler.server().plugin(limits));
    }
  }
}
