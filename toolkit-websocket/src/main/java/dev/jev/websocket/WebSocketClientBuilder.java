package dev.jev.websocket;

import java.net.URI;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.Supplier;

/**
 * Configures the protocol of a WebSocket client, see {@link WebSocketProtocol#client}.
 *
 * <p>A server that answers with anything but a WebSocket closes the connection with {@link
 * dev.jev.CloseReason.Kind#PROTOCOL_ERROR}, and the message of its cause says what was wrong:
 * {@code handshake: status: 403 (expected: 101)}. Redirections are not followed.
 */
public final class WebSocketClientBuilder {

  private final URI uri;
  private final boolean secure;
  private int maxMessageBytes = WebSocketServerBuilder.MAX_MESSAGE_BYTES;
  private int maxFragments = WebSocketServerBuilder.MAX_FRAGMENTS;
  private List<String> subprotocols = List.of();
  private HttpFields fields = HttpFields.NONE;

  /** What the request of every connection says, except its key. */
  record Request(
      String target, String host, boolean secure, HttpFields fields, List<String> subprotocols) {}

  WebSocketClientBuilder(URI uri) {
    String scheme = String.valueOf(uri.getScheme()).toLowerCase(Locale.ROOT);
    if (!Set.of("ws", "wss").contains(scheme) || uri.getHost() == null) {
      throw new IllegalArgumentException("uri: " + uri + " (expected: ws://host/... or wss://...)");
    }
    if (uri.getRawFragment() != null || uri.getRawUserInfo() != null) { // RFC 6455, 3
      throw new IllegalArgumentException("uri: " + uri + " (expected: no fragment and no user)");
    }
    this.uri = uri;
    this.secure = scheme.equals("wss");
  }

  /**
   * The longest message, in bytes, that is accepted; 64 KiB by default. A longer one closes the
   * connection with 1009.
   */
  public WebSocketClientBuilder maxMessageBytes(int maxMessageBytes) {
    this.maxMessageBytes = WebSocketServerBuilder.checkPositive("maxMessageBytes", maxMessageBytes);
    return this;
  }

  /**
   * Into how many frames a message may be fragmented, empty ones included; 1,024 by default. More
   * close the connection with 1008.
   */
  public WebSocketClientBuilder maxFragments(int maxFragments) {
    this.maxFragments = WebSocketServerBuilder.checkPositive("maxFragments", maxFragments);
    return this;
  }

  /**
   * The subprotocols to offer, what is liked best first; none by default. {@link
   * WebSocketHandshake#subprotocol} tells what became of it.
   *
   * @throws IllegalArgumentException if one of them is no token or stands there twice
   */
  public WebSocketClientBuilder subprotocols(String... subprotocols) {
    for (String subprotocol : subprotocols) {
      WebSocketServerBuilder.checkSubprotocol(subprotocol);
    }
    if (Set.copyOf(List.of(subprotocols)).size() < subprotocols.length) {
      throw new IllegalArgumentException("subprotocols: one twice (expected: each once)");
    }
    this.subprotocols = List.of(subprotocols);
    return this;
  }

  /**
   * Adds a header line to the request: an {@code Authorization}, say.
   *
   * @throws IllegalArgumentException if it is not ASCII, or belongs to the framing of messages or
   *     to the handshake
   */
  public WebSocketClientBuilder header(String name, String value) {
    HttpFields.check(name, value);
    fields = fields.with(name, value);
    return this;
  }

  /** Where {@link dev.jev.Client.Builder#connect} finds the server: {@code tcp://host:port}. */
  public String address() {
    int port = uri.getPort() >= 0 ? uri.getPort() : secure ? 443 : 80;
    return "tcp://" + uri.getHost() + ":" + port;
  }

  /** What {@link dev.jev.Client#builder} wants. */
  public Supplier<WebSocketProtocol> build() {
    String path = uri.getRawPath().isEmpty() ? "/" : uri.getRawPath();
    String target = uri.getRawQuery() == null ? path : path + "?" + uri.getRawQuery();
    boolean isDefault = uri.getPort() < 0 || uri.getPort() == (secure ? 443 : 80);
    String host = isDefault ? uri.getHost() : uri.getHost() + ":" + uri.getPort();
    HttpFields all =
        subprotocols.isEmpty()
            ? fields
            : fields.with(HttpResponse.SUBPROTOCOL, String.join(", ", subprotocols));
    Request request = new Request(target, host, secure, all, subprotocols);
    int messageBytes = maxMessageBytes;
    int fragments = maxFragments;
    return () ->
        WebSocketProtocol.of(Role.CLIENT, new ClientOpening(request), messageBytes, fragments);
  }
}
