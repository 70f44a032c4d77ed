package dev.jev;

import io.netty.channel.ChannelHandler;
import java.net.SocketAddress;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * A two-way stream of messages with one peer.
 *
 * <p>A connection is open from {@link Handler#onConnect} until {@link Handler#onClose}. After that,
 * {@link #send} returns false, the addresses, attributes and attachment remain readable, and all
 * other methods may still be called safely. Implemented by the framework only; a connection for
 * tests extends {@link SimulatedConnection}.
 *
 * <p><b>Threads.</b> All handler calls for one connection come from its event loop, one at a time.
 * All methods of this interface may be called from any thread. Messages sent by one thread arrive
 * in the order of the calls.
 *
 * <p><b>Back-pressure.</b> While the pending output exceeds the {@linkplain
 * Server.Builder#writeWatermarks high watermark}, nothing more is read from the peer. A handler
 * that sends unprompted checks {@link #isWritable} and continues in {@link Handler#onWritable}.
 *
 * <p><b>Datagrams.</b> A connection of a UDP address sends to the source address of one datagram,
 * from the address that the datagram was sent to. It is open until the server stops accepting.
 * Methods that would close it or stop it from reading have no effect; see {@link
 * Server.Builder#listen}.
 *
 * @param <O> the type of the outbound messages
 */
public interface Connection<O> extends Scheduler {

  /**
   * Queues a message for the peer.
   *
   * <p>Returns false and drops the message if the connection is closing, or if {@link
   * #pendingBytes} has reached the server's {@code maxPendingBytes} (1 MiB by default). In the
   * latter case the server's {@link OverflowPolicy} decides what happens to the connection.
   *
   * <p>All replies to the messages of one read are written with a single write. Messages sent by
   * other threads are collected and written once per turn of the event loop.
   *
   * <p><b>Ownership.</b> The framework takes over a reference-counted message, even if it drops it.
   * The exception is the message, or a view of it, that the calling thread is handling in {@link
   * Handler#onMessage}: it may be sent to any number of connections and is released after the
   * callback.
   *
   * @throws IllegalArgumentException if the protocol cannot pack {@code message} and the caller is
   *     on the connection's event loop. For a message sent by another thread, the failure is logged
   *     and the message dropped, see {@link Server.Builder#closeOnPackFailure}
   * @throws io.netty.util.IllegalReferenceCountException if {@code message} was released already;
   *     nothing is sent
   */
  boolean send(O message);

  /**
   * Queues a message like {@link #send} and reports its outcome. Costs one or two additional
   * allocations per message.
   *
   * @throws IllegalArgumentException as {@link #send} does
   */
  Delivery deliver(O message);

  /**
   * Returns whether the peer keeps up with the output.
   *
   * <p>False from the moment the bytes written to the peer exceed the high watermark until they
   * fall below the low watermark. Also false while the messages that other threads have sent, and
   * the event loop has not packed yet, exceed the high watermark. {@link Handler#onWritable} is
   * called when this becomes true again. Always false after the close.
   */
  boolean isWritable();

  /**
   * Returns the number of bytes that wait to be written to the socket. A message that another
   * thread has sent and the event loop has not packed yet counts as its length, if known, plus 96
   * bytes. So does each write of the event loop; behind a plugin that adds handlers, such as TLS,
   * it counts 256 bytes more than its length.
   */
  long pendingBytes();

  /** Returns whether messages can still be received; false as soon as a close has begun. */
  boolean isOpen();

  /**
   * Closes the connection after everything that this thread has sent, or published to a {@link
   * Topic} of this connection, has been written.
   *
   * <p>No further message is delivered. If the output cannot be written within the server's {@code
   * closeTimeout} (5 s by default), the rest is dropped. Then the output is shut down, and bytes
   * that the peer still sends are read and discarded, for at most the {@code lingeringCloseTimeout}
   * (2 s by default) and at most 256 KiB: the peer receives all output and no reset. Finally,
   * {@link Handler#onClose} is called.
   */
  default void close() {
    close(CloseReason.of(CloseReason.Kind.CLOSED));
  }

  /**
   * Closes like {@link #close()}, with a text that {@link Handler#onClose} and the metrics get:
   * {@code close("bad login")}. A WebSocket sends it to the peer in the close frame, cut to 123
   * bytes of UTF-8; other protocols do not send it.
   */
  default void close(String text) {
    close(CloseReason.of(CloseReason.Kind.CLOSED, text));
  }

  /**
   * Closes like {@link #close()}, with the given reason, unless a close has begun already. {@code
   * CloseReason.of(Kind.LIMIT, "too many rooms")}, for example, is counted as a limit, and a
   * WebSocket sends the code 1008 with it. A cause is not logged.
   */
  void close(CloseReason reason);

  /** Closes the connection at once and drops all output that has not been written. */
  void closeNow();

  /**
   * Shuts down the output after everything that this thread has sent or published before has been
   * written; messages are still received (half-close). From now on {@link #send} returns false, and
   * the subscriptions of the connection end.
   */
  void shutdownOutput();

  /**
   * Keeps this connection open for output when the peer has ended its own (half-close), instead of
   * closing it with {@link CloseReason.Kind#PEER_CLOSED}. A proxy does this: the answers still come
   * when the client has no more questions.
   *
   * <pre>{@code
   * near.onHalfClose(Duration.ofHours(1), far::shutdownOutput);
   * far.onHalfClose(Duration.ofHours(1), near::shutdownOutput);
   * }</pre>
   *
   * <p>{@code task} runs on the event loop, once, when all messages that the peer has sent were
   * handled. From then on messages can only be sent. The connection closes with {@code PEER_CLOSED}
   * after {@link #shutdownOutput}, or with {@link CloseReason.Kind#TIMEOUT} when {@code timeout} is
   * over: a peer that is lost may go unnoticed while nothing is sent to it. If the task throws, the
   * connection closes with {@code HANDLER_ERROR}.
   *
   * <p>A further call replaces the one before. There is no effect for a UDP address, and for {@link
   * Transport#LOCAL}, which cannot be half-closed. With TLS 1.2, in which nothing may be sent
   * behind the end of the peer (RFC 5246, 7.2.1), the connection closes as without this call.
   *
   * @throws IllegalArgumentException if {@code timeout} is not positive
   */
  void onHalfClose(Duration timeout, Runnable task);

  /**
   * Hands the socket over to a Netty handler, for example to switch to another protocol.
   *
   * <p>Everything sent or published before is written first. Then {@code successor} replaces this
   * connection in the channel's pipeline and receives the bytes that were not unpacked as its first
   * {@code channelRead}. The connection counts as closed, but {@link Handler#onClose} is not
   * called. From then on the successor is responsible for the channel and its memory. The channel
   * cannot outlive the server's event loops. If the output cannot be written within the server's
   * {@code closeTimeout}, or if the successor cannot be added, the connection is closed instead.
   *
   * @throws UnsupportedOperationException if this is a connection of a UDP address
   */
  void detach(ChannelHandler successor);

  /**
   * Stops delivering messages, and reading from the socket, after the current message. Calls do not
   * nest: one {@link #resumeReading} undoes them. While reading is paused, the loss of the peer may
   * go unnoticed.
   */
  void pauseReading();

  /**
   * Resumes reading and the delivery of messages, beginning with those already read but not
   * delivered.
   */
  void resumeReading();

  /**
   * Runs a task on the connection's event loop, where it has the same rights as a callback. Tasks
   * still run after the close, until the server has stopped.
   *
   * <p>The task runs later, never inside this call. If it throws, the connection closes with {@code
   * HANDLER_ERROR}.
   */
  void execute(Runnable task);

  /**
   * Returns the address of this end, as the peer sees it; a {@link UnixAddress} for a unix socket.
   * The wildcard address if the transport does not tell which one a datagram was sent to.
   */
  SocketAddress localAddress();

  /**
   * Returns the address of the peer. Behind a proxy that reports it, this is the address of the
   * proxy's client.
   */
  SocketAddress remoteAddress();

  /**
   * Returns the address, one of {@link Server#addresses}, on which the connection was accepted; for
   * a connection of a {@link Client}, the address of this end.
   */
  SocketAddress listener();

  /**
   * Returns a connection that sends datagrams to another address. These datagrams do not count as
   * replies, see {@link Server.Builder#listen}. They come from the address and port on which the
   * server listens. If it listens on all addresses, they come from the one that the system chooses
   * for their way, and those to another port of the same peer from the one that the peer has asked.
   *
   * @throws IllegalArgumentException if {@code address} is not an internet address or is unresolved
   * @throws UnsupportedOperationException if this is not a connection of a UDP address
   */
  Connection<O> to(SocketAddress address);

  /**
   * Returns the attribute stored under the given type, or null. Attributes remain readable after
   * the close.
   *
   * <p>Attributes are stored by handlers, by protocols and by plugins, for example the identity
   * from a peer's certificate. The framework stores a {@link UnixPeer} for the connections of a
   * unix socket.
   */
  <T> @Nullable T attribute(Class<T> type);

  /**
   * Stores an attribute under its type, in place of an earlier one; null removes it.
   *
   * <p>Attributes are meant to be few and to change rarely: each call copies all of them. State
   * that a handler needs for every message belongs in {@link #attach}.
   */
  <T> void attribute(Class<T> type, @Nullable T value);

  /**
   * Attaches an object, in place of an earlier one; null removes it. The attachment is a single
   * slot, faster than an {@linkplain #attribute(Class, Object) attribute}, for state of the handler
   * that changes often.
   */
  void attach(@Nullable Object attachment);

  /**
   * Returns the attached object, or null.
   *
   * @throws ClassCastException if the attached object is not an instance of {@code type}
   */
  <T> @Nullable T attachment(Class<T> type);
}
