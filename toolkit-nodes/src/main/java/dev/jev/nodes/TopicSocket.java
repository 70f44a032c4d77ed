package dev.jev.nodes;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;

import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.Plugin;
import dev.jev.PluginHost;
import dev.jev.Server;
import dev.jev.SlowConsumer;
import dev.jev.Topic;
import dev.jev.websocket.HttpResponder;
import dev.jev.websocket.WebSocketHandshake;
import dev.jev.websocket.WebSocketMessage;
import dev.jev.websocket.WebSocketProtocol;
import dev.jev.websocket.WebSocketServerBuilder;
import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * Topics for browsers and other clients over WebSocket, with the subprotocol {@value #SUBPROTOCOL}.
 *
 * <pre>
 *   TopicKind&lt;String&gt; chat = TopicKind.log(MessageCodec.json(), 1000, Duration.ofMinutes(2));
 *   TopicSocket.builder(nodes)
 *       .gate(TopicGate.always(Grant.readWrite(chat)))
 *       .build()
 *       .server()
 *       .listen("tcp://:8080")
 *       .start();
 * </pre>
 *
 * <p>Clients subscribe, publish, and ask for members. A client that returns with its positions gets
 * what it has missed, on any node. The server also has the client for browsers, {@code
 * /jev/topics.js}.
 *
 * <p><b>Other WebSockets.</b> A server has others too if it is built with {@link #protocol}, with
 * this plugin and {@link Nodes}, and with a handler that passes the calls for connections with this
 * subprotocol on to this one. The {@link Presence.Member} attribute of these connections and the
 * pause of reading belong to this handler; the attachment is free.
 *
 * <p><b>Limits.</b> Per connection, topics, publications under way, their rate and the length of a
 * text are limited, see {@link Builder}. Reading pauses while publications wait.
 */
public final class TopicSocket implements Handler<WebSocketMessage, WebSocketMessage>, Plugin {

  /** The name of the subprotocol (RFC 6455, 1.9). */
  public static final String SUBPROTOCOL = "jev.topics.v1";

  /** IANA's registry for RFC 6455: the service restarts, and the client should reconnect. */
  private static final int SERVICE_RESTART = 1012;

  private static final int MAX_PENDING_BYTES = 4 * 1024 * 1024;
  private static final int RECONNECT_MILLIS = 2000;
  private static final String FIRST_COMMAND = "{\"publish\":\"a\",\"data\":1,\"id\":1}";

  final int maxTopics;
  final int maxPendingCommands;
  final int maxTextBytes;
  final int publishesPerSecond;
  final int publishBurst;
  final Duration gateTimeout;
  final TopicGate gate;
  final LogLimit gateLog = new LogLimit(); // of its faults
  final SlowConsumer<? super WebSocketMessage> slowConsumer;
  private final Nodes nodes;
  private final @Nullable Function<WebSocketHandshake, Presence.@Nullable Member> member;
  private final Duration heartbeat;
  private final Topic<WebSocketMessage> connections = Topic.of("heartbeat");
  private final AtomicLong lastBeat = new AtomicLong(System.nanoTime());

  private TopicSocket(Builder builder, TopicGate gate) {
    this.nodes = builder.nodes;
    this.maxTopics = builder.maxTopics;
    this.maxPendingCommands = builder.maxPendingCommands;
    this.maxTextBytes = builder.maxTextBytes;
    this.publishesPerSecond = builder.publishesPerSecond;
    this.publishBurst = builder.publishBurst;
    this.gateTimeout = builder.gateTimeout;
    this.gate = gate;
    this.slowConsumer = builder.slowConsumer;
    this.member = builder.member;
    this.heartbeat = builder.heartbeat;
  }

  /** Returns a builder for the topics of this node. */
  public static Builder builder(Nodes nodes) {
    return new Builder(requireNonNull(nodes, "nodes"));
  }

  /** Returns a builder of a server with these topics, without an address to listen on. */
  public Server.Builder<WebSocketMessage, WebSocketMessage> server() {
    return server(UnaryOperator.identity());
  }

  /**
   * Returns a builder of a server with these topics, without an address to listen on.
   *
   * @param options sets further options of the {@link #protocol}, such as paths and origins
   */
  public Server.Builder<WebSocketMessage, WebSocketMessage> server(
      UnaryOperator<WebSocketServerBuilder> options) {
    return Server.<WebSocketMessage, WebSocketMessage>builder(
            options.apply(protocol().requireSubprotocol()).build(), this)
        .maxPendingBytes(MAX_PENDING_BYTES)
        .plugin(nodes)
        .plugin(this);
  }

  /**
   * Returns a builder of the protocol. It offers the subprotocol, limits the texts, and serves the
   * {@link #script}. When the server stops or drains, the clients with this subprotocol are told
   * when to reconnect.
   */
  public WebSocketServerBuilder protocol() {
    return WebSocketProtocol.server()
        .subprotocols(SUBPROTOCOL)
        .maxMessageBytes(maxTextBytes)
        .stopCloseCode(SERVICE_RESTART)
        .stopText(TopicSocket::reconnect)
        .http(script());
  }

  private static @Nullable String reconnect(WebSocketHandshake handshake) {
    if (!SUBPROTOCOL.equals(handshake.subprotocol())) {
      return null; // another WebSocket of the same server
    }
    return Envelope.reconnect(ThreadLocalRandom.current().nextInt(RECONNECT_MILLIS));
  }

  /**
   * Returns a responder for {@code /jev/topics.js}, the client as a module of JavaScript, and for
   * {@code /jev/topics.d.ts}, its types.
   */
  public static HttpResponder script() {
    return HttpResponder.classPath("jev-topics");
  }

  // The plugin.

  /**
   * Starts the heartbeat for this server. Also loads the parser of commands: the first command of a
   * client would load it on the event loop, and delay all other connections.
   */
  @Override
  public void start(PluginHost host) {
    Command.parse(FIRST_COMMAND.getBytes(UTF_8), maxTopics);
    host.runEvery(heartbeat, this::beat);
  }

  /**
   * Publishes the heartbeat. Each of several servers has a timer; all but the first are skipped.
   */
  private void beat() {
    long now = System.nanoTime();
    long last = lastBeat.get();
    if (now - last > heartbeat.toNanos() / 2 && lastBeat.compareAndSet(last, now)) {
      connections.publish(heartbeat());
    }
  }

  private WebSocketMessage heartbeat() {
    return Envelope.heartbeat(heartbeat.toSeconds());
  }

  // The handler.

  @Override
  public void onConnect(Connection<WebSocketMessage> connection) {
    WebSocketHandshake handshake = connection.attribute(WebSocketHandshake.class);
    if (member != null && handshake != null) {
      connection.attribute(Presence.Member.class, member.apply(handshake));
    }
    connection.attribute(SocketSession.class, new SocketSession(this, connection));
    connection.send(heartbeat());
    connections.subscribe(connection, SlowConsumer.dropNewest());
  }

  @Override
  public void onMessage(Connection<WebSocketMessage> connection, WebSocketMessage message) {
    SocketSession session = connection.attribute(SocketSession.class);
    if (session != null) {
      session.onMessage(message);
    }
  }

  @Override
  public void onClose(Connection<WebSocketMessage> connection, CloseReason reason) {
    SocketSession session = connection.attribute(SocketSession.class);
    if (session != null) {
      session.end();
    }
  }

  // For the connections.

  /**
   * Returns a topic.
   *
   * @throws IllegalArgumentException if it is in use with another kind
   */
  ClusterTopic<?> topic(String name, TopicKind<?> kind) {
    return (ClusterTopic<?>) nodes.topic(name, kind);
  }

  /** The configuration of a {@link TopicSocket}. Every setter checks its value at once. */
  public static final class Builder {

    private static final int MAX_COUNT = 100_000;
    private static final int MAX_RATE = 1_000_000;
    private static final Duration MIN_HEARTBEAT = Duration.ofSeconds(1);
    private static final Duration MAX_HEARTBEAT = Duration.ofHours(1);

    private final Nodes nodes;
    private @Nullable TopicGate gate;
    private int maxTopics = 100;
    private int maxPendingCommands = 64;
    private int maxTextBytes = 64 * 1024;
    private int publishesPerSecond = 100;
    private int publishBurst = 200;
    private Duration gateTimeout = Duration.ofSeconds(10);
    private Duration heartbeat = Duration.ofSeconds(25);
    private SlowConsumer<? super WebSocketMessage> slowConsumer =
        SlowConsumer.<WebSocketMessage>close().maxBytes(1024 * 1024);
    private @Nullable Function<WebSocketHandshake, Presence.@Nullable Member> member;

    private Builder(Nodes nodes) {
      this.nodes = nodes;
    }

    /** Sets the gate that decides what clients may do. Required. */
    public Builder gate(TopicGate gate) {
      this.gate = requireNonNull(gate, "gate");
      return this;
    }

    /**
     * Sets the time in which the gate must answer; 10 s by default. Then the request is denied.
     *
     * @throws IllegalArgumentException if {@code timeout} is shorter than 10 ms or longer than 365
     *     days
     */
    public Builder gateTimeout(Duration timeout) {
      gateTimeout = Checks.duration("gateTimeout", timeout, Duration.ofMillis(10));
      return this;
    }

    /**
     * Sets the maximum number of topics to which a connection subscribes; 100 by default. An
     * attempt to exceed it closes the connection with close code 1008. A connection may subscribe
     * to as many topics per second, at least 100, and to twice as many at once; then the server
     * stops reading from it for some time.
     *
     * @throws IllegalArgumentException if {@code topics} is not in 1..100,000
     */
    public Builder maxTopics(int topics) {
      maxTopics = (int) Checks.inRange("maxTopics", topics, 1, MAX_COUNT);
      return this;
    }

    /**
     * Sets the number of messages that a connection may publish per second, and at once; 100 and
     * 200 by default. Further ones fail.
     *
     * @throws IllegalArgumentException if an argument is not in 1..1,000,000
     */
    public Builder publishRate(int perSecond, int burst) {
      publishesPerSecond = (int) Checks.inRange("perSecond", perSecond, 1, MAX_RATE);
      publishBurst = (int) Checks.inRange("burst", burst, 1, MAX_RATE);
      return this;
    }

    /**
     * Sets the maximum number of commands of a connection that are under way; 64 by default. At
     * this number, or at 256 KiB, the server stops reading from the connection until there are
     * fewer.
     *
     * @throws IllegalArgumentException if {@code commands} is not in 1..100,000
     */
    public Builder maxPendingCommands(int commands) {
      maxPendingCommands = (int) Checks.inRange("maxPendingCommands", commands, 1, MAX_COUNT);
      return this;
    }

    /**
     * Sets the maximum length of a client's text in UTF-8, in bytes; 64 KiB by default. A longer
     * one closes the connection with close code 1009.
     *
     * @throws IllegalArgumentException if {@code bytes} is not in 1,024..2^30
     */
    public Builder maxTextBytes(int bytes) {
      maxTextBytes = (int) Checks.inRange("maxTextBytes", bytes, 1024, 1 << 30);
      return this;
    }

    /**
     * Sets the interval of the heartbeat, in whole seconds; 25 s by default. Without a heartbeat a
     * page cannot notice that its connection is dead.
     *
     * @throws IllegalArgumentException if {@code interval} is not in 1 s..1 h, or not of whole
     *     seconds
     */
    public Builder heartbeat(Duration interval) {
      requireNonNull(interval, "interval");
      if (interval.compareTo(MIN_HEARTBEAT) < 0
          || interval.compareTo(MAX_HEARTBEAT) > 0
          || !interval.equals(Duration.ofSeconds(interval.toSeconds()))) {
        throw new IllegalArgumentException(
            "heartbeat: " + interval + " (expected: PT1S..PT1H, whole seconds)");
      }
      this.heartbeat = interval;
      return this;
    }

    /**
     * Sets the policy for clients that take messages more slowly than they are published. By
     * default they are closed when more than 1 MiB is queued per topic, or for 30 s, and get what
     * they have missed when they return. A policy that drops messages leaves gaps that clients are
     * not told of.
     */
    public Builder slowConsumer(SlowConsumer<? super WebSocketMessage> policy) {
      this.slowConsumer = requireNonNull(policy, "policy");
      return this;
    }

    /**
     * Sets the function that returns the member of {@link Presence} to which a connection belongs,
     * or null; none by default. It runs on the event loop and must not block.
     */
    public Builder member(Function<WebSocketHandshake, Presence.@Nullable Member> member) {
      this.member = requireNonNull(member, "member");
      return this;
    }

    /**
     * Returns the handler.
     *
     * @throws IllegalStateException if there is no gate
     */
    public TopicSocket build() {
      if (gate == null) {
        throw new IllegalStateException("no gate; call gate first");
      }
      return new TopicSocket(this, gate);
    }
  }
}
