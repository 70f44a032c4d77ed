package dev.jev;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.netty.channel.ChannelFuture;
import io.netty.channel.DefaultChannelPromise;
import io.netty.channel.local.LocalChannel;
import io.netty.channel.socket.SocketProtocolFamily;
import io.netty.util.concurrent.ImmediateEventExecutor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Addresses to listen on, and their listeners. */
class ListenTest {

  private static final String TRANSPORTS = "dev.jev.Available#transports";

  private final Recorder<String, String> recorder = new Recorder<>(Handler.replying(text -> text));
  private @Nullable Server server;

  private Server.Builder<String, String> echo(Transport transport, String... uris) {
    Server.Builder<String, String> builder =
        Server.builder(Texts::new, recorder).transport(transport).eventLoops(2);
    for (String uri : uris) {
      builder.listen(uri);
    }
    return builder;
  }

  private Server start(Transport transport, String... uris) {
    server = echo(transport, uris).start();
    return server;
  }

  @AfterEach
  void stop() {
    if (server != null) {
      server.close();
    }
  }

  private void expectEcho(String host) throws IOException {
    assertThat(Echo.of(host, server.port(), "hello " + host)).isEqualTo("hello " + host);
  }

  private void expectRefusal(String host) {
    assertThatThrownBy(() -> Echo.connect(host, server.port()).close())
        .isInstanceOf(ConnectException.class);
  }

  @Test
  void eventLoopThatDoesNotAnswerFailsTheStart() {
    ChannelFuture never =
        new DefaultChannelPromise(new LocalChannel(), ImmediateEventExecutor.INSTANCE);
    assertThatThrownBy(() -> ServerSockets.await(never, 1_000_000))
        .isInstanceOf(IOException.class)
        .hasMessage("no answer from the event loop within 1 ms");
  }

  // Addresses that are listened on.

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void literalAddressIsListenedOnAlone(Transport transport) throws Exception {
    start(transport, "tcp://127.0.0.1:0");
    expectEcho("127.0.0.1");
    expectRefusal("127.0.0.2");
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void noSchemeIsTcp(Transport transport) throws Exception {
    start(transport, "127.0.0.1:0");
    expectEcho("127.0.0.1");
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void nameIsLookedUp(Transport transport) throws Exception {
    start(transport, "tcp4://localhost:0");
    expectEcho("127.0.0.1");
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void noHostIsAllAddressesOfBothFamilies(Transport transport) throws Exception {
    start(transport, ":0");
    expectEcho("127.0.0.1");
    expectEcho("127.0.0.2");
    assumeTrue(Available.ip6());
    expectEcho("::1");
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void tcp4WithoutHostIsAllIpv4Addresses(Transport transport) throws Exception {
    if (transport == Transport.IO_URING) { // its wildcard sockets take both families
      assertThatThrownBy(() -> start(transport, "tcp4://:0"))
          .isInstanceOf(UncheckedIOException.class)
          .hasMessage(
              "cannot listen on tcp4://:0: host: none (expected: one, for tcp4 with IO_URING)");
      return;
    }
    start(transport, "tcp4://:0");
    expectEcho("127.0.0.1");
    expectEcho("127.0.0.2");
    assumeTrue(Available.ip6());
    expectRefusal("::1");
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void tcp6WithoutHostIsAllIpv6Addresses(Transport transport) throws Exception {
    assumeTrue(Available.ip6());
    start(transport, "tcp6://:0");
    expectEcho("::1");
    if (transport != Transport.NIO) { // it cannot exclude IPv4
      expectRefusal("127.0.0.1");
    }
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void ipv6AddressStandsInBrackets(Transport transport) throws Exception {
    assumeTrue(Available.ip6());
    start(transport, "tcp6://[::1]:0");
    expectEcho("::1");
    expectRefusal("127.0.0.1");
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void bothFamiliesCanHaveTheSamePort(Transport transport) throws Exception {
    assumeTrue(Available.ip6());
    assumeTrue(transport != Transport.NIO && transport != Transport.IO_URING);
    int port = freePort();
    start(transport, "tcp4://:" + port, "tcp6://:" + port);
    expectEcho("127.0.0.1");
    expectEcho("::1");
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void portZeroBecomesTheRealPort(Transport transport) throws Exception {
    start(transport, "tcp://127.0.0.1:0");
    InetSocketAddress address = (InetSocketAddress) server.addresses().get(0);
    assertThat(address.getAddress()).isEqualTo(InetAddress.getLoopbackAddress());
    assertThat(address.getPort()).isPositive().isEqualTo(server.port());
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void givenPortIsListenedOn(Transport transport) throws Exception {
    int port = freePort();
    start(transport, "tcp://127.0.0.1:" + port);
    assertThat(server.port()).isEqualTo(port);
    expectEcho("127.0.0.1");
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void connectionKnowsItsListenerAmongSeveral(Transport transport) throws Exception {
    String[] uris = {
      "127.0.0.3:0", "tcp://127.0.0.1:0?reuseport=true", "tcp4://127.0.0.2:0?backlog=16", ":0"
    };
    String[] hosts = {"127.0.0.3", "127.0.0.1", "127.0.0.2", "127.0.0.4"};
    start(transport, uris);
    assertThat(server.addresses()).hasSize(4);
    for (int i : new int[] {2, 0, 3, 1, 1, 3, 0, 2}) {
      InetSocketAddress address = (InetSocketAddress) server.addresses().get(i);
      assertThat(Echo.of(hosts[i], address.getPort(), "hi")).isEqualTo("hi");
      Connection<String> connection = recorder.connection();
      assertThat(connection.listener()).isEqualTo(address);
      assertThat(connection.localAddress())
          .isEqualTo(new InetSocketAddress(hosts[i], address.getPort()));
    }
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void listenersShareTheLoops(Transport transport) throws Exception {
    start(transport, "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0");
    assertThat(Eventually.serverThreads())
        .filteredOn(name -> name.startsWith("jev-loop"))
        .hasSize(2);
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void reuseportGivesEveryLoopASocketOfItsOwn(Transport transport) throws Exception {
    Map<Loop, Integer> counts = new ConcurrentHashMap<>();
    server =
        Server.<String, String>builder(
                Texts::new,
                (connection, message) -> {
                  counts.merge(((StreamConnection<?, ?>) connection).loop(), 1, Integer::sum);
                  connection.send(Thread.currentThread().getName());
                })
            .transport(transport)
            .eventLoops(2)
            .listen("tcp://127.0.0.1:0?reuseport=true")
            .loadBalancing((peer, loops, connections) -> 0) // not called
            .start();
    assertThat(server.addresses()).hasSize(1);
    for (int i = 0; i < 200; i++) {
      Echo.of("127.0.0.1", server.port(), "hello");
    }
    assertThat(counts).hasSize(2);
    assertThat(counts.values()).allMatch(count -> count > 20);
    assertThat(counts.values().stream().mapToInt(count -> count).sum()).isEqualTo(200);
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void twoServersWithReuseportShareAPort(Transport transport) throws Exception {
    start(transport, "tcp://127.0.0.1:0?reuseport=true");
    String uri = "tcp://127.0.0.1:" + server.port();
    try (Server second = echo(transport, uri + "?reuseport=true").start()) {
      assertThat(second.port()).isEqualTo(server.port());
    }
    assertThatThrownBy(() -> echo(transport, uri).start()).isInstanceOf(UncheckedIOException.class);
    expectEcho("127.0.0.1");
  }

  @Test
  void backlogLimitsWhatWaitsToBeAccepted() throws Exception {
    CountDownLatch release = new CountDownLatch(1);
    server =
        Server.<String, String>builder(Texts::new, (connection, message) -> await(release))
            .listen("tcp://127.0.0.1:0?backlog=2")
            .eventLoops(1)
            .blockedLoopThreshold(Duration.ofMinutes(1))
            .start();
    List<Socket> sockets = new ArrayList<>();
    try (Socket blocking = Echo.connect("127.0.0.1", server.port())) {
      blocking.getOutputStream().write(RawPeer.frames("block"));
      assertThatThrownBy(
              () -> {
                for (int i = 0; i < 50; i++) {
                  Socket socket = new Socket();
                  sockets.add(socket);
                  socket.connect(server.addresses().get(0), 300);
                }
              })
          .isInstanceOf(SocketTimeoutException.class);
    } finally {
      release.countDown();
      for (Socket socket : sockets) {
        socket.close();
      }
    }
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Test
  void allPartsOfAnAddressAreTaken() {
    ListenAddress ip6 =
        ListenAddress.parse("tcp6://[fe80::1]:65535?backlog=16&reuseport=true&device=eth0");
    assertThat(ip6.network()).isSameAs(Network.TCP);
    assertThat(ip6.family()).isSameAs(SocketProtocolFamily.INET6);
    assertThat(ip6.host()).isEqualTo("fe80::1");
    assertThat(ip6.port()).isEqualTo(65535);
    assertThat(ip6.backlog()).isEqualTo(16);
    assertThat(ip6.reusePort()).isTrue();
    assertThat(ip6.device()).isEqualTo("eth0");
    ListenAddress udp =
        ListenAddress.parse("udp4://239.1.2.3:80?amplification=0&interface=lo&reuseport=true");
    assertThat(udp.network()).isSameAs(Network.UDP);
    assertThat(udp.family()).isSameAs(SocketProtocolFamily.INET);
    assertThat(udp.amplification()).isZero();
    assertThat(udp.multicastInterface()).isEqualTo("lo");
    assertThat(udp.reusePort()).isTrue();
    ListenAddress unix = ListenAddress.parse("unix:///run/my app.sock?mode=0660&backlog=1");
    assertThat(unix.network()).isSameAs(Network.UNIX);
    assertThat(unix.host()).isEqualTo("/run/my app.sock");
    assertThat(unix.mode()).isEqualTo(0660);
    assertThat(unix.backlog()).isEqualTo(1);
    assertThat(ListenAddress.parse("unix:@name").host()).isEqualTo("@name");
    assertThat(ListenAddress.parse("local://name").host()).isEqualTo("name");
  }

  @Test
  void whatIsNotGivenHasADefault() {
    ListenAddress tcp = ListenAddress.parse(":1?");
    assertThat(tcp.network()).isSameAs(Network.TCP);
    assertThat(tcp.family()).isNull();
    assertThat(tcp.host()).isEmpty();
    assertThat(tcp.backlog()).isEqualTo(4096);
    assertThat(tcp.reusePort()).isFalse();
    assertThat(tcp.device()).isNull();
    ListenAddress udp = ListenAddress.parse("udp://:1");
    assertThat(udp.family()).isNull();
    assertThat(udp.amplification()).isEqualTo(3);
    assertThat(udp.multicastInterface()).isNull();
    assertThat(ListenAddress.parse("unix:///x").mode()).isEqualTo(0600);
  }

  // Listeners that are closed.

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void connectionsThatWaitAreAcceptedBeforeTheListenerCloses(Transport transport) throws Exception {
    start(transport, "127.0.0.1:0");
    expectAllServed(server, server.port());
    assertThatThrownBy(() -> Echo.connect("127.0.0.1", server.port()).close())
        .isInstanceOf(ConnectException.class);
  }

  /**
   * Connections that arrive during the close go to the other listener with
   * net.ipv4.tcp_migrate_req=1; without it no connection may arrive at that moment.
   */
  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void oneOfTwoListenersOfAPortClosesWithoutALoss(Transport transport) throws Exception {
    start(transport, "tcp://127.0.0.1:0?reuseport=true");
    try (Server second =
        echo(transport, "tcp://127.0.0.1:" + server.port() + "?reuseport=true").start()) {
      second.pauseAccepting(this);
      expectAllServed(second, server.port());
      expectEcho("127.0.0.1");
    }
  }

  /** Opens connections that wait in the kernel, closes a listener, and expects an echo of each. */
  private void expectAllServed(Server closing, int port) throws IOException {
    closing.pauseAccepting(this);
    List<Socket> sockets = new ArrayList<>();
    try {
      for (int i = 0; i < 400; i++) {
        sockets.add(Echo.connect("127.0.0.1", port));
      }
      closing.stopAccepting();
      for (Socket socket : sockets) {
        assertThat(Echo.of(socket, "hello")).isEqualTo("hello");
      }
    } finally {
      for (Socket socket : sockets) {
        socket.close();
      }
    }
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void connectionsThatGoOnComingAreServedOrRefusedAtOnce(Transport transport) throws Exception {
    start(transport, "tcp://127.0.0.1:0?reuseport=true");
    int port = server.port();
    try (Server second = echo(transport, "tcp://127.0.0.1:" + port + "?reuseport=true").start()) {
      AtomicInteger served = new AtomicInteger();
      AtomicInteger reset = new AtomicInteger();
      AtomicBoolean end = new AtomicBoolean();
      Thread clients =
          new Thread(
              () -> {
                while (!end.get()) {
                  try {
                    served.addAndGet(Echo.of("127.0.0.1", port, "x").length());
                  } catch (IOException e) {
                    reset.incrementAndGet();
                  }
                }
              });
      clients.start();
      Eventually.holds("clients are served", () -> served.get() > 100);
      second.stopAccepting();
      int before = served.get();
      Eventually.holds("clients are served again", () -> served.get() > before + 100);
      end.set(true);
      clients.join();
      boolean migrates = migratesRequests();
      assertThat(reset.get()).isLessThanOrEqualTo(migrates ? 0 : 2); // one client: one per listener
    }
  }

  private static boolean migratesRequests() throws IOException {
    Path setting = Path.of("/proc/sys/net/ipv4/tcp_migrate_req");
    return Files.exists(setting) && Files.readString(setting).startsWith("1");
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void stopAcceptingMayBeCalledAgainAndOnAnEventLoop(Transport transport) throws Exception {
    start(transport, "127.0.0.1:0");
    try (Socket socket = Echo.connect("127.0.0.1", server.port())) {
      assertThat(Echo.of(socket, "one")).isEqualTo("one");
      recorder.connection().execute(server::stopAccepting);
      Eventually.holds("refused", () -> isRefused(server.port()));
      server.stopAccepting();
      server.pauseAccepting(this);
      server.resumeAccepting(this);
      assertThat(Echo.of(socket, "two")).isEqualTo("two");
    }
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void eachConnectionHasTheAddressOfItsPeerAlsoIfThatHasResetIt(Transport transport)
      throws Exception {
    List<Boolean> known = new CopyOnWriteArrayList<>();
    Handler<String, String> handler =
        new Handler<>() {
          @Override
          public void onConnect(Connection<String> connection) {
            known.add(connection.remoteAddress() != null);
          }

          @Override
          public void onMessage(Connection<String> connection, String message) {
            connection.send(message);
          }
        };
    try (Server one =
        Server.builder(Texts::new, handler)
            .transport(transport)
            .listen("tcp://127.0.0.1:0")
            .start()) {
      one.pauseAccepting(this);
      for (int i = 0; i < 20; i++) {
        Socket socket = Echo.connect("127.0.0.1", one.port());
        socket.setSoLinger(true, 0); // a reset
        socket.close();
      }
      one.resumeAccepting(this);
      assertThat(Echo.of("127.0.0.1", one.port(), "hello")).isEqualTo("hello");
    }
    assertThat(known).isNotEmpty().doesNotContain(false);
  }

  private static boolean isRefused(int port) throws IOException {
    try {
      Echo.connect("127.0.0.1", port).close();
      return false;
    } catch (SocketException e) { // refused, or reset if the socket closes in the middle
      return true;
    }
  }

  // Addresses that are refused.

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      textBlock =
          """
          http://:80                  ; scheme: http (expected: tcp, tcp4, tcp6, udp, udp4, udp6, unix or local)
          TCP://:80                   ; scheme: TCP (expected: tcp, tcp4, tcp6, udp, udp4, udp6, unix or local)
          ://:80                      ; 'scheme:  (expected: tcp, tcp4, tcp6, udp, udp4, udp6, unix or local)'
          tcp://:80?color=red         ; option: color (expected: reuseport, backlog or device) in tcp://:80?color=red
          tcp://:80?backlog=1&x       ; option: x (expected: reuseport, backlog or device) in tcp://:80?backlog=1&x
          tcp://:80?backlog=1&        ; 'option:  (expected: reuseport, backlog or device) in tcp://:80?backlog=1&'
          tcp://:80?Backlog=1         ; option: Backlog (expected: reuseport, backlog or device) in tcp://:80?Backlog=1
          tcp://:70000                ; port: 70000 (expected: 0..65535)
          tcp://:65536                ; port: 65536 (expected: 0..65535)
          tcp://:-1                   ; port: -1 (expected: 0..65535)
          tcp://:abc                  ; port: abc (expected: 0..65535)
          tcp://:99999999999          ; port: 99999999999 (expected: 0..65535)
          tcp://localhost:            ; 'port:  (expected: 0..65535)'
          :80?reuseport=yes           ; reuseport: yes (expected: true or false)
          :80?reuseport=TRUE          ; reuseport: TRUE (expected: true or false)
          :80?reuseport               ; 'reuseport:  (expected: true or false)'
          :80?backlog=0               ; backlog: 0 (expected: 1..1048576)
          :80?backlog=-5              ; backlog: -5 (expected: 1..1048576)
          :80?backlog=1048577         ; backlog: 1048577 (expected: 1..1048576)
          :80?backlog=many            ; backlog: many (expected: 1..1048576)
          :80?backlog                 ; 'backlog:  (expected: 1..1048576)'
          tcp://localhost             ; address: tcp://localhost (expected: [tcp[4|6]://|udp[4|6]://]host:port, unix:///path, unix:@name or local://name, each with [?option=value&...])
          localhost                   ; address: localhost (expected: [tcp[4|6]://|udp[4|6]://]host:port, unix:///path, unix:@name or local://name, each with [?option=value&...])
          ''                          ; address:  (expected: [tcp[4|6]://|udp[4|6]://]host:port, unix:///path, unix:@name or local://name, each with [?option=value&...])
          tcp://localhost:80/         ; address: tcp://localhost:80/ (expected: [tcp[4|6]://|udp[4|6]://]host:port, unix:///path, unix:@name or local://name, each with [?option=value&...])
          tcp://localhost:80/chat     ; address: tcp://localhost:80/chat (expected: [tcp[4|6]://|udp[4|6]://]host:port, unix:///path, unix:@name or local://name, each with [?option=value&...])
          tcp://localhost/chat:80     ; address: tcp://localhost/chat:80 (expected: [tcp[4|6]://|udp[4|6]://]host:port, unix:///path, unix:@name or local://name, each with [?option=value&...])
          tcp://::1:80                ; address: tcp://::1:80 (expected: [tcp[4|6]://|udp[4|6]://]host:port, unix:///path, unix:@name or local://name, each with [?option=value&...])
          tcp6://[::1:80              ; address: tcp6://[::1:80 (expected: [tcp[4|6]://|udp[4|6]://]host:port, unix:///path, unix:@name or local://name, each with [?option=value&...])
          udp://:80?backlog=1         ; option: backlog (expected: reuseport, device, interface or amplification) in udp://:80?backlog=1
          udp://:80?mode=0600         ; option: mode (expected: reuseport, device, interface or amplification) in udp://:80?mode=0600
          udp://:80?amplification=-1  ; amplification: -1 (expected: 0..1000000)
          udp://:80?interface=        ; 'interface:  (expected: a name of 1..15 bytes)'
          :80?device=0123456789abcdef ; device: 0123456789abcdef (expected: a name of 1..15 bytes)
          :80?device=äöüäöüäö         ; device: äöüäöüäö (expected: a name of 1..15 bytes)
          :80?mode=0600               ; option: mode (expected: reuseport, backlog or device) in :80?mode=0600
          :80?amplification=3         ; option: amplification (expected: reuseport, backlog or device) in :80?amplification=3
          unix:///x?reuseport=true    ; option: reuseport (expected: backlog or mode) in unix:///x?reuseport=true
          unix:///x?mode=888          ; mode: 888 (expected: 0000..0777, octal)
          unix:///x?mode=66           ; mode: 66 (expected: 0000..0777, octal)
          unix:///x?mode=1777         ; mode: 1777 (expected: 0000..0777, octal)
          unix:///x?mode=rw           ; mode: rw (expected: 0000..0777, octal)
          unix:@x?mode=0600           ; option: mode (expected: backlog) in unix:@x?mode=0600
          unix://x                    ; address: unix://x (expected: [tcp[4|6]://|udp[4|6]://]host:port, unix:///path, unix:@name or local://name, each with [?option=value&...])
          unix:x                      ; port: x (expected: 0..65535)
          unix:@                      ; address: unix:@ (expected: [tcp[4|6]://|udp[4|6]://]host:port, unix:///path, unix:@name or local://name, each with [?option=value&...])
          local://x?backlog=1         ; option: backlog (expected: none) in local://x?backlog=1
          local://                    ; address: local:// (expected: [tcp[4|6]://|udp[4|6]://]host:port, unix:///path, unix:@name or local://name, each with [?option=value&...])
          tcp:80:90                   ; address: tcp:80:90 (expected: [tcp[4|6]://|udp[4|6]://]host:port, unix:///path, unix:@name or local://name, each with [?option=value&...])
          """)
  void badAddressIsRefusedAtOnce(String uri, String message) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> echo(Transport.AUTO).listen(uri))
        .withMessage(message);
  }

  @ParameterizedTest
  @CsvSource({
    "unix:///tmp/a\uD800b, path: half a surrogate pair at index 6 (expected: Unicode)",
    "unix:@\uDC00, path: half a surrogate pair at index 1 (expected: Unicode)",
    ":80?device=\uD800, device: half a surrogate pair at index 0 (expected: Unicode)",
  })
  void halfASurrogatePairDoesNotBecomeAQuestionMark(String uri, String message) {
    badAddressIsRefusedAtOnce(uri, message);
  }

  @Test
  void unknownHostIsRefused() {
    assertThatThrownBy(() -> echo(Transport.AUTO, "tcp://no-such-host.invalid:0").start())
        .isInstanceOf(UncheckedIOException.class)
        .hasCauseInstanceOf(UnknownHostException.class)
        .hasMessageMatching(
            "cannot listen on tcp://no-such-host.invalid:0:"
                + " (java.net.UnknownHostException: )?no-such-host.invalid.*");
  }

  @ParameterizedTest
  @CsvSource({"tcp6://127.0.0.1:0, 127.0.0.1", "tcp4://[::1]:0, ::1"})
  void hostOfTheOtherFamilyIsRefused(String uri, String host) {
    assertThatThrownBy(() -> echo(Transport.AUTO, uri).start())
        .isInstanceOf(UncheckedIOException.class)
        .hasMessage(
            "cannot listen on %s: %s (expected: a host with an address for %s)", uri, host, uri);
  }

  @Test
  void addressOfAnotherMachineIsRefused() {
    assertThatThrownBy(() -> echo(Transport.AUTO, "tcp://192.0.2.1:0").start()) // RFC 5737
        .isInstanceOf(UncheckedIOException.class)
        .hasMessageStartingWith("cannot listen on tcp://192.0.2.1:0: ")
        .hasMessageContaining("Cannot assign requested address");
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void portInUseIsRefusedAndUndoesTheListenersBefore(Transport transport) throws Exception {
    int free = freePort();
    int alsoFree = freePort();
    try (ServerSocket busy = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      String first = "tcp://127.0.0.1:" + free;
      String second = "tcp://127.0.0.1:" + alsoFree + "?reuseport=true";
      String third = "tcp://127.0.0.1:" + busy.getLocalPort();
      assertThatThrownBy(() -> echo(transport, first, second, third).start())
          .isInstanceOf(UncheckedIOException.class)
          .hasMessageStartingWith("cannot listen on " + third + ": ")
          .hasMessageContaining("Address already in use");
    }
    bindAndClose(free);
    bindAndClose(alsoFree);
    Eventually.noServerThreadIsLeft();
  }

  @Test
  void nothingIsAcceptedBeforeAllAddressesAreBound() throws Exception {
    int free = freePort();
    try (ServerSocket busy = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      String first = "tcp://127.0.0.1:" + free;
      String second = "tcp://127.0.0.1:" + busy.getLocalPort();
      for (int i = 0; i < 20; i++) {
        assertThatThrownBy(() -> echo(Transport.AUTO, first, second).start())
            .isInstanceOf(UncheckedIOException.class);
      }
    }
    Eventually.noServerThreadIsLeft();
    recorder.expectNothingMore();
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0)) {
      return socket.getLocalPort();
    }
  }

  private static void bindAndClose(int port) throws IOException {
    try (ServerSocket socket = new ServerSocket()) {
      socket.setReuseAddress(false);
      socket.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
    }
  }
}
