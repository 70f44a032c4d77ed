package dev.jev.test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.Server;
import dev.jev.plugin.WireLog;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Replays of a capture against servers that answer as before, or otherwise. */
@Timeout(60)
class ReplayTest {

  /** Far more than answers take on a machine that stalls for a moment. */
  private static final Duration TIMEOUT = Duration.ofSeconds(3);

  @TempDir private static Path directory;

  private static Server server(Handler<String, String> handler) {
    return Server.builder(ShortTexts::new, handler)
        .listen("tcp://127.0.0.1:0")
        .lingeringCloseTimeout(Duration.ofMillis(50))
        .start();
  }

  private static Replay replay(Server server, Path file) {
    return Replay.to("tcp://127.0.0.1:" + server.port(), file);
  }

  private static CompletableFuture<Replay.Result> later(Replay replay) {
    CompletableFuture<Replay.Result> result = new CompletableFuture<>();
    Runnable run =
        () -> {
          try {
            result.complete(replay.run());
          } catch (Throwable e) {
            result.completeExceptionally(e);
          }
        };
    new Thread(run, "replay").start();
    return result;
  }

  private static Path captured(String name) throws Exception {
    return CaptureTest.captured(directory.resolve(name), "one", "two", "three");
  }

  @Test
  void serverThatAnswersAsBeforeHasNoDifference() throws Exception {
    Queue<String> messages = new ConcurrentLinkedQueue<>();
    Handler<String, String> echo =
        (connection, text) -> {
          messages.add(text);
          connection.send(text);
        };
    Path file = captured("same.pcap");
    try (Server server = server(echo)) {
      for (Replay each :
          new Replay[] {
            replay(server, file), replay(server, file).speed(10), replay(server, file).atOnce()
          }) {
        Replay.Result result = each.run();
        assertThat(result.differences()).isEmpty();
        assertThat(result.connections()).isEqualTo(3);
        assertThat(result.sentBytes()).isEqualTo(14);
        assertThat(result.receivedBytes()).isEqualTo(14);
        assertThat(result.expectedBytes()).isEqualTo(14);
        assertThat(result.time()).isPositive();
      }
    }
    assertThat(messages).hasSize(9).contains("one", "two", "three");
  }

  @Test
  void differentAnswerIsFoundWithItsPlace() throws Exception {
    Path file = captured("different.pcap");
    try (Server server = server(Handler.replying(text -> text.equals("two") ? "tWo" : text))) {
      Replay.Result result = replay(server, file).atOnce().run();
      assertThat(result.differences())
          .extracting(Object::toString)
          .containsExactly("connection 2, byte 2: 576f (expected: 776f)");
      assertThat(replay(server, file).atOnce().countOnly().run().differences()).isEmpty();
    }
  }

  @Test
  void missingAnswerEndsTheWait() throws Exception {
    Path file = captured("missing.pcap");
    Handler<String, String> silent =
        (connection, text) -> {
          if (!text.equals("two")) {
            connection.send(text);
          }
        };
    try (Server server = server(silent)) {
      Replay replay = replay(server, file).atOnce().answerTimeout(TIMEOUT);
      Replay counting = replay(server, file).atOnce().countOnly().answerTimeout(TIMEOUT);
      CompletableFuture<Replay.Result> meanwhile = later(counting);
      assertThat(replay.run().differences())
          .extracting(Object::toString)
          .containsExactly("connection 2, byte 0: no more within PT3S (expected: byte 0)");
      Replay.Result counted = meanwhile.get(40, TimeUnit.SECONDS);
      assertThat(counted.differences()).isEmpty();
      assertThat(counted.receivedBytes()).isEqualTo(counted.expectedBytes() - 4);
    }
  }

  @Test
  void lostConnectionAndRefusedConnectionAreDifferences() throws Exception {
    Path file = captured("lost.pcap");
    int port;
    try (Server server = server((connection, text) -> connection.closeNow())) {
      port = server.port();
      assertThat(replay(server, file).atOnce().run().differences())
          .hasSize(3)
          .allMatch(difference -> difference.description().startsWith("closed, "));
    }
    assertThat(Replay.to("tcp://127.0.0.1:" + port, file).countOnly().run().differences())
        .hasSize(3)
        .allMatch(difference -> difference.description().endsWith("(expected: a connection)"));
  }

  private Path captured(String name, Handler<String, String> handler, String question, int answers)
      throws Exception {
    Path file = directory.resolve(name);
    try (Server server =
            Server.builder(ShortTexts::new, handler)
                .listen("tcp://127.0.0.1:0")
                .plugin(WireLog.pcap(file).build())
                .start();
        RawPeer peer = RawPeer.connect(server)) {
      peer.write(question).shutdownOutput();
      assertThat(peer.readAll()).hasSize(2 * answers);
    }
    return file;
  }

  /** Answers with many messages, which take longer than the timeout together. */
  private static Handler<String, String> streaming(int count, Duration period) {
    return new Handler<>() {
      @Override
      public void onMessage(Connection<String> connection, String text) {
        connection.onHalfClose(Duration.ofHours(1), () -> push(connection, count));
      }

      private void push(Connection<String> connection, int left) {
        if (left == 0) {
          connection.shutdownOutput();
        } else {
          connection.send("x");
          connection.runAfter(period, () -> push(connection, left - 1));
        }
      }
    };
  }

  @Test
  void slowAnswerIsAwaitedWhileItGoesOn() throws Exception {
    int answers = 35;
    Handler<String, String> fast = streaming(answers, Duration.ofMillis(1));
    Path file = captured("slow.pcap", fast, "01 61", answers);
    try (Server server = server(streaming(answers, Duration.ofMillis(100)))) {
      Replay atOnce = replay(server, file).atOnce().answerTimeout(TIMEOUT);
      CompletableFuture<Replay.Result> meanwhile = later(atOnce);
      Replay.Result asThen = replay(server, file).answerTimeout(TIMEOUT).run();
      for (Replay.Result result : List.of(asThen, meanwhile.get(40, TimeUnit.SECONDS))) {
        assertThat(result.differences()).isEmpty();
        assertThat(result.receivedBytes()).isEqualTo(2L * answers);
        assertThat(result.time()).isGreaterThan(TIMEOUT);
      }
    }
  }

  @Test
  void endOfTheInputIsReplayedBeforeTheAnswersToIt() throws Exception {
    Handler<String, String> atTheEnd = streaming(1, Duration.ofMillis(1));
    Path file = captured("end.pcap", atTheEnd, "01 61", 1);
    try (Server server = server(atTheEnd)) {
      assertThat(replay(server, file).atOnce().run().differences()).isEmpty();
    }
  }

  /** The second question of a client depends on the first answer, so it waits for it. */
  @Test
  void questionAfterAnAnswerWaitsForIt() throws Exception {
    Path file = directory.resolve("dialogue.pcap");
    Handler<String, String> echo = Handler.replying(text -> text);
    try (Server server =
            Server.builder(ShortTexts::new, echo)
                .listen("tcp://127.0.0.1:0")
                .plugin(WireLog.pcap(file).build())
                .start();
        RawPeer peer = RawPeer.connect(server)) {
      peer.write("03 6f6e65").expect("03 6f6e65").write("03 74776f").expect("03 74776f");
    }
    Queue<String> order = new ConcurrentLinkedQueue<>();
    Handler<String, String> late =
        (Connection<String> connection, String text) -> {
          order.add("asked " + text);
          connection.runAfter(
              Duration.ofMillis(50),
              () -> {
                order.add("answers " + text);
                connection.send(text);
              });
        };
    try (Server server = server(late)) {
      assertThat(replay(server, file).atOnce().run().differences()).isEmpty();
    }
    assertThat(order).containsExactly("asked one", "answers one", "asked two", "answers two");
  }

  @Test
  void wrongValuesAreRefused() {
    Replay replay = Replay.to("tcp://127.0.0.1:1", directory.resolve("none.pcap"));
    assertThatThrownBy(replay::run).isInstanceOf(IOException.class);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> replay.speed(0))
        .withMessage("times: 0.0 (expected: > 0)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> replay.answerTimeout(Duration.ZERO))
        .withMessage("answerTimeout: PT0S (expected: > PT0S)");
  }

  @Test
  void wrongAddressIsRefused() throws Exception {
    Path file = captured("address.pcap");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Replay.to("smtp://x:1", file).run())
        .withMessageContaining("smtp");
  }
}
