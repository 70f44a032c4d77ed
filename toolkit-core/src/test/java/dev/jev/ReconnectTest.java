package dev.jev;

import static dev.jev.ClientTest.failure;
import static dev.jev.ClientTest.get;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Client.WhileDisconnected;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelOption;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.UnknownHostException;
import java.nio.channels.ClosedChannelException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLongArray;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A client without a connection: it waits, reconnects and queues messages. */
class ReconnectTest {

  private static final Duration MILLISECOND = Duration.ofMillis(1);
  private static final Duration SOON = Duration.ofMillis(10);

  private final Recorder<String, String> atServer = new Recorder<>(Connection::send);
  private final Recorder<String, String> recorder = Recorder.silent();
  private final LogCapture log = new LogCapture("dev.jev");

  @AfterEach
  void nothingIsLeft() throws Exception {
    log.close();
    Eventually.noServerThreadIsLeft();
  }

  /** Starts a server on a port; 0 is any free port. */
  private Server serve(int port) {
    return Server.<String, String>builder(Texts::new, atServer)
        .listen("tcp://127.0.0.1:" + port)
        .eventLoops(1)
        .start();
  }

  private Client.Builder<String, String> client() {
    return Client.<String, String>builder(Texts::new, recorder).reconnect(MILLISECOND, SOON);
  }

  private static int freePort() throws Exception {
    try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return free.getLocalPort();
    }
  }

  @ParameterizedTest
  @MethodSource("dev.jev.Available#transports")
  void clientComesBackAfterARestartWithWhatWasSentMeanwhileInOrder(Transport transport)
      throws Exception {
    Server first = serve(0);
    int port = first.port();
    try (Client<String> client =
        client()
            .transport(transport)
            .whileDisconnected(WhileDisconnected.QUEUE)
            .connect("tcp://127.0.0.1:" + port)) {
      Connection<String> before = get(client.connected());
      assertThat(client.send("before")).isTrue();
      atServer.expect("connect", "message before");
      recorder.expect("connect", "message before");
      first.close();
      atServer.expect("close SERVER_STOPPED");
      recorder.expect("close PEER_CLOSED");
      int messages = 1_000;
      for (int i = 0; i < messages; i++) {
        assertThat(client.send("m" + i)).isTrue();
      }
      assertThat(client.isConnected()).isFalse();
      try (Server second = serve(port)) {
        assertThat(second.port()).isEqualTo(port);
        recorder.expect("connect");
        atServer.expect("connect");
        for (int i = 0; i < messages; i++) {
          atServer.expect("message m" + i);
          recorder.expect("message m" + i);
        }
        assertThat(client.connection()).isNotSameAs(before);
        assertThat(client.send("after")).isTrue();
        recorder.expect("message after");
        atServer.expect("message after");
        assertThat(before.send("late")).isFalse();
      }
      atServer.expect("close SERVER_STOPPED");
      recorder.expect("close PEER_CLOSED");
      recorder.expectNothingMore();
    }
  }

  @Test
  void messagesAreQueuedFromTheBeginning() throws Exception {
    int port = freePort();
    try (Client<String> client =
        client().whileDisconnected(WhileDisconnected.QUEUE).connect("tcp://127.0.0.1:" + port)) {
      Delivery delivery = client.deliver("early");
      assertThat(delivery.outcome()).isEqualTo(Delivery.Outcome.TAKEN);
      try (Server server = serve(port)) {
        get(delivery.written());
        atServer.expect("connect", "message early");
        assertThat(server.connectionCount()).isEqualTo(1);
      }
    }
  }

  @Test
  void queuedMessagesComeAfterWhatOnConnectSends() throws Exception {
    int port = freePort();
    Handler<String, String> greeting =
        new Handler<>() {
          @Override
          public void onConnect(Connection<String> connection) {
            connection.send("login");
          }

          @Override
          public void onMessage(Connection<String> connection, String message) {}
        };
    try (Client<String> client =
        Client.builder(Texts::new, greeting)
            .reconnect(MILLISECOND, SOON)
            .whileDisconnected(WhileDisconnected.QUEUE)
            .connect("tcp://127.0.0.1:" + port)) {
      client.send("early");
      try (Server server = serve(port)) {
        atServer.expect("connect", "message login", "message early");
        assertThat(server.connectionCount()).isEqualTo(1);
      }
    }
  }

  @Test
  void orderIsKeptWhileTheQueueIsBeingEmptied() throws Exception {
    int port = freePort();
    int messages = 10_000;
    try (Client<String> client =
        client()
            .whileDisconnected(WhileDisconnected.QUEUE)
            .maxPendingBytes(64 * 1024 * 1024)
            .connect("tcp://127.0.0.1:" + port)) {
      for (int i = 0; i < messages / 2; i++) {
        assertThat(client.send("m" + i)).isTrue();
      }
      try (Server server = serve(port)) {
        for (int i = messages / 2; i < messages; i++) {
          assertThat(client.send("m" + i)).isTrue();
        }
        atServer.expect("connect");
        for (int i = 0; i < messages; i++) {
          atServer.expect("message m" + i);
        }
        assertThat(server.connectionCount()).isEqualTo(1);
      }
    }
  }

  @Test
  void queueThatIsMoreThanTheSocketTakesIsSentAsItDoes() throws Exception {
    try (ServerSocket slow = new ServerSocket()) {
      slow.setReceiveBufferSize(4096);
      int port = freePort();
      try (Client<String> client =
          client()
              .whileDisconnected(WhileDisconnected.QUEUE)
              .sendBufferBytes(8192)
              .connect("tcp://127.0.0.1:" + port)) {
        String text = "x".repeat(20_000); // counts for 20,096 bytes
        int messages = 0;
        while (client.send(text)) {
          messages++;
        }
        assertThat(messages).isEqualTo(1024 * 1024 / 20_096 + 1);
        slow.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
        try (Socket peer = slow.accept()) {
          Connection<String> connection = recorder.connection();
          Eventually.holds("not writable", () -> !connection.isWritable());
          assertThat(connection.pendingBytes()).isLessThan(400_000);
          assertThat(connection.isOpen()).isTrue();
          byte[] frame = RawPeer.frames(text);
          for (int i = 0; i < messages; i++) {
            assertThat(peer.getInputStream().readNBytes(frame.length)).isEqualTo(frame);
          }
          assertThat(client.send("more")).isTrue();
          assertThat(peer.getInputStream().readNBytes(8)).isEqualTo(RawPeer.frames("more"));
        }
      }
    }
  }

  @Test
  void queueTakesMaxPendingBytesAndRefusesTheRest() throws Exception {
    int port = freePort();
    try (Client<ByteBuf> client =
        Client.<ByteBuf, ByteBuf>builder(Buffers::new, Recorder.silent())
            .reconnect()
            .whileDisconnected(WhileDisconnected.QUEUE)
            .writeWatermarks(1, 1000)
            .maxPendingBytes(1000)
            .connect("tcp://127.0.0.1:" + port)) {
      ByteBuf taken = Unpooled.buffer().writeZero(903); // counts for 999 bytes
      assertThat(client.send(taken)).isTrue();
      assertThat(client.send(Unpooled.buffer().writeZero(10_000))).isTrue();
      ByteBuf refused = Unpooled.buffer().writeZero(1);
      Delivery delivery = client.deliver(refused);
      assertThat(delivery.outcome()).isEqualTo(Delivery.Outcome.OVER_LIMIT);
      assertThat(failure(delivery.written()))
          .hasMessage("message dropped: over the limit of pending bytes");
      assertThat(refused.refCnt()).isZero();
      assertThat(taken.refCnt()).isEqualTo(1);
    }
  }

  @Test
  void queueCanDropTheOldest() throws Exception {
    int port = freePort();
    try (Client<String> client =
        client()
            .whileDisconnected(WhileDisconnected.QUEUE)
            .overflow(OverflowPolicy.DROP_OLDEST)
            .writeWatermarks(1, 1000)
            .maxPendingBytes(1000)
            .connect("tcp://127.0.0.1:" + port)) {
      List<Delivery> deliveries = new ArrayList<>();
      for (int i = 0; i < 20; i++) {
        deliveries.add(client.deliver("m" + (10 + i))); // counts for 99 bytes
      }
      for (int i = 0; i < 10; i++) {
        assertThat(failure(deliveries.get(i).written())).hasMessageStartingWith("message dropped");
      }
      try (Server server = serve(port)) {
        atServer.expect("connect");
        for (int i = 10; i < 20; i++) {
          atServer.expect("message m" + (10 + i));
          get(deliveries.get(i).written());
        }
        assertThat(server.connectionCount()).isEqualTo(1);
      }
    }
  }

  @Test
  void closeDropsWhatWaits() throws Exception {
    int port = freePort();
    Client<ByteBuf> client =
        Client.<ByteBuf, ByteBuf>builder(Buffers::new, Recorder.silent())
            .reconnect()
            .whileDisconnected(WhileDisconnected.QUEUE)
            .connect("tcp://127.0.0.1:" + port);
    ByteBuf message = Unpooled.buffer().writeInt(1);
    Delivery delivery = client.deliver(message);
    client.close();
    assertThat(failure(delivery.written())).isInstanceOf(ClosedChannelException.class);
    assertThat(message.refCnt()).isZero();
    assertThat(client.deliver(Unpooled.buffer()).outcome()).isEqualTo(Delivery.Outcome.CLOSED);
  }

  @Test
  void attemptThatFailsWithoutReconnectDropsWhatWaits() throws Exception {
    try (Client<String> client =
        Client.<String, String>builder(Texts::new, recorder)
            .whileDisconnected(WhileDisconnected.QUEUE)
            .connect("tcp://127.0.0.1:" + freePort())) {
      assertThat(failure(client.connected())).hasMessageEndingWith(": Connection refused");
      assertThat(failure(client.deliver("late").written()))
          .isInstanceOf(ClosedChannelException.class);
    }
  }

  @Test
  void sendFailsWhileDownUnlessToldOtherwise() throws Exception {
    Server first = serve(0);
    int port = first.port();
    try (Client<String> client = client().connect("tcp://127.0.0.1:" + port)) {
      get(client.connected());
      first.close();
      recorder.expect("connect", "close PEER_CLOSED");
      assertThat(client.send("lost")).isFalse();
      try (Server second = serve(port)) {
        recorder.expect("connect");
        assertThat(client.send("hi")).isTrue();
        recorder.expect("message hi");
        assertThat(second.connectionCount()).isEqualTo(1);
      }
    }
  }

  @Test
  void messageThatCannotBePackedCostsNeitherTheConnectionNorTheOthers() throws Exception {
    int port = freePort();
    class Picky implements Protocol<String, String> {
      private final Texts texts = new Texts();

      @Override
      public String unpack(ProtocolContext context, ByteBuf in) {
        return texts.unpack(context, in);
      }

      @Override
      public void pack(String message, ByteBuf out) {
        if (message.equals("poison")) {
          throw new IllegalArgumentException("poison");
        }
        texts.pack(message, out);
      }
    }
    try (Client<String> client =
        Client.<String, String>builder(Picky::new, recorder)
            .reconnect(MILLISECOND, SOON)
            .whileDisconnected(WhileDisconnected.QUEUE)
            .connect("tcp://127.0.0.1:" + port)) {
      client.send("one");
      Delivery poison = client.deliver("poison");
      client.send("two");
      try (Server server = serve(port)) {
        assertThat(failure(poison.written())).hasMessage("poison");
        recorder.expect("connect", "message one", "message two");
        log.await("dropped: it cannot be packed");
        assertThat(server.connectionCount()).isPositive();
      }
    }
  }

  @Test
  void waitsDoubleUpToTheCap() throws Exception {
    Queue<Long> attempts = new ConcurrentLinkedQueue<>();
    Queue<Long> waits = new ConcurrentLinkedQueue<>();
    try (Client<String> client =
        client()
            .reconnect(Duration.ofMillis(20), Duration.ofMillis(100))
            .random(
                bound -> {
                  waits.add(TimeUnit.NANOSECONDS.toMillis(bound));
                  return ClientBackoffTest.longest(bound);
                })
            .resolver(
                host -> {
                  attempts.add(System.nanoTime());
                  throw new UnknownHostException(host);
                })
            .connect("tcp://name:1")) {
      Eventually.holds("seven attempts", () -> attempts.size() >= 7);
      assertThat(client.isConnected()).isFalse();
    }
    assertThat(waits).startsWith(20L, 40L, 80L, 100L, 100L, 100L);
    List<Long> times = List.copyOf(attempts);
    List<Long> millis = List.copyOf(waits);
    for (int i = 0; i < 6; i++) {
      assertThat(times.get(i + 1) - times.get(i))
          .as("wait %d", i)
          .isGreaterThanOrEqualTo(TimeUnit.MILLISECONDS.toNanos(millis.get(i)));
    }
  }

  @Test
  void connectionThatDoesNotLastDoesNotShortenTheWaits() throws Exception {
    Queue<Duration> longestWaits = new ConcurrentLinkedQueue<>();
    try (Server server =
            Server.<String, String>builder(
                    Texts::new,
                    new Handler<>() {
                      @Override
                      public void onConnect(Connection<String> connection) {
                        connection.close();
                      }

                      @Override
                      public void onMessage(Connection<String> connection, String message) {}
                    })
                .listen("tcp://127.0.0.1:0")
                .start();
        Client<String> client =
            client()
                .reconnect(Duration.ofMinutes(1), Duration.ofMinutes(4))
                .random(
                    bound -> {
                      longestWaits.add(Duration.ofNanos(bound - 1));
                      return 0;
                    })
                .connect("tcp://127.0.0.1:" + server.port())) {
      get(client.connected());
      Eventually.holds("four ends", () -> longestWaits.size() >= 4);
    }
    assertThat(longestWaits)
        .startsWith(
            Duration.ofMinutes(1),
            Duration.ofMinutes(2),
            Duration.ofMinutes(4),
            Duration.ofMinutes(4));
  }

  @Test
  void attemptsWaitForTheLookupThatHangs() throws Exception {
    AtomicInteger lookups = new AtomicInteger();
    AtomicInteger failures = new AtomicInteger();
    CountDownLatch answer = new CountDownLatch(1);
    try (Server server = serve(0);
        Client<String> client =
            client()
                .connectTimeout(SOON)
                .random(
                    bound -> {
                      failures.incrementAndGet();
                      return 0;
                    })
                .resolver(
                    host -> {
                      lookups.incrementAndGet();
                      awaitUninterruptibly(answer);
                      return InetAddress.getAllByName("127.0.0.1");
                    })
                .connect("tcp://name:" + server.port())) {
      Eventually.holds("ten attempts", () -> failures.get() >= 10);
      assertThat(lookups).hasValue(1);
      answer.countDown();
      get(client.connected());
    } finally {
      answer.countDown();
    }
  }

  private static void awaitUninterruptibly(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void failedAttemptsAreLoggedOnceASecond() throws Exception {
    int port = freePort();
    AtomicInteger attempts = new AtomicInteger();
    long start = System.nanoTime();
    try (Client<String> client =
        client()
            .resolver(
                host -> {
                  attempts.incrementAndGet();
                  return InetAddress.getAllByName("127.0.0.1");
                })
            .connect("tcp://name:" + port)) {
      Eventually.holds("many attempts", () -> attempts.get() >= 30);
      assertThat(client.connected().toCompletableFuture()).isNotDone();
    }
    long seconds = TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - start);
    assertThat(log.messages("cannot connect"))
        .hasSizeBetween(1, (int) seconds + 1)
        .first()
        .asString()
        .matches(
            "cannot connect to tcp://name:"
                + port
                + ": Connection refused; next attempt in \\d+ ms");
  }

  @Test
  void resetOfTheServerIsNoEnd() throws Exception {
    try (Server server = serve(0);
        Client<String> client = client().connect("tcp://127.0.0.1:" + server.port())) {
      get(client.connected());
      for (int i = 0; i < 3; i++) {
        recorder.expect("connect"); // before the reset, which would fail the attempt
        Connection<String> accepted = atServer.connection();
        ((StreamConnection<?, ?>) accepted)
            .channel()
            .config()
            .setOption(ChannelOption.SO_LINGER, 0);
        accepted.closeNow();
        recorder.expect("close IO_ERROR");
      }
      recorder.expect("connect");
      assertThat(client.isConnected()).isTrue();
    }
  }

  @Test
  void closeDuringTheWaitIsFinal() throws Exception {
    int port = freePort();
    Client<String> client =
        client()
            .reconnect(Duration.ofMinutes(1), Duration.ofMinutes(1))
            .random(ClientBackoffTest::longest)
            .connect("tcp://127.0.0.1:" + port);
    log.await("next attempt in 60000 ms");
    long start = System.nanoTime();
    client.close();
    assertThat(System.nanoTime() - start).isLessThan(TimeUnit.SECONDS.toNanos(30));
    assertThat(failure(client.connected())).hasMessageEndingWith("the client is closed");
    Eventually.noServerThreadIsLeft();
    recorder.expectNothingMore();
  }

  @Test
  void closeAtAnyMomentLeavesNothing() throws Exception {
    long seed = ThreadLocalRandom.current().nextLong();
    Random random = new Random(seed);
    try (Server server =
            Server.<String, String>builder(Texts::new, Connection::send)
                .listen("tcp://127.0.0.1:0")
                .eventLoops(1)
                .start();
        EventLoops loops = EventLoops.builder().count(1).start()) {
      AtomicInteger open = new AtomicInteger();
      Handler<String, String> counting =
          new Handler<>() {
            @Override
            public void onConnect(Connection<String> connection) {
              open.incrementAndGet();
            }

            @Override
            public void onMessage(Connection<String> connection, String message) {}

            @Override
            public void onClose(Connection<String> connection, CloseReason reason) {
              open.decrementAndGet();
            }
          };
      for (int i = 0; i < 300; i++) {
        Client<String> client =
            Client.builder(Texts::new, counting)
                .eventLoops(loops)
                .reconnect(MILLISECOND, MILLISECOND)
                .connect("tcp://localhost:" + server.port());
        long nanos = random.nextInt(2_000_000);
        for (long start = System.nanoTime(); System.nanoTime() - start < nanos; ) {
          Thread.onSpinWait();
        }
        client.close();
        assertThat(open.get()).as("connections after a close, seed %d", seed).isZero();
      }
      Eventually.holds("no connection, seed " + seed, () -> server.connectionCount() == 0);
      assertThat(loops.loops().get(0).connections()).isZero();
    }
  }

  @Test
  void clientsThatLostTheirServerDoNotComeBackAllAtOnce() throws Exception {
    int clients = 200;
    long bound = Duration.ofMillis(500).toNanos();
    AtomicLongArray connected = new AtomicLongArray(clients);
    CountDownLatch once = new CountDownLatch(clients);
    CountDownLatch twice = new CountDownLatch(2 * clients);
    AtomicLongArray bounds = new AtomicLongArray(clients);
    Server first = serve(0);
    int port = first.port();
    try (EventLoops loops = EventLoops.builder().count(2).start()) {
      for (int i = 0; i < clients; i++) {
        int number = i;
        Handler<String, String> noting =
            new Handler<>() {
              @Override
              public void onConnect(Connection<String> connection) {
                connected.set(number, System.nanoTime());
                once.countDown();
                twice.countDown();
              }

              @Override
              public void onMessage(Connection<String> connection, String message) {}
            };
        Client.<String, String>builder(Texts::new, noting)
            .eventLoops(loops)
            .reconnect(Duration.ofNanos(bound), Duration.ofSeconds(1))
            .random(
                exclusive -> {
                  bounds.compareAndSet(number, 0, exclusive - 1);
                  return bound * number / clients;
                })
            .connect("tcp://127.0.0.1:" + port);
      }
      assertThat(once.await(20, TimeUnit.SECONDS)).as("all are connected").isTrue();
      long closed = System.nanoTime();
      first.close();
      try (Server second = serve(port)) {
        assertThat(twice.await(20, TimeUnit.SECONDS)).as("all have come back").isTrue();
        Eventually.holds("all are accepted", () -> second.connectionCount() == clients);
      }
      for (int i = 0; i < clients; i++) { // some may be late on a busy machine
        assertThat(bounds.get(i)).as("bound of the first wait").isEqualTo(bound);
        assertThat(connected.get(i) - closed).isGreaterThanOrEqualTo(bound * i / clients);
      }
    }
  }

  @Test
  void clientsOfOneTargetShareOneLinePerSecond() throws Exception {
    int clients = 60;
    String target = "tcp://127.0.0.1:" + freePort();
    List<Client<String>> all = new ArrayList<>();
    try (EventLoops loops = EventLoops.builder().count(2).start()) {
      long start = System.nanoTime();
      for (int i = 0; i < clients; i++) {
        all.add(client().eventLoops(loops).connect(target));
      }
      String others = " ms (and " + (clients - 1) + " others since the last line)";
      assertThat(log.await(others).getMessage())
          .startsWith("cannot connect to " + target + ": Connection refused; next attempt in ");
      int lines = log.messages(target).size();
      long seconds = TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - start);
      assertThat(lines).isLessThanOrEqualTo((int) seconds + 1);
      all.forEach(Client::close);
    }
  }

  @Test
  void clientsOfOtherTargetsHaveTheirOwnLines() throws Exception {
    String one = "tcp://127.0.0.1:" + freePort();
    String other = "tcp://127.0.0.1:" + freePort();
    try (Client<String> first = client().connect(one);
        Client<String> second = client().connect(other)) {
      log.await(one);
      log.await(other);
      assertThat(first.isConnected()).isFalse();
      assertThat(second.isConnected()).isFalse();
    }
  }
}
