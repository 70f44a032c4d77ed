package dev.jev;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.nio.channels.ClosedChannelException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Sending: order, batching, outcomes and ownership of buffers. */
class SendTest {

  private @Nullable Server server;

  @AfterEach
  void stop() {
    if (server != null) {
      server.close();
    }
  }

  private Server start(Handler<String, String> handler) {
    server = Server.builder(Texts::new, handler).listen("tcp://127.0.0.1:0").eventLoops(1).start();
    return server;
  }

  private Server startBuffers(int loops, Handler<ByteBuf, ByteBuf> handler) {
    server =
        Server.builder(Buffers::new, handler).listen("tcp://127.0.0.1:0").eventLoops(loops).start();
    return server;
  }

  @ParameterizedTest
  @EnumSource(names = {"NIO", "EPOLL", "IO_URING"})
  void eightThreadsLoseNothingAndEachKeepsItsOrder(Transport transport) throws Exception {
    assumeThat(transport.isAvailable()).isTrue();
    int threads = 8;
    int messages = 5_000;
    Recorder<String, String> recorder = Recorder.silent();
    server =
        Server.builder(Texts::new, recorder)
            .listen("tcp://127.0.0.1:0")
            .transport(transport)
            .maxPendingBytes(64 * 1024 * 1024)
            .start();
    try (RawPeer peer = RawPeer.connect(server)) {
      Connection<String> connection = recorder.connection();
      CountDownLatch go = new CountDownLatch(1);
      List<CompletableFuture<Void>> senders = new ArrayList<>();
      for (int t = 0; t < threads; t++) {
        int thread = t;
        CompletableFuture<Void> sender = new CompletableFuture<>();
        senders.add(sender);
        new Thread(
                () -> {
                  try {
                    go.await();
                    for (int m = 0; m < messages; m++) {
                      assertThat(connection.send(thread + ":" + m)).isTrue();
                    }
                    sender.complete(null);
                  } catch (Throwable e) {
                    sender.completeExceptionally(e);
                  }
                })
            .start();
      }
      go.countDown();
      int[] next = new int[threads];
      for (int i = 0; i < threads * messages; i++) {
        String[] text = peer.receive().split(":", 2);
        int thread = Integer.parseInt(text[0]);
        assertThat(Integer.parseInt(text[1])).isEqualTo(next[thread]++);
      }
      for (CompletableFuture<Void> sender : senders) {
        sender.get(10, TimeUnit.SECONDS);
      }
    }
  }

  @Test
  void repliesOfOneMessageLeaveBeforeLaterOnes() throws Exception {
    start(
        (connection, message) -> {
          connection.send(message + ".1");
          connection.execute(() -> connection.send(message + ".3"));
          connection.send(message + ".2");
        });
    try (RawPeer peer = RawPeer.connect(server)) {
      peer.send("a");
      assertThat(peer.receive()).isEqualTo("a.1");
      assertThat(peer.receive()).isEqualTo("a.2");
      assertThat(peer.receive()).isEqualTo("a.3");
    }
  }

  @Test
  void deliveryIsTakenAndThenWritten() throws Exception {
    Recorder<String, String> recorder = Recorder.silent();
    try (RawPeer peer = RawPeer.connect(start(recorder))) {
      Connection<String> connection = recorder.connection();
      Delivery fromHere = connection.deliver("from another thread");
      assertThat(fromHere.outcome()).isEqualTo(Delivery.Outcome.TAKEN);
      fromHere.written().toCompletableFuture().get(10, TimeUnit.SECONDS);
      assertThat(peer.receive()).isEqualTo("from another thread");

      CompletableFuture<Delivery> onLoop = new CompletableFuture<>();
      connection.execute(() -> onLoop.complete(connection.deliver("from the loop")));
      Delivery fromLoop = onLoop.get(10, TimeUnit.SECONDS);
      assertThat(fromLoop.outcome()).isEqualTo(Delivery.Outcome.TAKEN);
      fromLoop.written().toCompletableFuture().get(10, TimeUnit.SECONDS);
      assertThat(peer.receive()).isEqualTo("from the loop");
    }
  }

  @Test
  void deliveryWithALongTailIsWritten() throws Exception {
    Recorder<ByteBuf, ByteBuf> recorder = Recorder.silent();
    try (RawPeer peer = RawPeer.connect(startBuffers(1, recorder))) {
      Delivery delivery = recorder.connection().deliver(Unpooled.wrappedBuffer(new byte[100_000]));
      delivery.written().toCompletableFuture().get(10, TimeUnit.SECONDS);
      assertThat(peer.receive()).hasSize(100_000);
    }
  }

  @Test
  void deliveryThatIsNotWrittenBeforeTheCloseFails() throws Exception {
    Recorder<String, String> recorder = Recorder.silent();
    RawPeer peer = RawPeer.connect(start(recorder), /* receiveBuffer= */ 4096);
    try (peer) {
      Connection<String> connection = recorder.connection();
      List<Delivery> deliveries = new ArrayList<>();
      while (connection.isWritable()) {
        deliveries.add(connection.deliver("x".repeat(10_000)));
        CompletableFuture<Void> turn = new CompletableFuture<>();
        connection.execute(() -> turn.complete(null));
        turn.get(10, TimeUnit.SECONDS);
      }
      deliveries.add(connection.deliver("the last one"));
      connection.closeNow();
      Delivery last = deliveries.get(deliveries.size() - 1);
      assertThatThrownBy(() -> last.written().toCompletableFuture().get(10, TimeUnit.SECONDS))
          .isInstanceOf(ExecutionException.class)
          .hasCauseInstanceOf(ClosedChannelException.class);
      for (Delivery delivery : deliveries) {
        assertThat(delivery.written().toCompletableFuture()).isDone();
      }
      Delivery refused = connection.deliver("too late");
      assertThat(refused.outcome()).isEqualTo(Delivery.Outcome.CLOSED);
      assertThat(refused.written().toCompletableFuture()).isCompletedExceptionally();
    }
  }

  @Test
  void messageThatCannotBePackedIsReportedToItsSenderOnTheLoop() throws Exception {
    AtomicReference<@Nullable Throwable> thrown = new AtomicReference<>();
    Recorder<String, String> recorder =
        new Recorder<>(
            (connection, message) -> {
              try {
                connection.send("bad one");
              } catch (IllegalArgumentException e) {
                thrown.set(e);
              }
              connection.send("good one");
            });
    server = Server.builder(Picky::new, recorder).listen("tcp://127.0.0.1:0").start();
    try (RawPeer peer = RawPeer.connect(server)) {
      assertThat(peer.send("try").receive())
          .isEqualTo("good one"); // nothing of the bad one is left
      assertThat(thrown.get()).hasMessage("message: bad one (expected: a good one)");
      recorder.expect("connect", "message try");
    }
  }

  /** Texts of which those that begin with "bad" cannot be packed. */
  private static final class Picky extends Forwarding {
    @Override
    public void pack(String message, ByteBuf out) {
      super.pack(message, out);
      if (message.startsWith("bad")) {
        throw new IllegalArgumentException("message: " + message + " (expected: a good one)");
      }
    }
  }

  private static Server.Builder<String, String> picky(Handler<String, String> handler) {
    return Server.builder(Picky::new, handler).listen("tcp://127.0.0.1:0");
  }

  @Test
  void messageOfAnotherThreadThatCannotBePackedIsDropped() throws Exception {
    Recorder<String, String> recorder = Recorder.silent();
    try (LogCapture log = new LogCapture("dev.jev")) {
      server = picky(recorder).start();
      try (RawPeer peer = RawPeer.connect(server)) {
        Connection<String> connection = recorder.connection();
        connection.send("before");
        Delivery delivery = connection.deliver("bad");
        connection.send("after");
        assertThat(peer.receive()).isEqualTo("before");
        assertThat(peer.receive()).isEqualTo("after");
        assertThatThrownBy(() -> delivery.written().toCompletableFuture().get(10, TimeUnit.SECONDS))
            .hasCauseInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("message: bad (expected: a good one)");
        assertThat(connection.isOpen()).isTrue();
        Eventually.holds("nothing is pending", () -> connection.pendingBytes() == 0);
        log.await("message for " + connection.remoteAddress() + " dropped: it cannot be packed");
      }
    }
  }

  @Test
  void connectionClosesOnPackFailureIfConfigured() throws Exception {
    Recorder<String, String> recorder = Recorder.silent();
    server = picky(recorder).closeOnPackFailure(true).start();
    try (RawPeer peer = RawPeer.connect(server)) {
      Delivery delivery = recorder.connection().deliver("bad");
      peer.expectEndAndClose();
      recorder.expect("connect", "close HANDLER_ERROR");
      assertThat(delivery.written().toCompletableFuture()).isCompletedExceptionally();
    }
  }

  @Test
  void manyMessagesThatCannotBePackedCloseOnceAndLoseNothing() throws Exception {
    Recorder<String, String> recorder = Recorder.silent();
    server = picky(recorder).closeOnPackFailure(true).eventLoops(1).start();
    try (RawPeer peer = RawPeer.connect(server)) {
      Connection<String> connection = recorder.connection();
      CompletableFuture<Void> sent = new CompletableFuture<>();
      connection.execute(sent::join);
      connection.send("before");
      List<Delivery> deliveries = new ArrayList<>();
      for (int i = 0; i < 5_000; i++) {
        deliveries.add(connection.deliver("bad"));
      }
      connection.send("after");
      sent.complete(null);
      assertThat(peer.receive()).isEqualTo("before");
      assertThat(peer.receive()).isEqualTo("after");
      peer.expectEndAndClose();
      recorder.expect("connect", "close HANDLER_ERROR");
      assertThat(deliveries)
          .allMatch(each -> each.written().toCompletableFuture().isCompletedExceptionally());
    }
  }

  @Test
  @SuppressWarnings("try") // the peer reads nothing
  void messageThatCannotBePackedClosesAlsoBeforeADetach() throws Exception {
    Recorder<String, String> recorder = Recorder.silent();
    Duration closeTimeout = Duration.ofMillis(500);
    server =
        picky(recorder)
            .closeOnPackFailure(true)
            .closeTimeout(closeTimeout)
            .maxPendingBytes(1 << 30)
            .eventLoops(1)
            .start();
    try (RawPeer peer = RawPeer.connect(server)) {
      Connection<String> connection = recorder.connection();
      CompletableFuture<Void> sent = new CompletableFuture<>();
      connection.execute(
          () -> {
            sent.join();
            connection.detach(new ChannelInboundHandlerAdapter());
          });
      connection.send("x".repeat(20_000_000));
      connection.send("bad");
      sent.complete(null);
      recorder.expect("connect", "close HANDLER_ERROR");
    }
  }

  private static class Forwarding implements Protocol<String, String> {
    private final Texts texts = new Texts();

    @Override
    public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
      return texts.unpack(context, in);
    }

    @Override
    public void pack(String message, ByteBuf out) {
      texts.pack(message, out);
    }
  }

  @Test
  void messageMayBeSentAsItIsOrAsAView() throws Exception {
    startBuffers(
        1,
        (connection, message) -> {
          switch (message.readableBytes()) {
            case 1 -> connection.send(message);
            case 2 -> connection.send(message.slice());
            case 3 -> connection.send(message.retainedSlice());
            case 4 -> connection.send(message.copy());
            case 5 -> {
              connection.send(message);
              connection.send(message);
            }
            default -> connection.send(message.duplicate());
          }
        });
    try (RawPeer peer = RawPeer.connect(server)) {
      for (String text : List.of("1", "22", "333", "4444", "7".repeat(70_000), "55555")) {
        assertThat(peer.send(text).receive()).isEqualTo(text);
      }
      assertThat(peer.receive()).isEqualTo("55555"); // that one was sent twice
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void messageMayBeSentToAnotherConnectionOfAnyLoop(int loops) throws Exception {
    List<Connection<ByteBuf>> all = new CopyOnWriteArrayList<>();
    startBuffers(
        loops,
        new Handler<>() {
          @Override
          public void onConnect(Connection<ByteBuf> connection) {
            all.add(connection);
            connection.send(Unpooled.copiedBuffer("in", US_ASCII));
          }

          @Override
          public void onMessage(Connection<ByteBuf> connection, ByteBuf message) {
            for (Connection<ByteBuf> other : all) {
              if (other != connection) {
                other.send(message);
              }
            }
          }
        });
    try (RawPeer a = RawPeer.connect(server);
        RawPeer b = RawPeer.connect(server)) {
      assertThat(a.receive()).isEqualTo("in");
      assertThat(b.receive()).isEqualTo("in");
      for (int size : new int[] {0, 1, 5_000, 100_000}) {
        String text = "x".repeat(size);
        a.send(text);
        assertThat(b.receive()).isEqualTo(text);
        b.send(text);
        assertThat(a.receive()).isEqualTo(text);
      }
    }
  }

  @Test
  void refusedBufferIsReleased() throws Exception {
    Recorder<ByteBuf, ByteBuf> recorder = Recorder.silent();
    RawPeer peer = RawPeer.connect(startBuffers(1, recorder));
    Connection<ByteBuf> connection = recorder.connection();
    peer.close();
    recorder.expect("connect", "close PEER_CLOSED");
    ByteBuf buffer = Unpooled.buffer(1).writeByte(1);
    assertThat(connection.send(buffer)).isFalse();
    assertThat(buffer.refCnt()).isZero();
  }

  @Test
  void messageKeptEarlierMayBeSentWhileAnotherIsDelivered() throws Exception {
    List<ByteBuf> kept = new ArrayList<>();
    startBuffers(
        1,
        (connection, message) -> {
          kept.add(message.retain());
          if (kept.size() == 3) {
            connection.send(kept.get(1));
            connection.send(kept.get(0));
            connection.send(kept.get(2));
            kept.get(2).release(); // the framework's reference was sent, this one is the handler's
          }
        });
    try (RawPeer peer = RawPeer.connect(server)) {
      peer.send("one", "two", "three");
      assertThat(peer.receive()).isEqualTo("two");
      assertThat(peer.receive()).isEqualTo("one");
      assertThat(peer.receive()).isEqualTo("three");
    }
  }

  @Test
  void handlerThatThrowsAfterSendingDoesNotReleaseTwice() throws Exception {
    startBuffers(
        1,
        (connection, message) -> {
          connection.send(message);
          throw new IllegalStateException("on purpose");
        });
    try (RawPeer peer = RawPeer.connect(server)) {
      peer.send("once");
      assertThat(peer.receive()).isEqualTo("once");
      peer.expectEnd();
    }
  }
}
