package dev.jev;

import static dev.jev.ClientTest.failure;
import static dev.jev.ClientTest.get;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.jev.Client.WhileDisconnected;
import io.netty.channel.local.LocalAddress;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Clients of other networks than TCP: inside the process, unix sockets, UDP. */
class ClientNetworksTest {

  private final Recorder<String, String> recorder = Recorder.silent();
  @TempDir private Path directory;

  @AfterEach
  void nothingIsLeft() throws Exception {
    Eventually.noServerThreadIsLeft();
  }

  private static Server.Builder<String, String> echo(String uri) {
    return Server.<String, String>builder(Texts::new, Connection::send).listen(uri).eventLoops(1);
  }

  private static Server echo(String uri, EventLoops eventLoops) {
    return Server.<String, String>builder(Texts::new, Connection::send)
        .listen(uri)
        .eventLoops(eventLoops)
        .start();
  }

  private Client.Builder<String, String> client() {
    return Client.builder(Texts::new, recorder);
  }

  // Inside the process.

  @Test
  void localClientMeetsALocalServer() throws Exception {
    try (Server server = echo("local://meeting").transport(Transport.LOCAL).start()) {
      Client<String> client = client().transport(Transport.LOCAL).connect("local://meeting");
      Connection<String> connection = get(client.connected());
      assertThat(connection.remoteAddress()).isEqualTo(new LocalAddress("meeting"));
      assertThat(client.send("hi")).isTrue();
      recorder.expect("connect", "message hi");
      client.close();
      recorder.expect("close CLOSED");
      Eventually.holds("the server knows", () -> server.connectionCount() == 0);
    }
  }

  @Test
  void localClientSharesTheLoopsOfItsServer() throws Exception {
    try (Server server = echo("local://meeting").transport(Transport.LOCAL).start();
        Client<String> client =
            client()
                .eventLoops(server.eventLoops())
                .whileDisconnected(WhileDisconnected.QUEUE)
                .connect("local://meeting")) {
      for (int i = 0; i < 1_000; i++) {
        assertThat(client.send("m" + i)).isTrue();
      }
      recorder.expect("connect");
      for (int i = 0; i < 1_000; i++) {
        recorder.expect("message m" + i);
      }
    }
  }

  @Test
  void localServerHandlesWhatArrivedBeforeTheClose() throws Exception {
    CompletableFuture<Connection<String>> peer = new CompletableFuture<>();
    Recorder<String, String> atServer =
        new Recorder<>(
            (connection, message) -> {
              if (message.equals("go")) {
                connection.deliver("x"); // its completion takes another turn, behind the close
                peer.join().execute(() -> sendLastAndClose(peer.join()));
              }
            });
    try (Server server =
            Server.builder(Texts::new, atServer)
                .transport(Transport.LOCAL)
                .eventLoops(1)
                .listen("local://last")
                .start();
        Client<String> client = client().eventLoops(server.eventLoops()).connect("local://last")) {
      peer.complete(get(client.connected()));
      client.send("go");
      atServer.expect("connect", "message go", "message last", "close PEER_CLOSED");
    }
  }

  private static void sendLastAndClose(Connection<String> connection) {
    connection.send("last");
    connection.close();
  }

  @Test
  void localClientReconnects() throws Exception {
    try (LogCapture log = new LogCapture("dev.jev");
        EventLoops loops = EventLoops.builder().transport(Transport.LOCAL).count(1).start()) {
      Server first = echo("local://again", loops);
      Client<String> client =
          client()
              .eventLoops(loops)
              .reconnect(Duration.ofMillis(1), Duration.ofMillis(5))
              .connect("local://again");
      get(client.connected());
      first.close();
      recorder.expect("connect", "close PEER_CLOSED");
      try (Server second = echo("local://again", loops)) {
        recorder.expect("connect");
        assertThat(second.connectionCount()).isEqualTo(1);
        assertThat(log.messages("plugin")).isEmpty();
        client.close();
      }
    }
  }

  @Test
  void localNameWithoutAListenerFails() throws Exception {
    try (Client<String> client = client().transport(Transport.LOCAL).connect("local://absent")) {
      assertThat(failure(client.connected()))
          .hasMessageMatching("cannot connect to local://absent: .*[cC]onnection refused.*");
    }
  }

  @Test
  void transportWithoutSuchSocketsIsRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> client().transport(Transport.NIO).connect("local://a"))
        .withMessage("transport: NIO (expected: LOCAL, for an address local://) for local://a");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> client().transport(Transport.LOCAL).connect("tcp://a:1"))
        .withMessage("transport: LOCAL (expected: one with sockets) for tcp://a:1");
  }

  // Unix sockets.

  @ParameterizedTest
  @MethodSource("dev.jev.Available#transports")
  void unixClientMeetsAUnixServer(Transport transport) throws Exception {
    String uri = "unix://" + directory.resolve("socket");
    try (Server server = echo(uri).transport(transport).start()) {
      Client<String> client = client().transport(transport).connect(uri);
      Connection<String> connection = get(client.connected());
      assertThat(connection.remoteAddress()).hasToString(uri);
      assertThat(client.send("hi")).isTrue();
      recorder.expect("connect", "message hi");
      client.close();
      recorder.expect("close CLOSED");
      Eventually.holds("the server knows", () -> server.connectionCount() == 0);
    }
  }

  @ParameterizedTest
  @MethodSource("dev.jev.Available#transports")
  void unixSocketThatIsNotThereFails(Transport transport) throws Exception {
    String uri = "unix://" + directory.resolve("nothing");
    try (Client<String> client = client().transport(transport).connect(uri)) {
      assertThat(failure(client.connected()))
          .hasMessageMatching("cannot connect to " + uri + ": .*No such file or directory.*");
    }
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void unixClientFindsANameOutsideTheFileSystem() throws Exception {
    String uri = "unix:@jev-client-test-" + ProcessHandle.current().pid();
    try (Server server = echo(uri).transport(Transport.EPOLL).start();
        Client<String> client = client().transport(Transport.EPOLL).connect(uri)) {
      get(client.connected());
      assertThat(client.send("hi")).isTrue();
      recorder.expect("connect", "message hi");
      assertThat(server.connectionCount()).isEqualTo(1);
    }
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void unixClientKnowsTheListenersCredentials() throws Exception {
    String uri = "unix://" + directory.resolve("socket");
    try (Server server = echo(uri).transport(Transport.EPOLL).start();
        Client<String> client = client().transport(Transport.EPOLL).connect(uri)) {
      UnixPeer peer = get(client.connected()).attribute(UnixPeer.class);
      assertThat(peer).extracting(UnixPeer::pid).isEqualTo((int) ProcessHandle.current().pid());
      assertThat(server.transport()).isEqualTo(Transport.EPOLL);
    }
  }

  // UDP.

  @ParameterizedTest
  @MethodSource("dev.jev.Available#transports")
  void datagramsGoBothWays(Transport transport) throws Exception {
    try (Server server = echo("udp://127.0.0.1:0").transport(transport).start();
        Client<String> client =
            client().transport(transport).connect("udp://127.0.0.1:" + server.port())) {
      Connection<String> peer = get(client.connected());
      assertThat(client.isConnected()).isTrue();
      assertThat(peer.remoteAddress()).isEqualTo(server.addresses().get(0));
      for (int i = 0; i < 100; i++) {
        String text = "m" + i;
        assertThat(i % 2 == 0 ? client.send(text) : peer.send(text)).isTrue();
        recorder.expect("message " + text);
      }
    }
    recorder.expectNothingMore(); // no onConnect, no onClose
  }

  @ParameterizedTest
  @MethodSource("dev.jev.Available#transports")
  void closedPortDoesNotEndAUdpClient(Transport transport) throws Exception {
    int port;
    try (DatagramSocket free = new DatagramSocket(0, InetAddress.getLoopbackAddress())) {
      port = free.getLocalPort();
    }
    try (LogCapture log = new LogCapture("dev.jev");
        Client<String> client = client().transport(transport).connect("udp://127.0.0.1:" + port)) {
      get(client.connected());
      for (int i = 0; i < 20; i++) {
        client.deliver("unheard").written().toCompletableFuture().exceptionally(e -> null).join();
      }
      assertThat(client.isConnected()).isTrue();
      try (Server server = echo("udp://127.0.0.1:" + port).start()) {
        client.runEvery(Duration.ofMillis(5), () -> client.send("anything"));
        recorder.expect("message anything");
        assertThat(server.addresses()).hasSize(1);
      }
      assertThat(log.messages("cannot receive")).hasSizeLessThan(5);
    }
  }

  @Test
  void datagramsOfOthersDoNotReachAUdpClient() throws Exception {
    try (DatagramSocket peer = new DatagramSocket(0, InetAddress.getLoopbackAddress());
        DatagramSocket stranger = new DatagramSocket(0, InetAddress.getLoopbackAddress());
        Client<String> client = client().connect("udp://127.0.0.1:" + peer.getLocalPort())) {
      peer.setSoTimeout(10_000);
      InetSocketAddress own = (InetSocketAddress) get(client.connected()).localAddress();
      byte[] strange = RawPeer.frames("strange");
      stranger.send(new DatagramPacket(strange, strange.length, own));
      client.send("hello");
      DatagramPacket packet = new DatagramPacket(new byte[100], 100);
      peer.receive(packet);
      assertThat(Arrays.copyOf(packet.getData(), packet.getLength()))
          .isEqualTo(RawPeer.frames("hello"));
      byte[] answer = RawPeer.frames("answer");
      peer.send(new DatagramPacket(answer, answer.length, packet.getSocketAddress()));
      recorder.expect("message answer");
      recorder.expectNothingMore();
    }
  }

  @ParameterizedTest
  @EnumSource(WhileDisconnected.class)
  void whatIsSentBeforeTheNameIsKnownIsQueuedIfAskedFor(WhileDisconnected whileDisconnected)
      throws Exception {
    BlockingQueue<InetAddress[]> answer = new LinkedBlockingQueue<>();
    try (Server server = echo("udp://127.0.0.1:0").start();
        Client<String> client =
            client()
                .whileDisconnected(whileDisconnected)
                .resolver(host -> poll(answer))
                .connect("udp://name:" + server.port())) {
      boolean queues = whileDisconnected == WhileDisconnected.QUEUE;
      assertThat(client.send("early")).isEqualTo(queues);
      answer.add(InetAddress.getAllByName("127.0.0.1"));
      get(client.connected()).send("late");
      if (queues) {
        recorder.expect("message early");
      }
      recorder.expect("message late");
    }
  }

  private static InetAddress[] poll(BlockingQueue<InetAddress[]> answer) {
    try {
      InetAddress[] addresses = answer.poll(10, TimeUnit.SECONDS);
      assertThat(addresses).isNotNull();
      return addresses;
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void closeSendsTheDatagramsThatWereSentBefore() throws Exception {
    try (DatagramSocket peer = new DatagramSocket(0, InetAddress.getLoopbackAddress())) {
      peer.setSoTimeout(10_000);
      Client<String> client = client().connect("udp://127.0.0.1:" + peer.getLocalPort());
      get(client.connected());
      for (int i = 0; i < 50; i++) {
        client.send("m" + i);
      }
      client.close();
      assertThat(client.isConnected()).isFalse();
      assertThat(client.connection()).isNull();
      assertThat(client.send("late")).isFalse();
      for (int i = 0; i < 50; i++) {
        DatagramPacket packet = new DatagramPacket(new byte[100], 100);
        peer.receive(packet);
        assertThat(Arrays.copyOf(packet.getData(), packet.getLength()))
            .isEqualTo(RawPeer.frames("m" + i));
      }
    }
  }
}
