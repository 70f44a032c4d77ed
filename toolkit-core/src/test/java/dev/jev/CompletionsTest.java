package dev.jev;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.util.concurrent.ImmediateEventExecutor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Continuations of deliveries, which may do everything that a callback may. */
class CompletionsTest {

  private static final int CHAIN = 100;

  /** Sends messages up to {@code last}, each when the one before is written. */
  private static void sendChain(Connection<String> connection, int number, int last) {
    connection
        .deliver("m" + number)
        .written()
        .thenRun(
            () -> {
              if (number < last) {
                sendChain(connection, number + 1, last);
              }
            });
  }

  private static void expectChain(RawPeer peer) throws Exception {
    for (int i = 0; i < CHAIN; i++) {
      assertThat(peer.receive()).isEqualTo("m" + i);
    }
  }

  private static Server.Builder<String, String> server(Handler<String, String> handler) {
    return Server.builder(Texts::new, handler).listen("127.0.0.1:0").eventLoops(1);
  }

  /** A plugin that observes and adds no handler. */
  private static Plugin observing(Plugin.Observer observer) {
    return new Plugin() {
      @Override
      public Observer install(Link link) {
        return observer;
      }
    };
  }

  /** A plugin with a handler in the pipeline, so that the connection is not direct. */
  private static final class PassThrough implements Plugin {
    @Override
    public Observer install(Link link) {
      link.pipeline().addLast(new io.netty.channel.ChannelDuplexHandler());
      return new Observer() {};
    }
  }

  @ParameterizedTest
  @MethodSource("dev.jev.Available#transports")
  void eachDeliveryMaySendTheNextOne(Transport transport) throws Exception {
    try (Server server =
            server((connection, message) -> sendChain(connection, 0, CHAIN - 1))
                .transport(transport)
                .start();
        RawPeer peer = RawPeer.connect(server)) {
      peer.send("begin");
      expectChain(peer);
    }
  }

  @ParameterizedTest
  @MethodSource("dev.jev.Available#transports")
  void eachDeliveryMaySendTheNextOneBehindHandlersOfPlugins(Transport transport) throws Exception {
    try (Server server =
            server((connection, message) -> sendChain(connection, 0, CHAIN - 1))
                .transport(transport)
                .plugin(new PassThrough())
                .start();
        RawPeer peer = RawPeer.connect(server)) {
      peer.send("begin");
      expectChain(peer);
    }
  }

  /** A chain that ends when another peer's message is handled, or after 100,000 deliveries. */
  private static final class Chain implements Handler<String, String> {
    private final CountDownLatch begun = new CountDownLatch(1);
    private final CountDownLatch otherHasSent = new CountDownLatch(1);
    private final CompletableFuture<Integer> lengthAtOther = new CompletableFuture<>();
    private int length; // of the only event loop

    @Override
    public void onMessage(Connection<String> connection, String message) {
      if (message.equals("other")) {
        lengthAtOther.complete(length);
        return;
      }
      begun.countDown();
      try {
        otherHasSent.await();
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
      sendNext(connection);
    }

    private void sendNext(Connection<String> connection) {
      if (!lengthAtOther.isDone() && length++ < 100_000) {
        connection.deliver("m").written().thenRun(() -> sendNext(connection));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("dev.jev.Available#transports")
  void chainLetsTheInputOfOthersIn(Transport transport) throws Exception {
    Chain chain = new Chain();
    try (Server server = server(chain).transport(transport).start();
        RawPeer peer = RawPeer.connect(server);
        RawPeer other = RawPeer.connect(server)) {
      Eventually.holds("both are connected", () -> server.connectionCount() == 2);
      peer.send("begin");
      chain.begun.await();
      other.send("other");
      chain.otherHasSent.countDown();
      assertThat(chain.lengthAtOther.get(10, TimeUnit.SECONDS)).isLessThan(50_000);
    }
  }

  @Test
  void eachDeliveryOfAnotherThreadMaySendTheNextOne() throws Exception {
    Recorder<String, String> recorder = Recorder.silent();
    try (Server server = server(recorder).start();
        RawPeer peer = RawPeer.connect(server)) {
      sendChain(recorder.connection(), 0, CHAIN - 1);
      expectChain(peer);
    }
  }

  @Test
  void eachDeliveryOfAClientMaySendTheNextOne() throws Exception {
    Queue<String> received = new ConcurrentLinkedQueue<>();
    try (Server server = server((connection, message) -> received.add(message)).start();
        Client<String> client =
            Client.builder(Texts::new, Recorder.<String, String>silent())
                .connect("127.0.0.1:" + server.port())) {
      client.connected().toCompletableFuture().get(10, TimeUnit.SECONDS);
      sendChainOf(client, 0);
      Eventually.holds("all messages", () -> received.size() == CHAIN);
      assertThat(received).startsWith("m0", "m1", "m2").endsWith("m" + (CHAIN - 1));
    }
  }

  private static void sendChainOf(Client<String> client, int number) {
    client
        .deliver("m" + number)
        .written()
        .thenRun(
            () -> {
              if (number < CHAIN - 1) {
                sendChainOf(client, number + 1);
              }
            });
  }

  @Test
  void observersMaySendWhenOutputIsFlushedAndWritten() throws Exception {
    Recorder<String, String> recorder =
        new Recorder<>((connection, message) -> connection.send(message));
    AtomicInteger flushes = new AtomicInteger();
    AtomicInteger writes = new AtomicInteger();
    CompletableFuture<Connection<String>> opened = new CompletableFuture<>();
    Plugin plugin =
        observing(
            new Plugin.Observer() {
              @Override
              public void flushing(int bytes) {
                if (flushes.incrementAndGet() <= 3) {
                  opened.join().send("flushing " + flushes.get());
                }
              }

              @Override
              public void written() {
                if (writes.incrementAndGet() <= 3) {
                  opened.join().send("written " + writes.get());
                }
              }
            });
    try (Server server = server(recorder).plugin(plugin).start();
        RawPeer peer = RawPeer.connect(server)) {
      opened.complete(recorder.connection());
      peer.send("echo");
      List<String> received = new ArrayList<>();
      for (int i = 0; i < 7; i++) {
        received.add(peer.receive());
      }
      assertThat(received)
          .startsWith("echo")
          .contains("flushing 1", "flushing 2", "flushing 3")
          .contains("written 1", "written 2", "written 3");
      Eventually.holds("nothing is pending", () -> opened.join().pendingBytes() == 0);
    }
  }

  @Test
  void continuationRunsOutsideCallbacks() throws Exception {
    AtomicInteger depth = new AtomicInteger();
    CompletableFuture<Integer> seen = new CompletableFuture<>();
    Handler<String, String> handler =
        (connection, message) -> {
          depth.incrementAndGet();
          connection.deliver("first").written().thenRun(() -> seen.complete(depth.get()));
          connection.send("x".repeat(100_000)); // flushes before the end of the turn
          depth.decrementAndGet();
        };
    try (Server server = server(handler).start();
        RawPeer peer = RawPeer.connect(server)) {
      peer.send("begin");
      assertThat(seen.get(10, TimeUnit.SECONDS)).isZero();
    }
  }

  @Test
  void continuationsDoNotRunInsideContinuations() {
    AtomicInteger depth = new AtomicInteger();
    List<Integer> depths = new ArrayList<>();
    try (LogCapture log = new LogCapture("dev.jev");
        SlowPeer<String> peer = SlowPeer.ofTexts()) {
      StreamConnection<?, String> connection = peer.block().connection();
      for (int i = 0; i < 3; i++) {
        connection
            .deliver("m" + i)
            .written()
            .thenRun(
                () -> {
                  depths.add(depth.getAndIncrement());
                  connection.resumeReading(); // in a turn
                  depth.decrementAndGet();
                });
        peer.run(); // so that each has a write of its own
      }
      peer.unblock(); // outside a turn
      assertThat(depths).containsExactly(0, 0, 0);
      assertThat(log.messages("continuation of a delivery failed")).isEmpty();
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"CLOSE", "DROP_NEWEST"})
  void refusedMessageHasFailedWhenTheSenderGetsIt(OverflowPolicy overflow) {
    try (SlowPeer<String> peer =
        new SlowPeer<>(Texts::new, (connection, message) -> {}, overflow)) {
      peer.block();
      String message = "x".repeat(900);
      Delivery delivery;
      do {
        delivery = peer.connection().deliver(message);
      } while (delivery.outcome() == Delivery.Outcome.TAKEN);
      assertThat(delivery.written().toCompletableFuture()).isCompletedExceptionally();
    }
  }

  @Test
  void droppedMessageMaySendAnother() throws Exception {
    try (SlowPeer<String> peer =
        new SlowPeer<>(Texts::new, (connection, message) -> {}, OverflowPolicy.DROP_OLDEST)) {
      StreamConnection<?, String> connection = peer.connection();
      peer.block();
      AtomicInteger dropped = new AtomicInteger();
      AtomicInteger written = new AtomicInteger();
      String longer = "y".repeat(900);
      for (int i = 0; i < 400; i++) {
        connection
            .deliver(i + "x".repeat(500))
            .written()
            .whenComplete(
                (success, failure) -> {
                  if (failure == null) {
                    written.incrementAndGet();
                  } else if (dropped.incrementAndGet() <= 20) {
                    connection.send(longer);
                  }
                });
        peer.run();
      }
      assertThat(dropped).hasValueGreaterThan(20);
      assertThat(connection.pendingBytes()).isBetween(1L, SlowPeer.MAX_PENDING_BYTES + 1_100L);
      List<String> texts = peer.unblock().texts();
      assertThat(texts.stream().filter(text -> text.contains("x"))).hasSize(written.get());
      assertThat(written.get() + dropped.get()).isEqualTo(400);
      assertThat(texts.get(texts.size() - 1)).startsWith("399x");
      assertThat(connection.pendingBytes()).isZero();
      assertThat(connection.isOpen()).isTrue();
    }
  }

  @Test
  void droppedMessageMaySendAnotherFromOtherThreads() throws Exception {
    Recorder<String, String> recorder = Recorder.silent();
    try (Server server =
            server(recorder)
                .overflow(OverflowPolicy.DROP_OLDEST)
                .writeWatermarks(1_000, 2_000)
                .maxPendingBytes(20_000)
                .start();
        RawPeer peer = RawPeer.connect(server, /* receiveBuffer= */ 4096)) {
      Connection<String> connection = recorder.connection();
      AtomicInteger resent = new AtomicInteger();
      String text = "x".repeat(3_000);
      for (int i = 0; i < 5_000; i++) {
        sendAgainIfDropped(connection, text, resent);
      }
      CompletableFuture<byte[]> all = CompletableFuture.supplyAsync(() -> readAll(peer));
      Eventually.holds("nothing is pending", () -> connection.pendingBytes() == 0);
      assertThat(resent).hasPositiveValue();
      assertThat(connection.isOpen()).isTrue();
      connection.close();
      assertThat(all.get(10, TimeUnit.SECONDS).length).isGreaterThan(3_000);
    }
  }

  private static byte[] readAll(RawPeer peer) {
    try {
      return peer.readAll();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void sendAgainIfDropped(
      Connection<String> connection, String text, AtomicInteger resent) {
    connection
        .deliver(text)
        .written()
        .whenComplete(
            (written, failure) -> {
              if (failure != null && resent.incrementAndGet() < 2_000) {
                sendAgainIfDropped(connection, text + "y", resent);
              }
            });
  }

  @Test
  void closeFailsDeliveriesBeforeOnClose() throws Exception {
    Queue<String> events = new ConcurrentLinkedQueue<>();
    Handler<String, String> handler =
        new Handler<>() {
          @Override
          public void onMessage(Connection<String> connection, String message) {
            connection
                .deliver("x".repeat(20_000_000))
                .written()
                .whenComplete((written, failure) -> events.add("failed"));
            connection.closeNow();
          }

          @Override
          public void onClose(Connection<String> connection, CloseReason reason) {
            events.add("onClose");
          }
        };
    try (Server server = server(handler).maxPendingBytes(64 << 20).start();
        RawPeer peer = RawPeer.connect(server, /* receiveBuffer= */ 4096)) {
      peer.send("begin");
      Eventually.holds("two events", () -> events.size() == 2);
      assertThat(events).containsExactly("failed", "onClose");
    }
  }

  @Test
  void completionsThatFailAreLoggedOncePerSecondAndTheOthersFollow() {
    Completions completions = new Completions(ImmediateEventExecutor.INSTANCE, () -> true);
    List<CompletableFuture<Void>> futures =
        List.of(overflowing(), overflowing(), new CompletableFuture<>());
    futures.forEach(future -> completions.add(future, null));
    try (LogCapture log = new LogCapture("dev.jev")) {
      assertThat(completions.run()).isTrue();
      assertThat(log.messages("")).containsExactly("continuation of a delivery failed");
    }
    assertThat(futures.get(2)).isCompleted();
    assertThat(completions.run()).isFalse();
  }

  /** Returns a future whose completion overflows the stack. */
  private static CompletableFuture<Void> overflowing() {
    return new CompletableFuture<>() {
      @Override
      public boolean complete(Void value) {
        throw new StackOverflowError("on purpose");
      }
    };
  }
}
