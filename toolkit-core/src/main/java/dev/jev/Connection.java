package dev.jev;

import io.netty.channel.ChannelHandler;
import java.net.SocketAddress;
import org.jspecify.annotations.Nullable;

/**
 * A two-way stream of messages with one peer.
 *
 * <p>A connection is open from {@link Handler#onConnect} until {@link Handler#onClose}; after that
 * {@link #send} returns false, addresses and attachment stay readable, and every other method is
 * harmless. Implemented by the framework only.
 *
 * <p><b>Threads.</b> All handler calls for one connection come from its event loop, one at a time.
 * All methods here may be called from any thread. Messages sent by one thread arrive in the order
 * of the calls.
 *
 * <p><b>Back-pressure.</b> While more than the {@linkplain Server.Builder#writeWatermarks high
 * mark} is waiting for the peer, nothing more is read from it. A handler that sends of its own
 * accord asks {@link #isWritable} and waits for {@link Handler#onWritable}.
 *
 * <p><b>Datagrams.</b> A connection of a UDP address sends to the source of one datagram, from the
 * socket that it came in through. It is open until the server stops accepting, and what would close
 * it or stop it reading does nothing; see {@link Server.Builder#listen}.
 *
 * @param <O> the messages that can be sent
 */
public interface Connection<O> extends Scheduler {

  /**
   * Queues a message for the peer.
   *
   * <p>Returns false, and drops the message, if the connection is closing or if {@link
   * #pendingBytes} has reached the server's {@code maxPendingBytes} (1 MiB by default); what
   * happens to the connection then is the server's {@link OverflowPolicy}.
   *
   * <p>Replies to the messages of one read leave with one write; what other threads send is
   * collected and written once per turn of the event loop.
   *
   * <p><b>Ownership.</b> A reference-counted message is consumed on every path.
   *
   * @throws IllegalArgumentException if the protocol cannot pack {@code message} and the caller is
   *     on the connection's event loop; elsewhere the connection closes with {@code HANDLER_ERROR}
   */
  boolean send(O message);

  /**
   * Queues a message like {@link #send}, and tells what becomes of it. Costs an allocation or two.
   *
   * @throws IllegalArgumentException as {@link #send} does
   */
  Delivery deliver(O message);

  /**
   * Whether the peer keeps up: false from when what was written to it exceeds the high mark until
   * it has fallen below the low mark, and while what other threads have sent and the event loop has
   * not packed exceeds the high mark. {@link Handler#onWritable} tells when it is true again. False
   * after the close.
   */
  boolean isWritable();

  /**
   * How many bytes wait to be written to the socket. A message that another thread has sent and the
   * event loop has not packed yet counts as its length, if that can be told, plus 96 bytes.
   */
  long pendingBytes();

  /** Whether messages can still come in; false as soon as a close has begun. */
  boolean isOpen();

  /**
   * Closes after everything sent before has been written.
   *
   * <p>No further message is delivered. If the output cannot be written within the server's {@code
   * closeTimeout} (5 s by default) the rest is dropped. Then the output is shut down and what the
   * peer still sends is read and dropped, for at most 2 s and 256 KiB, so that the peer gets
   * everything and no reset. {@link Handler#onClose} is called at the end of it.
   */
  void close();

  /** Closes at once and drops what has not been written. */
  void closeNow();

  /**
   * Ends the output after everything sent before has been written; messages still come in. From now
   * on {@link #send} returns false.
   */
  void shutdownOutput();

  /**
   * Hands the socket over to a Netty handler, as another protocol begins.
   *
   * <p>Everything sent before is written first. Then {@code successor} takes this connection's
   * place in the channel's pipeline and gets the bytes that were not unpacked as its first {@code
   * channelRead}. The connection counts as closed but {@link Handler#onClose} is not called; from
   * then on the channel and its memory are the successor's to look after. It cannot outlive the
   * server's event loops. If the output cannot be written within the server's {@code closeTimeout},
   * or the successor cannot be added, the connection is closed instead.
   *
   * @throws UnsupportedOperationException if this is a connection of a UDP address
   */
  void detach(ChannelHandler successor);

  /**
   * Stops delivering messages, and reading from the socket, after the current message. Does not
   * nest: one {@link #resumeReading} undoes it. Meanwhile it may go unnoticed that the peer is
   * gone.
   */
  void pauseReading();

  /** Delivers messages again, first those that have been read but not delivered. */
  void resumeReading();

  /**
   * Runs a task on the connection's event loop, where it has the same rights as a callback; also
   * after the close, until the server has stopped.
   *
   * <p>It runs later, never inside this call. If it throws, the connection closes with {@code
   * HANDLER_ERROR}.
   */
  void execute(Runnable task);

  /** The address of this end, as the peer sees it: of a unix socket, a {@link UnixAddress}. */
  SocketAddress localAddress();

  /** The address of the peer; behind a proxy that tells it, that of the proxy's client. */
  SocketAddress remoteAddress();

  /**
   * The address, one of {@link Server#addresses}, on which the connection was accepted; that of
   * this end for a connection of a {@link Client}.
   */
  SocketAddress listener();

  /**
   * A connection that sends datagrams to another address from the same socket; what it sends does
   * not count as an answer, see {@link Server.Builder#listen}.
   *
   * @throws IllegalArgumentException if {@code address} is no internet address or not resolved
   * @throws UnsupportedOperationException if this is no connection of a UDP address
   */
  Connection<O> to(SocketAddress address);

  /**
   * Returns the attribute stored under the given type, or null. Readable after the close.
   *
   * <p>Attributes are set by handlers, by plugins (the identity of a peer with a certificate, for
   * example) and by protocols; of a unix socket there is {@link UnixPeer}.
   */
  <T> @Nullable T attribute(Class<T> type);

  /**
   * Stores an attribute under its type, in place of an earlier one; null removes it.
   *
   * <p>A connection is expected to have few attributes, which rarely change: setting one copies
   * them all. State that a handler needs for each message belongs into {@link #attach}.
   */
  <T> void attribute(Class<T> type, @Nullable T value);

  /**
   * Attaches one object of the handler's, or removes it if null: a fast slot beside the attributes,
   * for state that changes often. Each call replaces the object.
   */
  void attach(@Nullable Object attachment);

  /**
   * Returns the attached object, or null.
   *
   * @throws ClassCastException if it is not a {@code type}
   */
  <T> @Nullable T attachment(Class<T> type);
}
