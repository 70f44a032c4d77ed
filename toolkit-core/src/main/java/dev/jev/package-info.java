/**
 * Protocol servers on Netty's native transports.
 *
 * <pre>
 *   bytes in  --&gt; Protocol.unpack --&gt; Handler.onMessage
 *   bytes out &lt;-- Protocol.pack   &lt;-- Connection.send        (any thread)
 * </pre>
 *
 * <p>Start with {@link dev.jev.Server}, or {@link dev.jev.Client} for the other end. Most programs
 * also implement {@link dev.jev.Handler}; a new wire format implements {@link dev.jev.Protocol}. No
 * other type has to be implemented.
 *
 * <h2>Threads</h2>
 *
 * All callbacks of one connection come from its event loop, one at a time. {@link
 * dev.jev.Connection#send}, {@code close} and {@code execute} may be called from any thread.
 * Callbacks must not block: long work belongs on another thread, which then sends the result.
 *
 * <h2>Limits</h2>
 *
 * Every limit is finite and has a default, see {@link dev.jev.Server.Builder}: 1 MiB for an inbound
 * frame, 30 s and 1 s per KiB for its arrival, 1 MiB for the pending output of a connection, 10 s
 * for a handshake, 5 s for a close, and as many connections as nine tenths of the process's file
 * descriptors allow.
 */
@NullMarked
package dev.jev;

import org.jspecify.annotations.NullMarked;
