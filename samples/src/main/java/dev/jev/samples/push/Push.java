package dev.jev.samples.push;

import dev.jev.nodes.Backplane;
import dev.jev.nodes.Nodes;
import dev.jev.plugin.Limits;
import dev.jev.redis.RedisBackplane;
import dev.jev.samples.options.ServerOptions;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

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

  @Option(
      names = "--nodes",
      paramLabel = "URI",
      description =
          "Redis of two nodes, as redis://HOST:PORT: each is a process, on --port and the next one"
              + " (default: one process without Redis).")
  private @Nullable String redis;

  @Option(names = "--node", hidden = true, description = "Number of this node, from 1 on.")
  private int number;

  @Option(names = "--ports", hidden = true, split = ",", description = "Ports of all nodes.")
  private List<Integer> ports = List.of();

  @Option(
      names = "--share",
      description = "Listens on all addresses, and shows a QR code of this machine's address.")
  private boolean isShared;

  @Spec private CommandSpec spec = CommandSpec.create();

  @Override
  public Integer call() throws IOException, InterruptedException {
    if (isShared && redis != null) {
      String message = "--share: with --nodes (expected: one of them)";
      throw new ParameterException(spec.commandLine(), message);
    }
    return redis != null && number == 0 ? runNodes() : serve();
  }

  private int runNodes() throws IOException {
    List<Integer> all = PushNodes.ports(options.port(), PushRequest.MAX_NODES);
    return new PushNodes(PushRequest.MAX_NODES, node -> optionsOf(node, all)).run();
  }

  /** Returns the options of a node: those of this process, with a port of its own. */
  private List<String> optionsOf(int node, List<Integer> all) {
    List<String> result = new ArrayList<>();
    for (OptionSpec option : spec.commandLine().getParseResult().matchedOptions()) {
      String name = option.longestName();
      if (name.equals("--metrics")) {
        result.add(name + "=" + nextPort(option.getValue(), node));
      } else if (option.typeInfo().isBoolean()) {
        result.add(name);
      } else if (!name.equals("--port")) {
        result.add(name + "=" + option.originalStringValues().get(0));
      }
    }
    result.add("--port=" + all.get(node - 1));
    result.add("--node=" + node);
    result.add("--ports=" + all.stream().map(String::valueOf).collect(Collectors.joining(",")));
    return result;
  }

  private static int nextPort(int first, int node) {
    return first == 0 ? 0 : first + node - 1;
  }

  private int serve() throws InterruptedException {
    Limits limits =
        Limits.builder()
            .messageRate(MAX_MESSAGES_PER_SECOND, 2 * MAX_MESSAGES_PER_SECOND)
            .onRateExceeded(Limits.RateLimitAction.CLOSE)
            .build();
    if (isShared) {
      options.listenOnAllAddresses();
    }
    try (Backplane engine = engine()) {
      Nodes nodes = Nodes.builder(engine).build();
      PushNode node = number == 0 ? null : new PushNode(number, ports);
      PushHandler handler = new PushHandler(nodes, node, Duration.ofMillis(periodMillis), isShared);
      options.measure(nodes);
      options.measure(metrics -> handler.measure(metrics.bind(limits)));
      if (node == null) {
        nodes.start(); // outlives a restart of the server, as an engine outside would
      }
      return options.servePages(() -> handler.server().plugin(limits));
    }
  }

  private Backplane engine() {
    if (redis == null) {
      return Backplane.inProcess();
    }
    ServerOptions.prepareRedis();
    return RedisBackplane.builder(redis).prefix("jev-push").build();
  }
}
