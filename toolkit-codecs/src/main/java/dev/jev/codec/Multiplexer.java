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
 * Several protocols on one port, told apart by the first bytes that a client sends.
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
 * <p>The first choice in the order of the calls that says yes is taken, as soon as none before it
 * can say so any more; it gets all bytes from the first one on. {@link Handler#onConnect} is called
 * then, so in all of the protocols the client has to speak first, except in that of {@link
 * Builder#otherwiseAfter}, whose clients may wait for a greeting. TLS and PROXY headers come before
 * any protocol: {@code Tls.server().optional()} and {@code ProxyProtocol.optional(...)} are plugins
 * that share a port in the same way. Not for datagrams. The choices of another multiplexer belong
 * into this one; and either {@link #handler} may be {@linkplain Handler#offload offloaded}, or
 * those of the choices, but not both.
 *
 * <p><b>Limits.</b> A client that has not been recognized after {@code maxBytes} gets the protocol
 * of {@code otherwise}, or is refused. One that sends too little meets the server's {@code
 * handshakeTimeout} (10 s by default), which covers a handshake of the chosen protocol, too.
 */
public final class Multiplexer {

  private final List<MultiplexerRoute> routes;
  private final @Nullable MultiplexerRoute otherwise;
  private final Duration silence; // zero: no silence is long enough
  private final int maxBytes;

  private Multiplexer(Builder builder) {
    this.routes = List.copyOf(builder.routes);
    this.otherwise = builder.otherwise;
    this.silence = builder.silence;
    this.maxBytes = builder.maxBytes;
  }

  /** Begins the configuration. */
  public static Builder builder() {
    return new Builder();
  }

  /** A protocol for one connection. */
  public Protocol<Object, Object> protocol() {
    return new MultiplexedProtocol(routes, otherwise, silence, maxBytes);
  }

  /** The handler for all connections, which passes everything on to those of the choices. */
  public Handler<Object, Object> handler() {
    return new Dispatcher();
  }

  /** Finds the handler by what the protocol left on the connection. */
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

  /** The configuration of a {@link Multiplexer}. */
  public static final class Builder {

    private static final int MAX_MAX_BYTES = 64 * 1024;

    private final List<MultiplexerRoute> routes = new ArrayList<>();
    private @Nullable MultiplexerRoute otherwise;
    private Duration silence = Duration.ZERO;
    private int maxBytes = 64;

    private Builder() {}

    /** Adds a choice: who begins like this gets this protocol and handler. */
    public <I, O> Builder when(
        FirstBytes first, Supplier<? extends Protocol<I, O>> protocol, Handler<I, O> handler) {
      routes.add(MultiplexerRoute.of(first, protocol, handler));
      return this;
    }

    /** What everybody else gets; without it they are refused. */
    public <I, O> Builder otherwise(
        Supplier<? extends Protocol<I, O>> protocol, Handler<I, O> handler) {
      otherwise = MultiplexerRoute.of(bytes -> FirstBytes.Verdict.YES, protocol, handler);
      silence = Duration.ZERO;
      return this;
    }

    /**
     * What everybody else gets, and also who has sent nothing for {@code silence}, because such a
     * client may be waiting for a greeting. Whoever is to get another protocol must be quicker than
     * that: half a second is much on most networks.
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

    /** How many bytes may be needed to decide; 64 by default, at most 65,536. */
    public Builder maxBytes(int maxBytes) {
      if (maxBytes < 1 || maxBytes > MAX_MAX_BYTES) {
        throw new IllegalArgumentException(
            "maxBytes: " + maxBytes + " (expected: 1.." + MAX_MAX_BYTES + ")");
      }
      this.maxBytes = maxBytes;
      return this;
    }

    /**
     * Makes it.
     *
     * @throws IllegalStateException if there is no choice
     */
    public Multiplexer build() {
      if (routes.isEmpty()) {
        throw new IllegalStateException("no protocol to choose from; call when() before build()");
      }
      return new Multiplexer(this);
    }
  }
}
