package dev.jev;

import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelPipeline;
import java.net.SocketAddress;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * An extension of a server or client beside its protocol and handler: TLS, limits, idle timeouts, a
 * log of the bytes.
 *
 * <p>One instance may serve several servers and clients. All methods have defaults that do nothing.
 *
 * <pre>
 *   socket --&gt; SOCKET --&gt; ADDRESS --&gt; ADMISSION --&gt; ENCRYPTION --&gt; TRANSFORM --&gt; MESSAGES --&gt; Protocol
 * </pre>
 *
 * <p><b>Handshakes.</b> A plugin that needs a handshake with the peer before messages may flow adds
 * a handler to the {@linkplain Link#pipeline pipeline} that delays {@code channelActive} until the
 * handshake is complete. The {@code handshakeTimeout} bounds all these handshakes together.
 *
 * <p><b>Datagrams</b> do not pass through plugins.
 *
 * <p><b>Errors.</b> An exception from {@link #install} or from an {@link Observer} closes that
 * connection with {@link CloseReason.Kind#HANDLER_ERROR}. An exception from {@link #start} keeps
 * the server or client from starting. All others are logged.
 */
public interface Plugin {

  /** The position of a plugin between the socket and the protocol. */
  enum Stage {
    /** Sees the bytes of the socket. */
    SOCKET,
    /** Determines the address of the peer. */
    ADDRESS,
    /** Admits or refuses connections. */
    ADMISSION,
    /** Encrypts and decrypts. */
    ENCRYPTION,
    /** Transforms the stream of bytes, for example by compression. */
    TRANSFORM,
    /** Sees the bytes that the protocol sees. The default. */
    MESSAGES
  }

  /**
   * Called once per server or client, on the thread that starts it. At that time all addresses of a
   * server are bound but none accepts yet, and a client has not tried to connect.
   */
  default void start(PluginHost host) {}

  /**
   * Called once after {@link #start}, on the thread that stops the server or client, when all its
   * connections are closed and its scheduled tasks are cancelled.
   */
  default void stop(PluginHost host) {}

  /**
   * Returns the position of {@link #install} among the plugins. Plugins of one stage keep the order
   * in which they were added.
   */
  default Stage stage() {
    return Stage.MESSAGES;
  }

  /**
   * Called once per new connection, on its event loop, before anything is read.
   *
   * <p>May add handlers after the existing ones, with {@code link.pipeline().addLast}. A connection
   * without such handlers keeps the fast path from the socket to the protocol.
   *
   * @return the observer of the connection, or null
   */
  default @Nullable Observer install(Link link) {
    return null;
  }

  /**
   * Called on the watchdog's thread each time an event loop has run the watchdog's task, whatever
   * the lag.
   *
   * @param host the server or client, as passed to {@link #start}
   * @param loop the thread of the event loop
   * @param lag the time that the task has waited
   */
  default void loopLagged(PluginHost host, Thread loop, Duration lag) {}

  /**
   * Called on the watchdog's thread when an event loop has been blocked for {@code
   * blockedLoopThreshold}; once each time it is blocked.
   *
   * @param host the server or client, as passed to {@link #start}
   * @param loop the thread of the event loop, whose stack shows what blocks it
   * @param time the time for which it has been blocked so far
   */
  default void loopBlocked(PluginHost host, Thread loop, Duration time) {}

  /**
   * Called on an event loop when accepting pauses because the process has run out of file
   * descriptors or a similar resource.
   *
   * @param host the server, as passed to {@link #start}
   * @param listener one of its {@linkplain PluginHost#addresses addresses}
   * @param cause the failure of the accept
   */
  default void acceptPaused(PluginHost host, SocketAddress listener, Throwable cause) {}

  /** Called on an event loop when accepting continues after {@link #acceptPaused}. */
  default void acceptResumed(PluginHost host, SocketAddress listener) {}

  /**
   * Called on an event loop when a server closes an accepted connection for which {@link #install}
   * was not called.
   *
   * @param host the server, as passed to {@link #start}
   * @param listener one of its {@linkplain PluginHost#addresses addresses}
   * @param reason {@code LIMIT} at {@link Server.Builder#maxConnections}, {@code IO_ERROR} if the
   *     peer has reset the connection, {@code HANDLER_ERROR} if it could not be created
   */
  default void connectionRefused(
      PluginHost host, SocketAddress listener, CloseReason.Kind reason) {}

  /**
   * The operations of a plugin on one connection.
   *
   * <p><b>Threads.</b> {@link #pipeline} and {@link #deadlineWheel} must be called on the
   * connection's event loop; all other methods may be called from any thread.
   */
  interface Link {

    /**
     * Returns the connection. It may be used from {@link Plugin#install} on, but opens later, see
     * {@link Observer#connected}.
     */
    Connection<?> connection();

    /** Returns the server or client of the connection, as passed to {@link Plugin#start}. */
    PluginHost host();

    /** Returns the Netty pipeline of the connection. */
    ChannelPipeline pipeline();

    /** Sets the results of {@link Connection#remoteAddress} and {@link Connection#localAddress}. */
    void addresses(SocketAddress remote, SocketAddress local);

    /** Closes like {@link Connection#close(CloseReason)}. */
    void close(CloseReason reason);

    /** Closes like {@link Connection#closeNow}, with the given reason. */
    void closeNow(CloseReason reason);

    /**
     * Stops delivering messages, and reading from the socket, after the current message, until
     * {@link #resumeReading}.
     *
     * <p>Each plugin has a pause of its own, and so has the {@linkplain Connection#pauseReading
     * user}: reading continues when all pauses have ended. Calls do not nest.
     */
    void pauseReading();

    /** Ends this plugin's pause. */
    void resumeReading();

    /**
     * Returns the number of bytes of memory that the connection occupies with what its peer has
     * sent and what waits to be sent to it.
     *
     * <p>It is the sum of the {@linkplain Connection#pendingBytes pending bytes}, the buffer of
     * unread bytes, the {@link Protocol#bufferedBytes} of the protocol, the {@link
     * Observer#bufferedBytes} of all plugins, and the messages that wait for an {@linkplain
     * Handler#offload offloaded} handler. Computed when it is called; does not allocate.
     */
    long bufferedBytes();

    /**
     * Returns the event loop's timing wheel for delays of at most {@code maxDelay}. It serves
     * deadlines that every connection has, in place of one timer per connection. All callers with
     * the same {@code maxDelay} share one wheel, so the number of different values should be small.
     *
     * @throws IllegalArgumentException if {@code maxDelay} is not longer than zero
     */
    DeadlineWheel deadlineWheel(Duration maxDelay);
  }

  /**
   * Observes the events of one connection. State that belongs to the connection lives in fields.
   *
   * <p>Called on the connection's event loop. {@link #received}, {@link #readComplete}, {@link
   * #message}, {@link #sent} and {@link #flushing} are called often and should not allocate.
   */
  interface Observer {

    /** Called when the connection is ready for messages; {@link Handler#onConnect} follows. */
    default void connected() {}

    /** Called when bytes have been received, before they are unpacked. */
    default void received(int bytes) {}

    /**
     * Called at the end of each batch of reads of the socket, when what has arrived is unpacked as
     * far as possible. Also called if the handlers of plugins have kept all bytes, and before
     * {@link #connected}.
     */
    default void readComplete() {}

    /**
     * Returns the number of bytes of memory that input of the peer occupies in the handlers of this
     * plugin; 0 by default. A buffer counts with its capacity. Called like {@link
     * Protocol#bufferedBytes}, and should not allocate.
     */
    default long bufferedBytes() {
      return 0;
    }

    /**
     * Called before a message is delivered. If the plugin pauses reading in this call, the next
     * message is delivered only after it resumes.
     *
     * @param bytes the number of bytes that the protocol has consumed since the previous message
     */
    default void message(int bytes) {}

    /**
     * Called when a message of the handler, or of a {@link Topic}, has been added to the output.
     * Its bytes are written at the end of the turn or earlier, see {@link #flushing}.
     */
    default void sent() {}

    /** Called before bytes are written to the socket. */
    default void flushing(int bytes) {}

    /** Called when the socket has taken everything that was written to it. */
    default void written() {}

    /**
     * Called once when the output ends, after everything that was sent has been written. Bytes that
     * a plugin writes now are the last ones before the socket's output is shut down.
     *
     * <p>Called for the plugin next to the protocol first, and for each further plugin when the
     * previous one has finished.
     *
     * @return a future that completes when the plugin's last bytes are written, or null if there
     *     are none
     */
    default @Nullable ChannelFuture ending() {
      return null;
    }

    /** Called when the peer falls behind: the pending output exceeds the high watermark. */
    default void stalled() {}

    /** Called when the peer has caught up after {@link #stalled}, or when the connection closes. */
    default void resumed() {}

    /**
     * Called when the connection is closed; no other call follows.
     *
     * <p>Called exactly once per observer, after {@link Handler#onClose}, even if {@link
     * #connected} was never called. Also called for a {@linkplain Connection#detach detached}
     * connection, with the reason {@link CloseReason.Kind#CLOSED}.
     */
    default void closed(CloseReason reason) {}
  }

  /** An observer that is also notified before each call of {@link Protocol#unpack}. */
  interface UnpackObserver extends Observer {

    /** Called before {@link Protocol#unpack}. Called often; should not allocate. */
    void unpacking();
  }
}
