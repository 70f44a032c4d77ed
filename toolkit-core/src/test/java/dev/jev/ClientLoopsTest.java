package dev.jev;

import static dev.jev.ClientTest.failure;
import static dev.jev.ClientTest.get;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Client.WhileDisconnected;
import io.netty.buffer.ByteBuf;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Clients on shared event loops, and many clients. */
class ClientLoopsTest {

  private final Recorder<String, String> recorder = Recorder.silent();

  @AfterEach
  void nothingIsLeft() throws Exception {
    Eventually.noServerThreadIsLeft();
  }

  private static Server.Builder<String, String> echo() {
    return Server.<String, String>builder(Texts::new, Connection::send)
        .listen("tcp://127.0.0.1:0")
        .eventLoops(1);
  }

  private static String uri(Server server) {
    return "tcp://127.0.0.1:" + server.port();
  }

  @ParameterizedTest
  @MethodSource("dev.jev.Available#transports")
  void clientUsesTheLoopsOfAServerAndLeavesThemRunning(Transport transport) throws Exception {
    try (Server server = echo().transport(transport).start()) {
      int threads = Eventually.serverThreads().size();
      Client<String> client =
          Client.builder(Texts::new, recorder).eventLoops(server.eventLoops()).connect(uri(server));
      get(client.connected());
      client.send("hi");
      recorder.expect("connect", "message hi");
      assertThat(client.eventLoops()).isSameAs(server.eventLoops());
      assertThat(Eventually.serverThreads()).hasSize(threads);
      assertThat(server.connectionCount()).isEqualTo(1);
      client.close();
      recorder.expect("close CLOSED");
      assertThat(Echo.of("127.0.0.1", server.port(), "still here")).isEqualTo("still here");
    }
    recorder.expectNothingMore();
  }

  @Test
  void stopOfTheServerEndsTheClientsOnItsLoops() throws Exception {
    Server other = echo().start();
    Server server = echo().start();
    Client<String> client =
        Client.builder(Texts::new, recorder)
            .eventLoops(server.eventLoops())
            .reconnect(Duration.ofMillis(1), Duration.ofMillis(1))
            .connect(uri(other));
    get(client.connected());
    for (int i = 0; i < 100; i++) {
      client.send("sent before " + i);
    }
    server.stop(Duration.ofSeconds(5));
    server.awaitStop();
    assertThat(client.send("late")).isFalse();
    assertThat(client.isConnected()).isFalse();
    recorder.expect("connect");
    client.close();
    other.close();
    Eventually.noServerThreadIsLeft();
  }

  @Test
  void clientOnLoopsThatAreClosedIsToldWhy() throws Exception {
    try (Server server = echo().start()) {
      EventLoops loops = EventLoops.builder().count(1).start();
      Client<String> client =
          Client.builder(Texts::new, recorder)
              .eventLoops(loops)
              .reconnect(Duration.ofMillis(1), Duration.ofMillis(1))
              .connect(uri(server));
      get(client.connected());
      loops.close();
      recorder.expect("connect", "close SERVER_STOPPED");
      recorder.expectNothingMore();
      client.close();
    }
  }

  @Test
  void loopsThatAreClosedEndAClientThatIsConnecting() throws Exception {
    try (Blackhole nowhere = new Blackhole("127.0.0.1", 0)) {
      EventLoops loops = EventLoops.builder().count(1).start();
      Client<String> client =
          Client.builder(Texts::new, recorder)
              .eventLoops(loops)
              .whileDisconnected(WhileDisconnected.QUEUE)
              .connect("tcp://127.0.0.1:" + nowhere.port());
      Delivery delivery = client.deliver("never");
      loops.close();
      assertThat(failure(client.connected())).hasMessageEndingWith(": the client is closed");
      assertThat(delivery.written().toCompletableFuture()).isCompletedExceptionally();
      client.close();
    }
  }

  @Test
  void clientMadeInACallbackIsOnItsLoop() throws Exception {
    try (Server back = echo().start()) {
      Queue<String> threads = new ConcurrentLinkedQueue<>();
      class Proxy implements Handler<ByteBuf, ByteBuf> {
        @Override
        public void onConnect(Connection<ByteBuf> front) {
          threads.add(Thread.currentThread().getName());
          Handler<ByteBuf, ByteBuf> answers =
              (connection, answer) -> {
                threads.add(Thread.currentThread().getName());
                front.send(answer);
              };
          Loop loop = ((StreamConnection<?, ?>) front).loop();
          front.attach(
              Client.builder(Buffers::new, answers)
                  .eventLoops(((Endpoint) ((StreamConnection<?, ?>) front).host()).eventLoops())
                  .whileDisconnected(WhileDisconnected.QUEUE)
                  .connect(uri(back)));
          assertThat(loop.inEventLoop()).isTrue();
        }

        @Override
        @SuppressWarnings("unchecked")
        public void onMessage(Connection<ByteBuf> front, ByteBuf message) {
          assertThat(((Client<ByteBuf>) front.attachment(Client.class)).send(message)).isTrue();
        }

        @Override
        public void onClose(Connection<ByteBuf> front, CloseReason reason) {
          front.attachment(Client.class).close(); // does not block the loop
        }
      }
      try (Server proxy =
              Server.<ByteBuf, ByteBuf>builder(Buffers::new, new Proxy())
                  .listen("tcp://127.0.0.1:0")
                  .eventLoops(3)
                  .start();
          RawPeer peer = RawPeer.connect(proxy)) {
        for (int i = 0; i < 1_000; i++) { // the first ones wait for the connection
          peer.send("m" + i);
        }
        for (int i = 0; i < 1_000; i++) {
          assertThat(peer.receive()).isEqualTo("m" + i);
        }
        assertThat(threads.stream().distinct()).hasSize(1);
        peer.shutdownOutput().expectEnd();
        Eventually.holds("the proxy has let go", () -> back.connectionCount() == 0);
      }
    }
  }

  @Test
  void hundredThousandMessagesComeBackInOneProcess() throws Exception {
    int messages = 100_000;
    CompletableFuture<Void> all = new CompletableFuture<>();
    AtomicInteger received = new AtomicInteger();
    Handler<String, String> counting =
        (connection, text) -> {
          if (!text.equals("m" + received.get())) {
            all.completeExceptionally(new AssertionError(text + " instead of " + received));
          }
          if (received.incrementAndGet() == messages) {
            all.complete(null);
          }
        };
    try (Server server = echo().eventLoops(2).start();
        Client<String> client =
            Client.builder(Texts::new, counting)
                .eventLoops(server.eventLoops())
                .overflow(OverflowPolicy.DROP_NEWEST)
                .connect(uri(server))) {
      Connection<String> connection = get(client.connected());
      for (int i = 0; i < messages; ) {
        if (connection.isWritable() && client.send("m" + i)) {
          i++;
        } else {
          Thread.onSpinWait();
        }
      }
      all.get(60, TimeUnit.SECONDS);
      assertThat(received).hasValue(messages);
    }
  }

  @Test
  void thousandClientsShareEventLoops() throws Exception {
    int clients = 1_000;
    CountDownLatch answers = new CountDownLatch(clients);
    AtomicInteger closed = new AtomicInteger();
    Handler<String, String> counting =
        new Handler<>() {
          @Override
          public void onMessage(Connection<String> connection, String message) {
            answers.countDown();
          }

          @Override
          public void onClose(Connection<String> connection, CloseReason reason) {
            closed.incrementAndGet();
          }
        };
    EventLoops loops = EventLoops.builder().count(2).start();
    try (Server server = echo().maxConnections(clients).start()) {
      List<Client<String>> all = new ArrayList<>();
      for (int i = 0; i < clients; i++) {
        all.add(
            Client.builder(Texts::new, counting)
                .eventLoops(loops)
                .whileDisconnected(WhileDisconnected.QUEUE)
                .connect(uri(server)));
        assertThat(all.get(i).send("hi")).isTrue();
      }
      assertThat(answers.await(60, TimeUnit.SECONDS)).as("%s to come", answers).isTrue();
      assertThat(server.connectionCount()).isEqualTo(clients);
      assertThat(loops.loops()).extracting(Loop::connections).containsExactly(500, 500);
      loops.close();
      assertThat(closed).hasValue(clients);
      Eventually.holds("the server knows", () -> server.connectionCount() == 0);
      assertThat(all).noneMatch(Client::isConnected);
    }
  }

  @Test
  void clientOfACallbackConnectsAfterTheCallback(@TempDir Path directory) throws Exception {
    String address = "unix://" + directory + "/back";
    BlockingQueue<String> events = new LinkedBlockingQueue<>();
    AtomicReference<Client<String>> client = new AtomicReference<>();
    Handler<String, String> noting =
        new Handler<>() {
          @Override
          public void onConnect(Connection<String> connection) {
            events.add("client connected, known: " + (client.get() != null));
          }

          @Override
          public void onMessage(Connection<String> connection, String message) {}
        };
    try (EventLoops loops = EventLoops.builder().count(1).start();
        Server back =
            Server.<String, String>builder(Texts::new, Connection::send).listen(address).start();
        Server front =
            Server.<String, String>builder(
                    Texts::new,
                    (connection, message) -> {
                      events.add("begin");
                      client.set(
                          Client.builder(Texts::new, noting).eventLoops(loops).connect(address));
                      events.add("end");
                    })
                .listen("tcp://127.0.0.1:0")
                .eventLoops(loops)
                .start();
        RawPeer peer = RawPeer.connect(front)) {
      assertThat(back.addresses()).hasSize(1);
      peer.send("hello");
      assertThat(events.poll(10, TimeUnit.SECONDS)).isEqualTo("begin");
      assertThat(events.poll(10, TimeUnit.SECONDS)).isEqualTo("end");
      assertThat(events.poll(10, TimeUnit.SECONDS)).isEqualTo("client connected, known: true");
    }
  }
}
