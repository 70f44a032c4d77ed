package dev.jev;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.channel.ChannelConfig;
import io.netty.channel.ChannelOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Promises of docs/features.md that no other test shows as a whole. */
class AncestryTest {

  private @Nullable Server server;

  @AfterEach
  void stop() {
    if (server != null) {
      server.close();
    }
  }

  private Server start(Handler<String, String> handler) {
    server = builder(handler).start();
    return server;
  }

  private static Server.Builder<String, String> builder(Handler<String, String> handler) {
    return Server.builder(Texts::new, handler).listen("tcp://127.0.0.1:0").eventLoops(2);
  }

  // Server and lifecycle.

  @Test
  void pluginsAreToldWhenAllAddressesAreBoundAndNoneAcceptsYet() throws Exception {
    CountDownLatch told = new CountDownLatch(1);
    Recorder<String, String> recorder = Recorder.silent();
    CompletableFuture<RawPeer> early = new CompletableFuture<>();
    Plugin plugin =
        new Plugin() {
          @Override
          public void start(PluginHost starting) {
            assertThat(starting.addresses()).hasSize(3);
            try {
              early.complete(RawPeer.connect((Server) starting).send("early"));
            } catch (Exception e) {
              early.completeExceptionally(e);
            }
            recorder.expectNothingMore();
            told.countDown();
          }
        };
    server =
        builder(recorder)
            .listen("tcp://127.0.0.1:0")
            .listen("tcp://127.0.0.1:0")
            .plugin(plugin)
            .start();
    assertThat(told.getCount()).isZero();
    early.get().close();
    recorder.expect("connect", "message early", "close PEER_CLOSED");
  }

  @Test
  void onConnectMaySendAndClose() throws Exception {
    start(
        new Handler<>() {
          @Override
          public void onConnect(Connection<String> connection) {
            connection.send("hello");
            connection.close();
          }

          @Override
          public void onMessage(Connection<String> connection, String message) {
            throw new AssertionError(message);
          }
        });
    try (RawPeer peer = RawPeer.connect(server)) {
      assertThat(peer.receive()).isEqualTo("hello");
      peer.expectEnd();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"connect", "message", "writable", "close", "task", "timer", "ticker"})
  void serverMayBeStoppedFromEveryCallback(String place) throws Exception {
    CompletableFuture<Server> started = new CompletableFuture<>();
    Handler<String, String> handler =
        new Handler<>() {
          @Override
          public void onConnect(Connection<String> connection) {
            stopIn("connect");
            connection.execute(() -> stopIn("task"));
            connection.runAfter(Duration.ofMillis(1), () -> stopIn("timer"));
            connection.runTicker(
                () -> {
                  stopIn("ticker");
                  return Duration.ofSeconds(10);
                });
          }

          @Override
          public void onMessage(Connection<String> connection, String message) {
            stopIn("message");
            connection.send("x".repeat(500_000)); // above the high watermark
          }

          @Override
          public void onWritable(Connection<String> connection) {
            stopIn("writable");
          }

          @Override
          public void onClose(Connection<String> connection, CloseReason reason) {
            stopIn("close");
          }

          private void stopIn(String here) {
            if (here.equals(place)) {
              started.join().stop(Duration.ofSeconds(5));
              started.join().stop(Duration.ofSeconds(5)); // a second stop is harmless
            }
          }
        };
    started.complete(start(handler));
    try (RawPeer peer = RawPeer.connect(server, /* receiveBuffer= */ 16 * 1024)) {
      peer.send("hello");
      if (place.equals("close")) {
        peer.shutdownOutput();
      }
      peer.readAll();
    }
    server.awaitStop();
    assertThat(server.connectionCount()).isZero();
    Eventually.noServerThreadIsLeft();
  }

  @Test
  void pluginsAreToldOfTheEndAfterTheLastClose() throws Exception {
    Queue<String> events = new ConcurrentLinkedQueue<>();
    Handler<String, String> handler =
        new Handler<>() {
          @Override
          public void onMessage(Connection<String> connection, String message) {}

          @Override
          public void onClose(Connection<String> connection, CloseReason reason) {
            events.add("close " + reason);
          }
        };
    Plugin plugin =
        new Plugin() {
          @Override
          public void stop(PluginHost stopped) {
            events.add("stop " + stopped.connectionCount());
          }
        };
    server = builder(handler).plugin(plugin).start();
    try (RawPeer one = RawPeer.connect(server);
        RawPeer other = RawPeer.connect(server)) {
      Eventually.holds("both are there", () -> server.connectionCount() == 2);
      server.stop(Duration.ofSeconds(5));
      one.expectEnd();
      other.expectEnd();
    }
    server.awaitStop();
    assertThat(events).containsExactly("close SERVER_STOPPED", "close SERVER_STOPPED", "stop 0");
  }

  // Other threads.

  @Test
  void tasksOfOtherThreadsOverwriteNoPendingOutput() throws Exception {
    int tasks = 500;
    String block = "x".repeat(16 * 1024);
    Recorder<String, String> recorder = Recorder.silent();
    server = builder(recorder).maxPendingBytes(64 * 1024 * 1024).start();
    try (RawPeer peer = RawPeer.connect(server, /* receiveBuffer= */ 16 * 1024)) {
      Connection<String> connection = recorder.connection();
      for (int i = 0; i < tasks; i++) { // 8 MiB, more than the socket takes
        int number = i;
        connection.execute(() -> connection.send(number + block));
      }
      for (int i = 0; i < tasks; i++) {
        assertThat(peer.receive()).isEqualTo(i + block);
      }
    }
  }

  @Test
  void everyDeliveryCompletesWhateverTheCloseDoes() throws Exception {
    int senders = 4;
    int messages = 500;
    for (int round = 0; round < 10; round++) {
      Recorder<String, String> recorder = Recorder.silent();
      try (Server running = builder(recorder).maxPendingBytes(64 * 1024 * 1024).start();
          RawPeer peer = RawPeer.connect(running, /* receiveBuffer= */ 16 * 1024)) {
        Connection<String> connection = recorder.connection();
        assertThat(peer.socket().isConnected()).as("reads nothing").isTrue();
        AtomicInteger completions = new AtomicInteger();
        Queue<Delivery> deliveries = new ConcurrentLinkedQueue<>();
        List<CompletableFuture<Void>> threads = new ArrayList<>();
        for (int i = 0; i < senders; i++) {
          threads.add(
              CompletableFuture.runAsync(
                  () ->
                      IntStream.range(0, messages)
                          .forEach(
                              number -> {
                                Delivery delivery = connection.deliver("x".repeat(1000));
                                deliveries.add(delivery);
                                delivery
                                    .written()
                                    .whenComplete((v, e) -> completions.incrementAndGet());
                              })));
        }
        Eventually.holds("some are sent", () -> deliveries.size() > messages / 10);
        connection.closeNow();
        for (CompletableFuture<Void> thread : threads) {
          thread.get(10, TimeUnit.SECONDS);
        }
        Eventually.holds("all complete", () -> completions.get() == senders * messages);
        assertThat(deliveries)
            .filteredOn(delivery -> delivery.outcome() != Delivery.Outcome.TAKEN)
            .allMatch(delivery -> delivery.written().toCompletableFuture().isDone())
            .allMatch(
                delivery -> delivery.written().toCompletableFuture().isCompletedExceptionally());
        assertThat(completions).hasValue(senders * messages);
      }
    }
  }

  // Options.

  @Test
  void optionsOfTheSocketReachIt() throws Exception {
    CompletableFuture<ChannelConfig> accepted = new CompletableFuture<>();
    Plugin spy =
        new Plugin() {
          @Override
          public @Nullable Observer install(Link link) {
            accepted.complete(link.pipeline().channel().config());
            return null;
          }
        };
    server =
        builder(Recorder.silent())
            .plugin(spy)
            .tcpKeepAlive(Duration.ofSeconds(60))
            .sendBufferBytes(100_000)
            .receiveBufferBytes(50_000)
            .start();
    try (RawPeer peer = RawPeer.connect(server)) {
      ChannelConfig config = accepted.get(10, TimeUnit.SECONDS);
      assertThat(config.getOption(ChannelOption.TCP_NODELAY)).isTrue(); // by default
      assertThat(config.getOption(ChannelOption.SO_KEEPALIVE)).isTrue();
      // Linux doubles the requested size.
      assertThat(config.getOption(ChannelOption.SO_SNDBUF)).isBetween(100_000, 200_000);
      assertThat(config.getOption(ChannelOption.SO_RCVBUF)).isBetween(50_000, 100_000);
      peer.shutdownOutput().expectEnd();
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3})
  void asManyLoopsAsAskedForRunAllConnections(int loops) throws Exception {
    Recorder<String, String> recorder = Recorder.silent();
    server = builder(recorder).eventLoops(loops).start();
    for (int i = 0; i < 6; i++) {
      RawPeer.connect(server).close();
      recorder.expect("connect", "close PEER_CLOSED");
    }
    assertThat(recorder.threads().stream().distinct()).hasSize(loops);
  }
}
