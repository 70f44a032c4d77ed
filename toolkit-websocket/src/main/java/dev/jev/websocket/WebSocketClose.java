package dev.jev.websocket;

import org.jspecify.annotations.Nullable;

/**
 * The close frames of both sides: {@code connection.attribute(WebSocketClose.class)} in {@link
 * dev.jev.Handler#onClose}. The attribute is null if neither side has sent a close frame.
 *
 * @param received the peer's close frame, or null if it has sent none
 * @param sent this side's close frame, or null if there was none; not necessarily transmitted, if
 *     the connection was lost or closed at once, as by {@link dev.jev.Connection#closeNow} or for a
 *     slow consumer
 */
public record WebSocketClose(
    WebSocketMessage.@Nullable Close received, WebSocketMessage.@Nullable Close sent) {}
