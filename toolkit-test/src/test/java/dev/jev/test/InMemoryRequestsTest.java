package dev.jev.test;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.AsyncReplies;
import dev.jev.CloseReason;
import dev.jev.CloseReason.Kind;
import dev.jev.Handler;
import dev.jev.RequestException;
import dev.jev.Requests;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.Test;

/** Requests and later replies on a connection without a network. */
class InMemoryRequestsTest {

  private final Requests<String, String> requests =
      Requests.<String, String>inOrder().timeout(Duration.ofSeconds(2)).build();
  private final InMemoryConnection<String, String> connection =
      InMemoryConnection.<String, String>to(requests.handler()).open();

  @Test
  void answersFindTheirQuestions() {
    CompletableFuture<String> first = requests.ask(connection, "a");
    CompletableFuture<String> second =
        requests.ask(connection, "b").thenCompose(b -> requests.ask(connection, b + "c"));
    assertThat(connection.takeSent()).containsExactly("a", "b");
    connection.receive("A").receive("B");
    assertThat(first).isCompletedWithValue("A");
    assertThat(connection.sent()).containsExactly("Bc");
    connection.receive("BC");
    assertThat(second).isCompletedWithValue("BC");
  }

  @Test
  void messageThatIsBeingDeliveredMayBeTheQuestion() {
    Requests<ByteBuf, ByteBuf> behind = Requests.<ByteBuf, ByteBuf>inOrder().build();
    InMemoryConnection<ByteBuf, ByteBuf> back =
        InMemoryConnection.<ByteBuf, ByteBuf>to(behind.handler()).open();
    InMemoryConnection<ByteBuf, ByteBuf> front =
        InMemoryConnection.<ByteBuf, ByteBuf>to(
                Handler.replyingAsync((ByteBuf question) -> behind.ask(back, question)))
            .open();
    ByteBuf question = Unpooled.copiedBuffer("question", UTF_8);
    front.receive(question);
    back.run();
    assertThat(back.takeSent()).containsExactly(question);
    assertThat(question.refCnt()).isEqualTo(1);
    question.release();
    back.receive(Unpooled.copiedBuffer("answer", UTF_8));
    front.run();
    List<ByteBuf> answers = front.takeSent();
    assertThat(answers).hasSize(1);
    assertThat(answers.get(0).toString(UTF_8)).isEqualTo("answer");
    answers.get(0).release();
  }

  @Test
  void requestTimesOutByTheClockOfTheTest() {
    CompletableFuture<String> slow = requests.ask(connection, "slow");
    connection.run().clock().advance(Duration.ofSeconds(2));
    connection.run();
    assertThat(slow.handle((answer, failure) -> failure))
        .isCompletedWithValueMatching(
            e -> ((RequestException) e).kind() == RequestException.Kind.TIMED_OUT);
    CompletableFuture<String> next = requests.ask(connection, "next");
    connection.run().receive("SLOW").receive("NEXT");
    assertThat(next).isCompletedWithValue("NEXT");
  }

  @Test
  void closeFailsOpenRequests() {
    CompletableFuture<String> first = requests.ask(connection, "a");
    connection.run().peerResets();
    assertThat(first.handle((answer, failure) -> failure))
        .isCompletedWithValueMatching(
            e -> {
              CloseReason reason = ((RequestException) e).closeReason();
              return reason != null && reason.kind() == Kind.IO_ERROR;
            });
    CompletableFuture<String> late = requests.ask(connection, "b");
    connection.run();
    assertThat(late).isCompletedExceptionally();
  }

  @Test
  void laterRepliesComeInOrderAndHoldBackTheEnd() {
    Map<String, CompletableFuture<String>> answers = new ConcurrentHashMap<>();
    AsyncReplies<String, String> replies =
        Handler.replyingAsync(
            question -> answers.computeIfAbsent(question, q -> new CompletableFuture<>()));
    InMemoryConnection<String, String> asked =
        InMemoryConnection.<String, String>to(replies.maxOpen(2)).open();
    asked.receive("a").receive("b").receive("c").peerCloses();
    assertThat(answers).containsOnlyKeys("a", "b");
    answers.get("b").complete("B");
    assertThat(asked.sent()).isEmpty();
    answers.get("a").complete("A");
    assertThat(asked.sent()).containsExactly("A", "B");
    assertThat(asked.closeReason()).isNull();
    answers.get("c").complete("C");
    assertThat(asked.sent()).isEqualTo(List.of("A", "B", "C"));
    assertThat(asked.closeReason()).isEqualTo(CloseReason.of(Kind.PEER_CLOSED));
  }
}
