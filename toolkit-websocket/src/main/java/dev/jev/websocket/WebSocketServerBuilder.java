package dev.jev.websocket;

import static java.util.Objects.requireNonNull;

import dev.jev.HostName;
import dev.jev.Protocol;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletionStage;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Builder for the protocol of a WebSocket server, see {@link WebSocketProtocol#server}.
 *
 * <p><b>Opening handshake.</b> A request is checked in this order: the validity of the handshake,
 * its path (404), host (421), origin (403) and subprotocol (400). Then {@link #onUpgrade} accepts
 * or refuses it. Every refusal is a complete HTTP response, after which the connection closes with
 * {@link dev.jev.CloseReason.Kind#PROTOCOL_ERROR}. The handler is not called for such a connection.
 *
 * <p><b>Limits of the handshake.</b> The request line has at most 4 KiB (414), the header lines
 * have at most 8 KiB and number at most 100 (431). The server's {@link
 * dev.jev.Server.Builder#handshakeTimeout} covers the whole handshake (408, or 503 while the
 * decision is pending). Frames that arrive before the decision are kept, up to 4 KiB (400).
 *
 * <p><b>Limits of messages.</b> A message must arrive within the server's {@link
 * dev.jev.Server.Builder#frameTimeout}, also one in fragments or in parts: 30 s by default, plus 1
 * s per KiB received (close code 1008). The other limits are options of this builder.
 *
 * <p><b>Threads.</b> Not thread-safe. The supplier that {@link #build} returns may be called by any
 * thread.
 */
public final class WebSocketServerBuilder {

  private MessageLimits limits = MessageLimits.DEFAULT;
  private ControlPolicy control = ControlPolicy.SERVER;
  private final List<String> paths = new ArrayList<>();
  private Set<String> hosts = Set.of();
  private OriginPolicy origins = OriginPolicy.DEFAULT;
  private List<String> subprotocols = List.of();
  private boolean subprotocolRequired;
  private @Nullable WebSocketCompression compression;
  private @Nullable Function<HttpRequest, CompletionStage<HttpResponse>> decision;
  private @Nullable HttpResponder http;

  WebSocketServerBuilder() {}

  /**
   * Sets the maximum size of a received message, in bytes; 64 KiB by default. A longer message
   * closes the connection with close code 1009.
   *
   * @throws IllegalArgumentException if {@code maxMessageBytes} is not in 1..2^30
   */
  public WebSocketServerBuilder maxMessageBytes(int maxMessageBytes) {
    limits = limits.maxMessageBytes(maxMessageBytes);
    return this;
  }

  /**
   * Sets the maximum number of frames of a fragmented message, empty frames included; 1,024 by
   * default. More frames close the connection with close code 1008.
   *
   * @throws IllegalArgumentException if {@code maxFragments} is not in 1..2^30
   */
  public WebSocketServerBuilder maxFragments(int maxFragments) {
    limits = limits.maxFragments(maxFragments);
    return this;
  }

  /**
   * Sets the ping interval and the time to wait for a sign of life after a ping; 25 s and 10 s by
   * default.
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
  public WebSocketServerBuilder heartbeat(Duration ping, Duration pong) {
    control = control.heartbeat(ping, pong);
    return this;
  }

  /**
   * Disables the {@link #heartbeat}. Without pings, a peer that has vanished is detected only when
   * something is sent to it.
   */
  public WebSocketServerBuilder withoutHeartbeat() {
    control = control.withoutHeartbeat();
    return this;
  }

  /**
   * Delivers {@link WebSocketMessage.Ping} and {@link WebSocketMessage.Pong} messages to the
   * handler, too; by default they are not delivered. Pings are answered in either case. Of more
   * than 16 consecutive pings in one read, only the first 16 and the latest are answered.
   */
  public WebSocketServerBuilder deliverControlFrames() {
    control = control.delivering();
    return this;
  }

  /**
   * Sets the close code that peers receive when the server stops or drains; 1001 (going away) by
   * default. Many clients reconnect after 1012 (service restart, IANA's registry for RFC 6455).
   *
   * @param code the close code, in 1000..1003, 1007..1014 or 3000..4999
   * @throws IllegalArgumentException if a close frame cannot carry {@code code}
   */
  public WebSocketServerBuilder stopCloseCode(int code) {
    control = control.stopCode(CloseCode.check("stopCloseCode", code));
    return this;
  }

  /**
   * Sets the text that peers receive before the close frame when the server stops or drains; none
   * by default. It tells them, for example, when to reconnect.
   *
   * @param text creates the text for each connection, on its event loop; null sends none; must not
   *     throw
   */
  public WebSocketServerBuilder stopText(Function<WebSocketHandshake, @Nullable String> text) {
    control = control.stopText(requireNonNull(text, "text"));
    return this;
  }

  /**
   * Delivers messages in parts, as they arrive, instead of whole: the handler gets {@link
   * WebSocketMessage.Fragment}s in place of texts and binary messages. The UTF-8 of a text is
   * checked as far as it has arrived.
   *
   * <p><b>Limits.</b> A part has at most 64 KiB, or as much as one read brings. {@link
   * #maxMessageBytes} does not apply, but beyond the first MiB a compressed message may expand to
   * at most 100 times its compressed size (close code 1009). {@link #maxFragments} counts
   * consecutive empty frames only.
   */
  public WebSocketServerBuilder streaming() {
    limits = limits.inParts();
    return this;
  }

  /**
   * Refuses binary messages, with close code 1003; by default texts and binary messages are
   * received. With it, every message is a {@link WebSocketMessage.Text}, or with {@link #streaming}
   * a part of one. Control frames are not affected.
   */
  public WebSocketServerBuilder textOnly() {
    limits = limits.ofTextOnly();
    return this;
  }

  /**
   * Adds a path that accepts WebSockets: {@code /chat}, or {@code /rooms/*} for all paths below
   * {@code /rooms/}. By default every path does. Handshakes for other paths are refused with 404.
   *
   * @throws IllegalArgumentException if {@code path} does not begin with a slash, or contains a
   *     query or a fragment
   */
  public WebSocketServerBuilder path(String path) {
    paths.add(Checks.path(path));
    return this;
  }

  /**
   * Sets the {@linkplain HostName host names} of this server, without ports; by default every name
   * is accepted. A handshake for another host is refused with 421 (RFC 9110, 15.5.20). Plain HTTP
   * requests are not checked.
   *
   * @throws IllegalArgumentException if one of them is neither a host name nor an address
   */
  public WebSocketServerBuilder hosts(String... hosts) {
    this.hosts =
        Stream.of(hosts)
            .map(host -> HostName.of(Authority.withoutBrackets(host)).header())
            .collect(Collectors.toUnmodifiableSet());
    return this;
  }

  /**
   * Sets the origins of the pages that may open a WebSocket (RFC 6455, 10.2), such as {@code
   * https://example.com}, or {@code null} for pages with an opaque origin. By default a page must
   * come from the host and port that it connects to. Other origins are refused with 403.
   *
   * <p>Only browsers send an origin, so this check protects the users of browsers only.
   *
   * @throws IllegalArgumentException if one of them is not an origin
   */
  public WebSocketServerBuilder origins(String... origins) {
    Set<String> listed =
        Stream.of(origins)
            .map(WebSocketServerBuilder::checkOrigin)
            .collect(Collectors.toUnmodifiableSet());
    this.origins = new OriginPolicy(OriginPolicy.Kind.LISTED, listed, this.origins.required());
    return this;
  }

  /**
   * Allows pages of every origin to open a WebSocket. Browsers send the user's cookies for this
   * server with such a handshake.
   */
  public WebSocketServerBuilder allowAnyOrigin() {
    origins = new OriginPolicy(OriginPolicy.Kind.ANY, Set.of(), origins.required());
    return this;
  }

  /**
   * Refuses handshakes without an origin with 403: those of all clients other than browsers. By
   * default they are accepted.
   */
  public WebSocketServerBuilder requireOrigin() {
    origins = new OriginPolicy(origins.kind(), origins.origins(), /* required= */ true);
    return this;
  }

  /**
   * Sets the supported subprotocols, in order of preference; none by default. The first one that
   * the client has offered is selected (RFC 6455, 4.2.2). If the client has offered none of them,
   * the WebSocket opens without a subprotocol, and the client may close it.
   *
   * @throws IllegalArgumentException if one of them is not a token
   */
  public WebSocketServerBuilder subprotocols(String... subprotocols) {
    for (String subprotocol : subprotocols) {
      Checks.subprotocol(subprotocol);
    }
    this.subprotocols = List.of(subprotocols);
    return this;
  }

  /**
   * Refuses handshakes that offer none of the {@link #subprotocols} with 400; by default they are
   * accepted.
   */
  public WebSocketServerBuilder requireSubprotocol() {
    subprotocolRequired = true;
    return this;
  }

  /** Enables compression with {@link WebSocketCompression#DEFAULT}. */
  public WebSocketServerBuilder compression() {
    return compression(WebSocketCompression.DEFAULT);
  }

  /**
   * Enables compression for clients that offer it: permessage-deflate (RFC 7692); by default
   * messages are not compressed. {@link #maxMessageBytes} limits the decompressed size.
   *
   * <p>Do not compress secrets together with data that an attacker can choose: the compressed
   * length reveals how similar the two are.
   */
  public WebSocketServerBuilder compression(WebSocketCompression compression) {
    this.compression = requireNonNull(compression, "compression");
    return this;
  }

  /**
   * Sets the function that accepts or refuses each handshake that has passed all other checks; by
   * default all of them are accepted. {@link HttpResponse#accept} accepts the WebSocket, with
   * further header lines if wanted, and with {@linkplain HttpResponse#attribute attributes} for the
   * handler. Any other response refuses it. What the function counts or reserves is released in
   * {@link HttpRequest#onClose}.
   *
   * <p><b>Threads.</b> Called on the connection's event loop: must not block. The stage may be
   * completed later, by any thread; nothing happens if the peer has left by then. If it fails, the
   * request is answered with 500, and the connection closes with {@link
   * dev.jev.CloseReason.Kind#HANDLER_ERROR}, which is logged with the cause.
   */
  public WebSocketServerBuilder onUpgrade(
      Function<HttpRequest, CompletionStage<HttpResponse>> decision) {
    this.decision = requireNonNull(decision, "decision");
    return this;
  }

  /**
   * Sets the responder for plain HTTP requests; none by default. A request that it leaves
   * unanswered gets 404, or 426 (upgrade required) if its path was given to {@link #path}. Without
   * a responder every plain request gets 426, or 404 if paths were given and its path is not among
   * them.
   */
  public WebSocketServerBuilder http(HttpResponder http) {
    this.http = requireNonNull(http, "http");
    return this;
  }

  /**
   * Returns the protocol factory for {@link dev.jev.Server#builder}, with the options set so far.
   * It creates one protocol per connection.
   */
  public Supplier<WebSocketProtocol> build() {
    return build(limits, control);
  }

  private Supplier<WebSocketProtocol> build(MessageLimits messages, ControlPolicy controls) {
    ServerPolicy policy =
        new ServerPolicy(
            List.copyOf(paths),
            hosts,
            origins,
            subprotocols,
            subprotocolRequired,
            compression,
            decision,
            http);
    return () ->
        new WebSocketProtocol(
            Role.SERVER, new ServerOpening(policy), controls, messages.newReader());
  }

  /**
   * Returns the factory of a protocol whose bytes are the payload of WebSocket messages, for the
   * handler that also serves that protocol on TCP.
   *
   * <pre>
   *   Server.builder(WebSocketProtocol.server().path("/mqtt").tunnel(Mqtt::protocol), broker)
   * </pre>
   *
   * <p>The payloads of binary messages are a stream of bytes; where a message begins and ends has
   * no meaning. A text is refused with close code 1003. Each message that is sent is one binary
   * message, and so is each write of the inner protocol. When the connection closes, the inner
   * protocol writes its last bytes, then the close frame follows.
   *
   * <p><b>Limits.</b> Those of both protocols hold, with these differences. A binary message may
   * have any length and last as long as the connection; {@link #maxMessageBytes} does not apply,
   * and {@link #maxFragments} counts consecutive empty frames only. A frame of the inner protocol
   * that is longer than the server's {@link dev.jev.Server.Builder#maxFrameBytes} is refused with
   * 1009. A frame of either protocol must arrive within the {@link
   * dev.jev.Server.Builder#frameTimeout}. {@link #deliverControlFrames} and {@link #stopText} have
   * no effect.
   *
   * @param protocols the factory of the inner protocol, called once per connection
   */
  public <I, O> Supplier<Protocol<I, O>> tunnel(Supplier<? extends Protocol<I, O>> protocols) {
    requireNonNull(protocols, "protocols");
    limits.requireBinary();
    Supplier<WebSocketProtocol> sockets = build(limits.inParts(), control.withoutMessages());
    return () -> new TunneledProtocol<>(sockets.get(), protocols.get());
  }

  private static String checkOrigin(String origin) {
    String normalized = OriginPolicy.normalized(origin);
    if (normalized == null) {
      throw new IllegalArgumentException(
          "origin: " + origin + " (expected: scheme://host, scheme://host:port or null)");
    }
    return normalized;
  }
}
