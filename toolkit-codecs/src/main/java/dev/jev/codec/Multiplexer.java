package dev.jev.codec;

import static java.util.Objects.requireNonNull;

import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.Protocol;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A port that serves several protocols, distinguished by the first bytes that a client sends.
 *
 * <pre>
 *   Multiplexer port =
 *       Multiplexer.builder()
 *           .when(FirstBytes.http(), http, page)
 *           .when(FirstBytes.of("JEV1"), OwnProtocol::new, ownHandler)
 *           .otherwise(Protocols::lines, chat)
 *           .build();
 *   Server.builder(port::protocol, port.handler()).listen("tcp://:5000").start();
 * </pre>
 *
 * <p>Choices are tested in the order in which they were added. The first choice whose test succeeds
 * is taken, as soon as no earlier choice can still succeed; its protocol gets all bytes from the
 * first one on. {@link Handler#onConnect} is called then. Therefore, the client has to speak first
 * in all of the protocols except that of {@link Builder#otherwiseAfter}, whose clients may wait for
 * a greeting. TLS and PROXY headers precede all protocols: {@code Tls.server().optional()} and
 * {@code ProxyProtocol.optional(...)} are plugins that share a port in the same way.
 *
 * <p>Datagrams are not supported. Multiplexers cannot be nested; one multiplexer has all choices.
 * Either {@link #handler} or the handlers of the choices may be {@linkplain Handler#offload
 * offloaded}, but not both.
 *
 * <p><b>Limits.</b> A client that has not been recognized after {@code maxBytes} gets the protocol
 * of {@code otherwise}, or is refused. A client that sends too little is closed after the server's
 * {@code handshakeTimeout} (10 s by default), which also covers a handshake of the chosen protocol.
 */
public final class Multiplexer {

  private final List<MultiplexerRoute> routes;
  private final @Nullable MultiplexerRoute otherwise;
  private final Duration silence; // zero: disabled
  private final int maxBytes;

  private Multiplexer(Builder builder) {
    this.routes = List.copyOf(builder.routes);
    this.otherwise = builder.otherwise;
    this.silence = builder.silence;
    this.maxBytes = builder.maxBytes;
  }

  /** Returns a new builder. */
  public static Builder builder() {
    return new Builder();
  }

  /** Returns a new protocol for one connection. */
  public Protocol<Object, Object> protocol() {
    return new MultiplexedProtocol(routes, otherwise, silence, maxBytes);
  }

  /** Returns the handler for all connections, which delegates to the handlers of the choices. */
  public Handler<Object, Object> handler() {
    return new Dispatcher();
  }

  /** Delegates to the handler of the route that the protocol stored on the connection. */
  private static final class Dispatcher implements Handler<Object, Object> {

    private static Handler<Object, Object> of(Connection<Object> connection) {
      return requireNonNull(connection.attribute(MultiplexerRoute.class)).handler();
    }

    @Override
    public void onConnect(Connection<Object> connection) {
      of(connection).onConnect(connection);
    }

    @Override
    public void onMessage(Connection<Object> connection, Object message) {
      of(connection).onMessage(connection, message);
    }

    @Override
    public void onWritable(Connection<Object> connection) {
      of(connection).onWritable(connection);
    }

    @Override
    public void onClose(Connection<Object> connection, CloseReason reason) {
      of(connection).onClose(connection, reason);
    }
  }

  /** A builder of {@link Multiplexer}s. */
  public static final class Builder {

    private static final int MAX_MAX_BYTES = 64 * 1024;

    private final List<MultiplexerRoute> routes = new ArrayList<>();
    private @Nullable MultiplexerRoute otherwise;
    private Duration silence = Duration.ZERO;
    private int maxBytes = 64;

    private Builder() {}

    /** Adds a choice: a client that begins with {@code first} gets this protocol and handler. */
    public <I, O> Builder when(
        FirstBytes first, Supplier<? extends Protocol<I, O>> protocol, Handler<I, O> handler) {
      routes.add(MultiplexerRoute.of(first, protocol, handler));
      return this;
    }

    /** Sets the protocol and handler for all other clients; without it, they are refused. */
    public <I, O> Builder otherwise(
        Supplier<? extends Protocol<I, O>> protocol, Handler<I, O> handler) {
      otherwise = MultiplexerRoute.of(bytes -> FirstBytes.Verdict.YES, protocol, handler);
      silence = Duration.ZERO;
      return this;
    }

    /**
     * Sets the protocol and handler for all other clients, including clients that have sent nothing
     * for {@code silence}, because such a client may be waiting for a greeting. A client of another
     * protocol has to send its first byte within that time; half a second is ample on most
     * networks.
     *
     * @throws IllegalArgumentException if {@code silence} is not positive
     */
    public <I, O> Builder otherwiseAfter(
        Duration silence, Supplier<? extends Protocol<I, O>> protocol, Handler<I, O> handler) {
      if (silence.isZero() || silence.isNegative()) {
        throw new IllegalArgumentException("silence: " + silence + " (expected: > PT0S)");
      }
      otherwise(protocol, handler);
      this.silence = silence;
      return this;
    }

    /**
     * Sets the maximum number of bytes that the choice may depend on; 64 by default, at most
     * 65,536.
     */
    public Builder maxBytes(int maxBytes) {
      if (maxBytes < 1 || maxBytes > MAX_MAX_BYTES) {
        throw new IllegalArgumentException(
            "maxBytes: " + maxBytes + " (expected: 1.." + MAX_MAX_BYTES + ")");
      }
      this.maxBytes = maxBytes;
      return this;
    }

    /**
     * Builds the multiplexer.
     *
     * @throws IllegalStateException if no choice was added
     */
    public Multiplexer build() {
      if (routes.isEmpty()) {
        throw new IllegalStateException("no protocol to choose from; call when() before build()");
      }
      return new Multiplexer(this);
    }
  }
}
