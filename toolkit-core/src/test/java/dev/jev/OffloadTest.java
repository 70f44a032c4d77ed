package dev.jev;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Handlers on other threads than the event loops. */
class OffloadTest {

  private final ExecutorService pool = Executors.newFixedThreadPool(4);
  private @Nullable Server server;

  @AfterEach
  void stop() {
    if (server != null) {
      server.close();
    }
    pool.shutdownNow();
  }

  private <I, O> Server start(
      java.util.function.Supplier<? extends Protocol<I, O>> protocol, Handler<I, O> handler) {
    server = Server.builder(protocol, handler).listen("tcp://127.0.0.1:0").eventLoops(2).start();
    return server;
  }

  /** A pool, the calling thread, and virtual threads if this JDK has them. */
  static Stream<Executor> executors() {
    List<Executor> executors = new ArrayList<>();
    executors.add(Executors.newFixedThreadPool(4));
    executors.add(Runnable::run);
    try {
      executors.add(
          (Executor) Executors.class.getMethod("newVirtualThreadPerTaskExecutor").invoke(null));
    } catch (ReflectiveOperationException e) {
      assertThat(Runtime.version().feature()).as("a JDK with virtual threads").isLessThan(21);
    }
    return executors.stream();
  }

  @ParameterizedTest
  @MethodSource("executors")
  void orderIsKeptPerConnectionAndNoCallOverlaps(Executor executor) throws Exception {
    int connections = 8;
    int messages = 2_000;
    Set<Connection<String>> inside = ConcurrentHashMap.newKeySet();
    AtomicInteger overlaps = new AtomicInteger();
    AtomicInteger closes = new AtomicInteger();
    Handler<String, String> handler =
        new Handler<>() {
          @Override
          public void onConnect(Connection<String> connection) {
            connection.attach(new AtomicInteger());
          }

          @Override
          public void onMessage(Connection<String> connection, String message) {
            overlaps.addAndGet(inside.add(connection) ? 0 : 1);
            AtomicInteger expected = connection.attachment(AtomicInteger.class);
            int number = expected == null ? -1 : expected.getAndIncrement();
            connection.send(Integer.parseInt(message) == number ? message : "wrong");
            inside.remove(connection);
          }

          @Override
          public void onClose(Connection<String> connection, CloseReason reason) {
            closes.incrementAndGet();
          }
        };
    Server started = start(Texts::new, handler.offload(executor));
    List<RawPeer> peers = new ArrayList<>();
    for (int i = 0; i < connections; i++) {
      peers.add(RawPeer.connect(started));
    }
    String[] numbers = new String[messages];
    for (int i = 0; i < messages; i++) {
      numbers[i] = String.valueOf(i);
    }
    for (RawPeer peer : peers) {
      peer.send(numbers).shutdownOutput();
    }
    for (RawPeer peer : peers) {
      assertThat(peer.readAll()).isEqualTo(RawPeer.frames(numbers)); // after its FIN
      peer.close();
    }
    Eventually.holds("all onClose are called", () -> closes.get() == connections);
    assertThat(overlaps).hasValue(0);
  }

  @Test
  void builderOffloadsItsHandlerOnce() throws Exception {
    Handler<String, String> handler =
        (connection, message) -> connection.send(Thread.currentThread().getName());
    Server.Builder<String, String> builder =
        Server.builder(Texts::new, handler).listen("tcp://127.0.0.1:0").eventLoops(1);
    builder.offload(task -> new Thread(task, "first").start());
    builder.offload(task -> new Thread(task, "second").start());
    server = builder.start();
    assertThat(Echo.of("127.0.0.1", server.port(), "hi")).isEqualTo("first");
  }

  @Test
  void handlerMayBlockAndOthersGoOn() throws Exception {
    CountDownLatch release = new CountDownLatch(1);
    Handler<String, String> handler =
        (connection, message) -> {
          if (message.equals("block")) {
            await(release);
          }
          connection.send(Thread.currentThread().getName());
        };
    Server started = start(Texts::new, handler.offload(pool));
    try (RawPeer blocked = RawPeer.connect(started);
        RawPeer other = RawPeer.connect(started)) {
      blocked.send("block");
      assertThat(other.send("go").receive()).startsWith("pool-");
      release.countDown();
      assertThat(blocked.receive()).startsWith("pool-");
    }
  }

  private static void await(CountDownLatch latch) {
    try {
      assertThat(latch.await(10, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void fullMailboxPressesBackOntoTheSocket() throws Exception {
    CountDownLatch release = new CountDownLatch(1);
    AtomicInteger handled = new AtomicInteger();
    AtomicInteger unpacked = new AtomicInteger();
    class CountingTexts implements Protocol<String, String> {
      private final Texts texts = new Texts();

      @Override
      public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
        String text = texts.unpack(context, in);
        unpacked.addAndGet(text == null ? 0 : 1);
        return text;
      }

      @Override
      public void pack(String message, ByteBuf out) {
        texts.pack(message, out);
      }
    }
    Handler<String, String> handler =
        (connection, message) -> {
          await(release);
          handled.incrementAndGet();
        };
    Server started = start(CountingTexts::new, handler.offload(pool));
    try (RawPeer peer = RawPeer.connect(started)) {
      int messages = 10_000;
      String[] texts = new String[messages];
      java.util.Arrays.fill(texts, "x");
      peer.send(texts);
      Eventually.holds(
          "the mailbox is full", () -> unpacked.get() >= OffloadedHandler.MAX_QUEUED - 1);
      java.util.concurrent.locks.LockSupport.parkNanos(Duration.ofMillis(100).toNanos());
      // One message is being handled and is not queued.
      assertThat(unpacked.get()).isLessThanOrEqualTo(OffloadedHandler.MAX_QUEUED + 1);
      release.countDown();
      Eventually.holds("all are handled", () -> handled.get() == messages);
    }
  }

  @Test
  void messagesThatAreSentKeptOrLeftNeverLeak() throws Exception {
    Handler<ByteBuf, ByteBuf> handler =
        (connection, message) -> {
          if (message.readableBytes() % 2 == 0) {
            connection.send(message);
          } else if (message.readableBytes() % 3 == 0) {
            connection.send(message.retainedDuplicate());
          }
        };
    Server started = start(Buffers::new, handler.offload(pool));
    try (RawPeer peer = RawPeer.connect(started)) {
      peer.send("four", "five5", "three3three").send("nine9nine");
      byte[] expected = RawPeer.frames("four", "nine9nine");
      assertThat(peer.read(expected.length)).isEqualTo(expected);
    }
  }

  /** A message that tells its size only once. */
  private static final class Fickle implements Sized {
    private final String text;
    private boolean asked;

    Fickle(String text) {
      this.text = text;
      this.asked = text.equals("unknown");
    }

    @Override
    public long sizeBytes() {
      if (asked) {
        throw new IllegalStateException("on purpose");
      }
      asked = true;
      return text.length();
    }

    @Override
    public String toString() {
      return text;
    }
  }

  @Test
  void sizeOfAMessageIsDeterminedOnceAndBeforeItIsQueued() throws Exception {
    Recorder<Fickle, String> recorder = Recorder.silent();
    Server started = start(() -> new Texts().mapInbound(Fickle::new), recorder.offload(pool));
    try (RawPeer peer = RawPeer.connect(started)) {
      peer.send("one", "two");
      recorder.expect("connect", "message one", "message two");
      peer.send("unknown");
      peer.expectEnd();
    }
    recorder.expect("close HANDLER_ERROR");
  }

  @Test
  void messagesThatWaitAreDroppedByAClose() throws Exception {
    CountDownLatch go = new CountDownLatch(1);
    Recorder<String, String> recorder =
        new Recorder<>(
            (connection, message) -> {
              await(go);
              connection.close();
            });
    Server started = start(Texts::new, recorder.offload(pool));
    try (RawPeer peer = RawPeer.connect(started)) {
      peer.send("1", "2", "3");
      go.countDown();
      peer.expectEnd();
    }
    recorder.expect("connect", "message 1", "close CLOSED");
    recorder.expectNothingMore();
  }

  @Test
  void whatTheHandlerThrowsClosesItsConnection() throws Exception {
    Recorder<String, String> recorder =
        new Recorder<>(
            (connection, message) -> {
              throw new IllegalStateException("broken");
            });
    try (LogCapture log = new LogCapture("dev.jev")) {
      Server started = start(Texts::new, recorder.offload(pool));
      try (RawPeer peer = RawPeer.connect(started)) {
        peer.send("hello").expectEnd();
      }
      recorder.expect("connect", "message hello", "close HANDLER_ERROR");
      assertThat(log.records()).hasSize(1);
    }
  }

  /** An executor that accepts a number of tasks and refuses the others. */
  private static Executor refusingAfter(int tasks) {
    AtomicInteger taken = new AtomicInteger();
    return task -> {
      if (taken.incrementAndGet() > tasks) {
        throw new RejectedExecutionException("full");
      }
      task.run();
    };
  }

  @Test
  void executorThatRefusesEndsTheConnectionAndOnCloseIsStillCalled() throws Exception {
    Recorder<String, String> recorder = Recorder.silent();
    try (LogCapture log = new LogCapture("dev.jev")) {
      Server started = start(Texts::new, recorder.offload(refusingAfter(1)));
      try (RawPeer peer = RawPeer.connect(started)) {
        peer.send("refused").expectEnd();
      }
      recorder.expect("connect", "close HANDLER_ERROR");
      assertThat(log.records()).isNotEmpty();
    }
  }

  @Test
  void onCloseIsNotCalledWhereOnConnectWasRefused() throws Exception {
    Recorder<String, String> recorder = Recorder.silent();
    try (LogCapture log = new LogCapture("dev.jev")) {
      Server started = start(Texts::new, recorder.offload(refusingAfter(0)));
      try (RawPeer peer = RawPeer.connect(started)) {
        peer.expectEnd();
      }
      started.close();
      recorder.expectNothingMore();
      assertThat(log.records()).isNotEmpty();
    }
  }

  @Test
  void handlerThatIsOffloadedTwiceIsRefused() throws Exception {
    AtomicInteger messages = new AtomicInteger();
    Handler<String, String> once =
        ((Handler<String, String>) (connection, message) -> messages.incrementAndGet())
            .offload(pool);
    try (LogCapture log = new LogCapture("dev.jev");
        RawPeer peer = RawPeer.connect(start(Texts::new, once.offload(pool)))) {
      peer.send("hi").expectEnd();
      assertThat(messages).hasValue(0);
      assertThat(log.records()).hasSize(1);
    }
  }

  /** A flood of datagrams must not hide the failures of the handler. */
  @Test
  void failureOfTheHandlerIsLoggedBesideDroppedDatagrams() throws Exception {
    BlockingQueue<Runnable> tasks = new LinkedBlockingQueue<>();
    Handler<String, String> failing =
        (connection, message) -> {
          throw new IllegalStateException("on purpose");
        };
    server =
        Server.builder(Texts::new, failing.offload(tasks::add))
            .listen("udp://127.0.0.1:0")
            .eventLoops(1)
            .start();
    try (LogCapture log = new LogCapture("dev.jev");
        DatagramSocket peer = new DatagramSocket()) {
      byte[] frame = RawPeer.frames("hi");
      DatagramPacket datagram =
          new DatagramPacket(frame, frame.length, InetAddress.getLoopbackAddress(), server.port());
      Eventually.holds(
          "a datagram is dropped",
          () -> {
            for (int i = 0; i < 100; i++) {
              peer.send(datagram);
            }
            return !log.messages("datagram dropped: limit of 1024 reached").isEmpty();
          });
      tasks.remove().run();
      assertThat(log.messages("handler failed for a datagram of /127.0.0.1:")).hasSize(1);
    }
  }
}
