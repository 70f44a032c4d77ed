package dev.jev.spring;

import dev.jev.Client.WhileDisconnected;
import dev.jev.OverflowPolicy;
import dev.jev.Transport;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.util.unit.DataSize;

/**
 * The properties {@code jev.client.<name>.*} of a client.
 *
 * @param uri address to connect to, such as tcp://localhost:5000
 * @param connectTimeout maximum duration of one attempt to connect
 * @param reconnect delays before further attempts to connect
 * @param whileDisconnected policy for messages that are sent while there is no connection
 * @param eventLoops number of event loops
 * @param transport transport, such as auto, epoll, io-uring, kqueue or nio
 * @param blockedLoopThreshold time after which a blocked event loop is reported
 * @param virtualThreads whether the handler runs on virtual threads; needs Java 21. By default as
 *     spring.threads.virtual.enabled says
 * @param idleTimeout time without input and output after which a connection is closed; 0 for no
 *     limit
 * @param handshakeTimeout maximum time until all handshakes are complete
 * @param frameTimeout maximum time for which an inbound frame may be incomplete; 0 for no limit
 * @param closeTimeout maximum time for writing the pending output of a closing connection
 * @param lingeringCloseTimeout time that a closing connection waits for its peer to close
 * @param maxFrameSize maximum size of an inbound frame
 * @param pendingLimit maximum size of the pending output of a connection
 * @param lowWatermark size of the pending output below which a connection is read from again
 * @param highWatermark size of the pending output above which a connection is not read from
 * @param overflow policy for a message that is sent when the pending limit is reached
 * @param closeOnPackFailure whether a message of another thread that cannot be packed closes its
 *     connection
 * @param tcpNoDelay whether small writes are sent immediately
 * @param tcpKeepAlive idle time after which keep-alive probes are sent; 0 for none
 * @param sendBufferSize size of the send buffer of the kernel
 * @param receiveBufferSize size of the receive buffer of the kernel
 * @param ssl TLS
 */
record ClientOptions(
    @Nullable String uri,
    @Nullable Duration connectTimeout,
    @Nullable Reconnect reconnect,
    @Nullable WhileDisconnected whileDisconnected,
    @Nullable Integer eventLoops,
    @Nullable Transport transport,
    @Nullable Duration blockedLoopThreshold,
    @Nullable Boolean virtualThreads,
    @Nullable Duration idleTimeout,
    @Nullable Duration handshakeTimeout,
    @Nullable Duration frameTimeout,
    @Nullable Duration closeTimeout,
    @Nullable Duration lingeringCloseTimeout,
    @Nullable DataSize maxFrameSize,
    @Nullable DataSize pendingLimit,
    @Nullable DataSize lowWatermark,
    @Nullable DataSize highWatermark,
    @Nullable OverflowPolicy overflow,
    @Nullable Boolean closeOnPackFailure,
    @Nullable Boolean tcpNoDelay,
    @Nullable Duration tcpKeepAlive,
    @Nullable DataSize sendBufferSize,
    @Nullable DataSize receiveBufferSize,
    @Nullable Ssl ssl)
    implements EndpointOptions {

  /**
   * The delays before further attempts to connect.
   *
   * @param minBackoff bound of the first delay
   * @param maxBackoff maximum bound of the delays
   */
  record Reconnect(
      @DefaultValue("100ms") Duration minBackoff, @DefaultValue("30s") Duration maxBackoff) {}

  /**
   * The properties of TLS.
   *
   * @param bundle name of the bundle of spring.ssl.bundle with the trusted authorities, and with
   *     the certificate of the client if it has one
   */
  record Ssl(@Nullable String bundle) {}
}
