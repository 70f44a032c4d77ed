package dev.jev;

import static java.util.Objects.requireNonNull;

import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Handles the connections of a server or client, and their messages.
 *
 * <p>One handler serves all connections of a server, so its fields are shared. State that belongs
 * to one connection goes into {@link Connection#attach}, or into the fields of a handler
 * {@linkplain #perConnection per connection}.
 *
 * <p><b>Threads.</b> All calls for one connection come from its event loop, one at a time, in this
 * order: {@code onConnect}, any number of {@code onMessage} and {@code onWritable}, then {@code
 * onClose} exactly once, unless the connection was {@linkplain Connection#detach detached}. Calls
 * for different connections run concurrently, on different threads. A callback must not block.
 *
 * <p><b>Errors.</b> Anything that a callback throws, including an {@code Error}, closes that
 * callback's connection with {@link CloseReason.Kind#HANDLER_ERROR} and affects nothing else. Such
 * errors are logged at most once per second.
 *
 * @param <I> the type of the inbound messages, as the protocol unpacks them
 * @param <O> the type of the outbound messages, as the protocol packs them
 */
@FunctionalInterface
public interface Handler<I, O> {

  /** Called once when the connection is ready for messages. May send, and may close. */
  default void onConnect(Connection<O> connection) {}

  /**
   * Called for every message.
   *
   * <p>A peer that has shut down its output still receives what this call sends. A message that
   * another thread sends to such a peer later is dropped, because the connection is closing by
   * then. A handler that replies later therefore {@linkplain Connection#pauseReading pauses}
   * reading until it has replied, or is one of {@link #replyingAsync}.
   *
   * <p><b>Ownership.</b> The framework releases a reference-counted message, such as a {@code
   * ByteBuf}, after this method returns. Until then this thread may send and publish the message,
   * and views of it, any number of times and to any connections; it must not retain the message for
   * that. To keep a message longer, or to send it later, retain it; copying it is better, since a
   * small message may pin a large buffer.
   */
  void onMessage(Connection<O> connection, I message);

  /**
   * Called exactly once, if and only if {@code onConnect} was called, after the socket is closed.
   * Not called for a connection that was {@linkplain Connection#detach detached}.
   *
   * <p>Nothing can be sent any more; the addresses, attributes and attachment are still readable.
   */
  default void onClose(Connection<O> connection, CloseReason reason) {}

  /**
   * Called when a connection that was not {@linkplain Connection#isWritable() writable} has drained
   * its output below the low watermark.
   */
  default void onWritable(Connection<O> connection) {}

  /**
   * Returns a handler that calls this one on the threads of {@code executor}, where it may block.
   *
   * <p><b>Order.</b> For each connection the calls still come one at a time and in order. Calls for
   * different connections run concurrently, as far as the executor has threads for them; virtual
   * threads will do.
   *
   * <p><b>Back-pressure.</b> Reading from a connection pauses when 64 of its messages are queued,
   * or as many bytes as the high watermark. It resumes when at most 16 messages are queued, and no
   * more bytes than the low watermark. A message counts as its size, see {@link Sized}, or as the
   * bytes that were consumed for it, if these are more.
   *
   * <p><b>Closing.</b> A peer that has shut down its output still receives the replies to
   * everything it sent. After any other close, the queued messages are dropped. {@code onClose}
   * comes last, on the executor too.
   *
   * <p><b>Errors.</b> If the executor throws, because it rejects a task or cannot start a thread,
   * the queued messages are dropped and the connection closes with {@link
   * CloseReason.Kind#HANDLER_ERROR}. An {@code onClose} for which it throws is called on the event
   * loop, if {@code onConnect} was called. The executor may throw and run the task nevertheless. It
   * must not drop a task that it has accepted: the messages behind it would wait for ever.
   *
   * <p><b>Datagrams.</b> At most 1,024 datagrams are queued or being handled, in no particular
   * order; further ones are dropped, and so is a datagram for which the executor throws.
   *
   * <p><b>Ownership.</b> The rules of {@link #onMessage} apply on every thread. The executor
   * remains the caller's, to be shut down after the server, by {@code shutdown}: {@code
   * shutdownNow} drops the calls that are still queued. If it is shut down before the server, the
   * calls that it has queued still run. A connection whose calls it has dropped closes soon after
   * its peer has ended its output or its queue is full, and {@code onClose} is called on the event
   * loop.
   *
   * @throws IllegalArgumentException if {@code executor} is a {@code ThreadPoolExecutor} that drops
   *     tasks, with {@code DiscardPolicy} for example
   */
  default Handler<I, O> offload(Executor executor) {
    return new OffloadedHandler<>(this, requireNonNull(executor, "executor"));
  }

  /**
   * Returns a handler that replies to each message with the result of {@code reply}, or not at all
   * if the result is null.
   *
   * <p>A reference-counted inbound message may itself be the reply.
   */
  static <I, O> Handler<I, O> replying(Function<? super I, ? extends @Nullable O> reply) {
    requireNonNull(reply, "reply");
    return (connection, message) -> {
      O answer = reply.apply(message);
      if (answer != null) {
        connection.send(answer);
      }
    };
  }

  /**
   * Returns a handler that has a handler of its own for each connection, with the state of the
   * connection in its fields: {@code Handler.perConnection(connection -> new Session())}.
   *
   * <p>{@code handlers} is called first in {@link #onConnect}, and the handler that it returns gets
   * all calls for the connection, {@code onConnect} included. If it throws, or returns null, the
   * connection closes with {@link CloseReason.Kind#HANDLER_ERROR}. The calls for one connection
   * come one at a time, so the fields need no locks. A datagram has a handler of its own, which
   * gets one message.
   */
  static <I, O> Handler<I, O> perConnection(
      Function<? super Connection<O>, ? extends Handler<? super I, O>> handlers) {
    return new PerConnectionHandler<>(handlers);
  }

  /**
   * Returns a handler that replies to each message with the result of a stage, when that completes,
   * or not at all if the result is null.
   *
   * <p>Answers leave in the order of the questions, and at most 64 per connection are outstanding.
   * Methods of the result change this.
   *
   * @param reply called on the event loop, which it must not block; the stage may complete on any
   *     thread
   */
  static <I, O> AsyncReplies<I, O> replyingAsync(
      Function<? super I, ? extends CompletionStage<? extends @Nullable O>> reply) {
    return new AsyncReplies<>(reply);
  }
}
