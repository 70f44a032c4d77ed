package dev.jev.benchmarks.comparing;

import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.Server;
import dev.jev.SlowConsumer;
import dev.jev.Topic;
import dev.jev.Transport;
import dev.jev.benchmarks.shared.BenchmarkException;
import dev.jev.nodes.Backplane;
import dev.jev.nodes.MessageCodec;
import dev.jev.nodes.NodeTopic;
import dev.jev.nodes.Nodes;
import dev.jev.nodes.TopicKind;
import dev.jev.websocket.WebSocketMessage;
import dev.jev.websocket.WebSocketProtocol;
import dev.jev.websocket.WebSocketServerBuilder;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/**
 * The Jev WebSocket server, compared with {@code baseline ws-echo} and {@code baseline
 * ws-broadcast}. As {@code ws-nodes}, it publishes as in {@code ws-broadcast}, but through a log of
 * one node.
 */
@Command(
    name = "jev-websocket",
    description = "A Jev WebSocket server: ws-echo, ws-broadcast or ws-nodes.")
public final class JevWebSocketCommand implements Callable<Integer> {

  @Parameters(paramLabel = "NAME", description = "ws-echo, ws-broadcast or ws-nodes")
  private String name = "";

  @Option(names = "--io-uring", description = "uses io_uring instead of epoll")
  private boolean ioUring;

  @Option(names = "--loops", description = "event loops (default: 1)")
  private int loops = 1;

  @Mixin private WebSocketOptions options = new WebSocketOptions();

  private final Topic<WebSocketMessage> topic = Topic.of("broadcast");
  private final Nodes nodes = Nodes.builder(Backplane.inProcess()).build();
  private final NodeTopic<WebSocketMessage> log =
      nodes.topic("broadcast", TopicKind.log(new TextBytes(), 1000, Duration.ofMinutes(1)));

  @Override
  public Integer call() throws InterruptedException {
    Server.Builder<WebSocketMessage, WebSocketMessage> builder =
        Server.builder(protocol(), handler())
            .listen("tcp://127.0.0.1:0")
            .maxConnections(1_000_000)
            .transport(ioUring ? Transport.IO_URING : Transport.EPOLL)
            .eventLoops(loops);
    if (options.sendBufferBytes > 0) {
      builder.sendBufferBytes(options.sendBufferBytes);
    }
    if (name.equals("ws-nodes")) {
      builder.plugin(nodes);
    }
    Server server = builder.start();
    if (!name.equals("ws-echo")) {
      server.runEvery(Duration.ofMillis(options.periodMillis), this::publish);
    }
    System.out.println("listening on tcp://127.0.0.1:" + server.port());
    System.out.flush();
    server.awaitStop();
    return 0;
  }

  private Supplier<WebSocketProtocol> protocol() {
    WebSocketServerBuilder protocol =
        WebSocketProtocol.server()
            .maxMessageBytes(options.maxMessageBytes)
            .withoutHeartbeat(); // like the baseline; the loads do not answer pings
    return (options.compression ? protocol.compression() : protocol).build();
  }

  private Handler<WebSocketMessage, WebSocketMessage> handler() {
    return switch (name) {
      case "ws-echo" -> Connection::send;
      case "ws-broadcast", "ws-nodes" -> new Subscribing();
      default ->
          throw new BenchmarkException(
              "name: " + name + " (expected: ws-echo, ws-broadcast or ws-nodes)");
    };
  }

  private void publish() {
    WebSocketMessage message =
        WebSocketMessage.text(Unpooled.wrappedBuffer(TimestampedMessage.now(options.size)));
    if (name.equals("ws-nodes")) {
      log.publish(message);
    } else {
      topic.publish(message);
    }
  }

  private final class Subscribing implements Handler<WebSocketMessage, WebSocketMessage> {

    @Override
    public void onConnect(Connection<WebSocketMessage> connection) {
      if (name.equals("ws-nodes")) {
        log.subscribe(connection, SlowConsumer.close());
      } else {
        topic.subscribe(connection);
      }
    }

    @Override
    public void onMessage(Connection<WebSocketMessage> connection, WebSocketMessage message) {}
  }

  /** The bytes of texts. */
  private static final class TextBytes implements MessageCodec<WebSocketMessage> {

    @Override
    public byte[] encode(WebSocketMessage message) {
      ByteBuf content = ((WebSocketMessage.Text) message).content();
      return ByteBufUtil.getBytes(content);
    }

    @Override
    public WebSocketMessage decode(byte[] bytes) {
      return WebSocketMessage.text(Unpooled.wrappedBuffer(bytes));
    }
  }
}
