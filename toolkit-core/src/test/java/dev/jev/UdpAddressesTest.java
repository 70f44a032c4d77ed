package dev.jev;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.netty.buffer.ByteBuf;
import java.io.IOException;
import java.net.BindException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.Inet4Address;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.InterfaceAddress;
import java.net.NetworkInterface;
import java.net.SocketAddress;
import java.net.SocketTimeoutException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The local addresses of datagrams: an answer comes from the address that was asked.
 *
 * <p>The clients send from 127.0.0.1, so that a socket for all addresses would answer from there,
 * whatever address they ask.
 */
class UdpAddressesTest {

  private static final String TRANSPORTS = "dev.jev.Available#transports";
  private static final int ANSWER_BYTES = 1024;

  private final BlockingQueue<Connection<String>> asked = new LinkedBlockingQueue<>();
  private final LogCapture log = new LogCapture("dev.jev");
  private @Nullable Server server;

  /** The bytes of a datagram as a text; a text that begins with {@code !} is malformed. */
  private static final class Datagrams implements Protocol<String, String> {
    @Override
    public String unpack(ProtocolContext context, ByteBuf in) {
      if (in.getByte(in.readerIndex()) == '!') {
        throw new ProtocolException("malformed");
      }
      return in.readCharSequence(in.readableBytes(), UTF_8).toString();
    }

    @Override
    public void pack(String message, ByteBuf out) {
      out.writeCharSequence(message, UTF_8);
    }
  }

  private static InetAddress ip(String literal) {
    try {
      return InetAddress.getByName(literal);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private static List<InetAddress> ips(String... literals) {
    return List.of(literals).stream().map(UdpAddressesTest::ip).toList();
  }

  private Server.Builder<String, String> builder(
      Transport transport, Handler<String, String> handler) {
    return Server.<String, String>builder(Datagrams::new, handler)
        .transport(transport)
        .eventLoops(2);
  }

  private Server.Builder<String, String> echo(Transport transport) {
    return builder(
        transport,
        (connection, message) -> {
          asked.add(connection);
          connection.send(message);
        });
  }

  private void start(Transport transport, String uri, Supplier<List<InetAddress>> addresses) {
    server = echo(transport).addressesOfMachine(addresses).listen(uri).start();
  }

  private Connection<String> asked() throws InterruptedException {
    Connection<String> connection = asked.poll(10, TimeUnit.SECONDS);
    assertThat(connection).isNotNull();
    return connection;
  }

  private static DatagramSocket client(InetAddress address) throws IOException {
    DatagramSocket client = new DatagramSocket(0, address);
    client.setSoTimeout(10_000);
    return client;
  }

  private void send(DatagramSocket client, InetAddress to, String text) throws IOException {
    byte[] bytes = text.getBytes(UTF_8);
    client.send(new DatagramPacket(bytes, bytes.length, to, server.port()));
  }

  private static InetSocketAddress sourceOfAnswer(DatagramSocket client) throws IOException {
    DatagramPacket packet = new DatagramPacket(new byte[ANSWER_BYTES], ANSWER_BYTES);
    client.receive(packet);
    return (InetSocketAddress) packet.getSocketAddress();
  }

  /** Asks an address from 127.0.0.1 or ::1, and returns the source of the answer. */
  private InetAddress answering(InetAddress to) throws IOException {
    try (DatagramSocket client = client(ip(to instanceof Inet4Address ? "127.0.0.1" : "::1"))) {
      send(client, to, "question");
      InetSocketAddress source = sourceOfAnswer(client);
      assertThat(source.getPort()).isEqualTo(server.port());
      return source.getAddress();
    }
  }

  @AfterEach
  void stop() {
    log.close();
    if (server != null) {
      server.close();
    }
  }

  // Answers.

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void answerComesFromTheAddressThatWasAsked(Transport transport) throws Exception {
    start(transport, "udp://:0", () -> ips("127.0.0.1", "127.0.0.2", "127.0.0.3"));
    for (String address : List.of("127.0.0.3", "127.0.0.1", "127.0.0.2", "127.0.0.3")) {
      assertThat(answering(ip(address))).isEqualTo(ip(address));
      Connection<String> connection = asked();
      assertThat(connection.localAddress())
          .isEqualTo(new InetSocketAddress(ip(address), server.port()));
      assertThat(connection.listener()).isEqualTo(server.addresses().get(0));
    }
    assertThat(server.addresses()).hasSize(1);
    assertThat(log.messages("")).isEmpty();
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void allAddressesOfThisMachineAnswer(Transport transport) throws Exception {
    server = echo(transport).listen("udp://:0").start();
    for (InetAddress address : UdpAddresses.ofMachine()) {
      if (!address.isLinkLocalAddress()) { // not reached from ::1
        assertThat(answering(address)).isEqualTo(address);
        assertThat(((InetSocketAddress) asked().localAddress()).getAddress()).isEqualTo(address);
      }
    }
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void linkLocalAddressAnswers(Transport transport) throws Exception {
    server = echo(transport).listen("udp6://:0").start();
    for (InetAddress address : UdpAddresses.ofMachine()) {
      if (address.isLinkLocalAddress()) {
        try (DatagramSocket client = client(ip("::"))) {
          send(client, address, "question");
          assertThat(sourceOfAnswer(client).getAddress()).isEqualTo(address);
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void otherThreadsAnswerFromTheAskedAddressToo(Transport transport) throws Exception {
    BlockingQueue<Connection<String>> questions = new LinkedBlockingQueue<>();
    server =
        builder(transport, (connection, message) -> questions.add(connection))
            .addressesOfMachine(() -> ips("127.0.0.1", "127.0.0.2"))
            .listen("udp://:0")
            .start();
    try (DatagramSocket client = client(ip("127.0.0.1"))) {
      send(client, ip("127.0.0.2"), "question");
      Connection<String> connection = questions.poll(10, TimeUnit.SECONDS);
      Delivery delivery = connection.deliver("answer");
      delivery.written().toCompletableFuture().get(10, TimeUnit.SECONDS);
      assertThat(sourceOfAnswer(client).getAddress()).isEqualTo(ip("127.0.0.2"));
    }
  }

  @Test
  void addressThatNoInterfaceListsAnswersWithEpoll() throws Exception {
    assumeTrue(Transport.EPOLL.isAvailable());
    for (String uri : List.of("udp://:0", "udp4://:0", "udp://:0?reuseport=true")) {
      start(Transport.EPOLL, uri, List::of);
      for (int i = 0; i < 3; i++) {
        for (String address : List.of("127.0.0.2", "127.0.0.1", "127.3.2.1")) {
          assertThat(answering(ip(address))).isEqualTo(ip(address));
          assertThat(((InetSocketAddress) asked().localAddress()).getAddress())
              .isEqualTo(ip(address));
        }
      }
      server.close();
    }
  }

  // Datagrams to several receivers.

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void broadcastIsHandledOnce(Transport transport) throws Exception {
    for (String uri : List.of("udp://:0", "udp://:0?reuseport=true", "udp4://:0?reuseport=true")) {
      for (String all : List.of("127.255.255.255", "255.255.255.255")) {
        isHandledOnce(transport, uri, ip("127.0.0.1"), ip(all));
      }
      for (InterfaceAddress each : addressesOfInterfaces()) {
        if (each.getBroadcast() != null) {
          isHandledOnce(transport, uri, each.getAddress(), each.getBroadcast());
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void broadcastToItsOwnListenerIsHandledOnce(Transport transport) throws Exception {
    InetAddress all = ip("127.255.255.255");
    isHandledOnce(transport, "udp://127.255.255.255:0?reuseport=true", ip("127.0.0.1"), all);
  }

  @Test
  void multicastToAllNodesIsHandledOnce() throws Exception {
    for (InterfaceAddress each : addressesOfInterfaces()) {
      if (each.getAddress() instanceof Inet6Address own && own.isLinkLocalAddress()) {
        InetAddress all = ip("ff02::1%" + own.getScopeId());
        if (isReceivedByTheJdk(own, all)) { // not by JDK 25, and not by other transports
          isHandledOnce(Transport.NIO, "udp://:0?reuseport=true", own, all);
        }
      }
    }
  }

  private static boolean isReceivedByTheJdk(InetAddress from, InetAddress to) throws IOException {
    try (DatagramSocket receiver = new DatagramSocket(0);
        DatagramSocket sender = new DatagramSocket(0, from)) {
      receiver.setSoTimeout(1_000);
      sender.send(new DatagramPacket(new byte[1], 1, to, receiver.getLocalPort()));
      receiver.receive(new DatagramPacket(new byte[1], 1));
      return true;
    } catch (SocketTimeoutException e) {
      return false;
    }
  }

  private static List<InterfaceAddress> addressesOfInterfaces() throws IOException {
    return NetworkInterface.networkInterfaces()
        .flatMap(each -> each.getInterfaceAddresses().stream())
        .toList();
  }

  /** Sends from several ports: the system chooses the socket of a datagram by both addresses. */
  private void isHandledOnce(Transport transport, String uri, InetAddress from, InetAddress to)
      throws Exception {
    start(transport, uri, UdpAddresses::ofMachine);
    for (int i = 0; i < 10; i++) {
      try (DatagramSocket client = client(from)) {
        send(client, to, "to all");
        assertThat(asked().remoteAddress()).isEqualTo(client.getLocalSocketAddress());
      }
    }
    server.close(); // handles what has arrived
    assertThat(asked).as("%s to %s", to, uri).isEmpty();
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void addressThatTheMachineGetsLaterAnswers(Transport transport) throws Exception {
    List<InetAddress> addresses = new CopyOnWriteArrayList<>();
    start(transport, "udp://:0", () -> addresses);
    addresses.add(ip("127.0.0.2"));
    Eventually.holds("127.0.0.2 answers", () -> answering(ip("127.0.0.2")).equals(ip("127.0.0.2")));
  }

  @Test
  void addressAnswersThoughTheListingFailedBefore() throws Exception {
    AtomicInteger listings = new AtomicInteger();
    start(
        Transport.NIO,
        "udp://:0",
        () -> {
          int before = listings.getAndIncrement();
          if (before == 1) {
            throw new OutOfMemoryError("no listing");
          }
          return before == 0 ? List.of() : ips("127.0.0.2");
        });
    Eventually.holds("127.0.0.2 answers", () -> answering(ip("127.0.0.2")).equals(ip("127.0.0.2")));
  }

  @Test
  void restrictedListenerHasTheAddressesOfItsFamily() throws Exception {
    assumeTrue(Available.ip6() && Transport.EPOLL.isAvailable());
    try (Server four = echo(Transport.EPOLL).listen("udp4://:0").start()) {
      server = echo(Transport.EPOLL).listen("udp6://:" + four.port()).start();
      for (InetAddress address : UdpAddresses.ofMachine()) {
        if (!address.isLinkLocalAddress()) {
          answering(address);
          assertThat(asked().listener())
              .isEqualTo((address instanceof Inet6Address ? server : four).addresses().get(0));
        }
      }
    }
  }

  // Limits and counts.

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void dropsAndAmplificationCountOnEveryAddress(Transport transport) throws Exception {
    List<Boolean> taken = new ArrayList<>();
    server =
        builder(
                transport,
                (connection, message) -> {
                  taken.add(connection.send("x".repeat(1000)));
                  connection.send("answer");
                })
            .addressesOfMachine(() -> ips("127.0.0.1", "127.0.0.2"))
            .listen("udp://:0")
            .start();
    try (DatagramSocket client = client(ip("127.0.0.1"))) {
      for (String address : List.of("127.0.0.1", "127.0.0.2", "127.0.0.3")) {
        send(client, ip(address), "!bad");
        send(client, ip(address), "good");
        sourceOfAnswer(client);
      }
    }
    assertThat(taken).containsExactly(false, false, false);
    Eventually.holds("6 are dropped", () -> server.droppedDatagrams() >= 6);
    assertThat(server.droppedDatagrams()).isEqualTo(6);
  }

  @Test
  void numberOfAddressesIsLimited() throws Exception {
    assumeTrue(Transport.EPOLL.isAvailable());
    start(Transport.EPOLL, "udp4://:0", List::of);
    Set<InetAddress> sources = new HashSet<>();
    for (int i = 0; i < UdpAddresses.MAX_ADDRESSES + 50; i++) {
      sources.add(answering(ip("127.1." + i / 100 + "." + (i % 100 + 1))));
    }
    assertThat(sources).hasSize(UdpAddresses.MAX_ADDRESSES + 1).contains(ip("127.0.0.1"));
    assertThat(log.messages("")) // 50, but at most one per second
        .hasSizeLessThan(20)
        .startsWith(
            "what was sent to 127.1.2.57 is answered from an address that the system chooses,"
                + " on udp4://:0: limit of 256 addresses reached");
  }

  // Other addresses.

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void messageForAnotherPeerComesFromTheAddressThatTheSystemChooses(Transport transport)
      throws Exception {
    assumeTrue(Available.ip6());
    start(transport, "udp://:0", () -> ips("127.0.0.1", "127.0.0.2"));
    try (DatagramSocket client = client(ip("127.0.0.1"));
        DatagramSocket samePeer = client(ip("127.0.0.1"));
        DatagramSocket other = client(ip("127.0.0.9"));
        DatagramSocket six = client(ip("::1"))) {
      send(client, ip("127.0.0.2"), "question");
      Connection<String> connection = asked();
      Map<DatagramSocket, String> expected =
          Map.of(samePeer, "127.0.0.2", other, "127.0.0.1", six, "::1");
      for (DatagramSocket each : expected.keySet()) {
        connection.to(each.getLocalSocketAddress()).send("x".repeat(ANSWER_BYTES));
        assertThat(sourceOfAnswer(each))
            .isEqualTo(new InetSocketAddress(ip(expected.get(each)), server.port()));
      }
    }
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void everyLoopSendsToAnotherPeer(Transport transport) throws Exception {
    Set<String> threads = ConcurrentHashMap.newKeySet();
    try (DatagramSocket other = client(ip("127.0.0.9"))) {
      server =
          builder(
                  transport,
                  (connection, message) -> {
                    threads.add(Thread.currentThread().getName());
                    connection.to(other.getLocalSocketAddress()).send(message);
                  })
              .addressesOfMachine(() -> ips("127.0.0.2"))
              .listen("udp://:0?reuseport=true")
              .start();
      for (int i = 0; i < 50; i++) {
        try (DatagramSocket client = client(ip("127.0.0.1"))) {
          send(client, ip("127.0.0.2"), "question");
          assertThat(sourceOfAnswer(other))
              .isEqualTo(new InetSocketAddress(ip("127.0.0.1"), server.port()));
        }
      }
    }
    assertThat(threads).hasSize(2);
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void clientKnowsTheAddressItSendsFrom(Transport transport) throws Exception {
    start(transport, "udp://:0", () -> ips("127.0.0.1", "127.0.0.2"));
    CompletableFuture<SocketAddress> local = new CompletableFuture<>();
    try (Client<String> client =
        Client.<String, String>builder(
                Datagrams::new, (connection, message) -> local.complete(connection.localAddress()))
            .transport(transport)
            .connect("udp://127.0.0.2:" + server.port())) {
      client.connected().toCompletableFuture().get(10, TimeUnit.SECONDS);
      client.send("question");
      assertThat(local.get(10, TimeUnit.SECONDS)).isEqualTo(asked().remoteAddress());
    }
  }

  // The port.

  private static boolean isFree(InetAddress address, int port) throws IOException {
    try (DatagramSocket taken = new DatagramSocket(null)) {
      taken.setReuseAddress(true);
      taken.bind(new InetSocketAddress(address, port));
      return true;
    } catch (BindException e) {
      return false;
    }
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void portIsSharedWithNobodyAndFreeAfterTheStop(Transport transport) throws Exception {
    List<InetAddress> addresses = ips("0.0.0.0", "127.0.0.1", "127.0.0.2", "127.0.0.3");
    start(transport, "udp://:0", () -> ips("127.0.0.1", "127.0.0.2"));
    int port = server.port();
    answering(ip("127.0.0.3")); // with epoll, this opens a socket
    for (InetAddress address : addresses) {
      assertThat(isFree(address, port)).as("%s", address).isFalse();
    }
    assertThatThrownBy(() -> echo(transport).listen("udp://:" + port).start())
        .hasMessageContaining("Address already in use");
    server.stopAccepting();
    for (InetAddress address : addresses) {
      Eventually.holds(address + " is free", () -> isFree(address, port));
    }
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void stopDeliversWhatHasArrivedOnEveryAddress(Transport transport) throws Exception {
    start(transport, "udp://:0", () -> ips("127.0.0.1", "127.0.0.2"));
    try (DatagramSocket client = client(ip("127.0.0.1"))) {
      server.pauseAccepting(this);
      for (int i = 0; i < 20; i++) {
        send(client, ip("127.0.0.1"), "text");
        send(client, ip("127.0.0.2"), "text");
      }
      server.stopAccepting();
      Set<InetAddress> sources = new HashSet<>();
      for (int i = 0; i < 40; i++) {
        sources.add(sourceOfAnswer(client).getAddress());
      }
      assertThat(sources).containsExactlyInAnyOrder(ip("127.0.0.1"), ip("127.0.0.2"));
    }
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void reuseportGivesEveryLoopASocketOfEachAddress(Transport transport) throws Exception {
    Map<InetAddress, Set<String>> threads = new ConcurrentHashMap<>();
    List<String> listed = List.of("127.0.0.1", "127.0.0.2");
    server =
        builder(
                transport,
                (connection, message) -> {
                  InetAddress own = ((InetSocketAddress) connection.localAddress()).getAddress();
                  threads
                      .computeIfAbsent(own, any -> ConcurrentHashMap.newKeySet())
                      .add(Thread.currentThread().getName());
                  connection.send(message);
                })
            .addressesOfMachine(() -> listed.stream().map(UdpAddressesTest::ip).toList())
            .listen("udp://:0?reuseport=true")
            .start();
    for (int i = 0; i < 50; i++) {
      for (String address : listed) {
        assertThat(answering(ip(address))).isEqualTo(ip(address));
      }
    }
    assertThat(threads).hasSize(2);
    assertThat(threads.values()).allMatch(each -> each.size() == 2);
  }
}
