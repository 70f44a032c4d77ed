package dev.jev;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ConnectException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Stopping: in-flight replies leave, every onClose is called, nothing is left. */
class StopTest {

  private static final int CONNECTIONS = 1_000;

  @ParameterizedTest
  @EnumSource(names = {"NIO", "EPOLL", "IO_URING"})
  void stopDeliversQueuedRepliesToAThousandConnections(Transport transport) throws Exception {
    assumeThat(transport.isAvailable()).isTrue();
    String reply = "x".repeat(20_000);
    CountDownLatch asked = new CountDownLatch(CONNECTIONS);
    Map<Connection<String>, Integer> closes = new ConcurrentHashMap<>();
    Map<CloseReason.Kind, Integer> reasons = new ConcurrentHashMap<>();
    List<Connection<String>> all = new CopyOnWriteArrayList<>();
    Handler<String, String> handler =
        new Handler<>() {
          @Override
          public void onMessage(Connection<String> connection, String message) {
            all.add(connection);
            asked.countDown();
          }

          @Override
          public void onClose(Connection<String> connection, CloseReason reason) {
            closes.merge(connection, 1, Integer::sum);
            reasons.merge(reason.kind(), 1, Integer::sum);
          }
        };
    Server server =
        Server.builder(Texts::new, handler)
            .listen("tcp://127.0.0.1:0")
            .transport(transport)
            .eventLoops(2)
            .blockedLoopThreshold(Duration.ofSeconds(5))
            .start();
    List<RawPeer> peers = new ArrayList<>();
    for (int i = 0; i < CONNECTIONS; i++) {
      peers.add(RawPeer.connect(server).send("ask"));
    }
    assertThat(asked.await(30, TimeUnit.SECONDS)).isTrue();
    assertThat(server.connectionCount()).isEqualTo(CONNECTIONS);
    for (Connection<String> connection : all) { // 20 MB are queued from another thread
      assertThat(connection.send(reply)).isTrue();
      assertThat(connection.send("last")).isTrue();
    }
    server.stop(Duration.ofSeconds(20));
    for (RawPeer peer : peers) {
      assertThat(peer.receive()).isEqualTo(reply);
      assertThat(peer.receive()).isEqualTo("last");
      peer.expectEndAndClose();
    }
    server.awaitStop();
    assertThat(closes).hasSize(CONNECTIONS).values().containsOnly(1);
    assertThat(reasons).containsOnly(Map.entry(CloseReason.Kind.SERVER_STOPPED, CONNECTIONS));
    assertThat(server.connectionCount()).isZero();
    assertThat(threadsOfServers()).isEmpty();
  }

  private static List<String> threadsOfServers() {
    return Thread.getAllStackTraces().keySet().stream()
        .map(Thread::getName)
        .filter(name -> name.startsWith("jev-"))
        .toList();
  }

  @Test
  void stopFromEachCallbackDoesNotDeadlock() throws Exception {
    for (String callback : List.of("connect", "message", "close", "task")) {
      CompletableFuture<Server> server = new CompletableFuture<>();
      Handler<String, String> handler =
          new Handler<>() {
            @Override
            public void onConnect(Connection<String> connection) {
              stopIf("connect");
              if (callback.equals("task")) {
                connection.execute(() -> stopIf("task"));
              }
            }

            @Override
            public void onMessage(Connection<String> connection, String message) {
              connection.send("reply");
              stopIf("message");
            }

            @Override
            public void onClose(Connection<String> connection, CloseReason reason) {
              stopIf("close");
            }

            private void stopIf(String here) {
              if (callback.equals(here)) {
                server.join().close(); // it would wait on another thread
              }
            }
          };
      Server started =
          Server.builder(Texts::new, handler).listen("tcp://127.0.0.1:0").eventLoops(1).start();
      server.complete(started);
      try (RawPeer peer = RawPeer.connect(started)) {
        if (callback.equals("message")) {
          assertThat(peer.send("stop").receive()).isEqualTo("reply");
        }
        if (callback.equals("close")) {
          peer.shutdownOutput();
        }
        peer.expectEnd();
      }
      started.awaitStop();
    }
    assertThat(threadsOfServers()).isEmpty();
  }

  @Test
  void graceThatEndsCutsOffPeersThatDoNotRead() throws Exception {
    Recorder<String, String> recorder =
        new Recorder<>((connection, message) -> connection.send("x".repeat(8 * 1024 * 1024)));
    Server server =
        Server.builder(Texts::new, recorder)
            .listen("tcp://127.0.0.1:0")
            .closeTimeout(Duration.ofMinutes(1))
            .maxPendingBytes(16 * 1024 * 1024)
            .start();
    try (RawPeer peer = RawPeer.connect(server, /* receiveBuffer= */ 16 * 1024)) {
      peer.send("go");
      recorder.expect("connect", "message go");
      server.stop(Duration.ofMinutes(1));
      server.stop(Duration.ofMillis(100)); // a second stop shortens the grace
      server.stop(Duration.ofMinutes(2)); // and never lengthens it
      server.awaitStop();
      recorder.expect("close SERVER_STOPPED");
    }
  }

  @Test
  void stoppedServerRefusesConnectionsAndItsPortIsFreeAtOnce() throws Exception {
    Recorder<String, String> recorder = new Recorder<>(Handler.replying(text -> text));
    Server first =
        Server.builder(Texts::new, recorder)
            .listen("tcp://127.0.0.1:0")
            .lingeringCloseTimeout(Duration.ofMillis(100))
            .start();
    RawPeer peer = RawPeer.connect(first);
    assertThat(peer.send("hi").receive()).isEqualTo("hi");
    first.close();
    first.close(); // a second close is harmless
    recorder.expect("connect", "message hi", "close SERVER_STOPPED");
    assertThatThrownBy(() -> RawPeer.connect(first)).isInstanceOf(ConnectException.class);
    peer.close();
    try (Server second =
        Server.builder(Texts::new, recorder).listen("tcp://127.0.0.1:" + first.port()).start()) {
      assertThat(second.port()).isEqualTo(first.port());
    }
  }

  @Test
  void failedBindUndoesTheOthersAndNamesItsAddress() throws Exception {
    Recorder<String, String> recorder = Recorder.silent();
    try (Server holder = Server.builder(Texts::new, recorder).listen("tcp://127.0.0.1:0").start()) {
      String taken = "tcp://127.0.0.1:" + holder.port();
      assertThatThrownBy(
              () ->
                  Server.builder(Texts::new, recorder)
                      .listen("tcp://127.0.0.1:0")
                      .listen(taken)
                      .start())
          .isInstanceOf(UncheckedIOException.class)
          .hasMessageStartingWith("cannot listen on " + taken + ": ")
          .hasMessageContaining("Address already in use");
    }
    assertThat(threadsOfServers()).isEmpty();
  }

  @Test
  void connectionsThatArriveDuringAStopAreClosedToo() throws Exception {
    Handler<String, String> handler = Handler.replying(text -> text);
    for (int round = 0; round < 20; round++) {
      Server server =
          Server.builder(Texts::new, handler).listen("tcp://127.0.0.1:0").eventLoops(2).start();
      CompletableFuture<Void> storm =
          CompletableFuture.runAsync(
              () -> {
                try {
                  while (true) {
                    RawPeer.connect(server).close();
                  }
                } catch (IOException e) {
                  // The server has stopped.
                }
              });
      server.stop(Duration.ofSeconds(5));
      server.awaitStop();
      assertThat(server.connectionCount()).isZero();
      storm.get(10, TimeUnit.SECONDS);
    }
    assertThat(threadsOfServers()).isEmpty();
  }
}
