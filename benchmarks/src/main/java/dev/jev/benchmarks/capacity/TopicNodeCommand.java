package dev.jev.benchmarks.capacity;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.jev.Server;
import dev.jev.nodes.Nodes;
import dev.jev.nodes.TopicGate;
import dev.jev.nodes.TopicGate.Grant;
import dev.jev.nodes.TopicSocket;
import dev.jev.redis.RedisBackplane;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * A node whose clients may subscribe to any topic. For each line of standard input it prints its
 * {@link LiveMemory}; it stops at the end of the input.
 */
@Command(name = "topic-node", description = "A node with topics over WebSocket.")
public final class TopicNodeCommand implements Callable<Integer> {

  @Option(names = "--redis", required = true)
  private String redis = "";

  @Override
  public Integer call() throws Exception {
    prepareRedis();
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, UTF_8));
    try (RedisBackplane engine = RedisBackplane.of(redis)) {
      TopicSocket topics = topicSocket(Nodes.builder(engine).build());
      try (Server server =
          topics
              .server(protocol -> protocol.path("/topics"))
              .eventLoops(1)
              .listen("tcp://127.0.0.1:0")
              .start()) {
        System.out.println("listening on tcp://127.0.0.1:" + server.port());
        while (lines.readLine() != null) {
          System.out.println(LiveMemory.read());
        }
      }
    }
    return 0;
  }

  /** Chooses one of the two native transports of this class path, which Lettuce warns of. */
  static void prepareRedis() {
    System.setProperty("io.lettuce.core.iouring", "false");
  }

  static TopicSocket topicSocket(Nodes nodes) {
    TopicGate gate =
        request -> CompletableFuture.completedStage(Grant.read(TopicKinds.of(request.topic())));
    return TopicSocket.builder(nodes).gate(gate).build();
  }
}
