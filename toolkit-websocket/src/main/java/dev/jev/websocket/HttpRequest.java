package dev.jev.websocket;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.jev.ProtocolContext;
import io.netty.handler.codec.http.cookie.Cookie;
import io.netty.handler.codec.http.cookie.ServerCookieDecoder;
import java.net.SocketAddress;
import java.net.URLDecoder;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A request over HTTP/1.1 (RFC 9110, RFC 9112), which has no content: the one that a WebSocket
 * began with, or one for an {@link HttpResponder}.
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

  /** The method, {@code GET} for example; that of a WebSocket always is. */
  public String method() {
    return method;
  }

  /** Path and query as they were sent: {@code /chat?room=1}. */
  public String target() {
    return target;
  }

  /** The path as it was sent, neither decoded nor simplified: {@code /chat}. */
  public String path() {
    int query = target.indexOf('?');
    return query < 0 ? target : target.substring(0, query);
  }

  /** The query as it was sent, without the question mark, or null if there is none. */
  public @Nullable String query() {
    int query = target.indexOf('?');
    return query < 0 ? null : target.substring(query + 1);
  }

  /** The first value in the query by that name, decoded as forms are, or null if there is none. */
  public @Nullable String parameter(String name) {
    String query = query();
    for (String pair : query == null ? new String[0] : query.split("&", -1)) {
      int equals = pair.indexOf('=');
      String key = equals < 0 ? pair : pair.substring(0, equals);
      if (URLDecoder.decode(key, UTF_8).equals(name)) {
        return equals < 0 ? "" : URLDecoder.decode(pair.substring(equals + 1), UTF_8);
      }
    }
    return null;
  }

  /** Whom the request is for, with a port if one was given; null only over HTTP/1.0. */
  public @Nullable String host() {
    return authority != null ? authority : header("Host");
  }

  /** The value of the first header line by that name, in whatever case, or null. */
  public @Nullable String header(String name) {
    return fields.first(name);
  }

  /** The values of all header lines by that name, in whatever case. */
  public List<String> headers(String name) {
    return fields.all(name);
  }

  /** All header lines, in their order. */
  public List<Map.Entry<String, String>> headers() {
    return fields.all();
  }

  /** The value of the first cookie by that name (RFC 6265, 4.2), or null. */
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

  /** The subprotocols that were offered, what the client likes best first (RFC 6455, 11.3.4). */
  public List<String> subprotocols() {
    return Tokens.elements(headers("Sec-WebSocket-Protocol"));
  }

  /** The address of the peer, see {@link dev.jev.Connection#remoteAddress}. */
  public @Nullable SocketAddress remoteAddress() {
    return context.remoteAddress();
  }

  /**
   * What is known about the connection by that type, or null: {@link dev.jev.plugin.TlsSession} for
   * example, see {@link dev.jev.Connection#attribute}.
   */
  public <T> @Nullable T attribute(Class<T> type) {
    return context.attribute(type);
  }

  /** This as the connection keeps it: without the header lines of the handshake itself. */
  HttpRequest withoutHandshake() {
    return new HttpRequest(
        method, target, authority, persistent, fields.withoutHandshake(), context);
  }

  /** Whether the peer takes further responses over the connection (RFC 9112, 9.3). */
  boolean isPersistent() {
    return persistent && !Tokens.contains(headers("Connection"), "close");
  }

  /** Whether it came over HTTP/1.0. */
  boolean isOld() {
    return !persistent;
  }

  /** Method and path. */
  @Override
  public String toString() {
    return method + " " + path();
  }
}
