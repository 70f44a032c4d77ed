package dev.jev;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.netty.channel.EventLoop;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketAddress;
import java.net.SocketException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.logging.LogRecord;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Faults that a server survives, and its end if it cannot. */
class FaultTest {

  private static final String TRANSPORTS = "dev.jev.Available#transports";

  private final List<Socket> sockets = new ArrayList<>();
  private @Nullable Server server;

  @AfterEach
  void stop() throws IOException {
    for (Socket socket : sockets) {
      socket.close();
    }
    if (server != null) {
      server.close();
    }
  }

  private Socket connect(int port) throws IOException {
    Socket socket = Echo.connect("127.0.0.1", port);
    sockets.add(socket);
    return socket;
  }

  // Too many open files.

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  @EnabledOnOs(OS.LINUX)
  void tooManyOpenFilesPauseAcceptingOnly(Transport transport, @TempDir Path directory)
      throws Exception {
    // The first thing this server logs, and its first message, come when no file can be opened.
    try (ChildJvm child = ChildJvm.withFiles(200, directory, transport.name(), "10000")) {
      for (int i = 0; i < 400; i++) {
        connect(child.port()); // unaccepted connections wait in the backlog
      }
      Eventually.holds(
          "no file is left",
          () -> child.errors("WARNING: cannot accept on /127.0.0.1:" + child.port()).size() > 0);
      Eventually.holds(
          "accepting pauses, and resumes for another try",
          () ->
              child.errors("paused: /127.0.0.1:" + child.port()).size() > 1
                  && child.errors("resumed: /127.0.0.1:" + child.port()).size() > 1);
      int accepted = child.connectionCount();
      assertThat(accepted).isBetween(50, 200);

      long start = System.nanoTime();
      int logged = child.errors("cannot accept").size();
      assertThat(child.load(1000)).as("processor time per time").isLessThan(0.5);
      int more = child.errors("cannot accept").size() - logged;
      double seconds = (System.nanoTime() - start) / 1e9;
      assertThat(more).isLessThanOrEqualTo((int) seconds + 2); // one may have come late

      for (int i = 0; i < accepted; i += 10) {
        assertThat(Echo.of(sockets.get(i), "still served")).isEqualTo("still served");
      }
      // A file that the process itself closes makes room for one more.
      assertThat(child.connectionCount()).isBetween(accepted, accepted + 3);

      for (Socket socket : sockets.subList(0, 300)) {
        socket.close();
      }
      for (Socket socket : sockets.subList(300, 400)) {
        assertThat(Echo.of(socket, "at last")).isEqualTo("at last");
      }
      Eventually.holds("only these are left", () -> child.connectionCount() == 100);
      assertThat(child.errors("NoClassDefFoundError")).isEmpty();
    }
  }

  /** A class that is needed for the first time can then not be loaded if it is a file. */
  @Test
  @EnabledOnOs(OS.LINUX)
  void tooManyOpenFilesArePassedWithoutLoadingAClassOfTheToolkit() throws Exception {
    try (ChildJvm child = ChildJvm.withFilesAndUnpackedClasses(200, "AUTO", "10000")) {
      for (int i = 0; i < 250; i++) {
        connect(child.port());
      }
      Eventually.holds("no file is left", () -> child.errors("cannot accept").size() > 0);
      assertThat(Echo.of(sockets.get(0), "served")).isEqualTo("served");
      for (Socket socket : sockets.subList(0, 200)) {
        socket.close();
      }
      assertThat(Echo.of(sockets.get(249), "at last")).isEqualTo("at last");
    }
  }

  // Too many connections.

  @Test
  @EnabledOnOs(OS.LINUX)
  void maxConnectionsFollowsTheLimitOfFiles(@TempDir Path directory) throws Exception {
    int max = 300 / 10 * 9 - 64;
    try (ChildJvm child = ChildJvm.withFiles(300, directory, "AUTO", "default")) {
      for (int i = 0; i < max; i++) {
        assertThat(Echo.of(connect(child.port()), "hi")).isEqualTo("hi");
      }
      for (int i = 0; i < 5; i++) {
        expectClosed(connect(child.port()));
      }
      assertThat(child.connectionCount()).isEqualTo(max);
      String message = "connection refused: limit of " + max + " reached";
      assertThat(child.errors(message)).isNotEmpty();
      for (Socket socket : sockets.subList(0, max)) {
        assertThat(Echo.of(socket, "lives")).isEqualTo("lives");
      }
    }
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void connectionAboveTheMaximumIsClosedAtOnceUntilAnotherHasGone(Transport transport)
      throws Exception {
    Census census = new Census();
    Queue<String> refused = new ConcurrentLinkedQueue<>();
    server =
        Server.builder(Texts::new, census)
            .listen("tcp://127.0.0.1:0")
            .transport(transport)
            .eventLoops(2)
            .maxConnections(3)
            .plugin(
                new Plugin() {
                  @Override
                  public void connectionRefused(
                      PluginHost host, SocketAddress listener, CloseReason.Kind reason) {
                    refused.add(host.addresses().indexOf(listener) + " " + reason);
                  }
                })
            .start();
    try (LogCapture log = new LogCapture("dev.jev")) {
      for (int i = 0; i < 3; i++) {
        assertThat(Echo.of(connect(server.port()), "hi")).isEqualTo("hi");
      }
      for (int i = 0; i < 10; i++) {
        expectClosed(connect(server.port()));
      }
      log.await("connection refused: limit of 3 reached");
      assertThat(server.connectionCount()).isEqualTo(3);
      for (Socket socket : sockets.subList(0, 3)) {
        assertThat(Echo.of(socket, "lives")).isEqualTo("lives");
      }
      sockets.get(1).close();
      Eventually.holds("one has gone", () -> server.connectionCount() == 2);
      assertThat(Echo.of(connect(server.port()), "next")).isEqualTo("next");
      expectClosed(connect(server.port()));
    }
    assertThat(census.connects).hasValue(4);
    assertThat(refused).hasSize(11).containsOnly("0 LIMIT");
    census.expectNoneClosedTwice();
  }

  private static void expectClosed(Socket socket) throws IOException {
    try {
      assertThat(socket.getInputStream().read()).isEqualTo(-1);
    } catch (SocketException e) {
      assertThat(e).hasMessageContaining("reset"); // closed without being registered
    }
  }

  // A loop that blocks.

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void blockedLoopIsReportedWhileTheOthersGoOn(Transport transport) throws Exception {
    CountDownLatch release = new CountDownLatch(1);
    server =
        Server.<String, String>builder(
                Texts::new,
                (connection, message) -> {
                  if (message.equals("block")) {
                    blockHere(release);
                  }
                  connection.send(message);
                })
            .listen("tcp://127.0.0.1:0")
            .transport(transport)
            .eventLoops(2)
            .start();
    try (LogCapture log = new LogCapture("dev.jev")) {
      Socket first = connect(server.port());
      Socket second = connect(server.port());
      assertThat(Echo.of(first, "hi")).isEqualTo("hi");
      assertThat(Echo.of(second, "hi")).isEqualTo("hi");
      log.forget();

      second.getOutputStream().write(RawPeer.frames("block"));
      LogRecord blocked = log.await(" has been blocked for ");
      assertThat(blocked.getMessage())
          .matches("event loop jev-loop-\\S+ has been blocked for \\d+ ms");
      assertThat(blocked.getThrown()).hasMessage("stack of the blocked event loop");
      assertThat(blocked.getThrown().getStackTrace())
          .extracting(StackTraceElement::getMethodName)
          .contains("blockHere");

      for (int i = 0; i < 10; i++) {
        assertThat(Echo.of(first, "goes on")).isEqualTo("goes on");
      }
      String loop = blocked.getMessage().replaceFirst(" has been blocked.*", "");
      assertThat(log.messages(loop + " resumed")).isEmpty();
      release.countDown();
      assertThat(log.await(loop + " resumed after ").getThrown()).isNull();
      assertThat(log.messages(loop + " has been blocked")).hasSize(1);
      assertThat(Echo.of(first, "hi again")).isEqualTo("hi again");
    } finally {
      release.countDown();
    }
  }

  private static void blockHere(CountDownLatch release) {
    try {
      release.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  // A loop that dies.

  /** The ways in which the thread of an event loop ends. */
  private enum Death {
    SHUT_DOWN {
      @Override
      void kill(EventLoop loop) {
        loop.shutdownGracefully(0, 1, TimeUnit.SECONDS);
      }
    },
    ERROR {
      @Override
      void kill(EventLoop loop) throws Exception {
        // Netty catches exceptions of tasks, but not those of its logger.
        AtomicBoolean once = new AtomicBoolean();
        try (LogCapture log =
                new LogCapture(
                    "io.netty.util.concurrent.AbstractEventExecutor",
                    logged -> {
                      if (once.compareAndSet(false, true)) {
                        throw new NoClassDefFoundError("on purpose");
                      }
                    });
            LogCapture outcome =
                new LogCapture("io.netty.util.concurrent.SingleThreadEventExecutor")) {
          loop.execute(
              () -> {
                throw new IllegalStateException("on purpose");
              });
          assertThat(loop.terminationFuture().await(10, TimeUnit.SECONDS)).isTrue();
          assertThat(log.records()).isNotEmpty();
          assertThat(outcome.messages("Unexpected exception")).isNotEmpty();
        }
      }
    };

    abstract void kill(EventLoop loop) throws Exception;
  }

  static Stream<Arguments> deaths() {
    return Available.transports()
        .flatMap(
            transport ->
                Stream.of(Death.values())
                    .flatMap(
                        death ->
                            Stream.of(0, 1).map(loop -> Arguments.of(transport, death, loop))));
  }

  @ParameterizedTest(name = "{0}, {1}, loop {2}")
  @MethodSource("deaths")
  void serverStopsWhenAnEventLoopDies(Transport transport, Death death, int victim)
      throws Exception {
    Census census = new Census();
    server =
        Server.builder(Texts::new, census)
            .listen("tcp://127.0.0.1:0") // accepted by loop 0
            .transport(transport)
            .eventLoops(2)
            .start();
    int port = server.port();
    for (int i = 0; i < 6; i++) {
      assertThat(Echo.of(connect(port), "hi")).isEqualTo("hi");
    }
    // Round robin: each loop has three.
    Connection<String> victims = census.byPort(sockets.get(victim).getLocalPort());
    EventLoop loop = ((StreamConnection<?, ?>) victims).loop().executor();

    try (LogCapture log = new LogCapture("dev.jev")) {
      death.kill(loop);
      for (Socket socket : sockets) {
        expectClosed(socket);
        socket.close();
      }
      assertThatIllegalStateException()
          .isThrownBy(server::awaitStop)
          .withMessageStartingWith("server stopped because an event loop died: ");
      assertThat(log.messages("an event loop died; the server stops")).hasSize(1);
    }
    census.expectAllClosedOnce(6);
    assertThat(census.reasons())
        .as(() -> census.reasons().toString())
        .containsOnly(CloseReason.Kind.SERVER_STOPPED);
    assertThat(server.connectionCount()).isZero();
    assertThat(victims.send("too late")).isFalse();
    victims.close();
    if (transport != Transport.IO_URING || death != Death.SHUT_DOWN) {
      // With io_uring, when the kernel has ended the ring. Netty leaves a socket open in that of a
      // loop that it shuts down.
      Eventually.holds("the port is free", () -> isFree(port));
    }
    Eventually.noServerThreadIsLeft();
  }

  private static boolean isFree(int port) {
    try (ServerSocket socket = new ServerSocket(port, 1, InetAddress.getLoopbackAddress())) {
      return socket.isBound();
    } catch (IOException e) {
      return false;
    }
  }

  @Test
  void deathOfALoopTellsItsCause() throws Exception {
    Recorder<String, String> recorder = Recorder.silent();
    server = Server.builder(Texts::new, recorder).listen("tcp://127.0.0.1:0").start();
    connect(server.port());
    EventLoop loop = ((StreamConnection<?, ?>) recorder.connection()).loop().executor();
    try (LogCapture log = new LogCapture("dev.jev")) {
      Death.ERROR.kill(loop);
      log.await("an event loop died");
    }
    assertThatIllegalStateException()
        .isThrownBy(server::awaitStop)
        .withMessage(
            "server stopped because an event loop died: "
                + "java.lang.NoClassDefFoundError: on purpose")
        .withCauseInstanceOf(NoClassDefFoundError.class);
    recorder.expect("connect", "close SERVER_STOPPED");
    recorder.expectNothingMore();
  }

  // Peers that reset at once.

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void peersThatResetWhileBeingAcceptedDoNoHarm(Transport transport) throws Exception {
    Census census = new Census();
    server =
        Server.builder(Texts::new, census)
            .listen("tcp://127.0.0.1:0")
            .transport(transport)
            .eventLoops(2)
            .start();
    Socket healthy = connect(server.port());
    assertThat(Echo.of(healthy, "hi")).isEqualTo("hi");
    for (int i = 0; i < 500; i++) {
      try (Socket socket = Echo.connect("127.0.0.1", server.port())) {
        socket.setSoLinger(true, 0);
      }
    }
    assertThat(Echo.of(healthy, "still there")).isEqualTo("still there");
    assertThat(Echo.of("127.0.0.1", server.port(), "accepted")).isEqualTo("accepted");
    healthy.close();
    Eventually.holds("all have gone", () -> server.connectionCount() == 0);
    server.close();
    census.expectAllClosedOnce(census.connects.get());
  }

  /** An echo handler that counts the events of each connection. */
  private static final class Census implements Handler<String, String> {

    final AtomicInteger connects = new AtomicInteger();
    private final Map<Connection<String>, List<String>> events = new ConcurrentHashMap<>();

    private void note(Connection<String> connection, String event) {
      events.computeIfAbsent(connection, c -> new CopyOnWriteArrayList<>()).add(event);
    }

    @Override
    public void onConnect(Connection<String> connection) {
      connects.incrementAndGet();
      note(connection, "connect");
    }

    @Override
    public void onMessage(Connection<String> connection, String message) {
      connection.send(message);
    }

    @Override
    public void onClose(Connection<String> connection, CloseReason reason) {
      note(connection, reason.kind().name());
    }

    Connection<String> byPort(int port) {
      return events.keySet().stream()
          .filter(c -> ((InetSocketAddress) c.remoteAddress()).getPort() == port)
          .findFirst()
          .orElseThrow();
    }

    List<CloseReason.Kind> reasons() {
      return events.values().stream()
          .map(all -> CloseReason.Kind.valueOf(all.get(all.size() - 1)))
          .toList();
    }

    void expectNoneClosedTwice() {
      assertThat(events.values()).allMatch(all -> all.get(0).equals("connect") && all.size() <= 2);
    }

    void expectAllClosedOnce(int count) {
      assertThat(events.values())
          .as(() -> events.values().toString())
          .hasSize(count)
          .allMatch(all -> all.get(0).equals("connect") && all.size() == 2);
    }
  }
}
