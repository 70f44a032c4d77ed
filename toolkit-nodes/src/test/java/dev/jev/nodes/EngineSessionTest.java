package dev.jev.nodes;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.nodes.Backplane.Channel;
import dev.jev.nodes.Backplane.Kind;
import dev.jev.nodes.Backplane.Retention;
import dev.jev.nodes.Backplane.Session;
import dev.jev.nodes.Backplane.Slice;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(20)
class EngineSessionTest {

  private static final Channel CHANNEL =
      new Channel("t", new Retention(Kind.LOG, 10, 1024, Duration.ofMinutes(1)));
  private static final Presence.Member MEMBER = new Presence.Member("m", "");

  /** Returns a session all of whose methods return what {@code answer} returns. */
  private static Session session(Supplier<@Nullable Object> answer) {
    Session engine =
        (Session)
            Proxy.newProxyInstance(
                Session.class.getClassLoader(),
                new Class<?>[] {Session.class},
                (proxy, method, arguments) -> answer.get());
    return EngineSession.of(engine, Duration.ofMillis(50));
  }

  private static List<CompletionStage<?>> questions(Session session) {
    return List.of(
        session.listen(List.of(CHANNEL)),
        session.read(CHANNEL, null, 1),
        session.present("t", MEMBER, 1),
        session.watch("t"),
        session.renew(Duration.ofSeconds(1)),
        session.command(null, new byte[0]),
        session.close(Duration.ZERO));
  }

  private static Throwable failure(CompletionStage<?> stage) throws Exception {
    CompletableFuture<Throwable> failure = new CompletableFuture<>();
    stage.whenComplete((value, thrown) -> failure.complete(thrown));
    return failure.get(10, TimeUnit.SECONDS);
  }

  @Test
  void callThatThrowsFails() throws Exception {
    IllegalStateException thrown = new IllegalStateException("planted");
    Session session =
        session(
            () -> {
              throw thrown;
            });
    session.unlisten(List.of(CHANNEL));
    session.unwatch("t");
    assertThat(failure(session.publish(CHANNEL, new byte[0], null))).isSameAs(thrown);
    for (CompletionStage<?> question : questions(session)) {
      assertThat(failure(question)).isSameAs(thrown);
    }
  }

  @Test
  void callWithoutStageFails() throws Exception {
    Session session = session(() -> null);
    assertThat(failure(session.publish(CHANNEL, new byte[0], null)))
        .isInstanceOf(NullPointerException.class);
    for (CompletionStage<?> question : questions(session)) {
      assertThat(failure(question)).isInstanceOf(NullPointerException.class);
    }
  }

  @Test
  void callWithoutAnswerFails() throws Exception {
    Session session = session(CompletableFuture::new);
    for (CompletionStage<?> question : questions(session)) {
      assertThat(failure(question)).isInstanceOf(TimeoutException.class);
    }
  }

  @Test
  void answerIsPassedOn() throws Exception {
    Slice slice = new Slice(List.of(), true, "");
    Session session = session(() -> CompletableFuture.completedStage(slice));
    assertThat(session.read(CHANNEL, null, 1).toCompletableFuture().get()).isSameAs(slice);
  }
}
