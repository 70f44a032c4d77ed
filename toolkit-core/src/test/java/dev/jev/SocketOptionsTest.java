package dev.jev;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.netty.channel.Channel;
import io.netty.channel.ChannelConfig;
import io.netty.channel.ChannelOption;
import io.netty.channel.epoll.EpollChannelOption;
import io.netty.channel.uring.IoUringChannelOption;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.NetworkInterface;
import java.net.Socket;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Socket options, read back from sockets in use. */
class SocketOptionsTest {

  private static final String TRANSPORTS = "dev.jev.Available#transports";

  private final Recorder<String, String> recorder = new Recorder<>(Handler.replying(text -> text));
  private @Nullable Server server;

  private Server.Builder<String, String> echo(Transport transport) {
    return Server.builder(Texts::new, recorder).transport(transport).listen("tcp://127.0.0.1:0");
  }

  /** The options of the server's end of a connection, while {@code socket} is open. */
  private ChannelConfig options(Socket socket) throws Exception {
    assertThat(Echo.of(socket, "hi")).isEqualTo("hi");
    return ((StreamConnection<?, ?>) recorder.connection()).channel().config();
  }

  private Socket connect() throws Exception {
    return Echo.connect("127.0.0.1", server.port());
  }

  @AfterEach
  void stop() {
    if (server != null) {
      server.close();
    }
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void defaultsAreNoDelayAndNoKeepAlive(Transport transport) throws Exception {
    server = echo(transport).start();
    try (Socket socket = connect()) {
      ChannelConfig config = options(socket);
      assertThat(config.getOption(ChannelOption.TCP_NODELAY)).isTrue();
      assertThat(config.getOption(ChannelOption.SO_KEEPALIVE)).isFalse();
    }
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void everyOptionReachesTheSocket(Transport transport) throws Exception {
    server =
        echo(transport)
            .tcpNoDelay(false)
            .tcpKeepAlive(Duration.ofSeconds(77))
            .sendBufferBytes(50_000)
            .receiveBufferBytes(60_000)
            .start();
    try (Socket socket = connect()) {
      ChannelConfig config = options(socket);
      assertThat(config.getOption(ChannelOption.TCP_NODELAY)).isFalse();
      assertThat(config.getOption(ChannelOption.SO_KEEPALIVE)).isTrue();
      assertThat(config.getOption(ChannelOption.SO_SNDBUF)).isIn(50_000, 2 * 50_000); // socket(7)
      assertThat(config.getOption(ChannelOption.SO_RCVBUF)).isIn(60_000, 2 * 60_000);
      if (transport == Transport.EPOLL) {
        assertThat(config.getOption(EpollChannelOption.TCP_KEEPIDLE)).isEqualTo(77);
      } else if (transport == Transport.IO_URING) {
        assertThat(config.getOption(IoUringChannelOption.TCP_KEEPIDLE)).isEqualTo(77);
      }
    }
  }

  /** tcp(7): the window scale depends on the listening socket at the time of the connection. */
  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void receiveBufferIsSetBeforeTheSocketListens(Transport transport) throws Exception {
    server = echo(transport).receiveBufferBytes(60_000).start();
    try (Socket socket = connect()) {
      assertThat(Echo.of(socket, "hi")).isEqualTo("hi");
      Channel listener = ((StreamConnection<?, ?>) recorder.connection()).channel().parent();
      assertThat(listener.config().getOption(ChannelOption.SO_RCVBUF)).isIn(60_000, 2 * 60_000);
    }
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void lingerOfZeroClosesAtOnce(Transport transport) throws Exception {
    server = echo(transport).lingeringCloseTimeout(Duration.ZERO).start();
    try (Socket socket = connect()) {
      assertThat(options(socket)).isNotNull();
      server.stop(Duration.ofSeconds(10)); // though the client does not close
      server.awaitStop();
      assertThat(socket.getInputStream().read()).isEqualTo(-1);
    }
  }

  @ParameterizedTest
  @CsvSource({"1023, 1024..1073741824", "0, 1024..1073741824", "1073741825, 1024..1073741824"})
  void buffersOutOfRangeAreRefused(int bytes, String range) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> echo(Transport.AUTO).sendBufferBytes(bytes))
        .withMessage("sendBufferBytes: " + bytes + " (expected: " + range + ")");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> echo(Transport.AUTO).receiveBufferBytes(bytes))
        .withMessage("receiveBufferBytes: " + bytes + " (expected: " + range + ")");
  }

  // The network interface.

  private static String loopback() throws Exception {
    return NetworkInterface.getByInetAddress(InetAddress.getLoopbackAddress()).getName();
  }

  @ParameterizedTest
  @EnumSource(names = {"EPOLL", "IO_URING"})
  void socketsAreTiedToTheirDevice(Transport transport) throws Exception {
    assumeTrue(transport.isAvailable() && System.getProperty("user.name").equals("root"));
    String device = "?device=" + loopback();
    server =
        Server.builder(Texts::new, recorder)
            .transport(transport)
            .listen("tcp://:0" + device)
            .listen("udp://:0" + device)
            .start();
    try (Socket socket = connect()) {
      assertThat(Echo.of(socket, "hi")).isEqualTo("hi");
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"EPOLL", "IO_URING"})
  void unknownDeviceIsRefused(Transport transport) {
    assumeTrue(transport.isAvailable() && System.getProperty("user.name").equals("root"));
    for (String uri : new String[] {"tcp://:0?device=jev9", "udp://:0?device=jev9"}) {
      assertThatThrownBy(() -> echo(transport).listen(uri).start())
          .isInstanceOf(UncheckedIOException.class)
          .hasMessageStartingWith(
              "cannot listen on "
                  + uri
                  + ": device: jev9"
                  + " (expected: an interface of this machine, and the capability CAP_NET_RAW): ")
          .hasMessageContaining("No such device");
    }
  }

  @Test
  void deviceIsRefusedWithNio() {
    assertThatThrownBy(() -> echo(Transport.NIO).listen("tcp://:0?device=lo").start())
        .isInstanceOf(UncheckedIOException.class)
        .hasMessage(
            "cannot listen on tcp://:0?device=lo: transport: NIO"
                + " (expected: EPOLL or IO_URING, for the option device)");
  }
}
