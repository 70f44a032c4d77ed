package dev.jev.websocket;

import org.jspecify.annotations.Nullable;

/**
 * The opening handshake of a connection: {@code connection.attribute(WebSocketHandshake.class)},
 * set from {@link dev.jev.Handler#onConnect} on, for servers and clients.
 *
 * @param request the client's request, without the header lines of the handshake itself:
 *     Connection, Upgrade and those that begin with Sec-WebSocket, except the subprotocols and, on
 *     the client, the extensions
 * @param response the server's response, on the server without the header lines of the handshake
 *     itself, except the subprotocol and the extensions
 */
public record WebSocketHandshake(HttpRequest request, HttpResponse response) {

  /** Returns the negotiated subprotocol (RFC 6455, 1.9), or null if there is none. */
  public @Nullable String subprotocol() {
    return response.header(HttpResponse.SUBPROTOCOL);
  }
}
