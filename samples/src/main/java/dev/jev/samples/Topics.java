package dev.jev.samples;

import dev.jev.nodes.Backplane;
import dev.jev.nodes.MessageCodec;
import dev.jev.nodes.Nodes;
import dev.jev.nodes.TopicGate;
import dev.jev.nodes.TopicGate.Grant;
import dev.jev.nodes.TopicKind;
import dev.jev.nodes.TopicSocket;
import dev.jev.redis.RedisBackplane;
import dev.jev.samples.options.ServerOptions;
import dev.jev.websocket.HttpResponder;
import java.time.Duration;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * Serves topics over WebSocket at {@code /topics}, and a page for them. Every client may subscribe
 * and publish to any topic. A client that returns gets what it has missed: with Redis, also at
 * another server, or after a restart.
 */
@Command(name = "topics", description = "Serves topics over WebSocket that clients resume.")
final class Topics implements Callable<Integer> {

  private static final TopicKind<String> LOG =
      TopicKind.log(MessageCodec.json(), /* messages= */ 1_000, Duration.ofMinutes(2));

  @Mixin private ServerOptions options = new ServerOptions(8089);

  @Option(
      names = "--nodes",
      paramLabel = "URI",
      description =
          "Redis that all servers with the same topics share, as redis://HOST:PORT"
              + " (default: topics within this process).")
  private @Nullable String redis;

  @Override
  public Integer call() throws InterruptedException {
    ServerOptions.prepareRedis();
    HttpResponder page = HttpResponder.classPath("topics").or(TopicSocket.script());
    try (Backplane engine = redis == null ? Backplane.inProcess() : RedisBackplane.of(redis)) {
      Nodes nodes = Nodes.builder(engine).build();
      options.measure(nodes);
      TopicSocket topics =
          TopicSocket.builder(nodes).gate(TopicGate.always(Grant.readWrite(LOG))).build();
      return options.servePage(topics.server(protocol -> protocol.path("/topics").http(page)));
    }
  }
}
