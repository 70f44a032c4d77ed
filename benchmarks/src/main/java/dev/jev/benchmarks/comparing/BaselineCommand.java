package dev.jev.benchmarks.comparing;

import dev.jev.benchmarks.shared.BenchmarkException;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler.Sharable;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.channel.group.ChannelGroup;
import io.netty.channel.group.DefaultChannelGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.channel.uring.IoUringIoHandler;
import io.netty.channel.uring.IoUringServerSocketChannel;
import io.netty.handler.codec.LengthFieldBasedFrameDecoder;
import io.netty.handler.codec.LengthFieldPrepender;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.websocketx.TextWebSocketFrame;
import io.netty.handler.codec.redis.RedisArrayAggregator;
import io.netty.handler.codec.redis.RedisBulkStringAggregator;
import io.netty.handler.codec.redis.RedisDecoder;
import io.netty.handler.codec.redis.RedisEncoder;
import io.netty.handler.timeout.IdleStateHandler;
import io.netty.util.concurrent.GlobalEventExecutor;
import java.net.InetSocketAddress;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/**
 * A server written directly on Netty, in the style of its documentation. Jev is compared with it.
 */
@SuppressWarnings("FutureReturnValueIgnored") // A failed write closes the connection.
@Command(name = "baseline", description = "A server on plain Netty: " + BaselineCommand.NAMES)
public final class BaselineCommand implements Callable<Integer> {

  static final String NAMES = "echo, length-prefixed, redis, http, ws-echo or ws-broadcast";

  private static final int MAX_FRAME_BYTES = 1024 * 1024;

  /** Maximum number of arguments of a command, as in redis-server. */
  private static final int MAX_ARGUMENTS = 1024 * 1024;

  /** One instance for all connections, as it is stateless and sharable. */
  private static final LengthFieldPrepender LENGTH_FIELD_PREPENDER = new LengthFieldPrepender(4);

  @Parameters(paramLabel = "NAME", description = NAMES)
  private String name = "";

  @Option(names = "--port", description = "default: 0, which takes any free port")
  private int port;

  @Option(names = "--loops", description = "event loops; one of them accepts too (default: 1)")
  private int loops = 1;

  @Option(
      names = "--void-promise",
      description = "writes with void promises, which Netty calls an expert feature")
  private boolean voidPromise;

  @Option(names = "--idle-seconds", description = "adds an IdleStateHandler and ignores its events")
  private int idleSeconds;

  @Option(names = "--io-uring", description = "uses io_uring instead of epoll")
  private boolean ioUring;

  @Mixin private WebSocketOptions webSockets = new WebSocketOptions();

  private final ChannelGroup subscribers = new DefaultChannelGroup(GlobalEventExecutor.INSTANCE);

  @Override
  public Integer call() throws InterruptedException {
    Consumer<ChannelPipeline> handlers = handlersOf(name);
    boolean epoll = Epoll.isAvailable();
    if (!epoll) {
      System.err.println("transport: nio (expected: epoll; otherwise the comparison is not fair)");
    }
    EventLoopGroup group =
        new MultiThreadIoEventLoopGroup(
            loops,
            ioUring
                ? IoUringIoHandler.newFactory()
                : epoll ? EpollIoHandler.newFactory() : NioIoHandler.newFactory());
    if (name.equals("ws-broadcast")) {
      group.scheduleAtFixedRate(
          () -> subscribers.writeAndFlush(timestampedText()),
          webSockets.periodMillis,
          webSockets.periodMillis,
          TimeUnit.MILLISECONDS);
    }
    try {
      Channel server =
          new ServerBootstrap()
              .group(group)
              .channel(
                  ioUring
                      ? IoUringServerSocketChannel.class
                      : epoll ? EpollServerSocketChannel.class : NioServerSocketChannel.class)
              .childOption(ChannelOption.TCP_NODELAY, true)
              .childHandler(
                  new ChannelInitializer<Channel>() {
                    @Override
                    protected void initChannel(Channel connection) {
                      if (webSockets.sendBufferBytes > 0) {
                        connection
                            .config()
                            .setOption(ChannelOption.SO_SNDBUF, webSockets.sendBufferBytes);
                      }
                      if (idleSeconds > 0) {
                        connection.pipeline().addLast(new IdleStateHandler(idleSeconds, 0, 0));
                      }
                      handlers.accept(connection.pipeline());
                    }
                  })
              .bind("127.0.0.1", port)
              .sync()
              .channel();
      int bound = ((InetSocketAddress) server.localAddress()).getPort();
      System.out.println("listening on tcp://127.0.0.1:" + bound);
      System.out.flush();
      server.closeFuture().sync();
    } finally {
      group.shutdownGracefully();
    }
    return 0;
  }

  private TextWebSocketFrame timestampedText() {
    return new TextWebSocketFrame(Unpooled.wrappedBuffer(TimestampedMessage.now(webSockets.size)));
  }

  private Consumer<ChannelPipeline> handlersOf(String name) {
    Echo echo = new Echo(voidPromise);
    return switch (name) {
      case "echo" -> pipeline -> pipeline.addLast(echo);
      case "length-prefixed" ->
          pipeline ->
              pipeline.addLast(
                  new LengthFieldBasedFrameDecoder(MAX_FRAME_BYTES, 0, 4, 0, 4),
                  LENGTH_FIELD_PREPENDER,
                  echo);
      case "redis" -> {
        NettyRedisHandler store = new NettyRedisHandler(voidPromise);
        yield pipeline ->
            pipeline.addLast(
                new RedisDecoder(),
                new RedisBulkStringAggregator(),
                new RedisArrayAggregator(MAX_ARGUMENTS, /* maxNestedArrayDepth= */ 1),
                new RedisEncoder(),
                store);
      }
      case "http" -> {
        NettyHttpHandler http = new NettyHttpHandler(voidPromise);
        yield pipeline -> pipeline.addLast(new HttpServerCodec(), http);
      }
      case "ws-echo", "ws-broadcast" -> new NettyWebSocketHandler(webSockets, subscribers)::addTo;
      default -> throw new BenchmarkException("baseline: " + name + " (expected: " + NAMES + ")");
    };
  }

  /** Echoes what it reads and flushes once per read batch. */
  @Sharable
  private static final class Echo extends ChannelInboundHandlerAdapter {

    private final boolean voidPromise;

    Echo(boolean voidPromise) {
      this.voidPromise = voidPromise;
    }

    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
      context.write(message, voidPromise ? context.voidPromise() : context.newPromise());
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext context) {
      context.flush();
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
      context.close();
    }
  }
}
