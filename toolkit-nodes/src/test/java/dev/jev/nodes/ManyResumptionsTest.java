package dev.jev.nodes;

import static dev.jev.nodes.NodePair.await;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Connection;
import dev.jev.CountedTexts;
import dev.jev.Eventually;
import dev.jev.Handler;
import dev.jev.Server;
import dev.jev.SlowConsumer;
import dev.jev.Transport;
import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.local.LocalAddress;
import io.netty.channel.local.LocalChannel;
import io.netty.channel.local.LocalIoHandler;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Clients of a node that is gone, which all resume on another one. */
@Timeout(120)
class ManyResumptionsTest {

  private static final int CLIENTS = 10_000;
  private static final int MISSED = 20;
  private static final String TEXT = "a message of thirty-two bytes...";
  private static final TopicKind<String> LOG =
      TopicKind.log(MessageCodec.utf8(), 1000, Duration.ofMinutes(1));

  private final FaultyBackplane engine = new FaultyBackplane(Backplane.inProcess());
  private final AtomicInteger packed = new AtomicInteger();
  private final AtomicLong bytes = new AtomicLong();
  private final Queue<Connection<String>> connections = new ConcurrentLinkedQueue<>();

  @Test
  void tenThousandResumptionsReadTheEngineOnceAndShareThePackedMessages() throws Exception {
    Position start = publishOnANodeThatIsGone();
    Nodes node = Nodes.builder(engine).name("second").build();
    EventLoopGroup group = new MultiThreadIoEventLoopGroup(1, LocalIoHandler.newFactory());
    try (engine;
        Server server = server(node)) {
      connectAll(group, server);
      NodeTopic<String> topic = node.topic("hot", LOG);
      List<CompletionStage<Resumption>> resumptions = new ArrayList<>();
      for (Connection<String> connection : connections) {
        resumptions.add(topic.resume(connection, SlowConsumer.close(), start));
      }
      for (CompletionStage<Resumption> resumption : resumptions) {
        Resumption result = await(resumption);
        assertThat(result.complete()).isTrue();
        assertThat(result.replayed()).isEqualTo(MISSED);
      }
      long expected = (long) CLIENTS * MISSED * (4 + TEXT.length());
      Eventually.holds("all bytes", () -> bytes.get() >= expected);
      assertThat(bytes).hasValue(expected);
      assertThat(packed).hasValue(MISSED);
      assertThat(engine.reads).hasValueLessThanOrEqualTo(3);
    } finally {
      group.shutdownGracefully(0, 10, TimeUnit.SECONDS).sync();
    }
  }

  /** Publishes the messages that the clients have missed; returns the position before them. */
  private Position publishOnANodeThatIsGone() throws Exception {
    Nodes node = Nodes.builder(engine).name("first").build();
    node.start();
    NodeTopic<String> topic = node.topic("hot", LOG);
    Position start = await(topic.publish("the last one that they got")).position();
    for (int i = 0; i < MISSED; i++) {
      await(topic.publish(TEXT));
    }
    node.stop();
    return start;
  }

  private Server server(Nodes node) {
    Handler<String, String> handler =
        new Handler<>() {
          @Override
          public void onConnect(Connection<String> connection) {
            connections.add(connection);
          }

          @Override
          public void onMessage(Connection<String> connection, String message) {}
        };
    return Server.builder(() -> new CountedTexts("texts", packed), handler)
        .transport(Transport.LOCAL)
        .plugin(node)
        .listen("local://resumptions")
        .start();
  }

  private void connectAll(EventLoopGroup group, Server server) throws Exception {
    Bootstrap bootstrap =
        new Bootstrap().group(group).channel(LocalChannel.class).handler(new Counting());
    LocalAddress address = (LocalAddress) server.addresses().get(0);
    List<Channel> channels = new ArrayList<>();
    for (int i = 0; i < CLIENTS; i++) {
      channels.add(bootstrap.connect(address).sync().channel());
    }
    Eventually.holds("all are connected", () -> connections.size() == channels.size());
  }

  /** Counts what arrives. */
  @ChannelHandler.Sharable
  private final class Counting extends SimpleChannelInboundHandler<ByteBuf> {

    @Override
    protected void channelRead0(ChannelHandlerContext ctx, ByteBuf message) {
      bytes.addAndGet(message.readableBytes());
    }
  }
}
