package dev.jev.redis;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.jev.Server;
import dev.jev.nodes.MessageCodec;
import dev.jev.nodes.Nodes;
import dev.jev.nodes.Presence;
import dev.jev.nodes.TopicGate.Grant;
import dev.jev.nodes.TopicKind;
import dev.jev.nodes.TopicSocket;
import dev.jev.plugin.Drain;
import dev.jev.websocket.WebSocketHandshake;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A node in a process of its own: a server of topics, which drains on SIGTERM. Prints its port,
 * then an answer to each line of its input, and ends with its input.
 *
 * <p>The query of the URL is the id of the member, if there is one.
 */
final class NodeProgram {

  private static final Duration AGE = Duration.ofMinutes(5);
  private static final Duration BRIEF = Duration.ofSeconds(2);

  /** Longer than clients need to return on a busy machine. */
  private static final Duration GRACE = Duration.ofSeconds(10);

  /** Topics without a prefix. Keeps all messages of a test. */
  static final TopicKind<String> LOG =
      TopicKind.log(MessageCodec.utf8(), 20_000, AGE).presence().leaveAfter(GRACE);

  /** Topics whose name begins with {@code short}. */
  static final TopicKind<String> SHORT = TopicKind.log(MessageCodec.utf8(), 10, AGE);

  /** Topics whose name begins with {@code brief}. */
  static final TopicKind<String> BRIEF_LOG = TopicKind.log(MessageCodec.utf8(), 1000, BRIEF);

  private NodeProgram() {}

  /** Takes the name of the node, the URI of Redis, and the lease in seconds. */
  public static void main(String[] arguments) throws Exception {
    Nodes nodes =
        Nodes.builder(RedisBackplane.of(arguments[1]))
            .name(arguments[0])
            .lease(Duration.ofSeconds(Long.parseLong(arguments[2])))
            .build();
    Drain drain = Drain.builder().acceptTime(Duration.ZERO).spread(Duration.ofSeconds(1)).build();
    Server server =
        TopicSocket.builder(nodes)
            .gate(request -> CompletableFuture.completedStage(grant(request.topic())))
            .member(NodeProgram::member)
            .heartbeat(Duration.ofSeconds(3))
            .publishRate(10_000, 10_000)
            .maxPendingCommands(1000)
            .build()
            .server()
            .plugin(drain)
            .listen("tcp://127.0.0.1:0")
            .start();
    drain.ended().thenRun(() -> Runtime.getRuntime().halt(0));
    System.out.println(server.port());
    obey(nodes);
    Runtime.getRuntime().halt(1);
  }

  private static Grant grant(String topic) {
    return Grant.readWrite(
        topic.startsWith("short") ? SHORT : topic.startsWith("brief") ? BRIEF_LOG : LOG);
  }

  private static Presence.@Nullable Member member(WebSocketHandshake handshake) {
    String target = handshake.request().target();
    int query = target.indexOf('?');
    return query < 0 ? null : new Presence.Member(target.substring(query + 1), "");
  }

  private static void obey(Nodes nodes) throws IOException {
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, UTF_8));
    for (String line; (line = in.readLine()) != null; ) {
      System.out.println(answer(nodes, line.split(" ", -1)));
    }
  }

  private static String answer(Nodes nodes, String[] words) {
    try {
      return switch (words[0]) {
        case "close" ->
            nodes.closeMember(words[1]).toCompletableFuture().get(30, TimeUnit.SECONDS).toString();
        case "counts" -> nodes.counts().toString();
        case "health" -> nodes.health().state().toString();
        case "heap" -> String.valueOf(usedHeap());
        default -> "unknown: " + words[0];
      };
    } catch (Exception e) {
      return e.toString();
    }
  }

  private static long usedHeap() {
    System.gc();
    return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
  }
}
