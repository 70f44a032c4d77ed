package dev.jev;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.jev.Delivery.Outcome;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.BindException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.MulticastSocket;
import java.net.NetworkInterface;
import java.net.Socket;
import java.net.StandardSocketOptions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Datagrams. */
class UdpTest {

  private static final String TRANSPORTS = "dev.jev.Available#transports";
  private static final int HEADERS = 28;
  private static final int MAX = 65507;

  private final BlockingQueue<String> messages = new LinkedBlockingQueue<>();
  private DatagramSocket client;
  private @Nullable Server server;

  /** The bytes of a datagram as a text; a text that begins with {@code !} is malformed. */
  private static final class Datagrams implements Protocol<String, String> {
    @Override
    public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
      if (in.isReadable() && in.getByte(in.readerIndex()) == '!') {
        throw new ProtocolException("malformed");
      }
      return in.readCharSequence(in.readableBytes(), UTF_8).toString();
    }

    @Override
    public void pack(String message, ByteBuf out) {
      out.writeCharSequence(message, UTF_8);
    }
  }

  /** Buffers, copied neither in nor out. */
  private static final class Slices implements Protocol<ByteBuf, ByteBuf> {
    @Override
    public ByteBuf unpack(ProtocolContext context, ByteBuf in) {
      return in.readRetainedSlice(in.readableBytes());
    }

    @Override
    public void pack(ByteBuf message, ByteBuf out) {}

    @Override
    public ByteBuf zeroCopyTail(ByteBuf message) {
      return message;
    }
  }

  @BeforeEach
  void open() throws IOException {
    client = new DatagramSocket(0, InetAddress.getLoopbackAddress());
    client.setSoTimeout(10_000);
    client.setReceiveBufferSize(4 * 1024 * 1024);
  }

  @AfterEach
  void stop() {
    client.close();
    if (server != null) {
      server.close();
    }
  }

  private static Server.Builder<String, String> builder(
      Transport transport, Handler<String, String> handler) {
    return Server.<String, String>builder(Datagrams::new, handler)
        .transport(transport)
        .eventLoops(2);
  }

  private Server start(Transport transport, String uri, Handler<String, String> handler) {
    server = builder(transport, handler).listen(uri).start();
    return server;
  }

  private Server echo(Transport transport) {
    return start(transport, "udp://127.0.0.1:0", this::echo);
  }

  private void echo(Connection<String> connection, String message) {
    messages.add(message);
    connection.send(message);
  }

  private InetSocketAddress address() {
    return new InetSocketAddress(InetAddress.getLoopbackAddress(), server.port());
  }

  private void send(byte[] payload) throws IOException {
    client.send(new DatagramPacket(payload, payload.length, address()));
  }

  private void send(String message) throws IOException {
    send(message.getBytes(UTF_8));
  }

  private String receive() throws IOException {
    return receive(client);
  }

  private static String receive(DatagramSocket socket) throws IOException {
    DatagramPacket packet = new DatagramPacket(new byte[MAX], MAX);
    socket.receive(packet);
    return new String(packet.getData(), 0, packet.getLength(), UTF_8);
  }

  private static InetAddress loopback6() throws IOException {
    byte[] address = new byte[16];
    address[15] = 1;
    return InetAddress.getByAddress(address);
  }

  private String nextMessage() throws InterruptedException {
    String message = messages.poll(10, TimeUnit.SECONDS);
    assertThat(message).isNotNull();
    return message;
  }

  private void expectDropped(long count) throws Exception {
    Eventually.holds(count + " dropped", () -> server.droppedDatagrams() >= count);
    assertThat(server.droppedDatagrams()).isEqualTo(count);
  }

  // Inbound and outbound.

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void datagramSentWhenAnotherWasWrittenIsFlushed(Transport transport) throws Exception {
    start(
        transport,
        "udp://127.0.0.1:0?amplification=0",
        (connection, message) ->
            connection.deliver("first").written().thenRun(() -> connection.send("second")));
    send("hello");
    assertThat(receive()).isEqualTo("first");
    assertThat(receive()).isEqualTo("second");
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void datagramIsAMessageAndTheConnectionSendsToItsSource(Transport transport) throws Exception {
    CompletableFuture<Connection<String>> known = new CompletableFuture<>();
    start(
        transport,
        "udp://127.0.0.1:0",
        (connection, message) -> {
          known.complete(connection);
          connection.send(message);
        });
    send("hello");
    assertThat(receive()).isEqualTo("hello");
    Connection<String> connection = known.get();
    assertThat(connection.remoteAddress()).isEqualTo(client.getLocalSocketAddress());
    assertThat(connection.localAddress()).isEqualTo(address());
    assertThat(connection.listener()).isEqualTo(server.addresses().get(0)).isEqualTo(address());
    assertThat(connection.attribute(UnixPeer.class)).isNull();
    connection.attach("mine");
    assertThat(connection.attachment(String.class)).isEqualTo("mine");
    connection.attribute(Integer.class, 7);
    assertThat(connection.attribute(Integer.class)).isEqualTo(7);
    assertThat(server.droppedDatagrams()).isZero();
    assertThat(server.connectionCount()).isZero();
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void onlyOnMessageIsCalledAndNothingClosesIt(Transport transport) throws Exception {
    Recorder<String, String> recorder =
        new Recorder<>(
            (connection, message) -> {
              connection.close();
              connection.closeNow();
              connection.shutdownOutput();
              connection.pauseReading();
              connection.resumeReading();
              assertThat(connection.isOpen()).isTrue();
              assertThat(connection.isWritable()).isTrue();
              assertThat(connection.pendingBytes()).isZero();
              assertThatThrownBy(() -> connection.detach(new ChannelInboundHandlerAdapter()))
                  .isInstanceOf(UnsupportedOperationException.class)
                  .hasMessage("a UDP address has no socket of its own to detach");
              connection.send(message);
            });
    start(transport, "udp://127.0.0.1:0", recorder);
    for (String text : List.of("one", "two")) {
      send(text);
      assertThat(receive()).isEqualTo(text);
    }
    server.close();
    recorder.expect("message one", "message two");
    recorder.expectNothingMore();
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void greatestDatagramComesAndGoes(Transport transport) throws Exception {
    echo(transport);
    String text = "x".repeat(MAX);
    for (int i = 0; i < 3; i++) {
      send(text);
      assertThat(receive()).isEqualTo(text);
    }
    assertThat(server.droppedDatagrams()).isZero();
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void emptyDatagramIsAMessageThatMayBeAnsweredWith56Bytes(Transport transport) throws Exception {
    List<Boolean> taken = new ArrayList<>();
    start(
        transport,
        "udp://127.0.0.1:0",
        (connection, message) -> {
          taken.add(connection.send("x".repeat(57)));
          taken.add(connection.send("x".repeat(56)));
          messages.add("<" + message + ">");
        });
    send("");
    assertThat(nextMessage()).isEqualTo("<>");
    assertThat(receive()).hasSize(56);
    assertThat(taken).containsExactly(false, true);
    expectDropped(1);
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void emptyDatagramsDoNotHoldUpOthers(Transport transport) throws Exception {
    echo(transport);
    for (int i = 0; i < 20; i++) {
      send("");
      send("text " + i);
    }
    for (int i = 0; i < 20; i++) {
      assertThat(receive()).isEqualTo("text " + i);
    }
    expectDropped(20); // the answers: an empty message is not sent
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void messageIsSentElsewhereFromTheSameSocket(Transport transport) throws Exception {
    start(
        transport,
        "udp://127.0.0.1:0",
        (connection, message) -> {
          int port = Integer.parseInt(message);
          connection
              .to(new InetSocketAddress(InetAddress.getLoopbackAddress(), port))
              .send("x".repeat(5000));
        });
    try (DatagramSocket other = new DatagramSocket(0, InetAddress.getLoopbackAddress())) {
      other.setSoTimeout(10_000);
      send(String.valueOf(other.getLocalPort()));
      DatagramPacket packet = new DatagramPacket(new byte[MAX], MAX);
      other.receive(packet);
      assertThat(packet.getLength()).isEqualTo(5000);
      assertThat(packet.getSocketAddress()).isEqualTo(address());
    }
  }

  @Test
  void unresolvedAddressIsRefused() throws Exception {
    CompletableFuture<Connection<String>> known = new CompletableFuture<>();
    start(Transport.AUTO, "udp://127.0.0.1:0", (connection, message) -> known.complete(connection));
    send("hi");
    Connection<String> connection = known.get(10, TimeUnit.SECONDS);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> connection.to(InetSocketAddress.createUnresolved("nowhere", 1)))
        .withMessage("address: nowhere/<unresolved>:1 (expected: a resolved internet address)");
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void otherThreadsSendAndLearnWhatBecameOfIt(Transport transport) throws Exception {
    BlockingQueue<Connection<String>> known = new LinkedBlockingQueue<>();
    start(transport, "udp://127.0.0.1:0", (connection, message) -> known.add(connection));
    send("question");
    Connection<String> connection = known.poll(10, TimeUnit.SECONDS);
    Delivery delivery = connection.deliver("answer");
    assertThat(delivery.outcome()).isEqualTo(Outcome.TAKEN);
    delivery.written().toCompletableFuture().get(10, TimeUnit.SECONDS);
    assertThat(receive()).isEqualTo("answer");
    server.close();
    assertThat(connection.isOpen()).isFalse();
    assertThat(connection.isWritable()).isFalse();
    assertThat(connection.send("late")).isFalse();
    assertThat(connection.deliver("late").outcome()).isEqualTo(Outcome.CLOSED);
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void buffersAreOwnedAsOnConnections(Transport transport) throws Exception {
    AtomicInteger count = new AtomicInteger();
    server =
        Server.<ByteBuf, ByteBuf>builder(
                Slices::new,
                (connection, message) -> {
                  switch (count.getAndIncrement() % 4) {
                    case 0 -> connection.send(message);
                    case 1 -> {} // released by the framework
                    case 2 -> connection.send(message); // twice
                    default -> throw new IllegalStateException("on purpose");
                  }
                  if (count.get() % 4 == 3) {
                    connection.send(message);
                  }
                })
            .transport(transport)
            .listen("udp://127.0.0.1:0")
            .start();
    try (LogCapture log = new LogCapture("dev.jev")) {
      for (int i = 0; i < 4; i++) {
        send("text " + i);
      }
      assertThat(receive()).isEqualTo("text 0");
      assertThat(receive()).isEqualTo("text 2");
      assertThat(receive()).isEqualTo("text 2");
      log.await("handler failed in onMessage of /127.0.0.1:" + client.getLocalPort());
    }
    assertThat(server.droppedDatagrams()).isZero();
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void timersAndTasksRunUntilTheServerStops(Transport transport) throws Exception {
    BlockingQueue<String> ticks = new LinkedBlockingQueue<>();
    AtomicInteger late = new AtomicInteger();
    start(
        transport,
        "udp://127.0.0.1:0",
        (connection, message) -> {
          connection.execute(() -> ticks.add("task"));
          connection.runAfter(Duration.ofMillis(1), () -> ticks.add("timer"));
          connection.runEvery(Duration.ofMillis(1), late::incrementAndGet);
          connection.runTicker(
              () -> {
                ticks.add("tick");
                return Duration.ofHours(1);
              });
        });
    send("go");
    List<String> seen = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      seen.add(ticks.poll(10, TimeUnit.SECONDS));
    }
    assertThat(seen).containsExactlyInAnyOrder("task", "timer", "tick");
    Eventually.holds("several", () -> late.get() > 2);
    server.close();
    int count = late.get();
    Eventually.noServerThreadIsLeft();
    assertThat(late.get()).isEqualTo(count);
  }

  // Dropped datagrams.

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void malformedDatagramsCostOnlyThemselves(Transport transport) throws Exception {
    AtomicInteger protocols = new AtomicInteger();
    server =
        Server.<String, String>builder(
                () -> {
                  protocols.incrementAndGet();
                  return new Texts(); // wants a length in front
                },
                this::echo)
            .transport(transport)
            .listen("udp://127.0.0.1:0")
            .start();
    protocols.set(0); // start has made one
    byte[][] malformed = {
      {}, // null: incomplete
      {0, 0, 0, 9, 'x'}, // null again
      {-1, -1, -1, -1}, // an exception
      {0, 0, 0, 1, 'x', 'y'}, // bytes left over
      {0, 0, 0, 1, 'x', 0, 0, 0, 1, 'y'}, // two messages
    };
    for (byte[] bad : malformed) {
      send(bad);
      send(RawPeer.frames("good"));
      assertThat(nextMessage()).isEqualTo("good");
      assertThat(receive()).endsWith("good");
    }
    expectDropped(malformed.length);
    assertThat(protocols).hasValue(1 + malformed.length);
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void datagramLongerThanTheLimitIsDropped(Transport transport) throws Exception {
    server = builder(transport, this::echo).maxFrameBytes(1000).listen("udp://127.0.0.1:0").start();
    for (int length : new int[] {1001, 1000, 1002, MAX, 999}) {
      send("x".repeat(length));
    }
    assertThat(nextMessage()).hasSize(1000);
    assertThat(nextMessage()).hasSize(999);
    expectDropped(3);
    assertThat(messages).isEmpty();
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void messageTooLongForADatagramIsRefused(Transport transport) throws Exception {
    BlockingQueue<Throwable> thrown = new LinkedBlockingQueue<>();
    start(
        transport,
        "udp://127.0.0.1:0",
        (connection, message) -> {
          try {
            connection.to(connection.remoteAddress()).send("x".repeat(MAX + 1));
          } catch (IllegalArgumentException e) {
            thrown.add(e);
          }
          connection.send(message);
        });
    send("hi");
    assertThat(receive()).isEqualTo("hi");
    assertThat(thrown.poll(10, TimeUnit.SECONDS))
        .hasMessage("message length: 65508 bytes (expected: <= 65507)");
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void answersAreNotLongerThanThreeTimesTheQuestion(Transport transport) throws Exception {
    List<Boolean> taken = new ArrayList<>();
    start(
        transport,
        "udp://127.0.0.1:0",
        (connection, message) -> {
          int allowed = 3 * (message.length() + HEADERS);
          taken.add(connection.send("a".repeat(allowed - HEADERS + 1))); // one too many
          taken.add(connection.send("b".repeat(allowed / 2 - HEADERS)));
          taken.add(connection.send("c".repeat(allowed - allowed / 2 - HEADERS)));
          taken.add(connection.send("d"));
          taken.add(connection.to(connection.remoteAddress()).send("vouched for"));
        });
    try (LogCapture log = new LogCapture("dev.jev")) {
      send("question");
      assertThat(receive() + receive()).hasSize(3 * (8 + HEADERS) - 2 * HEADERS);
      assertThat(receive()).isEqualTo("vouched for");
      assertThat(taken).containsExactly(false, true, true, false, true);
      expectDropped(2);
      assertThat(log.messages("datagram for"))
          .singleElement()
          .isEqualTo(
              "datagram for %s dropped: its answers would exceed 3 times the bytes received;"
                      .formatted(client.getLocalSocketAddress())
                  + " see the option amplification of "
                  + server.addresses().get(0));
    }
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void amplificationCanBeChangedAndSwitchedOff(Transport transport) throws Exception {
    Handler<String, String> handler =
        (connection, message) ->
            messages.add("" + connection.send("x".repeat(10 * HEADERS - HEADERS)));
    start(transport, "udp://127.0.0.1:0?amplification=9", handler);
    send("");
    assertThat(nextMessage()).isEqualTo("false");
    server.close();
    start(transport, "udp://127.0.0.1:0?amplification=10", handler);
    send("");
    assertThat(nextMessage()).isEqualTo("true");
    server.close();
    start(
        transport,
        "udp://127.0.0.1:0?amplification=0",
        (connection, message) -> connection.send("x".repeat(MAX)));
    assertThat(receive()).hasSize(9 * HEADERS);
    send("");
    assertThat(receive()).hasSize(MAX);
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void unreachablePeersDoNotEndTheSocket(Transport transport) throws Exception {
    CountDownLatch sent = new CountDownLatch(100);
    start(
        transport,
        "udp://127.0.0.1:0",
        (connection, message) -> {
          if (message.equals("hi")) {
            connection.send(message);
          } else {
            connection.to(closedPort(message)).send("hello");
            sent.countDown();
          }
        });
    int port;
    try (DatagramSocket closed = new DatagramSocket(0, InetAddress.getLoopbackAddress())) {
      port = closed.getLocalPort();
    }
    for (int i = 0; i < 100; i++) {
      send(String.valueOf(port));
    }
    assertThat(sent.await(10, TimeUnit.SECONDS)).isTrue();
    send("hi");
    assertThat(receive()).isEqualTo("hi");
    assertThat(server.droppedDatagrams()).isZero();
  }

  private static InetSocketAddress closedPort(String port) {
    return new InetSocketAddress(InetAddress.getLoopbackAddress(), Integer.parseInt(port));
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void whatTheSystemRefusesToSendIsCounted(Transport transport) throws Exception {
    start(
        transport,
        "udp4://127.0.0.1:0",
        (connection, message) -> {
          connection.to(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0)).send("port 0");
          connection.send(message);
        });
    send("hi");
    assertThat(receive()).isEqualTo("hi");
    expectDropped(1);
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void queueOfOtherThreadsIsBounded(Transport transport) throws Exception {
    CountDownLatch release = new CountDownLatch(1);
    BlockingQueue<Connection<String>> known = new LinkedBlockingQueue<>();
    server =
        builder(
                transport,
                (connection, message) -> {
                  known.add(connection);
                  try {
                    release.await();
                  } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                  }
                })
            .maxPendingBytes(10_000)
            .writeWatermarks(100, 5_000)
            .listen("udp://127.0.0.1:0?amplification=0")
            .start();
    send("block the loop");
    Connection<String> connection = known.poll(10, TimeUnit.SECONDS);
    int taken = 0;
    int refused = 0;
    for (int i = 0; i < 1000; i++) {
      if (connection.send("x".repeat(4))) {
        taken++;
      } else {
        refused++;
      }
    }
    assertThat(taken).isEqualTo(100); // of 4 + 96 bytes
    assertThat(connection.pendingBytes()).isEqualTo(10_000);
    assertThat(connection.isWritable()).isFalse();
    assertThat(connection.deliver("x").outcome()).isEqualTo(Outcome.OVER_LIMIT);
    assertThat(server.droppedDatagrams()).isEqualTo(refused + 1);
    release.countDown();
    for (int i = 0; i < taken; i++) {
      assertThat(receive()).isEqualTo("xxxx");
    }
    Eventually.holds("nothing waits", () -> connection.pendingBytes() == 0);
    assertThat(connection.isWritable()).isTrue();
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void floodIsCountedExactlyAndLetsNothingGrow(Transport transport) throws Exception {
    AtomicLong delivered = new AtomicLong();
    AtomicLong refused = new AtomicLong();
    AtomicLong malformed = new AtomicLong();
    AtomicLong most = new AtomicLong();
    class Counting implements Protocol<String, String> {
      private final Datagrams datagrams = new Datagrams();

      @Override
      public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
        try {
          return datagrams.unpack(context, in);
        } catch (ProtocolException e) {
          malformed.incrementAndGet();
          throw e;
        }
      }

      @Override
      public void pack(String message, ByteBuf out) {
        datagrams.pack(message, out);
      }
    }
    server =
        Server.<String, String>builder(
                Counting::new,
                (connection, message) -> {
                  delivered.incrementAndGet();
                  for (int i = 0; i < 4; i++) { // one more than is allowed, and more than is taken
                    refused.addAndGet(connection.send(message) ? 0 : 1);
                  }
                  most.accumulateAndGet(connection.pendingBytes(), Math::max);
                })
            .transport(transport)
            .eventLoops(1)
            .maxPendingBytes(8 * 1024)
            .writeWatermarks(1024, 2048)
            .listen("udp://127.0.0.1:0")
            .start();
    try (LogCapture netty = new LogCapture("io.netty");
        LogCapture jev = new LogCapture("dev.jev")) {
      for (int i = 0; i < 20_000; i++) {
        send("good");
        send("!bad");
      }
      AtomicLong before = new AtomicLong(-1);
      AtomicLong quiet = new AtomicLong();
      Eventually.holds(
          "quiet, 100 times",
          () -> {
            long now = delivered.get() + malformed.get();
            quiet.set(before.getAndSet(now) == now ? quiet.get() + 1 : 0);
            return quiet.get() >= 100;
          });
      expectDropped(malformed.get() + refused.get());
      assertThat(delivered.get()).isPositive();
      assertThat(refused.get()).isGreaterThanOrEqualTo(delivered.get());
      assertThat(most.get()).isLessThan(8 * 1024 + 200);
      assertThat(netty.records()).isEmpty();
      assertThat(jev.records()).allMatch(log -> log.getMessage().startsWith("datagram for "));
    }
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void dropsAreCountedExactly(Transport transport) throws Exception {
    echo(transport);
    for (int i = 0; i < 50; i++) { // few at a time: the kernel's own drops are not counted
      for (int j = 0; j < 20; j++) {
        send("!bad");
      }
      send("good");
      assertThat(receive()).isEqualTo("good");
    }
    expectDropped(1000);
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void manySourcesAreAnsweredEachAtItsOwnAddress(Transport transport) throws Exception {
    echo(transport);
    List<DatagramSocket> sources = new ArrayList<>();
    try {
      for (int i = 0; i < 200; i++) {
        InetAddress from = InetAddress.getByName("127.0.1." + (i + 1));
        DatagramSocket source = new DatagramSocket(0, from);
        source.setSoTimeout(10_000);
        sources.add(source);
        byte[] text = ("from " + i).getBytes(UTF_8);
        source.send(new DatagramPacket(text, text.length, address()));
      }
      for (int i = 0; i < sources.size(); i++) {
        assertThat(receive(sources.get(i))).isEqualTo("from " + i);
      }
    } finally {
      sources.forEach(DatagramSocket::close);
    }
    assertThat(server.droppedDatagrams()).isZero();
  }

  // Addresses.

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void udp4AndUdp6CanHaveTheSamePort(Transport transport) throws Exception {
    assumeTrue(Available.ip6() && transport != Transport.NIO);
    try (Server first = builder(transport, this::echo).listen("udp4://:0").start()) {
      server =
          builder(transport, (connection, message) -> connection.send("six"))
              .listen("udp6://:" + first.port())
              .start();
      send("hi");
      assertThat(receive()).isEqualTo("hi");
      try (DatagramSocket six = new DatagramSocket(0, loopback6())) {
        six.setSoTimeout(10_000);
        six.send(new DatagramPacket("hi".getBytes(UTF_8), 2, six.getLocalAddress(), first.port()));
        assertThat(receive(six)).isEqualTo("six");
      }
    }
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void noHostIsAllAddressesOfBothFamilies(Transport transport) throws Exception {
    BlockingQueue<InetSocketAddress> sources = new LinkedBlockingQueue<>();
    start(
        transport,
        "udp://:0",
        (connection, message) -> {
          sources.add((InetSocketAddress) connection.remoteAddress());
          connection.send(message);
        });
    send("four");
    assertThat(receive()).isEqualTo("four");
    assertThat(sources.poll(10, TimeUnit.SECONDS).getAddress()).isInstanceOf(Inet4Address.class);
    assumeTrue(Available.ip6());
    try (DatagramSocket six = new DatagramSocket(0, loopback6())) {
      six.setSoTimeout(10_000);
      six.send(new DatagramPacket("six".getBytes(UTF_8), 3, six.getLocalAddress(), server.port()));
      assertThat(receive(six)).isEqualTo("six");
    }
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void reuseportGivesEveryLoopASocket(Transport transport) throws Exception {
    Map<Integer, Set<String>> threads = new ConcurrentHashMap<>();
    start(
        transport,
        "udp://127.0.0.1:0?reuseport=true",
        (connection, message) -> {
          int port = ((InetSocketAddress) connection.remoteAddress()).getPort();
          threads
              .computeIfAbsent(port, any -> ConcurrentHashMap.newKeySet())
              .add(Thread.currentThread().getName());
          connection.send(message);
        });
    assertThat(server.addresses()).hasSize(1);
    for (int i = 0; i < 50; i++) {
      try (DatagramSocket source = new DatagramSocket(0, InetAddress.getLoopbackAddress())) {
        source.setSoTimeout(10_000);
        for (int j = 0; j < 2; j++) {
          source.send(new DatagramPacket(new byte[] {'x'}, 1, address()));
          assertThat(receive(source)).isEqualTo("x");
        }
      }
    }
    assertThat(threads.values()).allMatch(each -> each.size() == 1);
    assertThat(threads.values().stream().flatMap(Set::stream).distinct()).hasSize(2);
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void multicastGroupIsJoinedOnItsInterface(Transport transport) throws Exception {
    NetworkInterface loopback = NetworkInterface.getByInetAddress(client.getLocalAddress());
    start(transport, "udp4://239.255.77.1:0?interface=" + loopback.getName(), this::echo);
    try (MulticastSocket sender =
        new MulticastSocket(new InetSocketAddress(client.getLocalAddress(), 0))) {
      sender.setOption(StandardSocketOptions.IP_MULTICAST_IF, loopback);
      sender.setSoTimeout(10_000);
      InetSocketAddress group =
          new InetSocketAddress(InetAddress.getByName("239.255.77.1"), server.port());
      sender.send(new DatagramPacket("all".getBytes(UTF_8), 3, group));
      assertThat(nextMessage()).isEqualTo("all");
      assertThat(receive(sender)).isEqualTo("all");
    }
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void multicastIsHandledOnceWithReuseport(Transport transport) throws Exception {
    NetworkInterface loopback = NetworkInterface.getByInetAddress(client.getLocalAddress());
    String options = "?reuseport=true&interface=" + loopback.getName();
    start(transport, "udp4://239.255.77.1:0" + options, this::echo);
    try (MulticastSocket sender =
        new MulticastSocket(new InetSocketAddress(client.getLocalAddress(), 0))) {
      sender.setOption(StandardSocketOptions.IP_MULTICAST_IF, loopback);
      sender.setSoTimeout(10_000);
      InetSocketAddress group =
          new InetSocketAddress(InetAddress.getByName("239.255.77.1"), server.port());
      for (int i = 0; i < 20; i++) {
        String question = "question " + i;
        sender.send(new DatagramPacket(question.getBytes(UTF_8), question.length(), group));
        assertThat(receive(sender)).isEqualTo(question); // not the second answer to an earlier one
      }
    }
  }

  @Test
  void wrongInterfacesAreRefused() {
    assertThatThrownBy(
            () -> start(Transport.AUTO, "udp://239.255.77.1:0?interface=jev9", this::echo))
        .isInstanceOf(UncheckedIOException.class)
        .hasMessage(
            "cannot listen on udp://239.255.77.1:0?interface=jev9:"
                + " interface: jev9 (expected: an interface of this machine)");
    assertThatThrownBy(() -> start(Transport.AUTO, "udp://127.0.0.1:0?interface=lo", this::echo))
        .hasMessage(
            "cannot listen on udp://127.0.0.1:0?interface=lo:"
                + " interface: lo (expected: only with a multicast address)");
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void portInUseIsRefused(Transport transport) {
    String uri = "udp://127.0.0.1:" + client.getLocalPort();
    assertThatThrownBy(() -> start(transport, uri, this::echo))
        .isInstanceOf(UncheckedIOException.class)
        .hasMessageStartingWith("cannot listen on " + uri + ": ")
        .hasMessageContaining("Address already in use");
  }

  // Stopping.

  private static boolean isFree(InetSocketAddress address) throws IOException {
    try (DatagramSocket same = new DatagramSocket(address)) {
      return same.isBound();
    } catch (BindException e) {
      return false;
    }
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void stopDeliversWhatHasArrivedAndFreesThePort(Transport transport) throws Exception {
    echo(transport);
    server.pauseAccepting(this);
    send("paused"); // may still be taken: reading ends on another thread
    for (int i = 0; i < 20; i++) {
      send("text");
    }
    server.stopAccepting();
    for (int i = 0; i <= 20; i++) {
      assertThat(receive()).isIn("text", "paused");
    }
    Eventually.holds("the port is free", () -> isFree(address())); // io_uring closes a little later
    server.close();
    Eventually.noServerThreadIsLeft();
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void offloadedHandlerAnswersDatagrams(Transport transport) throws Exception {
    ExecutorService workers = Executors.newFixedThreadPool(2);
    try {
      Handler<String, String> echo = (connection, message) -> connection.send(message);
      start(transport, "udp://127.0.0.1:0", echo.offload(workers));
      for (int i = 0; i < 20; i++) {
        send("text " + i);
        assertThat(receive()).isEqualTo("text " + i);
      }
    } finally {
      workers.shutdown();
    }
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void contextWritesToTheSourceAndItsCloseDoesNothing(Transport transport) throws Exception {
    class Polite implements Protocol<String, String> {
      @Override
      public String unpack(ProtocolContext context, ByteBuf in) {
        assertThat(context.isReady()).isTrue();
        context.ready();
        context.write(pong(in));
        context.close();
        return in.readCharSequence(in.readableBytes(), UTF_8).toString();
      }

      private ByteBuf pong(ByteBuf in) {
        return in.alloc().buffer().writeBytes("pong".getBytes(UTF_8));
      }

      @Override
      public void pack(String message, ByteBuf out) {
        out.writeCharSequence(message, UTF_8);
      }
    }
    server =
        Server.<String, String>builder(Polite::new, this::echo)
            .transport(transport)
            .listen("udp://127.0.0.1:0")
            .start();
    for (int i = 0; i < 2; i++) {
      send("ping");
      assertThat(receive()).isEqualTo("pong");
      assertThat(receive()).isEqualTo("ping");
    }
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void resumingAConnectionInsideADatagramDoesNotNestCallbacks(Transport transport)
      throws Exception {
    List<String> order = new ArrayList<>();
    CompletableFuture<Connection<ByteBuf>> tcp = new CompletableFuture<>();
    server =
        Server.<ByteBuf, ByteBuf>builder(
                Slices::new,
                (connection, message) -> {
                  if (connection instanceof StreamConnection) {
                    order.add("tcp");
                    messages.add("tcp");
                  } else {
                    order.add("udp begins");
                    tcp.join().resumeReading();
                    order.add("udp ends");
                    messages.add("udp");
                  }
                })
            .plugin(
                new Plugin() {
                  @Override
                  @SuppressWarnings("unchecked") // of this server
                  public @Nullable Observer install(Link link) {
                    link.connection().pauseReading();
                    tcp.complete((Connection<ByteBuf>) link.connection());
                    return null;
                  }
                })
            .transport(transport)
            .eventLoops(1)
            .listen("udp://127.0.0.1:0")
            .listen("tcp://127.0.0.1:0")
            .start();
    int port = ((InetSocketAddress) server.addresses().get(1)).getPort();
    try (Socket socket = Echo.connect("127.0.0.1", port)) {
      socket.getOutputStream().write('x');
      tcp.get(10, TimeUnit.SECONDS);
      send("datagram");
      assertThat(nextMessage()).isEqualTo("udp");
      assertThat(nextMessage()).isEqualTo("tcp");
      assertThat(order).containsExactly("udp begins", "udp ends", "tcp");
    }
  }

  @Test
  void tasksOfAProtocolEndWithIt() throws Exception {
    AtomicInteger failures = new AtomicInteger();
    AtomicInteger runsAfterTheEnd = new AtomicInteger();
    CountDownLatch ran = new CountDownLatch(1);
    Protocol<String, String> waiting = new Datagrams();
    class Waiting implements Protocol<String, String> {
      private boolean ended;
      private boolean last;

      @Override
      public void open(ProtocolContext context) {
        context.runAfter(
            Duration.ofMillis(300),
            () -> {
              if (ended) {
                runsAfterTheEnd.incrementAndGet();
              } else if (last) { // all others were due before it
                ran.countDown();
              }
            });
      }

      @Override
      public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
        try {
          String message = waiting.unpack(context, in);
          last = true;
          return message;
        } catch (ProtocolException e) {
          failures.incrementAndGet();
          ended = true;
          throw e;
        }
      }

      @Override
      public void pack(String message, ByteBuf out) {
        waiting.pack(message, out);
      }
    }
    server =
        Server.<String, String>builder(Waiting::new, this::echo)
            .listen("udp://127.0.0.1:0")
            .eventLoops(1)
            .start();
    for (int i = 0; i < 20; i++) {
      send("!");
    }
    send("last");
    assertThat(receive()).isEqualTo("last");
    assertThat(ran.await(10, TimeUnit.SECONDS)).isTrue();
    assertThat(failures).hasValue(20);
    assertThat(runsAfterTheEnd).hasValue(0);
  }
}
