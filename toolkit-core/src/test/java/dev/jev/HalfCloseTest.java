package dev.jev;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Connections that stay open for output when their peer has ended its own. */
class HalfCloseTest {

  private static final Duration LONG = Duration.ofHours(1);

  /** More than the buffers of the sockets. */
  private static final int BIG = 8 * 1024 * 1024;

  private final LinkedBlockingQueue<String> seen = new LinkedBlockingQueue<>();
  private Server server;

  @AfterEach
  void stop() {
    server.stop(Duration.ZERO);
  }

  @ParameterizedTest
  @EnumSource(names = {"NIO", "EPOLL", "IO_URING"})
  void answersComeLongAfterThePeersEnd(Transport transport) throws Exception {
    start(transport, connection -> connection.onHalfClose(LONG, note("end", connection, true)));
    try (RawPeer peer = RawPeer.connect(server)) {
      peer.send("a", "b").shutdownOutput();
      expectBothMessagesAndTheAnswer(peer);
    }
    assertThat(next()).isEqualTo("PEER_CLOSED");
    assertThat(seen).isEmpty();
  }

  /** Sends an answer and ends the output, some time later. */
  private Runnable note(String text, Connection<String> connection, boolean answers) {
    return () -> {
      seen.add(text);
      if (answers) {
        connection.runAfter(
            Duration.ofMillis(200),
            () -> {
              assertThat(connection.isOpen()).isTrue();
              connection.send("late");
              connection.shutdownOutput();
            });
      }
    };
  }

  @ParameterizedTest
  @EnumSource(names = {"NIO", "EPOLL", "IO_URING"})
  void peerThatNeverGetsAnAnswerIsClosedInTime(Transport transport) throws Exception {
    Duration timeout = Duration.ofMillis(300);
    start(transport, connection -> connection.onHalfClose(timeout, note("end", connection, false)));
    long begin = System.nanoTime();
    try (RawPeer peer = RawPeer.connect(server)) {
      peer.shutdownOutput().expectEnd();
    }
    assertThat(System.nanoTime() - begin).isGreaterThanOrEqualTo(timeout.toNanos());
    assertThat(next()).isEqualTo("end");
    assertThat(next()).isEqualTo("TIMEOUT: half-closed for PT0.3S");
  }

  @ParameterizedTest
  @EnumSource(names = {"NIO", "EPOLL", "IO_URING"})
  void resetBehindTheEndIsNoticedByTheNextMessage(Transport transport) throws Exception {
    CompletableFuture<Connection<String>> accepted = new CompletableFuture<>();
    start(
        transport,
        connection -> {
          connection.onHalfClose(LONG, note("end", connection, false));
          accepted.complete(connection);
        });
    RawPeer peer = RawPeer.connect(server);
    peer.shutdownOutput();
    assertThat(next()).isEqualTo("end");
    peer.reset();
    for (int i = 0; i < 100 && seen.isEmpty(); i++) {
      accepted.get().send("still there?");
      TimeUnit.MILLISECONDS.sleep(10);
    }
    assertThat(next()).startsWith("IO_ERROR");
  }

  @Test
  void outputThatWasEndedBeforeDoesNotKeepTheConnectionOpen() throws Exception {
    start(
        Transport.AUTO,
        connection -> {
          connection.onHalfClose(LONG, note("end", connection, false));
          connection.shutdownOutput();
        });
    try (RawPeer peer = RawPeer.connect(server)) {
      peer.expectEnd();
      peer.send("a").shutdownOutput();
      assertThat(next()).isEqualTo("a");
      assertThat(next()).isEqualTo("PEER_CLOSED");
    }
  }

  @Test
  void taskWaitsForMessagesThatThePausedConnectionHasNotHandled() throws Exception {
    CompletableFuture<Connection<String>> accepted = new CompletableFuture<>();
    start(
        Transport.AUTO,
        connection -> {
          connection.onHalfClose(LONG, note("end", connection, true));
          connection.pauseReading();
          accepted.complete(connection);
        });
    try (RawPeer peer = RawPeer.connect(server)) {
      peer.send("a", "b").shutdownOutput();
      assertThat(seen.poll(200, TimeUnit.MILLISECONDS)).isNull();
      accepted.get().resumeReading();
      expectBothMessagesAndTheAnswer(peer);
    }
  }

  @Test
  void taskWaitsForMessagesOnOtherThreads() throws Exception {
    ExecutorService executor = Executors.newSingleThreadExecutor();
    try {
      server =
          Server.builder(
                  Texts::new,
                  handler(c -> c.onHalfClose(LONG, note("end", c, true)), 100).offload(executor))
              .listen("tcp://127.0.0.1:0")
              .start();
      try (RawPeer peer = RawPeer.connect(server)) {
        peer.send("a", "b").shutdownOutput();
        expectBothMessagesAndTheAnswer(peer);
      }
      assertThat(next()).isEqualTo("PEER_CLOSED");
    } finally {
      executor.shutdown();
    }
  }

  /** The close timeout, which is shorter, does not apply while the peer reads. */
  @Test
  void slowPeerGetsAllThatWasSentBeforeTheEndOfTheOutput() throws Exception {
    String big = "x".repeat(BIG);
    server =
        Server.builder(
                Texts::new,
                handler(
                    connection ->
                        connection.onHalfClose(
                            LONG,
                            () -> {
                              connection.send(big);
                              connection.shutdownOutput();
                            }),
                    0))
            .listen("tcp://127.0.0.1:0")
            .maxPendingBytes(2 * BIG)
            .closeTimeout(Duration.ofMillis(200))
            .start();
    try (RawPeer peer = RawPeer.connect(server, /* receiveBuffer= */ 16 * 1024)) {
      peer.shutdownOutput();
      TimeUnit.MILLISECONDS.sleep(600);
      assertThat(peer.receive()).isEqualTo(big);
      peer.expectEnd();
    }
    assertThat(next()).isEqualTo("PEER_CLOSED");
  }

  @Test
  void taskThatThrowsClosesTheConnection() throws Exception {
    start(
        Transport.AUTO,
        connection ->
            connection.onHalfClose(
                LONG,
                () -> {
                  throw new IllegalStateException("planned");
                }));
    try (RawPeer peer = RawPeer.connect(server)) {
      peer.shutdownOutput().expectEnd();
    }
    assertThat(next()).startsWith("HANDLER_ERROR");
  }

  @Test
  void stopOfTheServerEndsTheHalfClose() throws Exception {
    start(
        Transport.AUTO, connection -> connection.onHalfClose(LONG, note("end", connection, false)));
    try (RawPeer peer = RawPeer.connect(server)) {
      peer.shutdownOutput();
      assertThat(next()).isEqualTo("end");
      server.stop(Duration.ofSeconds(5));
      peer.expectEnd();
    }
    assertThat(next()).isEqualTo("SERVER_STOPPED");
  }

  @Test
  void badArgumentsAreRefused() throws Exception {
    CompletableFuture<Connection<String>> accepted = new CompletableFuture<>();
    start(Transport.AUTO, accepted::complete);
    try (RawPeer peer = RawPeer.connect(server)) {
      Connection<String> connection = accepted.get(10, TimeUnit.SECONDS);
      assertThatIllegalArgumentException()
          .isThrownBy(() -> connection.onHalfClose(Duration.ZERO, () -> {}))
          .withMessage("timeout: PT0S (expected: > PT0S and <= PT87600H)");
      assertThatNullPointerException().isThrownBy(() -> connection.onHalfClose(LONG, null));
      peer.shutdownOutput().expectEnd();
    }
  }

  private void start(Transport transport, Consumer<Connection<String>> onConnect) throws Exception {
    assumeThat(transport.isAvailable()).isTrue();
    server =
        Server.builder(Texts::new, handler(onConnect, 0))
            .listen("tcp://127.0.0.1:0")
            .transport(transport)
            .start();
  }

  private Handler<String, String> handler(Consumer<Connection<String>> onConnect, long workMillis) {
    return new Handler<>() {
      @Override
      public void onConnect(Connection<String> connection) {
        onConnect.accept(connection);
      }

      @Override
      public void onMessage(Connection<String> connection, String message) {
        try {
          TimeUnit.MILLISECONDS.sleep(workMillis);
        } catch (InterruptedException e) {
          throw new IllegalStateException(e);
        }
        seen.add(message);
      }

      @Override
      public void onClose(Connection<String> connection, CloseReason reason) {
        seen.add(reason.toString());
      }
    };
  }

  private void expectBothMessagesAndTheAnswer(RawPeer peer) throws Exception {
    assertThat(next()).isEqualTo("a");
    assertThat(next()).isEqualTo("b");
    assertThat(next()).isEqualTo("end");
    assertThat(peer.receive()).isEqualTo("late");
    peer.expectEnd();
  }

  private String next() throws InterruptedException {
    String next = seen.poll(10, TimeUnit.SECONDS);
    assertThat(next).as("what the handler has seen").isNotNull();
    return next;
  }
}
