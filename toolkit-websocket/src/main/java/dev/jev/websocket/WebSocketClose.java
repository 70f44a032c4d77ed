package dev.jev.websocket;

import org.jspecify.annotations.Nullable;

/**
 * What both sides said at the end: {@code connection.attribute(WebSocketClose.class)} in {@link
 * dev.jev.Handler#onClose}; not there if neither said anything.
 *
 * @param received the peer's close frame, or null if it sent none
 * @param sent ours, or null if there was none; it has not left if the connection was lost, or
 *     closed without delay as {@link dev.jev.Connection#closeNow} does and a slow consumer is
 */
public record WebSocketClose(
    WebSocketMessage.@Nullable Close received, WebSocketMessage.@Nullable Close sent) {}
