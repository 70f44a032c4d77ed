/**
 * WebSocket (RFC 6455) as a {@link dev.jev.Protocol}, and plain HTTP on the same port.
 *
 * <pre>
 *   handshake    --&gt; path, host, origin, subprotocol, onUpgrade --&gt; Handler.onConnect
 *   data frames  --&gt; WebSocketMessage --&gt; Handler.onMessage
 *   data frames  &lt;-- WebSocketMessage &lt;-- Connection.send        (any thread)
 *   close frames --&gt; WebSocketClose   --&gt; Handler.onClose
 * </pre>
 *
 * <p>Start with {@link dev.jev.websocket.WebSocketProtocol}. Its methods {@code server} and {@code
 * client} return builders with all options. Handlers receive and send {@link
 * dev.jev.websocket.WebSocketMessage}s. An {@link dev.jev.websocket.HttpResponder} answers plain
 * HTTP requests.
 *
 * <h2>Threads</h2>
 *
 * Callbacks run on the connection's event loop, as with every protocol, and {@code send} may be
 * called from any thread. {@code onUpgrade} functions and responders also run on event loops and
 * must not block. Any thread may complete the decision of {@code onUpgrade}.
 *
 * <h2>Limits</h2>
 *
 * By default a message has at most 64 KiB and 1,024 fragments. A peer may send a burst of 60
 * control frames, then 3 per second. A request has at most 12 KiB, and the whole handshake takes at
 * most the server's handshake timeout of 10 s. The {@linkplain
 * dev.jev.websocket.WebSocketServerBuilder#heartbeat heartbeat} of a server detects a silent peer
 * within 40 s.
 *
 * <h2>Ownership</h2>
 *
 * A received message is released after {@code onMessage}, which may send it to many connections.
 * The buffer of a message that is sent is consumed.
 */
@NullMarked
package dev.jev.websocket;

import org.jspecify.annotations.NullMarked;
