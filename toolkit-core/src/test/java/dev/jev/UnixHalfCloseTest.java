package dev.jev;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Unix sockets whose peer has ended its output before it has the answers. */
@EnabledOnOs(OS.LINUX)
class UnixHalfCloseTest {

  private static final String TRANSPORTS = "dev.jev.Available#transports";
  private static final int LONG = 4 * 1024 * 1024;

  @TempDir private Path directory;

  private Path path() {
    return directory.resolve("a.sock");
  }

  private Server start(Transport transport, Handler<String, String> handler) {
    return Server.builder(Texts::new, handler)
        .transport(transport)
        .eventLoops(1)
        .maxFrameBytes(2 * LONG)
        .maxPendingBytes(4 * LONG)
        .writeWatermarks(LONG, 2 * LONG)
        .listen("unix://" + path())
        .start();
  }

  private SocketChannel connect() throws IOException {
    return SocketChannel.open(UnixDomainSocketAddress.of(path()));
  }

  private static void send(SocketChannel peer, String text) throws IOException {
    peer.write(ByteBuffer.wrap(RawPeer.frames(text)));
  }

  private static int bytesUntilEnd(SocketChannel peer) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(2 * LONG);
    while (peer.read(bytes) >= 0) {}
    return bytes.position();
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void answerThatTheSocketDoesNotTakeAtOnceIsSent(Transport transport) throws Exception {
    String answer = "x".repeat(LONG);
    try (Server server = start(transport, (connection, text) -> connection.send(answer));
        SocketChannel peer = connect()) {
      Eventually.holds("it is connected", () -> server.connectionCount() == 1);
      send(peer, "one");
      peer.shutdownOutput();
      assertThat(bytesUntilEnd(peer)).isEqualTo(4 + LONG);
    }
  }

  @ParameterizedTest
  @MethodSource(TRANSPORTS)
  void answerOfAnOffloadedHandlerIsSent(Transport transport) throws Exception {
    CountDownLatch endIsKnown = new CountDownLatch(1);
    ExecutorService executor = Executors.newFixedThreadPool(2);
    Handler<String, String> handler =
        (connection, text) -> {
          if (text.equals("early")) {
            awaitUninterrupted(endIsKnown);
          }
          connection.send(text);
        };
    try (Server server = start(transport, handler.offload(executor));
        SocketChannel peer = connect();
        SocketChannel other = connect()) {
      Eventually.holds("both are connected", () -> server.connectionCount() == 2);
      send(peer, "early");
      peer.shutdownOutput();
      send(other, "later");
      other.shutdownOutput();
      assertThat(bytesUntilEnd(other)).isEqualTo(9);
      endIsKnown.countDown(); // the only loop has read the end of the first peer, too
      assertThat(bytesUntilEnd(peer)).isEqualTo(9);
    } finally {
      endIsKnown.countDown();
      executor.shutdown();
    }
  }

  private static void awaitUninterrupted(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }
}
