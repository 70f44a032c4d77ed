package dev.jev;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAccumulator;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Nothing grows without bound when one side is faster than the other. */
class BackPressureTest {

  private static final int KIB = 1024;

  private @Nullable Server server;

  @AfterEach
  void stop() {
    if (server != null) {
      server.close();
    }
  }

  private static <I, O> Server.Builder<I, O> builder(
      Supplier<Protocol<I, O>> protocol, Handler<I, O> handler) {
    return Server.builder(protocol, handler).listen("tcp://127.0.0.1:0").eventLoops(1);
  }

  /** Runs an empty task on the connection's loop and waits for it. */
  private static void turn(Connection<?> connection) throws Exception {
    CompletableFuture<Void> ran = new CompletableFuture<>();
    connection.execute(() -> ran.complete(null));
    ran.get(10, TimeUnit.SECONDS);
  }

  @ParameterizedTest
  @EnumSource(names = {"NIO", "EPOLL", "IO_URING"})
  void peerThatFloodsAndNeverReadsIsNoLongerReadFrom(Transport transport) throws Exception {
    assumeThat(transport.isAvailable()).isTrue();
    LongAccumulator peak = new LongAccumulator(Math::max, 0);
    AtomicLong received = new AtomicLong();
    CompletableFuture<Connection<ByteBuf>> connected = new CompletableFuture<>();
    Handler<ByteBuf, ByteBuf> echo =
        new Handler<>() {
          @Override
          public void onConnect(Connection<ByteBuf> connection) {
            connected.complete(connection);
          }

          @Override
          public void onMessage(Connection<ByteBuf> connection, ByteBuf message) {
            received.addAndGet(message.readableBytes());
            connection.send(message);
            peak.accumulate(connection.pendingBytes());
          }
        };
    server = builder(Buffers::new, echo).transport(transport).start();
    long memoryBefore = PooledByteBufAllocator.DEFAULT.metric().usedDirectMemory();
    int frame = 4000;
    int frames = 15_000; // 60 MB: more than the kernel buffers in both directions
    try (RawPeer peer = RawPeer.connect(server, /* receiveBuffer= */ 16 * KIB)) {
      AtomicLong written = new AtomicLong();
      CompletableFuture<Void> flood =
          CompletableFuture.runAsync(() -> flood(peer, frame, frames, written));
      Connection<ByteBuf> connection = connected.get(10, TimeUnit.SECONDS);
      long before;
      do { // until the peer's own writes are stuck, and not only slow
        before = written.get();
        for (int i = 0; i < 200; i++) {
          turn(connection);
        }
        flood.exceptionally(e -> null).completeOnTimeout(null, 300, TimeUnit.MILLISECONDS).join();
      } while (written.get() > before || (connection.isWritable() && !flood.isDone()));

      assertThat(flood).isNotDone();
      assertThat(connection.isWritable()).isFalse();
      // At most the high watermark, one spill of 32 KiB and one read; far from the limit of 1 MiB.
      assertThat(peak.get()).isLessThan(256 * KIB + 64 * KIB);
      assertThat(connection.pendingBytes()).isLessThan(256 * KIB + 64 * KIB);
      long memory = PooledByteBufAllocator.DEFAULT.metric().usedDirectMemory() - memoryBefore;
      assertThat(memory).as("direct memory").isLessThanOrEqualTo(16 * 1024 * KIB);
      assertThat(received.get()).isLessThan((long) frame * frames);

      for (int i = 0; i < frames; i++) { // the peer reads now: nothing is lost
        assertThat(peer.read(4)).isEqualTo(RawPeer.length(frame));
        assertThat(peer.read(frame)[0]).isEqualTo((byte) i);
      }
      flood.get(10, TimeUnit.SECONDS);
      assertThat(connection.isOpen()).isTrue();
    }
  }

  private static void flood(RawPeer peer, int frame, int frames, AtomicLong written) {
    try {
      OutputStream out = peer.socket().getOutputStream();
      byte[] bytes = new byte[4 + frame];
      System.arraycopy(RawPeer.length(frame), 0, bytes, 0, 4);
      for (int i = 0; i < frames; i++) {
        Arrays.fill(bytes, 4, bytes.length, (byte) i);
        out.write(bytes);
        written.addAndGet(bytes.length);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void manyLargeRepliesToOnePipelineWaitInTheInputInsteadOfOverflowing() throws Exception {
    String large = "x".repeat(100_000);
    server = builder(Texts::new, Handler.<String, String>replying(text -> large)).start();
    try (RawPeer peer = RawPeer.connect(server, /* receiveBuffer= */ 16 * KIB)) {
      String[] requests = new String[1_000]; // 100 MB of replies to 5 KB of requests
      Arrays.fill(requests, "?");
      peer.send(requests);
      for (int i = 0; i < requests.length; i++) {
        assertThat(peer.receive()).hasSize(large.length());
      }
    }
  }

  @Test
  void onWritableComesWhenTheQueueHasDrained() throws Exception {
    Recorder<String, String> recorder = Recorder.silent();
    server = builder(Texts::new, recorder).start();
    try (RawPeer peer = RawPeer.connect(server, /* receiveBuffer= */ 16 * KIB)) {
      Connection<String> connection = recorder.connection();
      recorder.expect("connect");
      int sent = 0;
      for (; connection.isWritable(); sent++) {
        assertThat(connection.send("y".repeat(10_000))).isTrue();
        turn(connection);
      }
      recorder.expectNothingMore();
      for (int i = 0; i < sent; i++) {
        assertThat(peer.receive()).hasSize(10_000);
      }
      recorder.expect("writable");
      assertThat(connection.isWritable()).isTrue();
      turn(connection);
      assertThat(connection.pendingBytes()).isZero();
      recorder.expectNothingMore();
    }
  }

  @Test
  void senderOnAnotherThreadThatWaitsForOnWritableLosesNothing() throws Exception {
    Semaphore writable = new Semaphore(0);
    Recorder<String, String> recorder =
        new Recorder<>(
            new Handler<>() {
              @Override
              public void onMessage(Connection<String> connection, String message) {}

              @Override
              public void onWritable(Connection<String> connection) {
                writable.release();
              }
            });
    server = builder(Texts::new, recorder).start();
    int count = 200_000;
    try (RawPeer peer = RawPeer.connect(server)) {
      Connection<String> connection = recorder.connection();
      CompletableFuture<Void> sender =
          CompletableFuture.runAsync(
              () -> {
                for (int i = 0; i < count; i++) {
                  while (!connection.isWritable()) {
                    try {
                      assertThat(writable.tryAcquire(10, TimeUnit.SECONDS)).isTrue();
                    } catch (InterruptedException e) {
                      throw new AssertionError(e);
                    }
                  }
                  assertThat(connection.send("m" + i)).isTrue();
                }
              });
      for (int i = 0; i < count; i++) {
        assertThat(peer.receive()).isEqualTo("m" + i);
      }
      sender.get(10, TimeUnit.SECONDS);
    }
  }

  @Test
  void connectionOverItsLimitIsClosedByDefault() throws Exception {
    Recorder<String, String> recorder = Recorder.silent();
    server = builder(Texts::new, recorder).start();
    try (RawPeer peer = RawPeer.connect(server, /* receiveBuffer= */ 16 * KIB)) {
      Connection<String> connection = recorder.connection();
      long peak = 0;
      Delivery last;
      do {
        last = connection.deliver("z".repeat(10_000));
        turn(connection);
        peak = Math.max(peak, connection.pendingBytes());
      } while (last.outcome() == Delivery.Outcome.TAKEN);
      assertThat(last.outcome()).isEqualTo(Delivery.Outcome.OVER_LIMIT);
      assertThat(peak).isBetween(1024L * KIB - 11_000, 1024L * KIB + 11_000);
      recorder.expect("connect");
      recorder.await("close OVERFLOW"); // with io_uring, after a "writable"
      assertThat(connection.isOpen()).isFalse();
      assertThat(peer.socket().isClosed()).isFalse(); // the server has closed it
    }
  }

  @Test
  void handlerThatSendsWithoutEndIsClosedOnTheSpot() throws Exception {
    AtomicInteger taken = new AtomicInteger();
    Recorder<String, String> recorder =
        new Recorder<>(
            (connection, message) -> {
              while (connection.send("z".repeat(10_000))) {
                taken.incrementAndGet();
              }
            });
    server = builder(Texts::new, recorder).start();
    try (RawPeer peer = RawPeer.connect(server, /* receiveBuffer= */ 16 * KIB)) {
      peer.send("go");
      recorder.expect("connect", "message go", "close OVERFLOW");
    }
    assertThat(taken).hasValueGreaterThan(100);
  }

  @Test
  void dropNewestKeepsTheOldestAndTheConnection() throws Exception {
    Recorder<ByteBuf, ByteBuf> recorder = Recorder.silent();
    server = builder(Buffers::new, recorder).overflow(OverflowPolicy.DROP_NEWEST).start();
    List<Integer> arrived = overflowBy(recorder, 2_000);
    assertThat(arrived).isSorted().contains(0).doesNotContain(1_999).hasSizeLessThan(2_000);
    for (int i = 0; i < arrived.size(); i++) {
      assertThat(arrived.get(i)).isEqualTo(i); // a gap only at the end
    }
  }

  @Test
  void dropOldestKeepsTheNewestAndTheConnection() throws Exception {
    Recorder<ByteBuf, ByteBuf> recorder = Recorder.silent();
    server = builder(Buffers::new, recorder).overflow(OverflowPolicy.DROP_OLDEST).start();
    List<Integer> arrived = overflowBy(recorder, 2_000);
    assertThat(arrived).isSorted().contains(0, 1_999).hasSizeLessThan(2_000);
  }

  /**
   * Sends numbered messages of 10 kB to a peer that reads only afterwards; returns what arrived.
   */
  private List<Integer> overflowBy(Recorder<ByteBuf, ByteBuf> recorder, int count)
      throws Exception {
    int size = 10_000;
    List<Integer> arrived = new ArrayList<>();
    try (RawPeer peer = RawPeer.connect(server, /* receiveBuffer= */ 16 * KIB)) {
      Connection<ByteBuf> connection = recorder.connection();
      List<Delivery> deliveries = new ArrayList<>();
      long peak = 0;
      for (int i = 0; i < count; i++) {
        ByteBuf message = Unpooled.buffer(size).writeInt(i).writeZero(size - 4);
        deliveries.add(connection.deliver(message));
        assertThat(message.refCnt()).isLessThanOrEqualTo(1);
        turn(connection);
        peak = Math.max(peak, connection.pendingBytes());
      }
      assertThat(peak).isBetween(1024L * KIB - 2L * size, 1024L * KIB + 2L * size);
      peer.shutdownOutput(); // the server flushes what is pending, then closes
      while (true) {
        byte[] header = peer.read(8);
        if (header.length == 0) {
          break;
        }
        arrived.add(Unpooled.wrappedBuffer(header).getInt(4));
        assertThat(peer.read(size - 4)).hasSize(size - 4);
      }
      recorder.expect("connect");
      int written = 0;
      for (Delivery delivery : deliveries) {
        CompletableFuture<Void> done = delivery.written().toCompletableFuture();
        assertThat(done).isDone();
        written += done.isCompletedExceptionally() ? 0 : 1;
      }
      assertThat(written).isEqualTo(arrived.size());
    }
    return arrived;
  }

  @Test
  void pausedConnectionGetsNoMessageUntilItIsResumed() throws Exception {
    Recorder<String, String> recorder =
        new Recorder<>(
            (connection, message) -> {
              if (message.equals("pause")) {
                connection.pauseReading();
              }
              connection.send(message);
            });
    server = builder(Texts::new, recorder).start();
    try (RawPeer peer = RawPeer.connect(server)) {
      peer.send("pause", "same read");
      assertThat(peer.receive()).isEqualTo("pause");
      peer.send("other read");
      Connection<String> connection = recorder.connection();
      for (int i = 0; i < 100; i++) {
        turn(connection);
      }
      recorder.expect("connect", "message pause");
      recorder.expectNothingMore();

      connection.resumeReading();
      recorder.expect("message same read", "message other read");
      assertThat(peer.receive()).isEqualTo("same read");
      assertThat(peer.receive()).isEqualTo("other read");
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"NIO", "EPOLL", "IO_URING"})
  void whatThePeerSentBeforeItsFinIsDeliveredAfterAPause(Transport transport) throws Exception {
    assumeThat(transport.isAvailable()).isTrue();
    Recorder<String, String> recorder =
        new Recorder<>((connection, message) -> connection.send(message));
    server = builder(Texts::new, recorder).transport(transport).start();
    try (RawPeer peer = RawPeer.connect(server)) {
      Connection<String> connection = recorder.connection();
      connection.pauseReading();
      turn(connection);
      String[] texts = new String[100];
      for (int i = 0; i < texts.length; i++) {
        texts[i] = i + "x".repeat(5_000);
      }
      peer.send(texts).shutdownOutput();
      for (int i = 0; i < 100; i++) {
        turn(connection);
      }
      recorder.expect("connect");
      recorder.expectNothingMore();
      connection.resumeReading();
      for (String text : texts) {
        recorder.expect("message " + text);
        assertThat(peer.receive()).isEqualTo(text);
      }
      peer.expectEnd();
      recorder.expect("close PEER_CLOSED");
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"EPOLL"})
  void resetIsNoticedWhileReadingIsPaused(Transport transport) throws Exception {
    assumeThat(transport.isAvailable()).isTrue();
    Recorder<String, String> recorder = Recorder.silent();
    server = builder(Texts::new, recorder).transport(transport).start();
    RawPeer peer = RawPeer.connect(server);
    Connection<String> connection = recorder.connection();
    connection.pauseReading();
    turn(connection);
    peer.send("never delivered");
    peer.reset();
    recorder.expect("connect", "close IO_ERROR");
    recorder.expectNothingMore();
  }

  @ParameterizedTest
  @EnumSource(names = {"EPOLL"})
  void resetBehindAnEndIsNoticedWhileReadingIsPaused(Transport transport) throws Exception {
    assumeThat(transport.isAvailable()).isTrue();
    for (int bytes : new int[] {0, 10, 200_000}) { // pending before the end
      Recorder<String, String> recorder = Recorder.silent();
      server = builder(Texts::new, recorder).transport(transport).start();
      RawPeer peer = RawPeer.connect(server);
      Connection<String> connection = recorder.connection();
      connection.pauseReading();
      turn(connection);
      peer.write(new byte[bytes]).shutdownOutput();
      for (int i = 0; i < 100; i++) {
        turn(connection); // the FIN is noticed
      }
      peer.reset();
      recorder.expect("connect", "close IO_ERROR");
      recorder.expectNothingMore();
      server.close();
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"NIO", "EPOLL", "IO_URING"})
  void peerThatHalfClosedDuringAPauseGetsALargeReplyOfAnotherThread(Transport transport)
      throws Exception {
    assumeThat(transport.isAvailable()).isTrue();
    Recorder<String, String> recorder =
        new Recorder<>((connection, message) -> connection.pauseReading());
    server =
        builder(Texts::new, recorder).transport(transport).maxPendingBytes(16 * 1024 * KIB).start();
    String large = "x".repeat(600_000);
    try (RawPeer peer = RawPeer.connect(server, /* receiveBuffer= */ 16 * KIB)) {
      peer.send("question").shutdownOutput();
      recorder.expect("connect", "message question");
      Connection<String> connection = recorder.connection();
      for (int i = 0; i < 100; i++) {
        turn(connection); // the FIN is noticed
      }
      for (int i = 0; i < 12; i++) {
        assertThat(connection.send(large)).isTrue();
      }
      connection.close();
      for (int i = 0; i < 12; i++) {
        assertThat(peer.receive()).hasSize(large.length());
      }
      peer.expectEnd();
    }
  }

  @Test
  void handlerThatFillsTheQueueInACallbackHearsOfItsDraining() throws Exception {
    AtomicInteger fills = new AtomicInteger();
    Handler<ByteBuf, ByteBuf> filler =
        new Handler<>() {
          @Override
          public void onConnect(Connection<ByteBuf> connection) {
            fill(connection);
          }

          @Override
          public void onMessage(Connection<ByteBuf> connection, ByteBuf message) {}

          @Override
          public void onWritable(Connection<ByteBuf> connection) {
            fill(connection);
          }

          private void fill(Connection<ByteBuf> connection) {
            if (fills.incrementAndGet() > 20) {
              connection.close();
              return;
            }
            for (int i = 0; i < 100 && connection.isWritable(); i++) {
              connection.send(Unpooled.wrappedBuffer(new byte[64 * KIB]));
            }
            if (connection.isWritable()) { // the peer reads as fast as this writes
              connection.execute(() -> fill(connection));
            }
          }
        };
    server = builder(Buffers::new, filler).start();
    try (RawPeer peer = RawPeer.connect(server)) {
      assertThat(peer.readAll()).hasSizeGreaterThan(20 * 64 * KIB);
    }
  }

  @Test
  void largeRepliesWithoutCopyToOnePipelineDoNotOverflow() throws Exception {
    Handler<ByteBuf, ByteBuf> handler =
        (connection, message) -> connection.send(Unpooled.wrappedBuffer(new byte[64 * KIB]));
    server = builder(Buffers::new, handler).start();
    try (RawPeer peer = RawPeer.connect(server)) {
      String[] requests = new String[200];
      Arrays.fill(requests, "?");
      peer.send(requests);
      for (int i = 0; i < requests.length; i++) {
        assertThat(peer.read(4 + 64 * KIB)).hasSize(4 + 64 * KIB);
      }
    }
  }

  @Test
  void resumingAnotherConnectionInACallbackDoesNotNestCallbacks() throws Exception {
    AtomicInteger depth = new AtomicInteger();
    AtomicInteger deepest = new AtomicInteger();
    List<Connection<ByteBuf>> all = new CopyOnWriteArrayList<>();
    Handler<ByteBuf, ByteBuf> proxy =
        new Handler<>() {
          @Override
          public void onConnect(Connection<ByteBuf> connection) {
            all.add(connection);
            if (all.size() == 1) {
              connection.pauseReading();
            }
            connection.send(Unpooled.EMPTY_BUFFER);
          }

          @Override
          public void onMessage(Connection<ByteBuf> connection, ByteBuf message) {
            deepest.accumulateAndGet(depth.incrementAndGet(), Math::max);
            all.get(0).resumeReading();
            connection.send(message);
            depth.decrementAndGet();
          }
        };
    server = builder(Buffers::new, proxy).start();
    try (RawPeer first = RawPeer.connect(server)) {
      assertThat(first.receive()).isEmpty();
      first.send("waits");
      try (RawPeer second = RawPeer.connect(server)) {
        assertThat(second.receive()).isEmpty();
        for (int i = 0; i < 50; i++) {
          turn(all.get(0)); // the bytes of the first one are read, or wait in its socket
        }
        second.send("wakes");
        assertThat(second.receive()).isEqualTo("wakes");
        assertThat(first.receive()).isEqualTo("waits");
      }
    }
    assertThat(deepest).hasValue(1);
  }

  @Test
  void dropOldestBoundsWhatOtherThreadsQueueWhileTheLoopIsBusy() throws Exception {
    Recorder<ByteBuf, ByteBuf> recorder = Recorder.silent();
    server = builder(Buffers::new, recorder).overflow(OverflowPolicy.DROP_OLDEST).start();
    try (RawPeer peer = RawPeer.connect(server)) {
      Connection<ByteBuf> connection = recorder.connection();
      CompletableFuture<Void> busy = new CompletableFuture<>();
      connection.execute(busy::join);
      for (int i = 0; i < 11_000; i++) {
        assertThat(connection.send(Unpooled.EMPTY_BUFFER)).isTrue();
      }
      for (int i = 0; i < 2_000; i++) {
        assertThat(connection.send(Unpooled.wrappedBuffer(new byte[50_000]))).isTrue();
        assertThat(connection.pendingBytes()).isLessThanOrEqualTo(1024 * KIB + 51_000);
      }
      busy.complete(null);
      assertThat(peer.read(4)).isEqualTo(RawPeer.length(50_000));
    }
  }

  @Test
  void protocolsOwnBytesWaitBehindTheBacklog() throws Exception {
    class Polite implements Protocol<ByteBuf, ByteBuf> {
      private final Buffers buffers = new Buffers();

      @Override
      public @Nullable ByteBuf unpack(ProtocolContext context, ByteBuf in) {
        return buffers.unpack(context, in);
      }

      @Override
      public void pack(ByteBuf message, ByteBuf out) {
        buffers.pack(message, out);
      }

      @Override
      public ByteBuf zeroCopyTail(ByteBuf message) {
        return message;
      }

      @Override
      public void close(ProtocolContext context, CloseReason reason) {
        context.write(Unpooled.wrappedBuffer(new byte[] {'!'}));
      }
    }
    Recorder<ByteBuf, ByteBuf> recorder = Recorder.silent();
    server =
        builder(() -> (Protocol<ByteBuf, ByteBuf>) new Polite(), recorder)
            .overflow(OverflowPolicy.DROP_OLDEST)
            .start();
    try (RawPeer peer = RawPeer.connect(server, /* receiveBuffer= */ 16 * KIB)) {
      Connection<ByteBuf> connection = recorder.connection();
      for (int i = 0; i < 1_000; i++) {
        connection.send(Unpooled.wrappedBuffer(new byte[10_000]));
        turn(connection);
      }
      connection.close();
      byte[] all = peer.readAll();
      assertThat(all.length % 10_004).isEqualTo(1);
      assertThat(all[all.length - 1]).isEqualTo((byte) '!');
    }
  }

  @Test
  void shortBeginningOfAFrameDoesNotKeepALargeBuffer() throws Exception {
    Recorder<String, String> recorder = new Recorder<>(Handler.replying(text -> "got it"));
    server = builder(Texts::new, recorder).start();
    try (RawPeer peer = RawPeer.connect(server)) {
      StreamConnection<?, ?> connection = (StreamConnection<?, ?>) recorder.connection();
      byte[] frame = RawPeer.frames("x".repeat(1_000_000));
      byte[] andMore = Arrays.copyOf(frame, frame.length + 1);
      peer.write(andMore);
      assertThat(peer.receive()).isEqualTo("got it");
      CompletableFuture<Integer> capacity = new CompletableFuture<>();
      connection.execute(() -> capacity.complete(connection.inbound().unread().capacity()));
      assertThat(capacity.get(10, TimeUnit.SECONDS)).isEqualTo(1);
    }
  }

  @Test
  void idleConnectionHoldsNoBuffer() throws Exception {
    Recorder<String, String> recorder = new Recorder<>(Handler.replying(text -> text));
    server = builder(Texts::new, recorder).start();
    try (RawPeer peer = RawPeer.connect(server)) {
      StreamConnection<?, ?> connection = (StreamConnection<?, ?>) recorder.connection();
      peer.write(RawPeer.length(70_000)).write(new byte[10_000]);
      turn(connection);
      peer.write(new byte[60_000]);
      assertThat(peer.receive()).hasSize(70_000);
      CompletableFuture<Boolean> holds = new CompletableFuture<>();
      connection.execute(() -> holds.complete(connection.inbound().unread() != null));
      assertThat(holds.get(10, TimeUnit.SECONDS)).isFalse();
      assertThat(connection.pendingBytes()).isZero();
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"EPOLL", "IO_URING", "KQUEUE", "NIO"})
  void resetDuringAPauseIsNoticedWhenReadingResumes(Transport transport) throws Exception {
    assumeThat(transport.isAvailable()).isTrue();
    Recorder<String, String> recorder =
        new Recorder<>(
            (connection, message) -> {
              if (message.equals("first")) {
                connection.pauseReading();
              }
            });
    server = builder(Texts::new, recorder).transport(transport).start();
    String[] texts = new String[250]; // more than is read before the pause
    Arrays.fill(texts, "x".repeat(2000));
    texts[0] = "first";
    for (int i = 0; i < 20; i++) { // io_uring may notice it at once
      RawPeer peer = RawPeer.connect(server).send(texts);
      Connection<String> connection = recorder.connection();
      recorder.await("message first");
      turn(connection);
      peer.reset();
      for (int turns = 0; turns < 50; turns++) { // in which the loop sees the reset
        turn(connection);
      }
      connection.resumeReading();
      recorder.await("close IO_ERROR");
    }
  }
}
