package dev.jev;

import static java.util.Objects.requireNonNull;

import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Creates a handler for each connection, and passes the calls for the connection on to it. */
final class PerConnectionHandler<I, O> implements Handler<I, O> {

  private final Function<? super Connection<O>, ? extends Handler<? super I, O>> handlers;

  /**
   * The handler of a connection: an attribute.
   *
   * @param owner the object that has created it
   * @param outer the one of another owner, if the handlers of connections are nested
   */
  private record Own(
      PerConnectionHandler<?, ?> owner, Handler<?, ?> handler, @Nullable Own outer) {}

  PerConnectionHandler(Function<? super Connection<O>, ? extends Handler<? super I, O>> handlers) {
    this.handlers = requireNonNull(handlers, "handlers");
  }

  private Handler<? super I, O> create(Connection<O> connection) {
    return requireNonNull(handlers.apply(connection), "handler");
  }

  /** Returns the handler of a connection; null for a datagram, or if none could be created. */
  @SuppressWarnings("unchecked") // the owner has created it
  private @Nullable Handler<? super I, O> find(Connection<O> connection) {
    Own own = connection.attribute(Own.class);
    while (own != null && own.owner != this) {
      own = own.outer;
    }
    return own == null ? null : (Handler<? super I, O>) own.handler;
  }

  @Override
  public void onConnect(Connection<O> connection) {
    Handler<? super I, O> handler = create(connection);
    connection.attribute(Own.class, new Own(this, handler, connection.attribute(Own.class)));
    handler.onConnect(connection);
  }

  @Override
  public void onMessage(Connection<O> connection, I message) {
    Handler<? super I, O> handler = find(connection);
    if (handler == null) {
      handler = create(connection);
    }
    handler.onMessage(connection, message);
  }

  @Override
  public void onWritable(Connection<O> connection) {
    Handler<? super I, O> handler = find(connection);
    if (handler != null) {
      handler.onWritable(connection);
    }
  }

  @Override
  public void onClose(Connection<O> connection, CloseReason reason) {
    Handler<? super I, O> handler = find(connection);
    if (handler != null) {
      handler.onClose(connection, reason);
    }
  }
}
