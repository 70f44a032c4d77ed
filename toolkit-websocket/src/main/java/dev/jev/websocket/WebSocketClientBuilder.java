package dev.jev.websocket;

import static java.util.Objects.requireNonNull;

import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

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
  private MessageLimits limits = MessageLimits.DEFAULT;
  private ControlPolicy control = ControlPolicy.CLIENT;
  private List<String> subprotocols = List.of();
  private @Nullable WebSocketCompression compression;
  private HttpFields fields = HttpFields.NONE;

  WebSocketClientBuilder(URI uri) {
    String scheme = String.valueOf(uri.getScheme()).toLowerCase(Locale.ROOT);
    if (!Set.of("ws", "wss").contains(scheme) || uri.getHost() == null) {
      throw new IllegalArgumentException("uri: " + uri + " (expected: ws://host/... or wss://...)");
    }
    if (uri.getRawFragment() != null || uri.getRawUserInfo() != null) { // RFC 6455, 3
      throw new IllegalArgumentException("uri: " + uri + " (expected: no fragment, no user info)");
    }
    this.uri = uri;
    this.secure = scheme.equals("wss");
  }

  /**
   * The longest message, in bytes, that is accepted; 64 KiB by default. A longer one closes the
   * connection with 1009.
   */
  public WebSocketClientBuilder maxMessageBytes(int maxMessageBytes) {
    limits = limits.maxMessageBytes(maxMessageBytes);
    return this;
  }

  /**
   * Into how many frames a message may be fragmented, empty ones included; 1,024 by default. More
   * close the connection with 1008.
   */
  public WebSocketClientBuilder maxFragments(int maxFragments) {
    limits = limits.maxFragments(maxFragments);
    return this;
  }

  /**
   * How often to ask the peer whether it is there, and how long to wait for it to say something. By
   * default the server's pings are answered and none are sent: that one side asks is enough for
   * both to keep the way open, and servers mostly do. Who has to know soon that the server is gone
   * sets it.
   *
   * <p>A ping is sent after {@code ping}, give or take a fifth of it at random. A peer from which
   * nothing at all comes for {@code pong} after it is gone: the connection closes at once, with
   * {@link dev.jev.CloseReason.Kind#TIMEOUT}. So it is found within 1.2 {@code ping} + {@code
   * pong}, and at most 1 % of that later. {@link WebSocketRoundTrip} has how long the answers take.
   *
   * <p>What nobody could hear is not counted: a stop of the process, a blocked event loop, and the
   * time in which reading stops because the handler has paused it or the peer takes no output. Who
   * never takes any is found by {@link dev.jev.plugin.Limits.Builder#writeStallTimeout}, which also
   * keeps the system from collecting megabytes that a ping would have to wait behind.
   *
   * <p>All connections of an event loop share one timer.
   *
   * @param ping 10 ms to 1 day
   * @param pong 10 ms to 1 day
   */
  public WebSocketClientBuilder heartbeat(Duration ping, Duration pong) {
    control = control.heartbeat(ping, pong);
    return this;
  }

  /**
   * Gives the handler {@link WebSocketMessage.Ping} and {@link WebSocketMessage.Pong} messages,
   * too. Pings are answered all the same: of those that one read brings the last one.
   */
  public WebSocketClientBuilder deliverControlFrames() {
    control = control.delivering();
    return this;
  }

  /**
   * Delivers messages in parts, as they arrive, instead of whole, as {@link
   * WebSocketServerBuilder#streaming} does.
   */
  public WebSocketClientBuilder streaming() {
    limits = limits.inParts();
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
      Checks.subprotocol(subprotocol);
    }
    if (Set.copyOf(List.of(subprotocols)).size() < subprotocols.length) {
      throw new IllegalArgumentException("subprotocols: a duplicate (expected: each once)");
    }
    this.subprotocols = List.of(subprotocols);
    return this;
  }

  /** Offers to compress messages, by {@link WebSocketCompression#DEFAULT}. */
  public WebSocketClientBuilder compression() {
    return compression(WebSocketCompression.DEFAULT);
  }

  /**
   * Offers to compress messages: permessage-deflate (RFC 7692); by default it is not offered. What
   * {@link WebSocketServerBuilder#compression(WebSocketCompression)} says is true here, too.
   *
   * <p>Without context takeover the server is asked to do without as well; if it will not, the
   * connection keeps up to 64 KiB of what it has received.
   */
  public WebSocketClientBuilder compression(WebSocketCompression compression) {
    this.compression = requireNonNull(compression, "compression");
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
    HttpFields all = fields;
    if (!subprotocols.isEmpty()) {
      all = all.with(HttpResponse.SUBPROTOCOL, String.join(", ", subprotocols));
    }
    if (compression != null) {
      all = all.with(PermessageDeflate.HEADER, PermessageDeflate.offer(compression));
    }
    ClientRequest request = new ClientRequest(target, host, secure, all, subprotocols, compression);
    MessageLimits messages = limits;
    ControlPolicy controls = control;
    return () ->
        new WebSocketProtocol(
            Role.CLIENT, new ClientOpening(request), controls, messages.newReader());
  }
}
