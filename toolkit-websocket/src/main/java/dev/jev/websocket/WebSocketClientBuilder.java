package dev.jev.websocket;

import static java.util.Objects.requireNonNull;

import dev.jev.HostName;
import dev.jev.Protocol;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Builder for the protocol of a WebSocket client, see {@link WebSocketProtocol#client}.
 *
 * <p>If the server refuses the handshake, the connection closes with {@link
 * dev.jev.CloseReason.Kind#PROTOCOL_ERROR}, and the message of its cause states the fault: {@code
 * handshake: status: 403 (expected: 101)}. Redirects are not followed.
 *
 * <p><b>Threads.</b> Not thread-safe. The supplier that {@link #build} returns may be called by any
 * thread.
 */
public final class WebSocketClientBuilder {

  private final String target;
  private final HostName host;
  private final int port;
  private final boolean secure;
  private MessageLimits limits = MessageLimits.DEFAULT;
  private ControlPolicy control = ControlPolicy.CLIENT;
  private List<String> subprotocols = List.of();
  private @Nullable WebSocketCompression compression;
  private HttpFields fields = HttpFields.NONE;

  WebSocketClientBuilder(URI uri) {
    String scheme = String.valueOf(uri.getScheme()).toLowerCase(Locale.ROOT);
    String authority = uri.getRawAuthority();
    if (!Set.of("ws", "wss").contains(scheme) || authority == null) {
      throw new IllegalArgumentException("uri: " + uri + " (expected: ws://host/... or wss://...)");
    }
    if (uri.getRawFragment() != null || authority.contains("@")) { // RFC 6455, 3
      throw new IllegalArgumentException("uri: " + uri + " (expected: no fragment, no user info)");
    }
    Authority parts = Authority.of(authority);
    String path = uri.getRawPath().isEmpty() ? "/" : uri.getRawPath();
    String query = uri.getRawQuery() == null ? "" : "?" + uri.getRawQuery();
    this.target = StrictText.percentEncoded("uri", path + query);
    this.secure = scheme.equals("wss");
    this.host = parts.host();
    this.port = parts.port() >= 0 ? parts.port() : defaultPort();
  }

  private int defaultPort() {
    return secure ? 443 : 80; // RFC 6455, 3
  }

  /**
   * Sets the maximum size of a received message, in bytes; 64 KiB by default. A longer message
   * closes the connection with close code 1009.
   *
   * @throws IllegalArgumentException if {@code maxMessageBytes} is not in 1..2^30
   */
  public WebSocketClientBuilder maxMessageBytes(int maxMessageBytes) {
    limits = limits.maxMessageBytes(maxMessageBytes);
    return this;
  }

  /**
   * Sets the maximum number of frames of a fragmented message, empty frames included; 1,024 by
   * default. More frames close the connection with close code 1008.
   *
   * @throws IllegalArgumentException if {@code maxFragments} is not in 1..2^30
   */
  public WebSocketClientBuilder maxFragments(int maxFragments) {
    limits = limits.maxFragments(maxFragments);
    return this;
  }

  /**
   * Sets the ping interval and the time to wait for a sign of life after a ping. By default no
   * pings are sent, and the server's pings are answered: pings from one side keep the connection
   * open for both, and most servers send them. A client that must detect a dead server soon sets
   * this option.
   *
   * <p>A ping is sent every {@code ping}, plus or minus up to a fifth at random. If no byte arrives
   * within {@code pong} after the ping, the peer is considered gone and the connection closes at
   * once, without a close frame, with {@link dev.jev.CloseReason.Kind#TIMEOUT}. So a dead peer is
   * detected within 1.2 {@code ping} + {@code pong}, or at most 1 % later. The round-trip times are
   * in {@link WebSocketRoundTrip}.
   *
   * <p>Time in which nothing can be read does not count: the process was stopped, the event loop
   * was blocked, the handler has paused reading, or reading has stopped because the peer takes no
   * output. A peer that never takes any output is detected by {@link
   * dev.jev.plugin.Limits.Builder#writeStallTimeout}, which also keeps the operating system from
   * buffering megabytes in front of a ping.
   *
   * <p>All connections of an event loop share one timer.
   *
   * @param ping the mean time between two pings, 10 ms to 1 day
   * @param pong the time to wait after a ping, 10 ms to 1 day
   * @throws IllegalArgumentException if one of them is out of range
   */
  public WebSocketClientBuilder heartbeat(Duration ping, Duration pong) {
    control = control.heartbeat(ping, pong);
    return this;
  }

  /**
   * Delivers {@link WebSocketMessage.Ping} and {@link WebSocketMessage.Pong} messages to the
   * handler, too; by default they are not delivered. Pings are answered in either case. Of more
   * than 16 consecutive pings in one read, only the first 16 and the latest are answered.
   */
  public WebSocketClientBuilder deliverControlFrames() {
    control = control.delivering();
    return this;
  }

  /**
   * Delivers messages in parts, as they arrive, instead of whole: the same as {@link
   * WebSocketServerBuilder#streaming}, with the same limits.
   */
  public WebSocketClientBuilder streaming() {
    limits = limits.inParts();
    return this;
  }

  /**
   * Refuses binary messages, with close code 1003; by default texts and binary messages are
   * received. With it, every message is a {@link WebSocketMessage.Text}, or with {@link #streaming}
   * a part of one. Control frames are not affected.
   */
  public WebSocketClientBuilder textOnly() {
    limits = limits.ofTextOnly();
    return this;
  }

  /**
   * Sets the subprotocols to offer, in order of preference; none by default. {@link
   * WebSocketHandshake#subprotocol} returns the one that the server selected.
   *
   * @throws IllegalArgumentException if one of them is not a token or is a duplicate
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

  /** Offers compression with {@link WebSocketCompression#DEFAULT}. */
  public WebSocketClientBuilder compression() {
    return compression(WebSocketCompression.DEFAULT);
  }

  /**
   * Offers compression of messages: permessage-deflate (RFC 7692); by default it is not offered.
   * The limit and the warning of {@link WebSocketServerBuilder#compression(WebSocketCompression)}
   * apply here, too.
   *
   * <p>Without context takeover the client asks the server not to use it either. If the server
   * declines, each connection keeps up to 64 KiB of received data.
   */
  public WebSocketClientBuilder compression(WebSocketCompression compression) {
    this.compression = requireNonNull(compression, "compression");
    return this;
  }

  /**
   * Adds a header line to the request, {@code Authorization} for example.
   *
   * @throws IllegalArgumentException if the name is not a token or the value not ASCII, or if the
   *     header belongs to message framing or to the handshake
   */
  public WebSocketClientBuilder header(String name, String value) {
    HttpFields.check(name, value);
    fields = fields.with(name, value);
    return this;
  }

  /**
   * Returns the address of the server for {@link dev.jev.Client.Builder#connect}: {@code
   * tcp://host:port}. The default port is 80 for ws and 443 for wss.
   */
  public String address() {
    return "tcp://" + host + ":" + port;
  }

  /**
   * Returns the protocol factory for {@link dev.jev.Client#builder}, with the options set so far.
   * It creates one protocol per connection.
   */
  public Supplier<WebSocketProtocol> build() {
    return build(limits, control);
  }

  /**
   * Returns the factory of a protocol whose bytes are the payload of WebSocket messages, with the
   * rules and limits of {@link WebSocketServerBuilder#tunnel}.
   *
   * @param protocols the factory of the inner protocol, called once per connection
   */
  public <I, O> Supplier<Protocol<I, O>> tunnel(Supplier<? extends Protocol<I, O>> protocols) {
    requireNonNull(protocols, "protocols");
    limits.requireBinary();
    Supplier<WebSocketProtocol> sockets = build(limits.inParts(), control.withoutMessages());
    return () -> new TunneledProtocol<>(sockets.get(), protocols.get());
  }

  private Supplier<WebSocketProtocol> build(MessageLimits messages, ControlPolicy controls) {
    String authority = port == defaultPort() ? host.header() : host.header() + ":" + port;
    HttpFields all = fields;
    if (!subprotocols.isEmpty()) {
      all = all.with(HttpResponse.SUBPROTOCOL, String.join(", ", subprotocols));
    }
    if (compression != null) {
      all = all.with(PermessageDeflate.HEADER, PermessageDeflate.offer(compression));
    }
    ClientRequest request =
        new ClientRequest(target, authority, secure, all, subprotocols, compression);
    return () ->
        new WebSocketProtocol(
            Role.CLIENT, new ClientOpening(request), controls, messages.newReader());
  }
}
