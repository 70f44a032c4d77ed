package dev.jev;

import static dev.jev.ClientTest.failure;
import static dev.jev.ClientTest.get;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.jev.Notes.Note;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Requests over real sockets, from other threads than the event loops. */
class RequestsThreadsTest {

  private static final Duration MILLISECOND = Duration.ofMillis(1);
  private static final Duration SOON = Duration.ofMillis(10);

  private final List<AutoCloseable> open = new ArrayList<>();
  private final LogCapture log = new LogCapture("dev.jev");

  @AfterEach
  void nothingIsLeft() throws Exception {
    for (int i = open.size() - 1; i >= 0; i--) {
      open.get(i).close();
    }
    log.close();
    Eventually.noServerThreadIsLeft();
  }

  private Server serve(Handler<String, String> handler) {
    Server server =
        Server.builder(Texts::new, handler).listen("tcp://127.0.0.1:0").eventLoops(1).start();
    open.add(server);
    return server;
  }

  private <I> Client<String> connect(
      Server server, Supplier<Protocol<I, String>> protocols, Handler<I, String> handler)
      throws Exception {
    Client<String> client =
        Client.builder(protocols, handler)
            .reconnect(MILLISECOND, SOON)
            .connect("tcp://127.0.0.1:" + server.port());
    open.add(client);
    get(client.connected());
    return client;
  }

  private Client<String> connect(Server server, Requests<String, String> requests)
      throws Exception {
    return connect(server, Texts::new, requests.handler());
  }

  private static Requests.Builder<String, String> byId() {
    return Requests.byId(text -> text.split("=", 2)[0], text -> text.split("=", 2)[0]);
  }

  private static Handler<String, String> silence() {
    return (connection, message) -> {};
  }

  @Test
  void stagesCompleteOnTheEventLoop() throws Exception {
    CountDownLatch asked = new CountDownLatch(1);
    Requests<String, String> requests = Requests.<String, String>inOrder().build();
    Client<String> client =
        connect(
            serve(
                (connection, message) -> {
                  await(asked);
                  connection.send(message);
                }),
            requests);
    CompletableFuture<String> thread =
        requests.ask(client, "a").thenApply(answer -> Thread.currentThread().getName());
    asked.countDown();
    assertThat(get(thread)).startsWith("jev-loop");
  }

  private static void await(CountDownLatch latch) {
    try {
      assertThat(latch.await(10, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void askAndWaitReturnsTheAnswer() throws Exception {
    Requests<String, String> requests = Requests.<String, String>inOrder().build();
    Client<String> client = connect(serve(Connection::send), requests);
    assertThat(requests.askAndWait(client, "a")).isEqualTo("a");
    assertThat(requests.askAndWait(List.of(client), "b")).isEqualTo("b");
    assertThat(requests.askAndWait(get(client.connected()), "c")).isEqualTo("c");
  }

  @Test
  void askAndWaitThrowsWithTheStackTraceOfItsCaller() throws Exception {
    Requests<String, String> requests =
        Requests.<String, String>inOrder().timeout(MILLISECOND).build();
    Client<String> client = connect(serve(silence()), requests);
    assertThatThrownBy(() -> requests.askAndWait(client, "a"))
        .isInstanceOfSatisfying(
            RequestException.class,
            e -> assertThat(e.kind()).isEqualTo(RequestException.Kind.TIMED_OUT))
        .hasMessage("no answer within PT0.001S")
        .hasStackTraceContaining("RequestsThreadsTest");
  }

  @Test
  void askAndWaitIsRefusedOnAnEventLoop() throws Exception {
    Requests<String, String> requests = Requests.<String, String>inOrder().build();
    Client<String> client = connect(serve(Connection::send), requests);
    CompletableFuture<String> nested =
        requests
            .ask(client, "a")
            .thenApplyAsync(
                answer -> {
                  try {
                    return requests.askAndWait(client, "b");
                  } catch (InterruptedException e) {
                    throw new AssertionError(e);
                  }
                },
                get(client.connected())::execute);
    assertThat(failure(nested))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("askAndWait called on an event loop, which it would block; use ask");
  }

  @Test
  void interruptCancelsTheRequest() throws Exception {
    Requests<String, String> requests = Requests.<String, String>inOrder().build();
    Client<String> client = connect(serve(silence()), requests);
    Thread.currentThread().interrupt();
    assertThatThrownBy(() -> requests.askAndWait(client, "a"))
        .isInstanceOf(InterruptedException.class);
    assertThat(Thread.currentThread().isInterrupted()).isFalse();
    assertThat(requests.stats().open()).isZero();
  }

  @Test
  void requestWithoutAConnectionFailsAtOnce() throws Exception {
    Requests<String, String> requests = byId().build();
    Server server = serve(Connection::send);
    Client<String> client = connect(server, requests);
    client.close();
    assertThat(failure(requests.ask(client, "1=one")))
        .hasMessage("connected clients: 0 of 1 (expected: at least one)");
    assertThat(failure(requests.ask(List.of(), "1=one")))
        .hasMessage("connected clients: 0 of 0 (expected: at least one)");
  }

  @Test
  void datagramsCannotAsk() throws Exception {
    Requests<String, String> requests = byId().build();
    try (Client<String> client =
        Client.builder(Texts::new, requests.handler()).connect("udp://127.0.0.1:9")) {
      Connection<String> connection = get(client.connected());
      assertThatThrownBy(() -> requests.ask(connection, "1=one"))
          .hasMessage(
              "connection: UdpConnection (expected: one of a server or client, or a"
                  + " SimulatedConnection)");
    }
  }

  @Test
  void handlerThatIsOffloadedByAWrapperSaysSo() throws Exception {
    Requests<String, String> requests = byId().build();
    Handler<String, String> wrapper = (c, message) -> requests.handler().onMessage(c, message);
    Client<String> client =
        connect(
            serve(Connection::send),
            Texts::new,
            wrapper.offload(task -> new Thread(task, "x").start()));
    requests.ask(client, "1=one");
    assertThat(log.await("HANDLER_ERROR").getThrown())
        .hasMessage(
            "the handler of Requests is offloaded; offload the handler of onUnasked instead");
  }

  @Test
  void serverAsksItsClients() throws Exception {
    Requests<String, String> requests = byId().build();
    Recorder<String, String> atServer = new Recorder<>(requests.handler());
    connect(serve(atServer), Texts::new, Handler.replying(text -> text + "!"));
    assertThat(get(requests.ask(atServer.connection(), "1=one"))).isEqualTo("1=one!");
  }

  @Test
  void lostConnectionFailsQuestionsThatWaitForTheEventLoopWithItsReason() throws Exception {
    Requests<String, String> requests = Requests.<String, String>inOrder().build();
    Client<String> client = connect(serve(silence()), requests);
    Connection<String> connection = get(client.connected());
    CompletableFuture<String> sent = requests.ask(connection, "sent");
    CountDownLatch blocked = new CountDownLatch(1);
    CountDownLatch asked = new CountDownLatch(1);
    connection.execute(
        () -> {
          blocked.countDown();
          await(asked);
          connection.closeNow();
        });
    await(blocked);
    CompletableFuture<String> waiting = requests.ask(connection, "waiting");
    asked.countDown();
    for (CompletableFuture<String> answer : List.of(sent, waiting)) {
      assertThat(failure(answer))
          .isInstanceOf(RequestException.class)
          .hasMessage("connection closed: CLOSED");
    }
    assertThat(requests.stats().open()).isZero();
  }

  @Test
  void questionThatIsCancelledBeforeItIsPackedIsNotSent() throws Exception {
    Recorder<String, String> atServer = Recorder.silent();
    Requests<String, String> requests = Requests.<String, String>inOrder().maxOpen(1).build();
    Client<String> client = connect(serve(atServer), requests);
    CountDownLatch asked = new CountDownLatch(1);
    get(client.connected()).execute(() -> await(asked));
    requests.ask(client, "cancelled").cancel(false);
    asked.countDown();
    Eventually.holds("a free place", () -> !requests.ask(client, "next").isDone());
    atServer.expect("connect", "message next");
  }

  @Test
  void questionOfAnotherThreadThatCannotBePackedFailsItsOwnRequestOnly() throws Exception {
    Requests<String, String> requests = Requests.<String, String>inOrder().build();
    Client<String> client = connect(serve(Connection::send), Unpackable::new, requests.handler());
    CompletableFuture<String> bad = requests.ask(client, "unpackable");
    CompletableFuture<String> early = requests.ask(client, "too early");
    CompletableFuture<String> good = requests.ask(client, "a");
    assertThat(failure(bad)).hasMessage("message: unpackable");
    assertThat(failure(early))
        .isExactlyInstanceOf(IllegalStateException.class)
        .hasMessage("message: too early");
    assertThat(get(good)).isEqualTo("a");
  }

  @Test
  void duplicateIdOfAnotherThreadFails() throws Exception {
    Requests<String, String> requests = byId().build();
    Client<String> client = connect(serve(silence()), requests);
    CompletableFuture<String> first = requests.ask(client, "1=one");
    assertThat(failure(requests.ask(client, "1=again")))
        .hasMessage("id of the question: in use by an open request (expected: a free id)");
    assertThat(first).isNotDone();
  }

  @ParameterizedTest
  @ValueSource(strings = {"CLOSE", "DROP_NEWEST", "DROP_OLDEST"})
  void questionOverTheLimitOfPendingBytesFails(OverflowPolicy policy) throws Exception {
    Requests<String, String> requests = Requests.<String, String>inOrder().build();
    Server server = serve(new Recorder<>((c, m) -> c.pauseReading()));
    try (Client<String> client =
        Client.builder(Texts::new, requests.handler())
            .overflow(policy)
            .sendBufferBytes(8 * 1024)
            .connect("tcp://127.0.0.1:" + server.port())) {
      get(client.connected());
      List<CompletableFuture<String>> answers = new ArrayList<>();
      String question = "x".repeat(64 * 1024);
      for (int i = 0; i < 500; i++) {
        answers.add(requests.ask(client, question));
      }
      String expected =
          policy == OverflowPolicy.CLOSE
              ? "connection closed: OVERFLOW"
              : "message dropped: over the limit of pending bytes";
      Eventually.holds(
          expected, () -> answers.stream().anyMatch(answer -> expected.equals(message(answer))));
      for (CompletableFuture<String> answer : answers) {
        if (answer.isCompletedExceptionally()) {
          assertThat(failure(answer)).isInstanceOf(RequestException.class);
        }
      }
    }
  }

  private static @Nullable String message(CompletableFuture<String> answer) {
    return answer.isCompletedExceptionally()
        ? answer.handle((a, failure) -> failure.getMessage()).join()
        : null;
  }

  @Test
  void countedAnswersBelongToTheCallerUnlessTheyAreLate() throws Exception {
    Notes notes = new Notes();
    Requests<String, Note> requests = Requests.<String, Note>inOrder().build();
    Recorder<String, String> atServer = Recorder.silent();
    Client<String> client = connect(serve(atServer), notes::protocol, requests.handler());
    Connection<String> peer = atServer.connection();
    CompletableFuture<Note> inTime = requests.ask(client, "a");
    CompletableFuture<Note> timedOut = requests.ask(client, "b");
    CompletableFuture<Note> cancelled = requests.ask(client, "c");
    atServer.expect("connect", "message a", "message b", "message c");
    peer.send("A");
    Note note = get(inTime);
    assertThat(note.refCnt()).isEqualTo(1);
    note.release();
    assertThat(failure(timedOut.orTimeout(1, TimeUnit.MILLISECONDS)))
        .isInstanceOf(TimeoutException.class);
    cancelled.cancel(false);
    peer.send("B");
    peer.send("C");
    peer.send("unasked");
    Eventually.holds("all arrived", () -> notes.all().size() == 4);
    notes.expectAllReleased();
  }

  @Test
  void continuationMaySendTheCountedAnswerThatItOwns() throws Exception {
    Requests<ByteBuf, ByteBuf> requests = Requests.<ByteBuf, ByteBuf>inOrder().build();
    Server server = serve(Connection::send);
    Client<ByteBuf> client =
        Client.builder(Buffers::new, requests.handler())
            .connect("tcp://127.0.0.1:" + server.port());
    open.add(client);
    Connection<ByteBuf> connection = get(client.connected());
    List<ByteBuf> answers = new CopyOnWriteArrayList<>();
    CompletableFuture<ByteBuf> third =
        requests
            .ask(connection, Unpooled.copiedBuffer("a", StandardCharsets.UTF_8))
            .thenCompose(first -> askAgain(requests, connection, first, answers))
            .thenCompose(second -> askAgain(requests, connection, second, answers));
    ByteBuf last = get(third);
    assertThat(last.release()).isTrue();
    Eventually.holds("all are released", () -> answers.stream().allMatch(a -> a.refCnt() == 0));
    assertThat(answers).hasSize(2);
  }

  private static CompletableFuture<ByteBuf> askAgain(
      Requests<ByteBuf, ByteBuf> requests,
      Connection<ByteBuf> connection,
      ByteBuf answer,
      List<ByteBuf> answers) {
    answers.add(answer);
    return requests.ask(connection, answer);
  }

  @Test
  void leastBusyClientIsAskedAndThoseThatAreDownAreSkipped() throws Exception {
    Recorder<String, String> first = Recorder.silent();
    Recorder<String, String> second = Recorder.silent();
    Requests<String, String> requests = byId().build();
    Server down = serve(first);
    List<Client<String>> pool = List.of(connect(down, requests), connect(serve(second), requests));
    requests.ask(pool.get(0), "0=busy");
    requests.ask(pool.get(0), "1=busy");
    first.expect("connect", "message 0=busy", "message 1=busy");
    second.expect("connect");
    requests.ask(pool, "2=x");
    requests.ask(pool, "3=x");
    second.expect("message 2=x", "message 3=x");
    down.close();
    Eventually.holds("it is down", () -> !pool.get(0).isConnected());
    for (int i = 4; i < 8; i++) {
      requests.ask(pool, i + "=y");
      second.expect("message " + i + "=y");
    }
  }

  @Test
  void idleClientsOfAPoolAreAskedInTurn() throws Exception {
    Requests<String, String> requests = Requests.<String, String>inOrder().build();
    Server server = serve(Handler.replying(text -> text));
    List<Client<String>> pool = new ArrayList<>();
    List<AtomicInteger> asked = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      AtomicInteger count = new AtomicInteger();
      asked.add(count);
      pool.add(
          connect(
              server,
              Texts::new,
              new Recorder<>(
                  (connection, message) -> {
                    count.incrementAndGet();
                    requests.handler().onMessage(connection, message);
                  })));
    }
    for (int i = 0; i < 30; i++) {
      assertThat(requests.askAndWait(pool, "a")).isEqualTo("a");
    }
    assertThat(asked).allMatch(count -> count.get() == 10);
  }

  /** Answers in random order, late, or not at all; each question has a number. */
  private static final class Oracle implements Handler<String, String> {

    private final Random random = new Random(7);

    @Override
    public void onMessage(Connection<String> connection, String message) {
      int chance = random.nextInt(1_000);
      if (chance < 2) {
        connection.closeNow(); // in the middle of it all
      } else if (chance < 100) {
        connection.runAfter(
            Duration.ofMillis(chance % 20 * 5L), () -> connection.send(message + "!"));
      } else if (chance > 950) {
        return; // lost
      } else {
        connection.send(message + "!");
      }
    }
  }

  @Test
  void eightThreadsGetTheirOwnAnswersDespiteLossDelayAndReconnects() throws Exception {
    Requests<String, String> requests =
        byId().timeout(Duration.ofMillis(50)).maxOpen(10_000).build();
    Server server = serve(new Oracle());
    List<Client<String>> pool = List.of(connect(server, requests), connect(server, requests));
    AtomicInteger ids = new AtomicInteger();
    int perThread = 1_024; // a multiple of the depth
    List<CompletableFuture<int[]>> threads =
        IntStream.range(0, 8)
            .mapToObj(
                i ->
                    CompletableFuture.supplyAsync(
                        () -> askMany(requests, pool, ids, perThread),
                        task -> new Thread(task).start()))
            .toList();
    int answered = 0;
    int failed = 0;
    for (CompletableFuture<int[]> thread : threads) {
      int[] counts = thread.get(60, TimeUnit.SECONDS);
      answered += counts[0];
      failed += counts[1];
    }
    assertThat(answered + failed).isEqualTo(8 * perThread);
    assertThat(answered).isGreaterThan(perThread);
    assertThat(failed).isPositive();
    Eventually.holds("none is open", () -> requests.stats().open() == 0);
    assertThat(requests.stats().answered()).isEqualTo(answered);
    assertThat(requests.stats().timedOut()).isPositive();
  }

  private static int[] askMany(
      Requests<String, String> requests, List<Client<String>> pool, AtomicInteger ids, int count) {
    int[] counts = new int[2];
    List<String> questions = new ArrayList<>();
    List<CompletableFuture<String>> answers = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      questions.add(ids.incrementAndGet() + "=" + i);
      answers.add(requests.ask(pool, questions.get(i)));
      if (i % 16 == 15) {
        join(questions, answers, i - 15, counts);
      }
    }
    return counts;
  }

  private static void join(
      List<String> questions, List<CompletableFuture<String>> answers, int from, int[] counts) {
    for (int i = from; i < answers.size(); i++) {
      String question = questions.get(i);
      answers
          .get(i)
          .handle(
              (answer, failure) -> {
                if (failure == null) {
                  assertThat(answer).isEqualTo(question + "!");
                }
                return counts[failure == null ? 0 : 1]++;
              })
          .join();
    }
  }

  @Test
  void eightThreadsInOrderGetTheirOwnAnswersThoughSomeAreCancelled() throws Exception {
    Requests<String, String> requests = Requests.<String, String>inOrder().maxOpen(10_000).build();
    Client<String> client = connect(serve(Handler.replying(text -> text + "!")), requests);
    AtomicInteger wrong = new AtomicInteger();
    List<CompletableFuture<Void>> threads =
        IntStream.range(0, 8)
            .mapToObj(
                thread ->
                    CompletableFuture.runAsync(
                        () -> cancelSome(requests, client, thread, wrong),
                        task -> new Thread(task).start()))
            .toList();
    for (CompletableFuture<Void> thread : threads) {
      thread.get(60, TimeUnit.SECONDS);
    }
    assertThat(wrong).hasValue(0);
    assertThat(get(requests.ask(client, "end"))).isEqualTo("end!");
    assertThat(requests.stats().open()).isZero();
  }

  private static void cancelSome(
      Requests<String, String> requests, Client<String> client, int thread, AtomicInteger wrong) {
    List<CompletableFuture<?>> answers = new ArrayList<>();
    for (int i = 0; i < 2_000; i++) {
      String question = thread + " " + i;
      CompletableFuture<String> answer = requests.ask(client, question);
      if (i % 3 == 0) {
        answer.cancel(false);
      } else {
        answers.add(answer.thenAccept(a -> wrong.addAndGet(a.equals(question + "!") ? 0 : 1)));
      }
      if (i % 64 == 63) {
        CompletableFuture.allOf(answers.toArray(new CompletableFuture<?>[0])).join();
        answers.clear();
      }
    }
  }
}
