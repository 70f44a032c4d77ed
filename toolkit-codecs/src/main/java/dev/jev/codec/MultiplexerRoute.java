package dev.jev.codec;

import static java.util.Objects.requireNonNull;

import dev.jev.Handler;
import dev.jev.Protocol;
import java.util.function.Supplier;

/** A choice of a {@link Multiplexer}: a protocol and a handler for the same types of messages. */
@SuppressWarnings("unchecked") // the handler gets only messages of its route's protocol
record MultiplexerRoute(
    FirstBytes first,
    Supplier<Protocol<Object, Object>> protocol,
    Handler<Object, Object> handler) {

  static <I, O> MultiplexerRoute of(
      FirstBytes first, Supplier<? extends Protocol<I, O>> protocol, Handler<I, O> handler) {
    return new MultiplexerRoute(
        requireNonNull(first, "first"),
        (Supplier<Protocol<Object, Object>>) (Supplier<?>) requireNonNull(protocol, "protocol"),
        (Handler<Object, Object>) (Handler<?, ?>) requireNonNull(handler, "handler"));
  }
}
