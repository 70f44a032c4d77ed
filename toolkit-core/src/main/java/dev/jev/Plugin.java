package dev.jev;

import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelPipeline;
import java.net.SocketAddress;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Something that a server or a client does beside its protocol and handler: TLS, limits, idle
 * timeouts, a log of the bytes.
 *
 * <p>One instance may serve several servers and clients. All methods have defaults that do nothing.
 *
 * <pre>
 *   socket --&gt; SOCKET --&gt; ADDRESS --&gt; ADMISSION --&gt; ENCRYPTION --&gt; TRANSFORM --&gt; MESSAGES --&gt; Protocol
 * </pre>
 *
 * <p>A plugin that has to settle something with the peer before messages may flow adds a handler to
 * the {@linkplain Link#pipeline pipeline} that holds {@code channelActive} back until it is
 * settled; the {@code handshakeTimeout} bounds all of that together. Datagrams do not pass through
 * plugins.
 *
 * <p><b>Errors.</b> What a plugin throws from {@link #install} or from an {@link Observer} closes
 * that connection with {@link CloseReason.Kind#HANDLER_ERROR}; what it throws from {@link #start}
 * keeps the server or client from starting. Anything else is logged.
 */
public interface Plugin {

  /** Where in the way of the bytes a plugin stands, from the socket to the protocol. */
  enum Stage {
    /** Sees the bytes of the socket. */
    SOCKET,
    /** Finds out who the peer is. */
    ADDRESS,
    /** Decides who may come in. */
    ADMISSION,
    /** Encrypts. */
    ENCRYPTION,
    /** Changes bytes into other bytes. */
    TRANSFORM,
    /** Sees the bytes that the protocol sees. The default. */
    MESSAGES
  }

  /**
   * Called once per server or client, on the thread that starts it: when all addresses of a server
   * are bound and none accepts yet, or before a client's first attempt to connect.
   */
  default void start(PluginHost host) {}

  /**
   * Called once after {@link #start}, when all connections of the server or client are closed and
   * its timers are cancelled, on the thread that stops it.
   */
  default void stop(PluginHost host) {}

  /**
   * Where {@link #install} stands among the plugins; those of one stage stand as they were added.
   */
  default Stage stage() {
    return Stage.MESSAGES;
  }

  /**
   * Called once for each new connection, on its event loop, before anything is read.
   *
   * <p>May add handlers behind those that are there, with {@code link.pipeline().addLast}. Without
   * one, the connection keeps the fast way from the socket to the protocol.
   *
   * @return who is told what happens on the connection, or null
   */
  default @Nullable Observer install(Link link) {
    return null;
  }

  /**
   * Called on the watchdog's thread when an event loop has run a task that was given to it.
   *
   * @param loop the thread of the event loop
   * @param lag how long the task waited
   */
  default void loopLagged(Thread loop, Duration lag) {}

  /**
   * Called on the watchdog's thread when an event loop has not come round for {@code
   * blockedLoopThreshold}; once for each time it is blocked.
   *
   * @param loop the thread of the event loop, whose stack shows what it does
   * @param time for how long it has been blocked so far
   */
  default void loopBlocked(Thread loop, Duration time) {}

  /**
   * Called on an event loop when accepting pauses because the process has run out of file
   * descriptors, or the like.
   */
  default void acceptPaused(SocketAddress listener, Throwable cause) {}

  /**
   * What a plugin may do with one connection.
   *
   * <p><b>Threads.</b> {@link #pipeline} and {@link #deadlineWheel} on the connection's event loop;
   * everything else on any thread.
   */
  interface Link {

    /** The connection. Usable from {@link Plugin#install} on; open later, see {@link Observer}. */
    Connection<?> connection();

    /** Returns the server or client of the connection, as {@link Plugin#start} got it. */
    PluginHost host();

    /** Netty's pipeline of the connection. */
    ChannelPipeline pipeline();

    /** Sets what {@link Connection#remoteAddress} and {@link Connection#localAddress} return. */
    void addresses(SocketAddress remote, SocketAddress local);

    /** Closes like {@link Connection#close}, for a reason. */
    void close(CloseReason reason);

    /** Closes like {@link Connection#closeNow}, for a reason. */
    void closeNow(CloseReason reason);

    /**
     * Stops delivering messages, and reading from the socket, after the current message, until
     * {@link #resumeReading}.
     *
     * <p>Every plugin has a pause of its own, and so has the {@linkplain Connection#pauseReading
     * user}: reading goes on when nobody pauses. Does not nest.
     */
    void pauseReading();

    /** Ends this plugin's pause. */
    void resumeReading();

    /** How many bytes have been read and not been unpacked. */
    long unreadBytes();

    /**
     * What looks at the connections of the event loop after at most {@code maxDelay}: for a
     * deadline that every connection has, instead of a timer for each. Spans should be few.
     *
     * @throws IllegalArgumentException if {@code maxDelay} is not longer than zero
     */
    DeadlineWheel deadlineWheel(Duration maxDelay);
  }

  /**
   * Is told what happens on one connection; state that belongs to the connection lives in its
   * fields.
   *
   * <p>Called on the connection's event loop. {@link #received}, {@link #message} and {@link
   * #flushing} are called often and should not allocate.
   */
  interface Observer {

    /** The connection is ready for messages; {@link Handler#onConnect} follows. */
    default void connected() {}

    /** Bytes have come in, which are going to be unpacked. */
    default void received(int bytes) {}

    /**
     * A message is going to be delivered. If the plugin pauses reading now, the next one is not
     * until it resumes.
     */
    default void message() {}

    /** Bytes are going to be written to the socket. */
    default void flushing(int bytes) {}

    /** The socket has taken everything that was written to it. */
    default void written() {}

    /**
     * The output ends: everything that was sent has been written. What a plugin writes now is the
     * last, before the socket's output is shut down.
     *
     * <p>Called for the plugin next to the protocol first, and for the next one when the first has
     * finished.
     *
     * @return completes when it is written, or null if nothing is
     */
    default @Nullable ChannelFuture ending() {
      return null;
    }

    /** The peer has fallen behind: more waits for it than the high mark. */
    default void stalled() {}

    /** The peer has caught up, see {@link #stalled}; or the connection closes. */
    default void resumed() {}

    /**
     * The connection is closed, for this reason; nothing is called after it.
     *
     * <p>Called exactly once for every observer, also when {@link #connected} never was, after
     * {@link Handler#onClose}; and for a {@linkplain Connection#detach detached} connection, with
     * the reason {@link CloseReason.Kind#CLOSED}.
     */
    default void closed(CloseReason reason) {}
  }
}
