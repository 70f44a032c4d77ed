package dev.jev;

import static java.util.Objects.requireNonNull;

import java.util.concurrent.Executor;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * What a server does with connections and their messages.
 *
 * <p>One handler serves all connections of a server, so its fields are shared; what belongs to one
 * connection goes into {@link Connection#attach}.
 *
 * <p><b>Threads.</b> All calls for one connection come from its event loop, one at a time, in this
 * order: {@code onConnect}, any number of {@code onMessage} and {@code onWritable}, then {@code
 * onClose} exactly once, unless the connection was {@linkplain Connection#detach detached}. Calls
 * for different connections run on different threads at the same time. A callback must not block.
 *
 * <p><b>Errors.</b> Whatever a callback throws, an {@code Error} included, closes its own
 * connection with {@link CloseReason.Kind#HANDLER_ERROR} and nothing else. It is logged, at most
 * once a second.
 *
 * @param <I> the messages that come in, as the protocol unpacks them
 * @param <O> the messages that go out, as the protocol packs them
 */
@FunctionalInterface
public interface Handler<I, O> {

  /** Called once when the connection is ready for messages. May send, and may close. */
  default void onConnect(Connection<O> connection) {}

  /**
   * Called for every message.
   *
   * <p>A peer that has ended its output still gets what is sent in this call; what another thread
   * sends later finds the connection closed. Who answers later {@linkplain Connection#pauseReading
   * pauses} the connection until then.
   *
   * <p><b>Ownership.</b> A reference-counted message, such as a {@code ByteBuf}, is released by the
   * framework after this method returns, unless it was sent. To keep it longer, retain it, or
   * better copy it: a small message may lie in a large buffer. To send it more than once, retain it
   * once for each further time before the first {@code send}.
   */
  void onMessage(Connection<O> connection, I message);

  /**
   * Called exactly once, if and only if {@code onConnect} was called, after the socket is closed.
   * Not called for a connection that was {@linkplain Connection#detach detached}.
   *
   * <p>Sending is no longer possible; addresses and attachment are still readable.
   */
  default void onClose(Connection<O> connection, CloseReason reason) {}

  /**
   * Called when the queue of a connection that was not {@linkplain Connection#isWritable()
   * writable} has drained below the low mark.
   */
  default void onWritable(Connection<O> connection) {}

  /**
   * This handler on the threads of {@code executor}, where it may block.
   *
   * <p>For each connection the calls still come one at a time and in order; those for different
   * connections run side by side, as far as the executor has threads for them, virtual ones
   * included. When 64 messages of a connection wait, or as many bytes as the high mark allows, it
   * is not read from, until 16 do, and no more bytes than the low mark. A peer that has ended its
   * output gets the answers to everything it sent; after any other close the messages that still
   * wait are dropped. {@code onClose} comes last, on the executor too; if that refuses to run
   * anything, the connection closes with {@link CloseReason.Kind#HANDLER_ERROR}, and {@code
   * onClose}, if {@code onConnect} was called, is called on its event loop. Of datagrams at most
   * 1,024 wait or are under way, in no order, and those above that are dropped.
   *
   * <p><b>Ownership</b> is as for {@link #onMessage}, on whatever thread. The executor remains the
   * caller's, who ends it after the server.
   */
  default Handler<I, O> offload(Executor executor) {
    return new OffloadedHandler<>(this, requireNonNull(executor, "executor"));
  }

  /**
   * A handler that answers each message with what {@code reply} returns for it, or not at all if
   * that is null.
   *
   * <p>An inbound message that is reference-counted may itself be the reply.
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
}
