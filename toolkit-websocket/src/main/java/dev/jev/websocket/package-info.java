/**
 * WebSocket (RFC 6455) as a protocol like any other.
 *
 * <p>Start with {@link dev.jev.websocket.WebSocketProtocol}; a handler gets and sends {@link
 * dev.jev.websocket.WebSocketMessage}.
 */
@NullMarked
package dev.jev.websocket;

import org.jspecify.annotations.NullMarked;
