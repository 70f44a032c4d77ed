/**
 * WebSocket (RFC 6455) as a protocol like any other, and plain HTTP beside it.
 *
 * <pre>
 *   request  --&gt; path, host, origin, subprotocol, decide --&gt; Handler.onConnect
 *   frames   --&gt; WebSocketMessage --&gt; Handler.onMessage
 *   frames   &lt;-- WebSocketMessage &lt;-- Connection.send        (any thread)
 *   the end  --&gt; WebSocketClose   --&gt; Handler.onClose
 * </pre>
 *
 * <p>Start with {@link dev.jev.websocket.WebSocketProtocol}, whose {@code server} and {@code
 * client} have all options; a handler gets and sends {@link dev.jev.websocket.WebSocketMessage}. An
 * {@link dev.jev.websocket.HttpResponder} answers requests that are for no WebSocket.
 *
 * <h2>Threads</h2>
 *
 * As everywhere: callbacks come from the connection's event loop, and {@code send} may be called
 * from any thread. {@code decide} and responders are called on event loops, too, and must not
 * block; a decision may be completed by any thread.
 *
 * <h2>Limits</h2>
 *
 * 64 KiB for a message and 1,024 for its fragments, 60 control frames at once and then 3 a second,
 * 12 KiB for a request, and the server's handshake timeout, 10 s, for all of the handshake. A peer
 * of a server that says nothing is found within 40 s by the {@linkplain
 * dev.jev.websocket.WebSocketServerBuilder#heartbeat heartbeat}.
 *
 * <h2>Ownership</h2>
 *
 * A message that is received is released after {@code onMessage} unless it is sent or retained; the
 * buffer of a message that is sent is consumed.
 */
@NullMarked
package dev.jev.websocket;

import org.jspecify.annotations.NullMarked;
