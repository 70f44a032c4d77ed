package dev.jev.nodes;

import dev.jev.nodes.Backplane.Channel;
import dev.jev.nodes.Backplane.Lease;
import dev.jev.nodes.Backplane.Roster;
import dev.jev.nodes.Backplane.Session;
import dev.jev.nodes.Backplane.Slice;
import dev.jev.nodes.Backplane.Stored;
import java.time.Duration;
import java.util.Collection;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The session of an engine that may have faults: a call that throws, that returns no stage, or that
 * has no answer in time is one whose stage fails. Publications have a timeout of their own.
 */
final class EngineSession implements Session {

  private final Session session;
  private final Duration timeout;

  EngineSession(Session session, Duration timeout) {
    this.session = session;
    this.timeout = timeout;
  }

  private static <T> CompletionStage<T> call(Supplier<CompletionStage<T>> method) {
    try {
      return Objects.requireNonNull(method.get(), "stage of the engine");
    } catch (RuntimeException e) {
      return CompletableFuture.failedStage(e);
    }
  }

  private <T> CompletionStage<T> ask(Supplier<CompletionStage<T>> method) {
    CompletableFuture<T> answer = new CompletableFuture<>();
    call(method)
        .whenComplete(
            (value, failure) -> {
              if (failure == null) {
                answer.complete(value);
              } else {
                answer.completeExceptionally(failure);
              }
            });
    return answer.orTimeout(timeout.toNanos(), TimeUnit.NANOSECONDS);
  }

  private static void tell(Runnable method) {
    NodeLog.guarded(method).run();
  }

  @Override
  public CompletionStage<Stored> publish(Channel channel, byte[] body, boolean again) {
    return call(() -> session.publish(channel, body, again));
  }

  @Override
  public CompletionStage<Void> listen(Collection<Channel> channels) {
    return ask(() -> session.listen(channels));
  }

  @Override
  public void unlisten(Collection<Channel> channels) {
    tell(() -> session.unlisten(channels));
  }

  @Override
  public CompletionStage<Slice> read(Channel channel, @Nullable Position after, int mostBytes) {
    return ask(() -> session.read(channel, after, mostBytes));
  }

  @Override
  public CompletionStage<Void> present(String topic, Presence.Member member, int connections) {
    return ask(() -> session.present(topic, member, connections));
  }

  @Override
  public CompletionStage<Roster> watch(String topic) {
    return ask(() -> session.watch(topic));
  }

  @Override
  public void unwatch(String topic) {
    tell(() -> session.unwatch(topic));
  }

  @Override
  public CompletionStage<Lease> renew(Duration lease) {
    return ask(() -> session.renew(lease));
  }

  @Override
  public CompletionStage<Void> command(@Nullable String node, byte[] bytes) {
    return ask(() -> session.command(node, bytes));
  }

  @Override
  public CompletionStage<Void> close(Duration leaveAfter) {
    return ask(() -> session.close(leaveAfter));
  }
}
