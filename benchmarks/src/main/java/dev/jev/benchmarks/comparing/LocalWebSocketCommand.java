package dev.jev.benchmarks.comparing;

import static java.nio.charset.StandardCharsets.US_ASCII;

import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.Protocol;
import dev.jev.Server;
import dev.jev.Topic;
import dev.jev.Transport;
import dev.jev.benchmarks.shared.BenchmarkException;
import dev.jev.benchmarks.shared.WebSocketHandshake;
import dev.jev.codec.Protocols;
import dev.jev.websocket.WebSocketMessage;
import dev.jev.websocket.WebSocketProtocol;
import io.netty.bootstrap.Bootstrap;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandler.Sharable;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.group.DefaultChannelGroup;
import io.netty.channel.local.LocalAddress;
import io.netty.channel.local.LocalChannel;
import io.netty.channel.local.LocalIoHandler;
import io.netty.channel.local.LocalServerChannel;
import io.netty.util.concurrent.GlobalEventExecutor;
import io.netty.util.internal.PlatformDependent;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryMXBean;
import java.util.concurrent.Callable;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/**
 * Opens connections within the process and prints the memory of each, for both ends together: bytes
 * of live heap and of direct memory. The client's end is a bare channel; with {@code none}, the
 * server's end is one, too. The others are WebSockets, except {@code echo}.
 */
@Command(
    name = "local-websocket",
    description = "Measures the memory of idle connections within a process.")
public final class LocalWebSocketCommand implements Callable<Integer> {

  private static final String NAME = "websockets";
  private static final int BATCH = 1_000;

  @Parameters(paramLabel = "KIND", description = "none, echo, jev, subscribed or netty")
  private String kind = "";

  @Option(names = "--connections", description = "default: 1000000")
  private int connections = 1_000_000;

  @Option(names = "--browser", description = "the handshake is that of a browser")
  private boolean browser;

  private final EventLoopGroup group =
      new MultiThreadIoEventLoopGroup(1, LocalIoHandler.newFactory());

  private final Semaphore opened = new Semaphore(0);

  @Override
  public Integer call() throws Exception {
    WebSocketHandshake handshake =
        browser ? WebSocketHandshake.BROWSER : WebSocketHandshake.MINIMAL;
    boolean isWebSocket = !kind.equals("none") && !kind.equals("echo");
    byte[] request = isWebSocket ? handshake.request(80) : new byte[0];
    switch (kind) {
      case "none" -> listen(new ClientHandler(request, new Semaphore(0)));
      case "echo" -> listen(Protocols::bytes, Connection::send);
      case "jev" -> listen(WebSocketProtocol::new, Connection::send);
      case "subscribed" -> listen(WebSocketProtocol::new, new Subscribing());
      case "netty" -> listen(nettyServer());
      default ->
          throw new BenchmarkException(
              "kind: " + kind + " (expected: none, echo, jev, subscribed or netty)");
    }
    connect(2 * BATCH, request); // allocates what exists only once
    long heap = liveHeap();
    long direct = PlatformDependent.usedDirectMemory();
    connect(connections, request);
    long heapEach = (liveHeap() - heap) / connections;
    long directEach = (PlatformDependent.usedDirectMemory() - direct) / connections;
    System.out.println(heapEach + " " + directEach);
    System.out.flush();
    Runtime.getRuntime().halt(0); // closing all connections would take long
    return 0;
  }

  private static <M> void listen(
      Supplier<? extends Protocol<M, M>> protocol, Handler<M, M> handler) {
    Server.builder(protocol, handler)
        .transport(Transport.LOCAL)
        .eventLoops(1)
        .maxConnections(Integer.MAX_VALUE)
        .listen("local://" + NAME)
        .start();
  }

  private void listen(ChannelHandler children) throws InterruptedException {
    new ServerBootstrap()
        .group(group)
        .channel(LocalServerChannel.class)
        .childHandler(
            new ChannelInitializer<Channel>() {
              @Override
              protected void initChannel(Channel child) {
                child.pipeline().addLast(children);
              }
            })
        .bind(new LocalAddress(NAME))
        .sync();
  }

  private static ChannelHandler nettyServer() {
    NettyWebSocketHandler handler =
        new NettyWebSocketHandler(
            new WebSocketOptions(), new DefaultChannelGroup(GlobalEventExecutor.INSTANCE));
    return new ChannelInitializer<Channel>() {
      @Override
      protected void initChannel(Channel child) {
        handler.addTo(child.pipeline());
      }
    };
  }

  /** Connects in batches. */
  private void connect(int count, byte[] request) throws InterruptedException {
    Bootstrap bootstrap =
        new Bootstrap()
            .group(group)
            .channel(LocalChannel.class)
            .handler(new ClientHandler(request, opened));
    for (int i = 0; i < count; i += BATCH) {
      for (int j = 0; j < BATCH; j++) {
        connect(bootstrap);
      }
      if (!opened.tryAcquire(BATCH, 60, TimeUnit.SECONDS)) {
        throw new BenchmarkException(kind + ": no response for 60 s (expected: open WebSockets)");
      }
    }
  }

  /** Retries if the client address that Netty generates is in use. */
  private static void connect(Bootstrap bootstrap) {
    ChannelFuture connecting = bootstrap.connect(new LocalAddress(NAME));
    connecting.addListener(
        done -> {
          if (!done.isSuccess()) {
            connect(bootstrap);
          }
        });
  }

  private static long liveHeap() {
    MemoryMXBean memory = ManagementFactory.getMemoryMXBean();
    for (int i = 0; i < 2; i++) {
      memory.gc();
    }
    return memory.getHeapMemoryUsage().getUsed();
  }

  /** Subscribes each connection to one topic. */
  private static final class Subscribing implements Handler<WebSocketMessage, WebSocketMessage> {

    private final Topic<WebSocketMessage> topic = Topic.of("prices");

    @Override
    public void onConnect(Connection<WebSocketMessage> connection) {
      topic.subscribe(connection);
    }

    @Override
    public void onMessage(Connection<WebSocketMessage> connection, WebSocketMessage message) {
      connection.send(message);
    }
  }

  /** Sends the request, if there is one, and waits for the response. */
  @Sharable
  private static final class ClientHandler extends SimpleChannelInboundHandler<ByteBuf> {

    private final byte[] request;
    private final Semaphore opened;

    ClientHandler(byte[] request, Semaphore opened) {
      this.request = request;
      this.opened = opened;
    }

    @Override
    @SuppressWarnings("FutureReturnValueIgnored") // a failed write ends in a timeout
    public void channelActive(ChannelHandlerContext context) {
      if (request.length > 0) {
        context.writeAndFlush(Unpooled.wrappedBuffer(request));
      } else {
        opened.release();
      }
    }

    @Override
    protected void channelRead0(ChannelHandlerContext context, ByteBuf answer) {
      if (answer.toString(US_ASCII).endsWith("\r\n\r\n")) {
        opened.release();
      }
    }
  }
}
