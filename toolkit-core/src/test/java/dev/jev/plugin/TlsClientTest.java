package dev.jev.plugin;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.Plugin;
import dev.jev.RawPeer;
import dev.jev.Recorder;
import dev.jev.Server;
import dev.jev.Texts;
import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioSocketChannel;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** TLS of a client, in a pipeline of Netty's, with a server that has TLS too. */
class TlsClientTest {

  @TempDir static Path directory;
  private static Certificates certificates;
  private static TlsIdentity localhost;

  private final Recorder<String, String> recorder =
      new Recorder<>((connection, message) -> connection.send(message));
  private final Ends ends = new Ends();
  private final EventLoopGroup group =
      new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());
  private @Nullable Server server;

  @BeforeAll
  static void certify() throws Exception {
    certificates = new Certificates(directory);
    localhost = certificates.pem("localhost");
  }

  @AfterEach
  void stop() {
    if (server != null) {
      server.close();
    }
    group.shutdownGracefully(0, 0, TimeUnit.SECONDS).syncUninterruptibly();
  }

  private void start(Tls.Builder tls) {
    server =
        Server.builder(Texts::new, recorder)
            .plugin(ends)
            .plugin(tls.build())
            .listen("tcp://127.0.0.1:0")
            .eventLoops(1)
            .blockedLoopTime(Duration.ofSeconds(10)) // the machine may be busy
            .start();
  }

  private static Tls.Builder serverTls() {
    return Tls.server().identity(localhost);
  }

  private static Tls.Builder clientTls(Tls.Provider provider) throws Exception {
    return Tls.client().provider(provider).trustPem(certificates.authorityPem());
  }

  /** A connection that puts a plugin between a socket and a queue of what happens. */
  private final class Client extends ChannelInboundHandlerAdapter implements Plugin.Link {

    final BlockingQueue<String> events = new LinkedBlockingQueue<>();
    final Channel channel;
    volatile TlsSession session;
    private Plugin.Observer observer;

    Client(Tls tls, InetSocketAddress address) throws Exception {
      channel =
          new Bootstrap()
              .group(group)
              .channel(NioSocketChannel.class)
              .option(ChannelOption.ALLOW_HALF_CLOSURE, true)
              .handler(
                  new ChannelInitializer<Channel>() {
                    @Override
                    protected void initChannel(Channel added) {
                      observer = tls.install(Client.this.on(added));
                      added.pipeline().addLast(Client.this);
                    }
                  })
              .connect(address)
              .sync()
              .channel();
    }

    private volatile Channel installing;

    private Plugin.Link on(Channel added) {
      installing = added;
      return this;
    }

    void expect(String event) throws InterruptedException {
      assertThat(events.poll(10, TimeUnit.SECONDS)).isEqualTo(event);
    }

    void send(String text) {
      channel.writeAndFlush(Unpooled.wrappedBuffer(RawPeer.frames(text)));
    }

    @Override
    public void channelActive(ChannelHandlerContext ctx) {
      events.add("connected");
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
      ByteBuf bytes = (ByteBuf) message;
      events.add("read " + ByteBufUtil.hexDump(bytes));
      bytes.release();
    }

    @Override
    public @Nullable Server server() {
      return null;
    }

    @Override
    public ChannelPipeline pipeline() {
      return installing.pipeline();
    }

    @Override
    public <T> void attribute(Class<T> type, T value) {
      session = (TlsSession) value;
    }

    @Override
    public void close(CloseReason reason) {
      events.add("close " + reason);
      installing.close();
    }

    @Override
    public void closeNow(CloseReason reason) {
      close(reason);
    }

    @Override
    public Connection<?> connection() {
      throw new UnsupportedOperationException();
    }

    @Override
    public void addresses(SocketAddress remote, SocketAddress local) {}

    @Override
    public void pauseReading() {}

    @Override
    public void resumeReading() {}

    @Override
    public long unreadBytes() {
      return 0;
    }
  }

  private Client connect(Tls.Builder tls, String host) throws Exception {
    InetAddress address = InetAddress.getByAddress(host, new byte[] {127, 0, 0, 1});
    return new Client(tls.build(), new InetSocketAddress(address, server.port()));
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void clientAsksForItsHostAndChecksTheCertificate(Tls.Provider provider) throws Exception {
    start(serverTls().identity("www.example.com", certificates.pem("www.example.com")));
    Client client = connect(clientTls(provider).applicationProtocols("a"), "www.example.com");
    client.expect("connected");
    assertThat(client.session.serverName()).isEqualTo("www.example.com");
    assertThat(client.session.peer().getName()).isEqualTo("CN=www.example.com");
    client.send("hi");
    client.expect("read 000000026869");
    client.observer.ending().sync();
    recorder.expect("connect", "message hi", "close PEER_CLOSED");
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void serverNameCanBeSet(Tls.Provider provider) throws Exception {
    start(serverTls().identity("www.example.com", certificates.pem("www.example.com")));
    Client client =
        connect(clientTls(provider).serverName("www.example.com"), "elsewhere.example.org");
    client.expect("connected");
    assertThat(client.session.peer().getName()).isEqualTo("CN=www.example.com");
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void certificateForAnotherNameIsRefused(Tls.Provider provider) throws Exception {
    start(serverTls());
    Client client = connect(clientTls(provider), "www.example.com");
    assertThat(client.events.poll(10, TimeUnit.SECONDS))
        .startsWith("close PROTOCOL_ERROR: TLS: ")
        .contains("www.example.com");
    assertThat(ends.next().kind()).isEqualTo(CloseReason.Kind.PROTOCOL_ERROR);
  }

  @ParameterizedTest
  @CsvSource({"JDK,true", "JDK,false", "BORINGSSL,true", "BORINGSSL,false"})
  void certificateOfAnUnknownAuthorityIsRefused(
      Tls.Provider provider, boolean ofTheJdk, @TempDir Path elsewhere) throws Exception {
    start(serverTls());
    Tls.Builder tls = Tls.client().provider(provider);
    Client client =
        connect(
            ofTheJdk ? tls : tls.trustPem(new Certificates(elsewhere).authorityPem()), "localhost");
    assertThat(client.events.poll(10, TimeUnit.SECONDS)).startsWith("close PROTOCOL_ERROR: TLS: ");
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void insecureClientTrustsEverybody(Tls.Provider provider) throws Exception {
    start(serverTls());
    Client client = connect(Tls.client().provider(provider).insecure(), "www.example.com");
    client.expect("connected");
    assertThat(client.session.peer().getName()).isEqualTo("CN=localhost");
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void clientShowsItsCertificate(Tls.Provider provider) throws Exception {
    start(serverTls().needClientCertificate().trustPem(certificates.authorityPem()));
    Client client =
        connect(clientTls(provider).identity(certificates.pem("somebody")), "localhost");
    client.expect("connected");
    assertThat(recorder.connection().attribute(TlsSession.class).peer().getName())
        .isEqualTo("CN=somebody");
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void serverThatDoesNotSpeakTlsIsRefused(Tls.Provider provider) throws Exception {
    Handler<String, String> plain =
        new Handler<>() {
          @Override
          public void onConnect(Connection<String> connection) {
            connection.send("plain text");
          }

          @Override
          public void onMessage(Connection<String> connection, String message) {}
        };
    server = Server.builder(Texts::new, plain).listen("tcp://127.0.0.1:0").start();
    Client client = connect(clientTls(provider), "localhost");
    client.expect("close PROTOCOL_ERROR: type of the record: 0 (expected: 20..23)");
  }
}
