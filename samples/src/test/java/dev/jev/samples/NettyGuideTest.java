package dev.jev.samples;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.Server;
import dev.jev.Topic;
import dev.jev.codec.Protocols;
import dev.jev.plugin.IdleReaper;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.group.ChannelGroup;
import io.netty.channel.group.DefaultChannelGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.codec.LengthFieldBasedFrameDecoder;
import io.netty.handler.codec.LengthFieldPrepender;
import io.netty.handler.codec.string.StringDecoder;
import io.netty.handler.codec.string.StringEncoder;
import io.netty.handler.timeout.IdleStateEvent;
import io.netty.handler.timeout.IdleStateHandler;
import io.netty.util.concurrent.GlobalEventExecutor;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Runs the code of docs/coming-from-netty.md: each of its Java blocks is a region of this class.
 */
@Timeout(60)
@SuppressWarnings("FutureReturnValueIgnored") // as in most pipelines
class NettyGuideTest {

  // region netty
  /** A chat of texts behind a length of four bytes. */
  static final class ChatPipeline extends ChannelInitializer<SocketChannel> {

    private final ChannelGroup members = new DefaultChannelGroup(GlobalEventExecutor.INSTANCE);

    @Override
    protected void initChannel(SocketChannel channel) {
      channel
          .pipeline()
          .addLast(new IdleStateHandler(60, 0, 0))
          .addLast(new LengthFieldBasedFrameDecoder(1024 * 1024, 0, 4, 0, 4))
          .addLast(new LengthFieldPrepender(4))
          .addLast(new StringDecoder(UTF_8))
          .addLast(new StringEncoder(UTF_8))
          .addLast(new ChatHandler());
    }

    private final class ChatHandler extends SimpleChannelInboundHandler<String> {

      @Override
      public void channelActive(ChannelHandlerContext ctx) {
        members.add(ctx.channel());
      }

      @Override
      protected void channelRead0(ChannelHandlerContext ctx, String text) {
        members.writeAndFlush(text);
      }

      @Override
      public void channelWritabilityChanged(ChannelHandlerContext ctx) {
        if (!ctx.channel().isWritable()) {
          ctx.close(); // it reads too slowly, and its queue has no limit
        }
      }

      @Override
      public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
        if (event instanceof IdleStateEvent) {
          ctx.close();
        }
      }

      @Override
      public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        ctx.close();
      }
    }
  }

  // endregion

  // region jev
  static final class Chat implements Handler<String, String> {

    private final Topic<String> members = Topic.of("members"); // closes those that read too slowly

    @Override
    public void onConnect(Connection<String> connection) {
      members.subscribe(connection);
    }

    @Override
    public void onMessage(Connection<String> connection, String text) {
      members.publish(text);
    }
  }

  static Server start(String uri) {
    return Server.builder(() -> Protocols.strings(Protocols.lengthPrefixed(), UTF_8), new Chat())
        .listen(uri)
        .plugin(IdleReaper.readIdle(Duration.ofMinutes(1)))
        .start();
  }

  // endregion

  @Test
  void bothServersDoTheSame() throws Exception {
    try (Server server = start("tcp://127.0.0.1:0")) {
      expectChat(server.port());
    }
    EventLoopGroup loops = new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());
    try {
      Channel server =
          new ServerBootstrap()
              .group(loops)
              .channel(NioServerSocketChannel.class)
              .childHandler(new ChatPipeline())
              .bind("127.0.0.1", 0)
              .sync()
              .channel();
      expectChat(((InetSocketAddress) server.localAddress()).getPort());
    } finally {
      loops.shutdownGracefully(0, 1, TimeUnit.SECONDS).sync();
    }
  }

  private static void expectChat(int port) throws IOException {
    try (Socket one = new Socket(InetAddress.getLoopbackAddress(), port);
        Socket two = new Socket(InetAddress.getLoopbackAddress(), port)) {
      send(one, "one");
      assertThat(receive(one)).isEqualTo("one"); // it has joined
      send(two, "two");
      assertThat(receive(one)).isEqualTo("two");
      String first = receive(two); // it may have joined in time to hear the other one
      assertThat(first.equals("one") ? receive(two) : first).isEqualTo("two");
    }
  }

  private static void send(Socket socket, String text) throws IOException {
    byte[] bytes = text.getBytes(UTF_8);
    DataOutputStream out = new DataOutputStream(socket.getOutputStream());
    out.writeInt(bytes.length);
    out.write(bytes);
  }

  private static String receive(Socket socket) throws IOException {
    socket.setSoTimeout(10_000);
    DataInputStream in = new DataInputStream(socket.getInputStream());
    return new String(in.readNBytes(in.readInt()), UTF_8);
  }

  @Test
  void codeIsShownInTheDocument() throws IOException {
    Snippets.expectShown("docs/coming-from-netty.md", NettyGuideTest.class);
  }
}
