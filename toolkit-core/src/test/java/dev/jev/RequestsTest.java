package dev.jev;

import static dev.jev.ClientTest.failure;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.jev.CloseReason.Kind;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Requests on one connection, whose time and peer are the test's. */
class RequestsTest {

  private static final Duration TIMEOUT = Duration.ofSeconds(2);

  /** More than the timeout by the precision of the wheel. */
  private static final Duration TIMED_OUT = TIMEOUT.plusMillis(20);

  private final Recorder<String, String> unasked = Recorder.silent();
  private @Nullable TimedConnections<String, String> connections;
  private TimedConnections<String, String>.@Nullable Socket socket;

  @AfterEach
  void close() {
    if (connections != null) {
      connections.close();
    }
  }

  /** A text up to the equals sign, as in {@code 7=hello}; a text without one has no id. */
  private static @Nullable String id(String text) {
    int end = text.indexOf('=');
    return end < 0 ? null : text.substring(0, end);
  }

  private static Requests.Builder<String, String> byId() {
    return Requests.byId(RequestsTest::id, RequestsTest::id);
  }

  /** Pushes begin with an angle bracket. */
  private static Requests.Builder<String, String> inOrder() {
    return Requests.inOrder(text -> !text.startsWith(">"));
  }

  private Requests<String, String> connect(Requests.Builder<String, String> builder) {
    Requests<String, String> requests = builder.timeout(TIMEOUT).onUnasked(unasked).build();
    connections = new TimedConnections<>(Texts::new, requests.handler());
    socket = connections.connect();
    return requests;
  }

  private TimedConnections<String, String> time() {
    return requireNonNull(connections);
  }

  private TimedConnections<String, String>.Socket peer() {
    return requireNonNull(socket);
  }

  private Connection<String> connection() {
    return peer().connection();
  }

  private void answer(String... texts) {
    peer().arrive(RawPeer.frames(texts));
  }

  private void expectSent(String... texts) {
    time().halt(Duration.ZERO); // its pending tasks
    assertThat(peer().sent()).isEqualTo(RawPeer.frames(texts));
  }

  private static void expectFailure(
      CompletableFuture<?> answer, RequestException.Kind kind, String message) throws Exception {
    assertThat(failure(answer))
        .isInstanceOfSatisfying(
            RequestException.class,
            e -> {
              assertThat(e.kind()).isEqualTo(kind);
              assertThat(e).hasMessage(message).hasNoSuppressedExceptions();
              assertThat(e.getStackTrace()).isEmpty();
            });
  }

  @Test
  void answersByIdFindTheirQuestionsInAnyOrder() {
    Requests<String, String> requests = connect(byId());
    CompletableFuture<String> first = requests.ask(connection(), "1=one");
    CompletableFuture<String> second = requests.ask(connection(), "2=two");
    expectSent("1=one", "2=two");
    answer("2=b");
    assertThat(second).isCompletedWithValue("2=b");
    assertThat(first).isNotDone();
    answer("1=a");
    assertThat(first).isCompletedWithValue("1=a");
  }

  @Test
  void answersInOrderGoToTheQuestionsInTheirOrder() {
    Requests<String, String> requests = connect(inOrder());
    List<CompletableFuture<String>> answers = new ArrayList<>();
    for (String question : List.of("a", "b", "c")) {
      answers.add(requests.ask(connection(), question));
    }
    answer("A", "B", "C");
    assertThat(answers).map(CompletableFuture::join).containsExactly("A", "B", "C");
  }

  @Test
  void messagesThatAreNoAnswersGoToTheHandlerOfUnasked() throws Exception {
    Requests<String, String> requests = connect(inOrder());
    answer("too early");
    CompletableFuture<String> first = requests.ask(connection(), "a");
    answer(">push", "A", ">push", "too many");
    assertThat(first).isCompletedWithValue("A");
    unasked.expect(
        "connect", "message too early", "message >push", "message >push", "message too many");
  }

  @Test
  void messagesWithoutAnIdOrWithAnIdThatWasNotAskedGoThere() throws Exception {
    Requests<String, String> requests = connect(byId());
    CompletableFuture<String> first = requests.ask(connection(), "1=one");
    answer("push", "7=seven", "1=a");
    assertThat(first).isCompletedWithValue("1=a");
    unasked.expect("connect", "message push", "message 7=seven");
    unasked.expectNothingMore();
  }

  @Test
  void otherEventsGoToTheHandlerOfUnasked() throws Exception {
    connect(byId());
    peer().fill();
    connection().send("x".repeat(60_000));
    time().halt(Duration.ZERO);
    peer().drain();
    connection().closeNow();
    unasked.expect("connect", "writable", "close CLOSED");
  }

  @Test
  void requestWithoutAnAnswerTimesOut() throws Exception {
    Requests<String, String> requests = connect(byId());
    CompletableFuture<String> first = requests.ask(connection(), "1=one");
    time().pass(TIMEOUT.minusMillis(1));
    assertThat(first).isNotDone();
    time().pass(Duration.ofMillis(21));
    expectFailure(first, RequestException.Kind.TIMED_OUT, "no answer within PT2S");
    assertThat(requests.stats().timedOut()).isEqualTo(1);
  }

  @Test
  void timeoutIsTenSecondsByDefault() throws Exception {
    Requests<String, String> requests = byId().build();
    connections = new TimedConnections<>(Texts::new, requests.handler());
    socket = connections.connect();
    CompletableFuture<String> first = requests.ask(connection(), "1=one");
    time().pass(Duration.ofMillis(9_999));
    assertThat(first).isNotDone();
    time().pass(Duration.ofMillis(100));
    expectFailure(first, RequestException.Kind.TIMED_OUT, "no answer within PT10S");
  }

  @Test
  void aHundredThousandOpenRequestsNeedOneTimer() throws Exception {
    int count = 100_000;
    Requests<String, String> requests = connect(byId().maxOpen(count));
    int timers = time().timers();
    List<CompletableFuture<String>> answers = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      answers.add(requests.ask(connection(), i + "=?"));
      if (i % 1_000 == 0) {
        time().halt(Duration.ZERO);
        peer().sent();
      }
    }
    assertThat(time().timers()).isEqualTo(timers + 1);
    assertThat(requests.stats().open()).isEqualTo(count);
    time().pass(Duration.ofSeconds(3));
    assertThat(answers).allMatch(CompletableFuture::isCompletedExceptionally);
    time().pass(Duration.ofSeconds(3)); // the places are given up
    assertThat(time().timers()).isEqualTo(timers);
    assertThat(requests.ask(connection(), "0=?")).isNotDone();
  }

  @Test
  void lateAnswerInOrderIsSwallowedAndNeverAnswersTheNextQuestion() throws Exception {
    Requests<String, String> requests = connect(inOrder());
    CompletableFuture<String> slow = requests.ask(connection(), "slow");
    time().pass(TIMED_OUT);
    assertThat(slow).isCompletedExceptionally();
    CompletableFuture<String> cancelled = requests.ask(connection(), "cancelled");
    assertThat(cancelled.cancel(false)).isTrue();
    CompletableFuture<String> next = requests.ask(connection(), "next");
    answer("SLOW", "CANCELLED");
    assertThat(next).isNotDone();
    answer("NEXT");
    assertThat(next).isCompletedWithValue("NEXT");
    assertThat(requests.stats().late()).isEqualTo(2);
    unasked.expect("connect");
    unasked.expectNothingMore();
  }

  @Test
  void lateAnswerByIdIsDroppedAndItsIdIsFreeAgain() throws Exception {
    Requests<String, String> requests = connect(byId());
    requests.ask(connection(), "1=slow");
    time().pass(TIMED_OUT);
    expectFailure(
        requests.ask(connection(), "1=again"),
        RequestException.Kind.REFUSED,
        "id of the question: in use by an open request (expected: a free id)");
    answer("1=late");
    CompletableFuture<String> again = requests.ask(connection(), "1=again");
    assertThat(again).isNotDone();
    answer("1=again");
    assertThat(again).isCompletedWithValue("1=again");
    unasked.expect("connect");
    unasked.expectNothingMore();
    assertThat(requests.stats().late()).isEqualTo(1);
  }

  @Test
  void idIsFreeAgainTwoTimeoutsAfterAQuestionWhoseAnswerIsLost() throws Exception {
    Requests<String, String> requests = connect(byId().maxOpen(1));
    requests.ask(connection(), "1=lost");
    time().pass(TIMED_OUT);
    assertThat(requests.ask(connection(), "2=full")).isCompletedExceptionally();
    time().pass(TIMED_OUT);
    assertThat(requests.ask(connection(), "1=again")).isNotDone();
  }

  @Test
  void cancelledRequestIsForgotten() {
    Requests<String, String> requests = connect(byId().maxOpen(1));
    CompletableFuture<String> cancelled = requests.ask(connection(), "1=one");
    assertThat(requests.stats().open()).isEqualTo(1);
    cancelled.cancel(false);
    assertThat(requests.stats().open()).isZero();
    answer("1=late");
    assertThat(requests.ask(connection(), "1=again")).isNotDone();
    assertThat(requests.stats())
        .isEqualTo(new Requests.Stats(1, 2, 0, 0, /* late= */ 1, Duration.ZERO));
  }

  @Test
  void requestThatWasCancelledKeepsItsPlaceUntilItsTimeout() {
    Requests<String, String> requests = connect(byId().maxOpen(1));
    requests.ask(connection(), "1=one").cancel(false);
    time().pass(TIMEOUT.minusMillis(1));
    assertThat(requests.ask(connection(), "2=two")).isCompletedExceptionally();
    time().pass(Duration.ofMillis(21));
    assertThat(requests.ask(connection(), "2=two")).isNotDone();
    assertThat(requests.stats().timedOut()).isZero();
  }

  @Test
  void requestOverMaxOpenFailsAtOnce() throws Exception {
    Requests<String, String> requests = connect(inOrder().maxOpen(2));
    requests.ask(connection(), "a");
    CompletableFuture<String> second = requests.ask(connection(), "b");
    expectFailure(
        requests.ask(connection(), "c"),
        RequestException.Kind.REFUSED,
        "open requests: 2 (expected: < maxOpen 2)");
    answer("A");
    CompletableFuture<String> third = requests.ask(connection(), "d");
    expectSent("a", "b", "d");
    answer("B", "D");
    assertThat(second).isCompletedWithValue("B");
    assertThat(third).isCompletedWithValue("D");
  }

  @Test
  void timedOutRequestsInOrderCountAsOpenUntilTheirAnswersCome() {
    Requests<String, String> requests = connect(inOrder().maxOpen(1));
    requests.ask(connection(), "slow");
    time().pass(Duration.ofMinutes(1));
    assertThat(requests.ask(connection(), "next")).isCompletedExceptionally();
    answer("SLOW");
    assertThat(requests.ask(connection(), "next")).isNotDone();
  }

  @Test
  void lostConnectionFailsAllOpenRequestsWithItsReason() throws Exception {
    Requests<String, String> requests = connect(byId());
    CompletableFuture<String> first = requests.ask(connection(), "1=one");
    CompletableFuture<String> second = requests.ask(connection(), "2=two");
    peer().arrive(RawPeer.length(-1));
    time().halt(Duration.ZERO);
    for (CompletableFuture<String> answer : List.of(first, second)) {
      expectFailure(
          answer,
          RequestException.Kind.CLOSED,
          "connection closed: PROTOCOL_ERROR: length: -1 (expected: 0..99996)");
      RequestException failure = (RequestException) failure(answer);
      assertThat(failure.closeReason())
          .extracting(CloseReason::kind)
          .isEqualTo(Kind.PROTOCOL_ERROR);
      assertThat(failure).hasCauseInstanceOf(ProtocolException.class);
    }
    time().pass(Duration.ofMinutes(1));
    assertThat(requests.stats().timedOut()).isZero();
    assertThat(requests.stats().open()).isZero();
    unasked.expect("connect", "close PROTOCOL_ERROR");
  }

  @Test
  void requestAfterTheCloseFailsAtOnce() throws Exception {
    Requests<String, String> requests = connect(byId());
    requests.ask(connection(), "1=one");
    connection().closeNow();
    expectFailure(
        requests.ask(connection(), "2=two"),
        RequestException.Kind.CLOSED,
        "connection closed: CLOSED");
  }

  @Test
  void requestDuringACloseFailsAtOnce() throws Exception {
    Requests<String, String> requests = connect(byId());
    peer().fill();
    connection().send("x");
    connection().close();
    expectFailure(
        requests.ask(connection(), "2=two"), RequestException.Kind.CLOSED, "connection is closing");
  }

  @Test
  void requestBehindTheEndOfTheOutputFailsAtOnce() throws Exception {
    Requests<String, String> requests = connect(inOrder());
    connection().shutdownOutput();
    time().halt(Duration.ZERO);
    for (int i = 0; i < 3; i++) {
      expectFailure(
          requests.ask(connection(), "late"),
          RequestException.Kind.CLOSED,
          "connection is closing");
    }
    assertThat(requests.stats().open()).isZero();
  }

  @Test
  void requestThatIsCancelledTwiceIsCountedOnce() {
    Requests<String, String> requests = connect(inOrder());
    CompletableFuture<String> first = requests.ask(connection(), "a");
    CompletableFuture<String> second = requests.ask(connection(), "b");
    assertThat(first.cancel(false)).isTrue();
    assertThat(first.cancel(false)).isTrue();
    assertThat(first).isCancelled();
    assertThat(requests.stats().open()).isEqualTo(1);
    answer("A", "B");
    assertThat(second).isCompletedWithValue("B");
    assertThat(requests.stats().open()).isZero();
  }

  @Test
  void idWhoseHashCodeThrowsFailsItsRequestOnly() throws Exception {
    Object broken =
        new Object() {
          @Override
          public int hashCode() {
            throw new IllegalStateException("no hash");
          }
        };
    Requests<String, String> requests =
        connect(
            Requests.<String, String, Object>byId(
                    text -> text.startsWith("broken") ? broken : text, text -> text)
                .maxOpen(1));
    for (int i = 0; i < 3; i++) {
      assertThat(failure(requests.ask(connection(), "broken")))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("no hash");
    }
    CompletableFuture<String> good = requests.ask(connection(), "good");
    answer("good");
    assertThat(good).isCompletedWithValue("good");
  }

  @Test
  void detachedConnectionFailsItsOpenRequests() throws Exception {
    Requests<String, String> requests = connect(byId());
    CompletableFuture<String> first = requests.ask(connection(), "1=one");
    connection().detach(new ChannelInboundHandlerAdapter());
    time().halt(Duration.ZERO);
    expectFailure(first, RequestException.Kind.CLOSED, "connection was detached");
    expectFailure(
        requests.ask(connection(), "2=two"),
        RequestException.Kind.CLOSED,
        "connection was detached");
    unasked.expect("connect");
    unasked.expectNothingMore();
  }

  @Test
  void continuationsOfAFailureMayAskAgain() throws Exception {
    Requests<String, String> requests = connect(byId());
    List<CompletableFuture<String>> retries = new ArrayList<>();
    CompletableFuture<String> first = requests.ask(connection(), "1=one");
    first.whenComplete((a, e) -> retries.add(requests.ask(connection(), "2=two")));
    connection().closeNow();
    assertThat(retries).hasSize(1);
    expectFailure(retries.get(0), RequestException.Kind.CLOSED, "connection closed: CLOSED");
  }

  @Test
  void continuationsOfATimeoutMaySendAndClose() throws Exception {
    Requests<String, String> requests = connect(byId());
    requests
        .ask(connection(), "1=one")
        .whenComplete(
            (answer, failure) -> {
              connection().send("bye");
              connection().close();
            });
    time().pass(TIMED_OUT);
    expectSent("1=one", "bye");
    unasked.expect("connect", "close CLOSED");
  }

  @Test
  void continuationOfAnAnswerMayAskTheNextQuestion() {
    Requests<String, String> requests = connect(inOrder());
    CompletableFuture<String> second =
        requests.ask(connection(), "a").thenCompose(a -> requests.ask(connection(), a + "b"));
    answer("A");
    expectSent("a", "Ab");
    answer("AB");
    assertThat(second).isCompletedWithValue("AB");
  }

  @Test
  void questionThatCannotBePackedFailsItsOwnRequestOnly() throws Exception {
    Requests<String, String> requests = Requests.<String, String>inOrder().build();
    connections = new TimedConnections<>(Unpackable::new, requests.handler());
    socket = connections.connect();
    CompletableFuture<String> bad = requests.ask(connection(), "unpackable");
    CompletableFuture<String> good = requests.ask(connection(), "a");
    assertThat(failure(bad))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("message: unpackable");
    answer("A");
    assertThat(good).isCompletedWithValue("A");
  }

  @Test
  void questionWithoutAnIdFails() throws Exception {
    Requests<String, String> requests = connect(byId().maxOpen(1));
    assertThat(failure(requests.ask(connection(), "no id")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("id of the question: null (expected: an id)");
    assertThat(requests.ask(connection(), "1=one")).isNotDone();
  }

  @Test
  void severalRequestsShareAConnection() throws Exception {
    Requests<String, String> inner = inOrder().onUnasked(unasked).build();
    Requests<String, String> outer = byId().onUnasked(inner.handler()).build();
    connections = new TimedConnections<>(Texts::new, outer.handler());
    socket = connections.connect();
    CompletableFuture<String> withId = outer.ask(connection(), "1=one");
    CompletableFuture<String> first = inner.ask(connection(), "a");
    CompletableFuture<String> second = inner.ask(connection(), "b");
    answer("A", "1=ONE", "B", ">push");
    assertThat(withId).isCompletedWithValue("1=ONE");
    assertThat(first).isCompletedWithValue("A");
    assertThat(second).isCompletedWithValue("B");
    unasked.expect("connect", "message >push");
  }

  @Test
  void questionsAndOtherMessagesLeaveInTheOrderOfTheCalls() {
    Requests<String, String> requests = connect(byId());
    connection().send("first");
    requests.ask(connection(), "1=one");
    connection().send("third");
    requests.ask(connection(), "2=two");
    expectSent("first", "1=one", "third", "2=two");
  }

  @Test
  void statsCountAnswersAndTheirLatency() {
    Requests<String, String> requests = connect(byId());
    requests.ask(connection(), "1=one");
    time().pass(Duration.ofMillis(300));
    requests.ask(connection(), "2=two");
    time().pass(Duration.ofMillis(100));
    answer("1=a", "2=b");
    assertThat(requests.stats())
        .isEqualTo(new Requests.Stats(0, 2, /* answered= */ 2, 0, 0, Duration.ofMillis(500)));
  }

  @Test
  void handlerCannotBeOffloaded() {
    Requests<String, String> requests = byId().build();
    assertThatThrownBy(() -> requests.handler().offload(Runnable::run))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage(
            "the handler of Requests is offloaded; offload the handler of onUnasked instead");
  }

  @Test
  void wrongOptionsAreRefused() {
    Requests.Builder<String, String> builder = byId();
    assertThatThrownBy(() -> builder.timeout(Duration.ZERO))
        .hasMessage("timeout: PT0S (expected: > PT0S and <= PT87600H)");
    assertThatThrownBy(() -> builder.maxOpen(0)).hasMessage("maxOpen: 0 (expected: 1..1000000)");
    Function<String, String> none = null;
    assertThatThrownBy(() -> Requests.byId(none, none)).hasMessage("idOfQuestion");
    assertThat(Arrays.stream(RequestException.Kind.values()).map(Enum::name))
        .containsExactly("TIMED_OUT", "CLOSED", "REFUSED");
  }
}
