package dev.jev.websocket;

import dev.jev.ProtocolContext;
import dev.jev.Server;
import io.netty.handler.codec.http.cookie.Cookie;
import io.netty.handler.codec.http.cookie.ServerCookieDecoder;
import java.net.SocketAddress;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * An HTTP/1.1 request without content (RFC 9110, RFC 9112): the opening handshake of a WebSocket,
 * or a plain request for an {@link HttpResponder}.
 *
 * <p><b>Threads.</b> All methods may be called from any thread.
 */
public final class HttpRequest {

  private final String method;
  private final String target; // in origin form
  private final @Nullable String authority; // if the target had one
  private final boolean persistent; // HTTP/1.1
  private final HttpFields fields;
  private final ProtocolContext context;

  HttpRequest(
      String method,
      String target,
      @Nullable String authority,
      boolean persistent,
      HttpFields fields,
      ProtocolContext context) {
    this.method = method;
    this.target = target;
    this.authority = authority;
    this.persistent = persistent;
    this.fields = fields;
    this.context = context;
  }

  /** Returns the method, which is always {@code GET} for an opening handshake. */
  public String method() {
    return method;
  }

  /** Returns the path and query as they were sent: {@code /chat?room=1}. */
  public String target() {
    return target;
  }

  /** Returns the path as it was sent, neither decoded nor normalized: {@code /chat}. */
  public String path() {
    int query = target.indexOf('?');
    return query < 0 ? target : target.substring(0, query);
  }

  /** Returns the query as it was sent, without the question mark, or null if there is none. */
  public @Nullable String query() {
    int query = target.indexOf('?');
    return query < 0 ? null : target.substring(query + 1);
  }

  /**
   * Returns the first value of a query parameter, decoded like form data. Returns null if there is
   * none, or if it is not UTF-8: nothing is replaced, so two values that differ stay different.
   */
  public @Nullable String parameter(String name) {
    String query = query();
    for (String pair : query == null ? new String[0] : query.split("&", -1)) {
      int equals = pair.indexOf('=');
      String key = equals < 0 ? pair : pair.substring(0, equals);
      if (name.equals(StrictText.formDecoded(key))) {
        return equals < 0 ? "" : StrictText.formDecoded(pair.substring(equals + 1));
      }
    }
    return null;
  }

  /**
   * Returns the host that the request is for, with the port if the client has sent one; null only
   * over HTTP/1.0.
   */
  public @Nullable String host() {
    return authority != null ? authority : header("Host");
  }

  /**
   * Returns the value of the first header line with a name, ignoring case, or null. A byte that is
   * not ASCII is the character of ISO 8859-1 with its number (RFC 9110, 5.5).
   */
  public @Nullable String header(String name) {
    return fields.first(name);
  }

  /** Returns the values of all header lines with a name, ignoring case. */
  public List<String> headers(String name) {
    return fields.all(name);
  }

  /** Returns all header lines in their order. */
  public List<Map.Entry<String, String>> headers() {
    return fields.all();
  }

  /** Returns the value of the first cookie with a name (RFC 6265, 4.2), or null. */
  public @Nullable String cookie(String name) {
    for (String line : headers("Cookie")) {
      for (Cookie cookie : ServerCookieDecoder.STRICT.decodeAll(line)) {
        if (cookie.name().equals(name)) {
          return cookie.value();
        }
      }
    }
    return null;
  }

  /** Returns the offered subprotocols, in the client's order of preference (RFC 6455, 11.3.4). */
  public List<String> subprotocols() {
    return Tokens.elements(headers("Sec-WebSocket-Protocol"));
  }

  /** Returns the address of the peer, see {@link dev.jev.Connection#remoteAddress}. */
  public @Nullable SocketAddress remoteAddress() {
    return context.remoteAddress();
  }

  /**
   * Returns the attribute of the connection with a type, or null: {@link dev.jev.plugin.TlsSession}
   * for example. See {@link dev.jev.Connection#attribute}.
   */
  public <T> @Nullable T attribute(Class<T> type) {
    return context.attribute(type);
  }

  /**
   * Returns the server that has received the request, for a page about it: {@code
   * request.server().connectionCount()}. Null in a client, and in a test without a network.
   */
  public @Nullable Server server() {
    return context.host() instanceof Server server ? server : null;
  }

  /**
   * Runs a task once when the connection of this request has closed, for whatever reason: to
   * release what was counted for the request, for example a seat in a room. A WebSocket may never
   * reach {@link dev.jev.Handler#onConnect} and {@code onClose}, since its peer may leave before it
   * is accepted; this task always runs.
   *
   * <p>It runs on the connection's event loop, after {@code onClose} if that is called, and never
   * inside a callback. If the connection has closed already, it runs soon; if the event loop has
   * ended, in the calling thread. Exceptions are logged.
   */
  public void onClose(Runnable task) {
    context.onClose(task);
  }

  /** Returns a copy to keep, without the header lines of the handshake itself. */
  HttpRequest withoutHandshake() {
    HttpFields kept = fields.withoutHandshake().shared();
    return new HttpRequest(method, target, authority, persistent, kept, context);
  }

  /** Returns the number of header lines. */
  int headerCount() {
    return fields.count();
  }

  /** Returns whether the connection stays open for further requests (RFC 9112, 9.3). */
  boolean isPersistent() {
    return persistent && !Tokens.contains(headers("Connection"), "close");
  }

  /** Returns whether this is an HTTP/1.0 request. */
  boolean isOld() {
    return !persistent;
  }

  /** Returns the method and path. */
  @Override
  public String toString() {
    return method + " " + path();
  }
}
