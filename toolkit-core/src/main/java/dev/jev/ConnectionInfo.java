package dev.jev;

import java.net.SocketAddress;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * A connection at one moment, see {@link Connections}.
 *
 * @param connection the connection itself, whatever type its messages have
 * @param state the state
 * @param protocol the simple name of the class of its {@link Protocol}
 * @param listener the address on which it was accepted, see {@link Connection#listener}
 * @param localAddress the address of this end
 * @param remoteAddress the address of the peer
 * @param age the time since it was accepted or connected, accurate to 0.1 s
 * @param pendingBytes the output that waits to be written, see {@link Connection#pendingBytes}
 * @param bufferedBytes the memory that its input and output occupy, see {@link
 *     Plugin.Link#bufferedBytes}
 * @param counters the counters, or null if no plugin counts, as {@link dev.jev.plugin.Diagnostics}
 *     and the metrics do
 */
public record ConnectionInfo(
    Connection<?> connection,
    State state,
    String protocol,
    SocketAddress listener,
    SocketAddress localAddress,
    SocketAddress remoteAddress,
    Duration age,
    long pendingBytes,
    long bufferedBytes,
    @Nullable Counters counters) {

  /** The state of a connection. */
  public enum State {
    /** The handshakes are in progress. */
    OPENING,
    /** Messages flow. */
    OPEN,
    /** A close has begun. */
    CLOSING
  }

  /**
   * The counters of a connection.
   *
   * @param messagesReceived the number of messages that were delivered
   * @param messagesSent the number of messages that were packed
   * @param bytesReceived the number of bytes before they are unpacked, after decryption
   * @param bytesSent the number of bytes that were packed, before encryption
   */
  public record Counters(
      long messagesReceived, long messagesSent, long bytesReceived, long bytesSent) {}

  /**
   * The source of the counters of a connection: an attribute that a plugin stores in its {@link
   * Plugin#install}.
   */
  @FunctionalInterface
  public interface CounterSource {

    /** Returns the counters. Called on the connection's event loop. */
    Counters counters();
  }
}
