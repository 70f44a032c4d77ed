package dev.jev;

import io.netty.channel.WriteBufferWaterMark;
import java.util.function.Supplier;

/**
 * The configuration that all connections of a server or client share.
 *
 * @param host the server or client
 * @param protocols supplier of one protocol per connection
 * @param handler the handler of all connections
 * @param maxFrameBytes maximum length of an inbound frame, in bytes
 * @param maxPendingBytes maximum pending outbound bytes of a connection
 * @param watermarks pending bytes: above the high watermark a connection is not writable, below the
 *     low one it is writable again
 * @param overflow policy for a message beyond {@code maxPendingBytes}
 * @param closesOnPackFailure true if a connection closes when a message of another thread cannot be
 *     packed
 * @param handshakeTimeoutNanos maximum time until {@link ProtocolContext#ready}
 * @param frameTimeoutNanos maximum time for which a frame may be incomplete, and 1 s more per KiB
 *     received of it; 0 if there is none
 * @param closeTimeoutNanos maximum time at a close for the pending output and the close handshake
 * @param lingeringCloseNanos maximum time for which input is read and dropped after that
 * @param sockets options of the sockets
 * @param errors log for exceptions of handlers and protocols
 */
record ConnectionConfig<I, O>(
    ConnectionHost host,
    Supplier<? extends Protocol<I, O>> protocols,
    Handler<? super I, O> handler,
    int maxFrameBytes,
    int maxPendingBytes,
    WriteBufferWaterMark watermarks,
    OverflowPolicy overflow,
    boolean closesOnPackFailure,
    long handshakeTimeoutNanos,
    long frameTimeoutNanos,
    long closeTimeoutNanos,
    long lingeringCloseNanos,
    SocketOptions sockets,
    RateLimitedLog errors) {

  int lowWatermark() {
    return watermarks.low();
  }

  int highWatermark() {
    return watermarks.high();
  }
}
