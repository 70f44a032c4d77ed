package dev.jev.websocket;

import org.jspecify.annotations.Nullable;

/**
 * What the opening handshake settled: {@code connection.attribute(WebSocketHandshake.class)}, from
 * {@link dev.jev.Handler#onConnect} on, on both sides.
 *
 * @param request what the client asked for, on a server's side without the header lines that are
 *     the handshake's own: Connection, Upgrade and those that begin with Sec-WebSocket, except the
 *     subprotocols
 * @param response what the server answered, with the header lines that are its own
 */
public record WebSocketHandshake(HttpRequest request, HttpResponse response) {

  /** The subprotocol agreed upon (RFC 6455, 1.9), or null if there is none. */
  public @Nullable String subprotocol() {
    return response.header(HttpResponse.SUBPROTOCOL);
  }
}
