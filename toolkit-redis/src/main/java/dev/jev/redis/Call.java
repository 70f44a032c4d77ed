package dev.jev.redis;

import dev.jev.nodes.Backplane.RefusedException;
import dev.jev.redis.RedisError.EngineException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Function;

/**
 * A command of the engine, from the call to the answer.
 *
 * @param <T> the type of the result
 */
final class Call<T> {

  /** Sends the command on a connection. */
  interface Command {

    CompletionStage<?> send(Partition partition, MasterLink link);
  }

  private final Command command;
  private final Function<Object, T> result;
  private final long deadline;
  private final CompletableFuture<T> future = new CompletableFuture<>();

  /**
   * Creates a call.
   *
   * @param result makes the result of the answer of Redis
   * @param deadline the time until which it may wait for a connection
   */
  Call(Command command, Function<Object, T> result, long deadline) {
    this.command = command;
    this.result = result;
    this.deadline = deadline;
  }

  CompletableFuture<T> future() {
    return future;
  }

  boolean isLate(long now) {
    return now - deadline >= 0;
  }

  CompletionStage<?> send(Partition partition, MasterLink link) {
    return command.send(partition, link);
  }

  void answer(Object answer) {
    try {
      future.complete(result.apply(answer));
    } catch (RuntimeException e) {
      future.completeExceptionally(new EngineException("cannot read the answer of Redis", e));
    }
  }

  void fail(Throwable failure) {
    future.completeExceptionally(RedisError.seen(failure));
  }

  /** Fails the call, which was not sent. */
  void refuse(String reason) {
    future.completeExceptionally(RefusedException.forNow(reason));
  }
}
