package dev.jev;

import io.netty.channel.WriteBufferWaterMark;
import java.util.function.Supplier;

/**
 * What all connections of a server or client have in common.
 *
 * @param host the server or client
 * @param protocols makes the protocol of each connection
 * @param handler gets the messages of all connections
 * @param maxFrameBytes most bytes of one inbound frame
 * @param maxPendingBytes most outbound bytes waiting in one connection
 * @param watermarks pending bytes below which a connection is writable again, and above which it is
 *     not
 * @param overflow what happens at {@code maxPendingBytes}
 * @param handshakeTimeoutNanos longest time until {@link ProtocolContext#ready}
 * @param closeTimeoutNanos longest time for writing what is pending at a close
 * @param lingeringCloseNanos longest time for which input is dropped after that
 * @param sockets what the sockets are set to
 * @param errors log for what handlers and protocols throw
 */
record ConnectionConfig<I, O>(
    ConnectionHost host,
    Supplier<? extends Protocol<I, O>> protocols,
    Handler<? super I, O> handler,
    int maxFrameBytes,
    int maxPendingBytes,
    WriteBufferWaterMark watermarks,
    OverflowPolicy overflow,
    long handshakeTimeoutNanos,
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
