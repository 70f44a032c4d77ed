package dev.jev;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.jev.CloseReason.Kind;
import dev.jev.Notes.Note;
import io.netty.buffer.ByteBuf;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Replies that come later, from other threads. */
class AsyncRepliesTest {

  /** The answers that the test completes, by their questions. */
  private final Map<String, CompletableFuture<@Nullable String>> answers =
      new ConcurrentHashMap<>();

  private final LogCapture log = new LogCapture("dev.jev");
  private @Nullable Server server;
  private @Nullable Recorder<String, String> recorder;

  @AfterEach
  void stop() throws Exception {
    if (server != null) {
      server.close();
    }
    log.close();
    Eventually.noServerThreadIsLeft();
  }

  private static AsyncReplies<String, String> replying(
      Function<String, CompletionStage<@Nullable String>> reply) {
    return Handler.replyingAsync(reply);
  }

  /** A handler whose answers the test completes. */
  private AsyncReplies<String, String> asked() {
    return replying(question -> answers.computeIfAbsent(question, q -> new CompletableFuture<>()));
  }

  private <I> Server serve(
      Supplier<? extends Protocol<I, String>> protocols, Handler<I, String> h) {
    server = Server.builder(protocols, h).listen("tcp://127.0.0.1:0").eventLoops(1).start();
    return server;
  }

  private RawPeer connect(Handler<String, String> handler) throws Exception {
    recorder = new Recorder<>(handler);
    return RawPeer.connect(serve(Texts::new, recorder));
  }

  private CompletableFuture<@Nullable String> asked(String question) throws Exception {
    Eventually.holds("asked: " + question, () -> answers.containsKey(question));
    return answers.get(question);
  }

  @Test
  void answersLeaveInTheOrderOfTheQuestions() throws Exception {
    try (RawPeer peer = connect(asked())) {
      peer.send("a", "b", "c");
      asked("c").complete("C");
      asked("b").complete("B");
      asked("a").complete("A");
      assertThat(peer.read(15)).isEqualTo(RawPeer.frames("A", "B", "C"));
    }
  }

  @Test
  void unorderedAnswersLeaveAsTheyCome() throws Exception {
    try (RawPeer peer = connect(asked().unordered())) {
      peer.send("a", "b", "c");
      for (String question : List.of("c", "a", "b")) {
        asked(question).complete(question + "!");
        assertThat(peer.receive()).isEqualTo(question + "!");
      }
    }
  }

  /** A stage without the methods of a future, such as those of Delivery. */
  @Test
  void minimalStagesAreAnswered() throws Exception {
    CompletableFuture<@Nullable String> late = new CompletableFuture<>();
    Function<String, CompletionStage<@Nullable String>> reply =
        question ->
            switch (question) {
              case "now" -> CompletableFuture.completedStage("NOW");
              case "never" -> CompletableFuture.failedStage(new IllegalStateException("no"));
              default -> late.minimalCompletionStage();
            };
    try (RawPeer peer = connect(replying(reply).onFailure((question, e) -> e.getMessage()))) {
      peer.send("now", "never", "later");
      assertThat(peer.receive()).isEqualTo("NOW");
      assertThat(peer.receive()).isEqualTo("no");
      late.complete("LATER");
      assertThat(peer.receive()).isEqualTo("LATER");
    }
  }

  @Test
  void offloadedHandlerOnTheSameConnectionIsRefused() throws Exception {
    ExecutorService executor = Executors.newSingleThreadExecutor();
    Handler<String, String> offloaded =
        Handler.<String, String>replying(text -> text).offload(executor);
    AsyncReplies<String, String> later = asked();
    try (RawPeer peer =
        connect(
            (connection, text) ->
                (text.equals("later") ? later : offloaded).onMessage(connection, text))) {
      peer.send("later", "now").expectEnd();
      requireNonNull(recorder).await("close HANDLER_ERROR");
    } finally {
      executor.shutdown();
    }
  }

  @Test
  void answerThatIsKnownAtOnceWaitsForThoseBeforeIt() throws Exception {
    Function<String, CompletionStage<@Nullable String>> reply =
        question ->
            question.equals("now")
                ? CompletableFuture.completedFuture("NOW")
                : answers.computeIfAbsent(question, q -> new CompletableFuture<>());
    try (RawPeer peer = connect(replying(reply))) {
      peer.send("now", "a", "now", "b");
      assertThat(peer.receive()).isEqualTo("NOW");
      asked("b").complete("B");
      asked("a").complete("A");
      assertThat(peer.read(17)).isEqualTo(RawPeer.frames("A", "NOW", "B"));
    }
  }

  @Test
  void nullIsNoAnswer() throws Exception {
    try (RawPeer peer = connect(asked())) {
      peer.send("a", "b");
      asked("a").complete(null);
      asked("b").complete("B");
      assertThat(peer.receive()).isEqualTo("B");
    }
  }

  @Test
  void readingPausesWhileMaxOpenAnswersAreOutstanding() throws Exception {
    try (RawPeer peer = connect(asked().maxOpen(2))) {
      peer.send("a", "b", "c", "d");
      asked("b").complete("B"); // waits for a, so nothing has left
      requireNonNull(recorder).expect("connect", "message a", "message b");
      asked("a").complete("A");
      recorder.expect("message c", "message d");
      assertThat(peer.read(10)).isEqualTo(RawPeer.frames("A", "B"));
      recorder.expectNothingMore();
    }
  }

  @Test
  void sixtyFourAnswersMayBeOutstandingByDefault() throws Exception {
    try (RawPeer peer = connect(asked().unordered())) {
      peer.send(IntStream.range(0, 100).mapToObj(String::valueOf).toArray(String[]::new));
      asked("63");
      assertThat(answers).hasSize(64);
      for (int i = 0; i < 31; i++) {
        asked("" + i).complete("x");
        peer.receive();
      }
      assertThat(answers).hasSize(64);
      asked("31").complete("x"); // half of them
      asked("95");
      Eventually.holds("as many as before", () -> answers.size() == 96);
    }
  }

  @Test
  void endOfThePeersOutputWaitsForTheAnswers() throws Exception {
    try (RawPeer peer = connect(asked())) {
      peer.send("a", "b").shutdownOutput();
      asked("b").complete("B");
      asked("a").complete("A");
      assertThat(peer.readAll()).isEqualTo(RawPeer.frames("A", "B"));
      requireNonNull(recorder).await("close PEER_CLOSED");
    }
  }

  @Test
  void endWaitsThoughReadingIsPaused() throws Exception {
    try (RawPeer peer = connect(asked().maxOpen(1))) {
      peer.send("a", "b", "c").shutdownOutput();
      for (String question : List.of("a", "b", "c")) {
        asked(question).complete(question + "!");
      }
      assertThat(peer.readAll()).isEqualTo(RawPeer.frames("a!", "b!", "c!"));
    }
  }

  @Test
  void failedStageClosesAtItsPlaceInTheOrder() throws Exception {
    try (RawPeer peer = connect(asked())) {
      peer.send("a", "b", "c");
      asked("c").complete("C");
      asked("b").completeExceptionally(new IllegalStateException("boom"));
      asked("a").complete("A");
      assertThat(peer.readAll()).isEqualTo(RawPeer.frames("A"));
      requireNonNull(recorder).await("close HANDLER_ERROR");
      assertThat(log.await("HANDLER_ERROR").getThrown()).hasMessage("boom");
    }
  }

  @Test
  void functionThatThrowsOrReturnsNullClosesLikewise() throws Exception {
    try (RawPeer peer =
        connect(
            replying(
                question -> {
                  throw new IllegalStateException("thrown");
                }))) {
      peer.send("a");
      peer.expectEnd();
      assertThat(log.await("HANDLER_ERROR").getThrown()).hasMessage("thrown");
    }
    requireNonNull(server).close();
    log.forget();
    try (RawPeer peer = connect(replying(question -> null))) {
      peer.send("a");
      peer.expectEnd();
      assertThat(log.await("HANDLER_ERROR").getThrown()).hasMessage("stage of the answer");
    }
  }

  @Test
  void failureBecomesAnAnswerByAFunction() throws Exception {
    try (RawPeer peer =
        connect(asked().onFailure((question, failure) -> question + ": " + failure.getMessage()))) {
      peer.send("a", "b", "c");
      answers.put("ignored", new CompletableFuture<>());
      asked("c").complete("C");
      asked("b").completeExceptionally(new IllegalStateException("boom"));
      asked("a")
          .completeAsync(
              () -> {
                throw new IllegalStateException("unwrapped");
              });
      assertThat(List.of(peer.receive(), peer.receive(), peer.receive()))
          .containsExactly("a: unwrapped", "b: boom", "C");
    }
  }

  @Test
  void answerThatCannotBePackedCloses() throws Exception {
    recorder = new Recorder<>(asked());
    try (RawPeer peer = RawPeer.connect(serve(Unpackable::new, recorder))) {
      peer.send("a", "b");
      asked("b").complete("B");
      asked("a").complete("unpackable");
      peer.expectEnd();
      recorder.await("close HANDLER_ERROR");
    }
  }

  @Test
  void answersAfterTheCloseAreDropped() throws Exception {
    try (RawPeer peer = connect(asked())) {
      peer.send("a", "b");
      asked("b");
      requireNonNull(recorder).connection().closeNow();
      recorder.await("close CLOSED");
      asked("a").completeExceptionally(new IllegalStateException("boom"));
      asked("b").complete("B");
      peer.expectEnd();
      assertThat(log.records()).isEmpty();
    }
  }

  @Test
  void countedQuestionsAndAnswersAreReleased() throws Exception {
    Notes notes = new Notes();
    Handler<Note, Note> echo =
        Handler.replyingAsync(
            note -> CompletableFuture.supplyAsync(() -> notes.add(note + "!"), later()));
    Protocol<Note, String> in = notes.protocol();
    Supplier<Protocol<Note, Note>> protocols =
        () ->
            new Protocol<>() {
              @Override
              public @Nullable Note unpack(ProtocolContext context, ByteBuf bytes) {
                return in.unpack(context, bytes);
              }

              @Override
              public void pack(Note message, ByteBuf out) {
                in.pack(message.toString(), out);
              }
            };
    server = Server.builder(protocols, echo).listen("tcp://127.0.0.1:0").eventLoops(1).start();
    try (RawPeer peer = RawPeer.connect(server)) {
      peer.send("a", "b").shutdownOutput();
      assertThat(peer.readAll()).isEqualTo(RawPeer.frames("a!", "b!"));
    }
    try (RawPeer peer = RawPeer.connect(server)) {
      peer.send("c", "d").reset();
    }
    notes.expectAllReleased();
  }

  private static Executor later() {
    return CompletableFuture.delayedExecutor(5, TimeUnit.MILLISECONDS);
  }

  @Test
  void manyAnswersFromManyThreadsKeepTheirOrder() throws Exception {
    ScheduledExecutorService threads = Executors.newScheduledThreadPool(4);
    Random random = new Random(3);
    Function<String, CompletionStage<@Nullable String>> reply =
        question -> {
          CompletableFuture<@Nullable String> answer = new CompletableFuture<>();
          int micros = random.nextInt(500);
          threads.schedule(() -> answer.complete(question), micros, TimeUnit.MICROSECONDS);
          return answer;
        };
    String[] questions = IntStream.range(0, 5_000).mapToObj(String::valueOf).toArray(String[]::new);
    try (RawPeer peer = connect(replying(reply))) {
      peer.send(questions).shutdownOutput();
      assertThat(peer.readAll()).isEqualTo(RawPeer.frames(questions));
    } finally {
      threads.shutdownNow();
    }
  }

  @Test
  void datagramsAreAnswered() throws Exception {
    Server started =
        Server.builder(Texts::new, asked()).listen("udp://127.0.0.1:0").eventLoops(1).start();
    server = started;
    byte[] question = RawPeer.frames("a");
    try (DatagramSocket socket = new DatagramSocket()) {
      socket.setSoTimeout(10_000);
      InetAddress loopback = InetAddress.getLoopbackAddress();
      socket.send(new DatagramPacket(question, question.length, loopback, started.port()));
      asked("a").complete("A");
      DatagramPacket answer = new DatagramPacket(new byte[100], 100);
      socket.receive(answer);
      assertThat(new String(answer.getData(), 4, answer.getLength() - 4, StandardCharsets.UTF_8))
          .isEqualTo("A");
    }
  }

  @Test
  void handlerCannotBeOffloaded() throws Exception {
    String message =
        "handler of replyingAsync is offloaded; complete the stages on the executor instead";
    assertThatThrownBy(() -> asked().offload(Runnable::run)).hasMessage(message);
    AsyncReplies<String, String> replies = asked();
    Handler<String, String> wrapper = (c, text) -> replies.onMessage(c, text);
    try (RawPeer peer = connect(wrapper.offload(task -> new Thread(task).start()))) {
      peer.send("a");
      assertThat(log.await(Kind.HANDLER_ERROR.name()).getThrown()).hasMessage(message);
    }
  }

  @Test
  void secondHandlerOfAConnectionIsRefused() throws Exception {
    Handler<String, String> one = asked();
    Handler<String, String> other = asked();
    try (RawPeer peer =
        connect((connection, q) -> (q.equals("a") ? one : other).onMessage(connection, q))) {
      peer.send("a", "b");
      assertThat(log.await("HANDLER_ERROR").getThrown())
          .hasMessage(
              "connection has another handler of replyingAsync; use one, which chooses the function");
    }
  }

  @Test
  void wrongMaximumIsRefused() {
    assertThatThrownBy(() -> asked().maxOpen(0)).hasMessage("maxOpen: 0 (expected: 1..1000000)");
  }
}
