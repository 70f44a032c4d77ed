package dev.jev.nodes;

import static java.util.Objects.requireNonNull;

import dev.jev.nodes.Backplane.Session;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The session of an engine that may have faults: a call that throws, that returns no stage, or that
 * has no answer in time is one whose stage fails. Publications have a timeout of their own.
 */
final class EngineSession {

  private EngineSession() {}

  /** Returns a session that calls another one, with a timeout for its answers. */
  static Session of(Session session, Duration timeout) {
    return (Session)
        Proxy.newProxyInstance(
            Session.class.getClassLoader(),
            new Class<?>[] {Session.class},
            (proxy, method, arguments) -> call(session, method, arguments, timeout));
  }

  private static @Nullable Object call(
      Session session, Method method, @Nullable Object[] arguments, Duration timeout) {
    boolean asks = method.getReturnType() == CompletionStage.class;
    try {
      Object answer = method.invoke(session, arguments);
      if (!asks) {
        return answer;
      }
      CompletionStage<?> stage = (CompletionStage<?>) requireNonNull(answer, "stage of the engine");
      return method.getName().equals("publish") ? stage : timed(stage, timeout);
    } catch (InvocationTargetException | IllegalAccessException | RuntimeException e) {
      Throwable fault = e instanceof InvocationTargetException ? e.getCause() : e;
      if (!asks) {
        NodeLog.warning("engine failed", fault);
      }
      return asks ? CompletableFuture.failedStage(fault) : null;
    }
  }

  private static <T> CompletionStage<T> timed(CompletionStage<T> stage, Duration timeout) {
    return stage
        .thenApply(answer -> answer) // the engine's own stage must not have its timeout
        .toCompletableFuture()
        .orTimeout(timeout.toNanos(), TimeUnit.NANOSECONDS);
  }
}
