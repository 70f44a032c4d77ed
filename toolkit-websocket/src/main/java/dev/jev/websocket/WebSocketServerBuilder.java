package dev.jev.websocket;

import static java.util.Objects.requireNonNull;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.CompletionStage;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Configures the protocol of a WebSocket server, see {@link WebSocketProtocol#server}.
 *
 * <p>A request is checked in this order: whether it is a valid handshake, its path (404), host
 * (421), origin (403), subprotocol (400); then {@link #onUpgrade} is asked. Every refusal is a
 * complete HTTP response, after which the connection closes with {@link
 * dev.jev.CloseReason.Kind#PROTOCOL_ERROR}; no handler hears of it.
 *
 * <p><b>Limits.</b> A message may take 30 s to arrive, and 1 s more per KiB of it that has come
 * (1008); its other limits are options. Of the handshake: 4 KiB for the first line of a request
 * (414), 8 KiB and 100 for its header lines (431), and the server's {@link
 * dev.jev.Server.Builder#handshakeTimeout} for everything (408; 503 if it is the decision that is
 * missing). Frames that come before the decision wait, up to 4 KiB of them (400).
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
   * The longest message, in bytes, that is accepted; 64 KiB by default. A longer one closes the
   * connection with 1009.
   */
  public WebSocketServerBuilder maxMessageBytes(int maxMessageBytes) {
    limits = limits.maxMessageBytes(maxMessageBytes);
    return this;
  }

  /**
   * Into how many frames a message may be fragmented, empty ones included; 1,024 by default. More
   * close the connection with 1008.
   */
  public WebSocketServerBuilder maxFragments(int maxFragments) {
    limits = limits.maxFragments(maxFragments);
    return this;
  }

  /**
   * How often to ask the peer whether it is there, and how long to wait for it to say something. By
   * default 25 s and 10 s.
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
  public WebSocketServerBuilder heartbeat(Duration ping, Duration pong) {
    control = control.heartbeat(ping, pong);
    return this;
  }

  /** Sends no pings: a peer that has vanished stays until something is sent to it, or for ever. */
  public WebSocketServerBuilder withoutHeartbeat() {
    control = control.withoutHeartbeat();
    return this;
  }

  /**
   * Gives the handler {@link WebSocketMessage.Ping} and {@link WebSocketMessage.Pong} messages,
   * too. Pings are answered all the same: of those that one read brings the last one.
   */
  public WebSocketServerBuilder deliverControlFrames() {
    control = control.delivering();
    return this;
  }

  /**
   * Sets the close code that peers receive when the server stops or drains; 1001 (going away) by
   * default. With 1012 (service restart, IANA's registry for RFC 6455) many clients reconnect.
   *
   * @throws IllegalArgumentException if {@code code} cannot be sent in a close frame
   */
  public WebSocketServerBuilder stopCloseCode(int code) {
    control = control.stopCode(CloseCode.check("stopCloseCode", code));
    return this;
  }

  /**
   * Delivers messages in parts, as they arrive, instead of whole: the handler gets nothing but
   * {@link WebSocketMessage.Fragment}s, whose texts are checked as far as they have come.
   *
   * <p><b>Limits.</b> A part has at most 64 KiB, or as much as one read takes. There is no {@link
   * #maxMessageBytes}; but what is compressed may become at most 100 times as much beyond its first
   * MiB (1009). {@link #maxFragments} counts empty frames only, in a row.
   */
  public WebSocketServerBuilder streaming() {
    limits = limits.inParts();
    return this;
  }

  /**
   * Adds a path that there is a WebSocket at: {@code /chat}, or {@code /rooms/*} for all below.
   * Without any there is one at every path. What another path is asked for is not found (404).
   */
  public WebSocketServerBuilder path(String path) {
    paths.add(Checks.path(path));
    return this;
  }

  /**
   * The names by which clients may know this server, without port; any by default. A WebSocket for
   * another one is refused with 421 (RFC 9110, 15.5.20); plain HTTP is not.
   */
  public WebSocketServerBuilder hosts(String... hosts) {
    this.hosts =
        Stream.of(hosts)
            .map(h -> h.toLowerCase(Locale.ROOT))
            .collect(Collectors.toUnmodifiableSet());
    return this;
  }

  /**
   * The origins of the pages that may open a WebSocket, such as {@code https://example.com}, or
   * {@code null} for those that have no name. By default a page has to come from the very host and
   * port that it connects to.
   *
   * <p>Only browsers name an origin, so this protects their users, and nobody else.
   *
   * @throws IllegalArgumentException if one of them is no origin
   */
  public WebSocketServerBuilder origins(String... origins) {
    Set<String> listed =
        Stream.of(origins)
            .map(WebSocketServerBuilder::checkOrigin)
            .collect(Collectors.toUnmodifiableSet());
    this.origins = new OriginPolicy(OriginPolicy.Kind.LISTED, listed, this.origins.required());
    return this;
  }

  /** Lets pages of every origin open a WebSocket, with the cookies that their users have here. */
  public WebSocketServerBuilder allowAnyOrigin() {
    origins = new OriginPolicy(OriginPolicy.Kind.ANY, Set.of(), origins.required());
    return this;
  }

  /** Refuses who names no origin, which is everybody but browsers; by default they are let in. */
  public WebSocketServerBuilder requireOrigin() {
    origins = new OriginPolicy(origins.kind(), origins.origins(), /* required= */ true);
    return this;
  }

  /**
   * The subprotocols that are spoken, what is liked best first; none by default. The first that a
   * client has offered is agreed upon (RFC 6455, 4.2.2); if it has offered none of them there will
   * be none, and the client decides.
   *
   * @throws IllegalArgumentException if one of them is no token
   */
  public WebSocketServerBuilder subprotocols(String... subprotocols) {
    for (String subprotocol : subprotocols) {
      Checks.subprotocol(subprotocol);
    }
    this.subprotocols = List.of(subprotocols);
    return this;
  }

  /** Refuses who has offered none of the {@link #subprotocols} with 400. */
  public WebSocketServerBuilder requireSubprotocol() {
    subprotocolRequired = true;
    return this;
  }

  /** Compresses messages for clients that want it, by {@link WebSocketCompression#DEFAULT}. */
  public WebSocketServerBuilder compression() {
    return compression(WebSocketCompression.DEFAULT);
  }

  /**
   * Compresses messages for clients that want it: permessage-deflate (RFC 7692); by default nothing
   * is compressed. {@link #maxMessageBytes} counts what comes out of it.
   *
   * <p>What is secret should not be compressed together with what others may choose: the length of
   * a message tells how well it could be compressed.
   */
  public WebSocketServerBuilder compression(WebSocketCompression compression) {
    this.compression = requireNonNull(compression, "compression");
    return this;
  }

  /**
   * Lets somebody decide about each request that is all right otherwise: with {@link
   * HttpResponse#accept}, perhaps with header lines of one's own, or with any other response, which
   * refuses it.
   *
   * <p>Called on the event loop: must not block, but the answer may come later and from any thread.
   * If it fails, the request is answered with 500, and the cause is logged.
   */
  public WebSocketServerBuilder onUpgrade(
      Function<HttpRequest, CompletionStage<HttpResponse>> decision) {
    this.decision = requireNonNull(decision, "decision");
    return this;
  }

  /**
   * Answers requests that are for no WebSocket; without it they are told to upgrade (426). With it
   * and without a {@link #path} of its own, what it does not answer is not found (404).
   */
  public WebSocketServerBuilder http(HttpResponder http) {
    this.http = requireNonNull(http, "http");
    return this;
  }

  /** What {@link dev.jev.Server#builder} wants. */
  public Supplier<WebSocketProtocol> build() {
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
    MessageLimits messages = limits;
    ControlPolicy controls = control;
    return () ->
        new WebSocketProtocol(
            Role.SERVER, new ServerOpening(policy), controls, messages.newReader());
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
