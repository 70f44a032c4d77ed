package dev.jev.websocket;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Client;
import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.Server;
import dev.jev.websocket.WebSocketMessage.Text;
import io.netty.bootstrap.Bootstrap;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.channel.socket.nio.NioSocketChannel;
import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.HttpClientCodec;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.websocketx.TextWebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocketClientHandshakerFactory;
import io.netty.handler.codec.http.websocketx.WebSocketClientProtocolHandler;
import io.netty.handler.codec.http.websocketx.WebSocketClientProtocolHandler.ClientHandshakeStateEvent;
import io.netty.handler.codec.http.websocketx.WebSocketFrameAggregator;
import io.netty.handler.codec.http.websocketx.WebSocketServerProtocolHandler;
import io.netty.handler.codec.http.websocketx.WebSocketVersion;
import io.netty.handler.codec.http.websocketx.extensions.WebSocketClientExtensionHandler;
import io.netty.handler.codec.http.websocketx.extensions.WebSocketServerExtensionHandler;
import io.netty.handler.codec.http.websocketx.extensions.compression.PerMessageDeflateClientExtensionHandshaker;
import io.netty.handler.codec.http.websocketx.extensions.compression.PerMessageDeflateServerExtensionHandshaker;
import java.net.InetSocketAddress;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Compressed messages over real sockets: Jev with Jev, and Jev with Netty. */
@Timeout(60)
class CompressedConnectionsTest {

  private static final int MAX_BYTES = 1 << 20;
  private static final int WAIT = 20;
  private static final List<String> TEXTS =
      Stream.of(
              0, 1, 127, 128, 1000, 16_384,
              150_000) // the last one is decompressed in several parts
          .map(length -> "0123456789 \u20ac words and words ".repeat(1 + length / 25))
          .map(text -> text.substring(0, text.length() / 2))
          .toList();

  private final BlockingQueue<String> received = new LinkedBlockingQueue<>();
  private final BlockingQueue<WebSocketHandshake> handshakes = new LinkedBlockingQueue<>();

  private final Handler<WebSocketMessage, WebSocketMessage> echo =
      new Handler<>() {
        @Override
        public void onConnect(Connection<WebSocketMessage> connection) {
          handshakes.add(connection.attribute(WebSocketHandshake.class));
        }

        @Override
        public void onMessage(Connection<WebSocketMessage> connection, WebSocketMessage message) {
          connection.send(message);
        }
      };

  private Server server(WebSocketCompression options) {
    return Server.builder(
            WebSocketProtocol.server().compression(options).maxMessageBytes(MAX_BYTES).build(),
            echo)
        .listen("tcp://127.0.0.1:0")
        .eventLoops(1)
        .lingeringCloseTimeout(Duration.ofMillis(50))
        .start();
  }

  private Client<WebSocketMessage> client(int port, WebSocketCompression options) {
    WebSocketClientBuilder protocol =
        WebSocketProtocol.client(URI.create("ws://127.0.0.1:" + port + "/"))
            .compression(options)
            .maxMessageBytes(MAX_BYTES);
    return Client.builder(
            protocol.build(),
            (Connection<WebSocketMessage> connection, WebSocketMessage message) ->
                received.add(((Text) message).text()))
        .lingeringCloseTimeout(Duration.ofMillis(50))
        .connect(protocol.address());
  }

  private static WebSocketCompression options(boolean takeover) {
    WebSocketCompression options = WebSocketCompression.DEFAULT;
    return takeover ? options.contextTakeover() : options;
  }

  @AfterEach
  void nothingElseHappened() {
    assertThat(received).isEmpty();
  }

  private void expectTexts() throws Exception {
    for (String text : TEXTS) {
      assertThat(received.poll(WAIT, SECONDS)).isEqualTo(text);
    }
  }

  private void talk(Client<WebSocketMessage> client) throws Exception {
    Connection<WebSocketMessage> connection =
        client.connected().toCompletableFuture().get(WAIT, SECONDS);
    for (String text : TEXTS) {
      connection.send(WebSocketMessage.text(text));
    }
    expectTexts();
  }

  @ParameterizedTest
  @CsvSource({"false, false", "true, false", "false, true", "true, true"})
  void serverAndClientUnderstandEachOther(boolean ofServer, boolean ofClient) throws Exception {
    int before = Zlib.alive();
    try (Server server = server(options(ofServer));
        Client<WebSocketMessage> client = client(server.port(), options(ofClient))) {
      talk(client);
      String answer = handshakes.take().response().header(PermessageDeflate.HEADER);
      String none = "; server_no_context_takeover; client_no_context_takeover";
      boolean both = ofServer && ofClient;
      assertThat(answer).isEqualTo("permessage-deflate" + (both ? "" : none));
      assertThat(Zlib.alive()).isGreaterThan(before);
    }
    assertThat(Zlib.alive()).isEqualTo(before);
  }

  @Test
  void nativeMemoryIsFreedHoweverConnectionsEnd() throws Exception {
    int before = Zlib.alive();
    Server server = server(options(/* takeover= */ true));
    String offer = PermessageDeflate.HEADER + ": permessage-deflate";
    String hello = "\u00c1\u0087\0\0\0\0\u00f2H\u00cd\u00c9\u00c9\u0007\0";
    String begun = hello.substring(0, 9);
    try {
      for (int i = 0; i < 12; i++) {
        try (HttpPeer peer = HttpPeer.connect(server)) {
          peer.write(HttpPeer.handshake(offer));
          assertThat(peer.read().status()).isEqualTo(101);
          peer.write(hello);
          assertThat(peer.readText()).isEqualTo("Hello");
          switch (i % 4) {
            case 0 -> peer.write(begun); // followed by a FIN
            case 1 -> {
              peer.write(begun);
              peer.raw().reset();
            }
            case 2 -> peer.write(begun + "\u00ff\u00ff\u00ff");
            default -> peer.write(begun + "\u0088\u0080\0\0\0\0");
          }
        }
      }
      try (HttpPeer peer = HttpPeer.connect(server)) { // open until the server closes
        peer.write(HttpPeer.handshake(offer) + begun);
        assertThat(peer.read().status()).isEqualTo(101);
      }
    } finally {
      server.close();
    }
    assertThat(Zlib.alive()).isEqualTo(before);
  }

  // Netty as the peer.

  /** Echoes messages, or records them. */
  private static final class Texts extends SimpleChannelInboundHandler<TextWebSocketFrame> {

    private final BlockingQueue<String> received;
    private final boolean echo;

    Texts(BlockingQueue<String> received, boolean echo) {
      this.received = received;
      this.echo = echo;
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext context, Object event) {
      if (event == ClientHandshakeStateEvent.HANDSHAKE_COMPLETE) {
        TEXTS.forEach(text -> context.write(new TextWebSocketFrame(text)));
        context.flush();
      }
    }

    @Override
    protected void channelRead0(ChannelHandlerContext context, TextWebSocketFrame frame) {
      if (echo) {
        context.writeAndFlush(frame.retain());
      } else {
        received.add(frame.text());
      }
    }
  }

  private static ChannelInitializer<Channel> pipeline(ChannelHandler... handlers) {
    return new ChannelInitializer<>() {
      @Override
      protected void initChannel(Channel channel) {
        channel.pipeline().addLast(handlers);
      }
    };
  }

  @ParameterizedTest
  @CsvSource({"true, false", "false, true", "true, true"})
  void serverUnderstandsAClientOfNetty(boolean takeover, boolean noneAsked) throws Exception {
    EventLoopGroup group = new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());
    try (Server server = server(options(takeover))) {
      WebSocketClientProtocolHandler protocol =
          new WebSocketClientProtocolHandler(
              WebSocketClientHandshakerFactory.newHandshaker(
                  URI.create("ws://127.0.0.1:" + server.port() + "/"),
                  WebSocketVersion.V13,
                  null,
                  /* allowExtensions= */ true,
                  new DefaultHttpHeaders(),
                  MAX_BYTES));
      Channel channel =
          new Bootstrap()
              .group(group)
              .channel(NioSocketChannel.class)
              .handler(
                  pipeline(
                      new HttpClientCodec(),
                      new HttpObjectAggregator(8192),
                      new WebSocketClientExtensionHandler(
                          new PerMessageDeflateClientExtensionHandshaker(
                              6, false, 15, true, noneAsked, MAX_BYTES)),
                      protocol,
                      new WebSocketFrameAggregator(MAX_BYTES),
                      new Texts(received, /* echo= */ false)))
              .connect("127.0.0.1", server.port())
              .sync()
              .channel();
      WebSocketHandshake handshake = handshakes.poll(WAIT, SECONDS);
      assertThat(handshake.response().header(PermessageDeflate.HEADER)).isNotNull();
      expectTexts();
      channel.close().sync();
    } finally {
      group.shutdownGracefully(0, 1, SECONDS).sync();
    }
  }

  @ParameterizedTest
  @CsvSource({"false, false", "true, false", "false, true", "true, true"})
  void clientUnderstandsAServerOfNetty(boolean takeover, boolean noneAllowed) throws Exception {
    EventLoopGroup group = new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());
    try {
      Channel listener =
          new ServerBootstrap()
              .group(group)
              .channel(NioServerSocketChannel.class)
              .childHandler(
                  pipeline(
                      new HttpServerCodec(),
                      new HttpObjectAggregator(8192),
                      new WebSocketServerExtensionHandler(
                          new PerMessageDeflateServerExtensionHandshaker(
                              6, false, 15, noneAllowed, false, MAX_BYTES)),
                      new WebSocketServerProtocolHandler("/", null, true, MAX_BYTES),
                      new WebSocketFrameAggregator(MAX_BYTES),
                      new Texts(received, /* echo= */ true)))
              .bind("127.0.0.1", 0)
              .sync()
              .channel();
      int port = ((InetSocketAddress) listener.localAddress()).getPort();
      try (Client<WebSocketMessage> client = client(port, options(takeover))) {
        talk(client);
        Connection<WebSocketMessage> connection =
            client.connected().toCompletableFuture().get(WAIT, SECONDS);
        WebSocketHandshake handshake = connection.attribute(WebSocketHandshake.class);
        assertThat(handshake.response().header(PermessageDeflate.HEADER))
            .startsWith("permessage-deflate");
      }
    } finally {
      group.shutdownGracefully(0, 1, SECONDS).sync();
    }
  }
}
