package dev.jev.plugin;

import dev.jev.ConnectionInfo;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A server, as tools for management see it; {@link Jmx} registers one per server.
 *
 * <p>Addresses are texts such as {@code /127.0.0.1:5000}, as in the log.
 *
 * <p>{@link #listConnections} and {@link #closeConnections} wait for all event loops. They throw
 * {@link IllegalStateException} after 5 s, since an event loop may be blocked. {@link
 * #closeConnections} then takes effect when all event loops have answered.
 */
public interface ServerMXBean {

  /** The lag of one event loop within the last 10 to 20 s. */
  interface LoopLag {

    /** Returns the name of the thread. */
    String getLoop();

    /** Returns the number of measurements. */
    long getCount();

    /** Returns the median lag in milliseconds. */
    double getMedianMillis();

    /** Returns the 99th percentile of the lag in milliseconds. */
    double getP99Millis();

    /** Returns the longest lag in milliseconds. */
    double getMaxMillis();
  }

  /** A connection at one moment, see {@link ConnectionInfo}. */
  interface OpenConnection {

    /** Returns the address of the peer. */
    String getRemoteAddress();

    /** Returns the address of this end. */
    String getLocalAddress();

    /** Returns the address of the listener that has accepted it. */
    String getListener();

    /** Returns the simple name of the class of its protocol. */
    String getProtocol();

    /** Returns the state. */
    ConnectionInfo.State getState();

    /** Returns the time since it was accepted, in milliseconds. */
    long getAgeMillis();

    /** Returns the number of bytes that wait to be written. */
    long getPendingBytes();

    /** Returns the number of bytes of memory that its input and output occupy. */
    long getBufferedBytes();

    /** Returns the number of messages delivered, or null if no plugin counts them. */
    @Nullable Long getMessagesReceived();

    /** Returns the number of messages packed, or null if no plugin counts them. */
    @Nullable Long getMessagesSent();

    /** Returns the number of bytes received, or null if no plugin counts them. */
    @Nullable Long getBytesReceived();

    /** Returns the number of bytes sent, or null if no plugin counts them. */
    @Nullable Long getBytesSent();
  }

  /** Returns the name of the server. */
  String getName();

  /** Returns the addresses that it listens on. */
  List<String> getAddresses();

  /** Returns the number of open connections, including closing ones. */
  int getConnectionCount();

  /** Returns the number of tasks that wait in the queues of the event loops. */
  int getPendingTasks();

  /**
   * Returns whether new connections are left in the kernel's backlog: because the program, a plugin
   * or this bean has paused accepting, or because the process has run out of file descriptors.
   */
  boolean isAcceptingPaused();

  /** Returns the lag of each event loop, sorted by name. */
  List<LoopLag> getLoopLags();

  /** Returns all connections, in no particular order. */
  List<OpenConnection> listConnections();

  /**
   * Closes the connections with a remote address, after their output has been written, and returns
   * their number: usually 0 or 1, but the peers of a unix socket have no addresses of their own.
   */
  int closeConnections(String remoteAddress);

  /** Leaves new connections in the kernel's backlog, until {@link #resumeAccepting}. */
  void pauseAccepting();

  /** Ends the pause of {@link #pauseAccepting}; pauses of others continue. */
  void resumeAccepting();

  /**
   * Begins to shut the server down, and returns at once: with the {@link Drain} that was passed to
   * {@link Jmx#create(Drain)}, otherwise by a stop that gives connections 10 s.
   *
   * @throws IllegalStateException if the drain is not a plugin of this server
   */
  void drain();
}
