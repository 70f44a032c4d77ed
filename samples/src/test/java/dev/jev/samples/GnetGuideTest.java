package dev.jev.samples;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Handler;
import dev.jev.Server;
import dev.jev.codec.Protocols;
import dev.jev.plugin.IdleReaper;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Runs the code of docs/coming-from-evio-gev-gnet.md. */
@Timeout(60)
class GnetGuideTest {

  // region server
  /** Answers each frame with the result of a call that may block. */
  static Server start(
      UnaryOperator<byte[]> query, ExecutorService pool, Duration idle, String uri) {
    Handler<byte[], byte[]> answers = Handler.replying(query);
    return Server.builder(
            () -> Protocols.byteArrays(Protocols.lengthPrefixed()), answers.offload(pool))
        .plugin(IdleReaper.readIdle(idle))
        .listen(uri)
        .start();
  }

  // endregion

  private static final String ANY_PORT = "tcp://127.0.0.1:0";
  private static final Duration LONG = Duration.ofMinutes(1);

  private final ExecutorService pool = Executors.newFixedThreadPool(4);

  /** A client that sends and receives frames. */
  private static final class FrameClient implements AutoCloseable {
    private final Socket socket;
    private final DataInputStream in;
    private final DataOutputStream out;

    FrameClient(Server server) throws IOException {
      socket = new Socket(InetAddress.getLoopbackAddress(), server.port());
      socket.setSoTimeout(30_000);
      in = new DataInputStream(socket.getInputStream());
      out = new DataOutputStream(socket.getOutputStream());
    }

    FrameClient ask(String question) throws IOException {
      byte[] bytes = question.getBytes(UTF_8);
      out.writeInt(bytes.length);
      out.write(bytes);
      return this;
    }

    String answer() throws IOException {
      return new String(in.readNBytes(in.readInt()), UTF_8);
    }

    @Override
    public void close() throws IOException {
      socket.close();
    }
  }

  private static byte[] shout(byte[] question) {
    return new String(question, UTF_8).toUpperCase(Locale.ROOT).getBytes(UTF_8);
  }

  @AfterEach
  void stopPool() {
    pool.shutdown();
  }

  @Test
  void answersKeepTheOrderWhileOthersAreServed() throws Exception {
    CountDownLatch otherWasServed = new CountDownLatch(1);
    UnaryOperator<byte[]> query =
        question -> {
          if (new String(question, UTF_8).equals("slow")) {
            await(otherWasServed);
          }
          return shout(question);
        };
    try (Server server = start(query, pool, LONG, ANY_PORT);
        FrameClient one = new FrameClient(server).ask("slow").ask("").ask("fast");
        FrameClient other = new FrameClient(server).ask("hello")) {
      assertThat(other.answer()).isEqualTo("HELLO");
      otherWasServed.countDown();
      assertThat(one.answer()).isEqualTo("SLOW");
      assertThat(one.answer()).isEmpty();
      assertThat(one.answer()).isEqualTo("FAST");
    }
  }

  private static void await(CountDownLatch latch) {
    try {
      assertThat(latch.await(30, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void silentConnectionIsClosed() throws Exception {
    try (Server server = start(GnetGuideTest::shout, pool, Duration.ofMillis(300), ANY_PORT);
        FrameClient client = new FrameClient(server).ask("hello")) {
      assertThat(client.answer()).isEqualTo("HELLO");
      assertThat(client.in.read()).isEqualTo(-1);
    }
  }

  @Test
  void frameOfMoreThanOneMebibyteClosesTheConnection() throws Exception {
    try (Server server = start(GnetGuideTest::shout, pool, LONG, ANY_PORT);
        FrameClient client = new FrameClient(server)) {
      client.out.writeInt(1024 * 1024);
      assertThat(client.in.read()).isEqualTo(-1);
    }
  }

  @Test
  void peerThatEndsItsOutputGetsItsAnswers() throws Exception {
    try (Server server = start(GnetGuideTest::shout, pool, LONG, ANY_PORT);
        FrameClient client = new FrameClient(server).ask("one").ask("two")) {
      client.socket.shutdownOutput();
      assertThat(client.answer()).isEqualTo("ONE");
      assertThat(client.answer()).isEqualTo("TWO");
      assertThat(client.in.read()).isEqualTo(-1);
    }
  }

  @Test
  void codeIsShownInTheDocument() throws IOException {
    Snippets.expectShown("docs/coming-from-evio-gev-gnet.md", GnetGuideTest.class);
  }
}
