package dev.jev.codec;

import static java.util.Objects.requireNonNull;

import dev.jev.Handler;
import dev.jev.Protocol;
import java.util.function.Supplier;

/** A protocol with its handler, both for the same types of messages. */
@SuppressWarnings("unchecked") // the handler gets only what the protocol of its route unpacks
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
