package dev.jev;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.jev.Notes.Note;
import java.lang.reflect.Proxy;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Executors, handlers and messages of an offloaded handler that throw. */
class OffloadFaultTest {

  private static final int MAX_DATAGRAMS = 1024;

  private final ExecutorService pool = Executors.newSingleThreadExecutor();
  private final Notes notes = new Notes();
  private final LogCapture log = new LogCapture("dev.jev");
  private final LogCapture netty = new LogCapture("io.netty.util.ReferenceCountUtil");
  private @Nullable Server server;

  @AfterEach
  void stop() {
    if (server != null) {
      server.close();
    }
    pool.shutdownNow();
    log.close();
    netty.close();
  }

  private Server start(String address, Handler<Note, String> handler) {
    server = Server.builder(notes::protocol, handler).listen(address).eventLoops(1).start();
    return server;
  }

  private Server start(Handler<Note, String> handler) {
    return start("tcp://127.0.0.1:0", handler);
  }

  static Stream<Throwable> faults() {
    return Stream.of(
        new RejectedExecutionException("full"),
        new OutOfMemoryError("unable to create native thread"),
        new IllegalStateException("broken"));
  }

  @SuppressWarnings("unchecked")
  private static <T extends Throwable> void fail(Throwable fault) throws T {
    throw (T) fault;
  }

  /** An executor that runs tasks on the calling thread, and throws while it is broken. */
  private static final class Breakable implements Executor {

    private final Throwable fault;
    private volatile boolean broken;

    Breakable(Throwable fault) {
      this.fault = fault;
    }

    @Override
    public void execute(Runnable task) {
      if (broken) {
        OffloadFaultTest.<RuntimeException>fail(fault);
      }
      task.run();
    }
  }

  /** An executor that gives tasks to another one up to a number of them, and then throws. */
  private static Executor throwingAfter(int tasks, Executor executor, Throwable fault) {
    AtomicInteger number = new AtomicInteger();
    return task -> {
      if (number.getAndIncrement() >= tasks) {
        OffloadFaultTest.<RuntimeException>fail(fault);
      }
      executor.execute(task);
    };
  }

  private static void await(CountDownLatch latch) {
    try {
      assertThat(latch.await(10, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private static String[] texts(int count) {
    String[] texts = new String[count];
    Arrays.setAll(texts, i -> "message " + i);
    return texts;
  }

  private void expectNoConnection() throws Exception {
    Eventually.holds("all are closed", () -> server != null && server.connectionCount() == 0);
  }

  @ParameterizedTest
  @MethodSource("faults")
  void messagesThatTheExecutorRefusesAreReleasedAndOnCloseComes(Throwable fault) throws Exception {
    Recorder<Note, String> recorder =
        new Recorder<>((connection, message) -> connection.send(message.toString()));
    Breakable executor = new Breakable(fault);
    Server started = start(recorder.offload(executor));
    try (RawPeer peer = RawPeer.connect(started)) {
      recorder.expect("connect");
      executor.broken = true;
      peer.send("1", "2", "3").expectEnd();
    }
    recorder.expect("close HANDLER_ERROR");
    recorder.expectNothingMore();
    assertThat(recorder.threads()).allMatch(name -> name.startsWith("jev-loop"));
    assertThat(notes.all()).isNotEmpty();
    notes.expectAllReleased();
    assertThat(log.await("HANDLER_ERROR: closing connection of /127.0.0.1:").getThrown())
        .isSameAs(fault);
    executor.broken = false;
    try (RawPeer next = RawPeer.connect(started)) {
      assertThat(next.send("4").receive()).isEqualTo("4");
    }
    recorder.expect("connect", "message 4");
  }

  @ParameterizedTest
  @MethodSource("faults")
  void onCloseIsNotCalledIfOnConnectWasRefused(Throwable fault) throws Exception {
    Recorder<Note, String> recorder = Recorder.silent();
    Breakable executor = new Breakable(fault);
    executor.broken = true;
    Server started = start(recorder.offload(executor));
    try (RawPeer peer = RawPeer.connect(started)) {
      peer.send("1").expectEnd();
    }
    expectNoConnection();
    executor.broken = false;
    try (RawPeer next = RawPeer.connect(started)) {
      next.send("2");
      recorder.expect("connect", "message 2");
    }
    assertThat(log.messages("HANDLER_ERROR: closing connection of")).isNotEmpty();
    notes.expectAllReleased();
  }

  @ParameterizedTest
  @MethodSource("faults")
  void onCloseThatTheExecutorRefusesIsCalledOnTheEventLoop(Throwable fault) throws Exception {
    Recorder<Note, String> recorder = Recorder.silent();
    Server started = start(recorder.offload(throwingAfter(1, pool, fault)));
    try (RawPeer peer = RawPeer.connect(started)) {
      recorder.expect("connect");
      peer.shutdownOutput().expectEnd();
    }
    recorder.expect("close PEER_CLOSED");
    assertThat(recorder.threads()).last().asString().startsWith("jev-loop");
    assertThat(log.await("executor failed for onClose of /127.0.0.1:").getThrown()).isSameAs(fault);
    assertThat(log.messages("HANDLER_ERROR")).isEmpty();
  }

  @ParameterizedTest
  @MethodSource("faults")
  void executorThatRefusesTheRestOfAQueueEndsTheConnection(Throwable fault) throws Exception {
    CountDownLatch queued = new CountDownLatch(OffloadedHandler.MAX_QUEUED);
    Recorder<Note, String> recorder = recorderThatWaits(queued);
    Server started = start(counting(queued, recorder.offload(throwingAfter(1, pool, fault))));
    try (RawPeer peer = RawPeer.connect(started)) {
      recorder.expect("connect");
      peer.send(texts(100)).readAll();
    }
    for (int i = 0; i < OffloadedHandler.MAX_QUEUED - 1; i++) {
      recorder.expect("message message " + i);
    }
    recorder.expect("close HANDLER_ERROR");
    notes.expectAllReleased();
  }

  /** A recorder whose {@code onConnect} returns when {@code latch} is open. */
  private static Recorder<Note, String> recorderThatWaits(CountDownLatch latch) {
    return new Recorder<>(
        new Handler<>() {
          @Override
          public void onConnect(Connection<String> connection) {
            await(latch);
          }

          @Override
          public void onMessage(Connection<String> connection, Note message) {}
        });
  }

  /** A handler that counts the messages which another handler has taken. */
  private static Handler<Note, String> counting(
      CountDownLatch messages, Handler<Note, String> handler) {
    return new Handler<>() {
      @Override
      public void onConnect(Connection<String> connection) {
        handler.onConnect(connection);
      }

      @Override
      public void onMessage(Connection<String> connection, Note message) {
        handler.onMessage(connection, message);
        messages.countDown();
      }

      @Override
      public void onClose(Connection<String> connection, CloseReason reason) {
        handler.onClose(connection, reason);
      }
    };
  }

  @ParameterizedTest
  @MethodSource("faults")
  void onCloseComesEvenIfTheExecutorRefusesAfterTheEndOfTheLoop(Throwable fault) throws Exception {
    CountDownLatch queued = new CountDownLatch(OffloadedHandler.MAX_QUEUED);
    CountDownLatch stopped = new CountDownLatch(1);
    Recorder<Note, String> recorder = recorderThatWaits(stopped);
    Server started = start(counting(queued, recorder.offload(throwingAfter(1, pool, fault))));
    try (RawPeer peer = RawPeer.connect(started)) {
      recorder.expect("connect");
      peer.send(texts(100));
      await(queued);
      started.stop(Duration.ZERO);
      Eventually.noServerThreadIsLeft();
    }
    stopped.countDown();
    recorder.expect("close SERVER_STOPPED");
    notes.expectAllReleased();
  }

  @Test
  void taskThatRunsAfterTheExecutorThrewHandlesNothing() throws Exception {
    Queue<Runnable> kept = new ConcurrentLinkedQueue<>();
    Recorder<Note, String> recorder = Recorder.silent();
    AtomicInteger number = new AtomicInteger();
    Executor executor =
        task -> {
          if (number.getAndIncrement() == 0) {
            task.run();
          } else {
            kept.add(task);
            throw new OutOfMemoryError("unable to create native thread");
          }
        };
    Server started = start(recorder.offload(executor));
    try (RawPeer peer = RawPeer.connect(started)) {
      peer.send("1", "2").expectEnd();
    }
    recorder.expect("connect", "close HANDLER_ERROR");
    assertThat(kept).isNotEmpty();
    kept.forEach(Runnable::run);
    recorder.expectNothingMore();
    notes.expectAllReleased();
  }

  @Test
  void taskThatRunsBeforeTheExecutorThrowsHandlesItsEventsOnce() throws Exception {
    Recorder<Note, String> recorder = Recorder.silent();
    Executor executor =
        task -> {
          CountDownLatch done = new CountDownLatch(1);
          pool.execute(
              () -> {
                task.run();
                done.countDown();
              });
          await(done);
          throw new IllegalStateException("too late");
        };
    Server started = start(recorder.offload(executor));
    try (RawPeer peer = RawPeer.connect(started)) {
      peer.expectEnd();
    }
    recorder.expect("connect", "close HANDLER_ERROR");
    assertThat(recorder.threads()).noneMatch(name -> name.startsWith("jev-loop"));
    recorder.expectNothingMore();
  }

  @Test
  void nothingIsDeliveredAfterTheHandlerHasThrown() throws Exception {
    Recorder<Note, String> recorder =
        new Recorder<>(
            (connection, message) -> {
              throw new IllegalStateException("broken");
            });
    Server started = start(recorder.offload(Runnable::run));
    try (RawPeer peer = RawPeer.connect(started)) {
      peer.send("1", "2", "3").shutdownOutput().expectEnd();
    }
    recorder.expect("connect", "message 1", "close HANDLER_ERROR");
    recorder.expectNothingMore();
    notes.expectAllReleased();
    assertThat(log.messages("HANDLER_ERROR")).hasSize(1);
  }

  @Test
  void messageThatCannotBeReleasedDoesNotKeepTheOthers() throws Exception {
    Recorder<Note, String> recorder = Recorder.silent();
    Breakable executor = new Breakable(new OutOfMemoryError("unable to create native thread"));
    Server started = start(recorder.offload(executor));
    try (RawPeer peer = RawPeer.connect(started)) {
      recorder.expect("connect");
      executor.broken = true;
      peer.send("1", "!release", "3").expectEnd();
    }
    recorder.expect("close HANDLER_ERROR");
    assertThat(notes.all()).hasSize(3);
    notes.expectAllReleased();
    assertThat(netty.records()).isNotEmpty();
  }

  @Test
  void messageWithoutASizeClosesItsConnection() throws Exception {
    Recorder<Note, String> recorder = Recorder.silent();
    Server started = start(recorder.offload(pool));
    try (RawPeer peer = RawPeer.connect(started)) {
      peer.send("1", "!size", "3").expectEnd();
    }
    recorder.expect("connect");
    Eventually.holds("onClose", () -> recorder.threads().size() >= 2);
    notes.expectAllReleased();
    assertThat(log.messages("HANDLER_ERROR")).hasSize(1);
    assertThat(log.await("HANDLER_ERROR").getThrown()).hasMessage("no size");
  }

  @Test
  void whatOnCloseThrowsIsLoggedEvenAfterTheEndOfTheLoop() throws Exception {
    CountDownLatch stopped = new CountDownLatch(1);
    Handler<Note, String> handler =
        new Handler<>() {
          @Override
          public void onMessage(Connection<String> connection, Note message) {}

          @Override
          public void onClose(Connection<String> connection, CloseReason reason) {
            await(stopped);
            throw new IllegalStateException("broken");
          }
        };
    Server started = start(handler.offload(pool));
    try (RawPeer peer = RawPeer.connect(started)) {
      peer.send("1");
      Eventually.holds("the message has arrived", () -> !notes.all().isEmpty());
      started.stop(Duration.ZERO);
      Eventually.noServerThreadIsLeft();
    }
    stopped.countDown();
    assertThat(log.await("HANDLER_ERROR: ").getThrown()).hasMessage("broken");
  }

  @Test
  void handlerThatIsOffloadedTwiceIsNamed() throws Exception {
    Handler<Note, String> once = Recorder.<Note, String>silent().offload(pool);
    try (RawPeer peer = RawPeer.connect(start(once.offload(pool)))) {
      peer.expectEnd();
    }
    assertThat(log.await("HANDLER_ERROR").getThrown())
        .hasMessage("handler is offloaded twice; call offload once");
  }

  @Test
  @SuppressWarnings("unchecked") // a proxy of Connection
  void connectionOfUnknownKindIsRefused() {
    Connection<String> unknown =
        (Connection<String>)
            Proxy.newProxyInstance(
                getClass().getClassLoader(),
                new Class<?>[] {Connection.class},
                (proxy, method, arguments) -> null);
    Handler<Note, String> offloaded = Recorder.<Note, String>silent().offload(pool);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> offloaded.onConnect(unknown))
        .withMessage(
            "connection: "
                + unknown.getClass().getSimpleName()
                + " (expected: one of a server or client, or a SimulatedConnection)");
  }

  // Datagrams.

  /**
   * Starts a server whose handler runs {@code action} with each datagram, a connection of its
   * sender, and sends it one.
   */
  private void withDatagram(Consumer<Connection<String>> action) throws Exception {
    CountDownLatch done = new CountDownLatch(1);
    Handler<Note, String> handler =
        (connection, message) -> {
          try {
            action.accept(connection);
          } finally {
            done.countDown();
          }
        };
    Server started = start("udp://127.0.0.1:0", handler);
    try (DatagramSocket client = new DatagramSocket(0, InetAddress.getLoopbackAddress())) {
      byte[] bytes = RawPeer.frames("go");
      client.send(
          new DatagramPacket(bytes, bytes.length, client.getLocalAddress(), started.port()));
      await(done);
    }
  }

  /** Passes a note to a handler, then releases its reference; returns what the handler threw. */
  private @Nullable Throwable handle(
      Handler<Note, String> handler, Connection<String> connection, String text) {
    Note note = notes.add(text);
    try {
      handler.onMessage(connection, note);
      return null;
    } catch (Throwable t) {
      return t;
    } finally {
      note.release();
    }
  }

  @ParameterizedTest
  @MethodSource("faults")
  void datagramsThatTheExecutorRefusesTakeNoSlots(Throwable fault) throws Exception {
    Queue<String> handled = new ConcurrentLinkedQueue<>();
    Handler<Note, String> handler = (connection, message) -> handled.add(message.toString());
    Breakable executor = new Breakable(fault);
    executor.broken = true;
    Handler<Note, String> offloaded = handler.offload(executor);
    withDatagram(
        connection -> {
          for (int i = 0; i < MAX_DATAGRAMS; i++) {
            assertThat(handle(offloaded, connection, "refused")).isSameAs(fault);
          }
          executor.broken = false;
          assertThat(handle(offloaded, connection, "taken")).isNull();
        });
    assertThat(handled).containsExactly("taken");
    notes.expectAllReleased();
    assertThat(log.messages("datagram")).isEmpty();
  }

  @Test
  void refusedDatagramIsLogged() throws Exception {
    OutOfMemoryError fault = new OutOfMemoryError("unable to create native thread");
    Breakable executor = new Breakable(fault);
    executor.broken = true;
    Handler<Note, String> offloaded = Recorder.<Note, String>silent().offload(executor);
    withDatagram(connection -> offloaded.onMessage(connection, notes.all().element()));
    assertThat(log.await("handler failed in onMessage of ").getThrown()).isSameAs(fault);
    notes.expectAllReleased();
  }

  @Test
  void datagramThatTheExecutorKeepsAlthoughItThrewIsNotHandled() throws Exception {
    List<Runnable> kept = new ArrayList<>();
    AtomicInteger handled = new AtomicInteger();
    Handler<Note, String> handler = (connection, message) -> handled.incrementAndGet();
    OutOfMemoryError fault = new OutOfMemoryError("unable to create native thread");
    Handler<Note, String> offloaded =
        handler.offload(
            task -> {
              kept.add(task);
              if (kept.size() <= 10) {
                throw fault;
              }
            });
    withDatagram(
        connection -> {
          for (int i = 0; i < 10; i++) {
            assertThat(handle(offloaded, connection, "refused")).isSameAs(fault);
          }
          kept.forEach(Runnable::run);
          assertThat(handled).hasValue(0);
          for (int i = 0; i < MAX_DATAGRAMS + 3; i++) {
            assertThat(handle(offloaded, connection, "taken")).isNull();
          }
          assertThat(kept).hasSize(10 + MAX_DATAGRAMS);
          kept.forEach(Runnable::run);
          assertThat(handled).hasValue(MAX_DATAGRAMS);
        });
    notes.expectAllReleased();
    assertThat(log.messages("datagram dropped: limit of 1024 reached")).hasSize(1);
  }

  @Test
  void whatTheHandlerThrowsForADatagramIsLoggedAndFreesItsSlot() throws Exception {
    Handler<Note, String> handler =
        (connection, message) -> {
          throw new IllegalStateException("broken");
        };
    Handler<Note, String> offloaded = handler.offload(Runnable::run);
    withDatagram(
        connection -> {
          for (int i = 0; i <= MAX_DATAGRAMS; i++) {
            assertThat(handle(offloaded, connection, "bad")).isNull();
          }
        });
    notes.expectAllReleased();
    assertThat(log.await("handler failed for a datagram of /127.0.0.1:").getThrown())
        .hasMessage("broken");
    assertThat(log.messages("limit")).isEmpty();
  }
}
