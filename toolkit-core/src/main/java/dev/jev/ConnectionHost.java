package dev.jev;

import java.util.List;

/** A server or client, as its connections see it. */
interface ConnectionHost {

  /** Returns the server or client, as plugins see it. */
  PluginHost pluginHost();

  /** Returns the plugins, in the order of their stages. */
  List<Plugin> plugins();

  Transport transport();

  /** Returns whether the server or client is stopping, so that a new connection has to close. */
  boolean isStopping();

  /** Counts a connection, unless {@code max} are open already; returns whether it was counted. */
  boolean admit(int max);

  /** Counts a connection as closed. */
  void unadmit();

  /** Notes that all callbacks of a connection have returned and none follows. */
  void forget();

  /** Returns the receiver of the events of the connections. */
  Events events();

  /** Receives the events of connections, each on its connection's event loop. */
  interface Events {

    /** Called before {@link Handler#onConnect}. */
    default void connecting() {}

    /** Called after {@link Handler#onConnect}. */
    default void connected() {}

    /** Called when a connection is writable again. */
    default void writable() {}

    /** Called after {@link Handler#onClose}. */
    default void disconnected(CloseReason reason) {}

    /** Called after the channel of a connection was handed over, see {@link Connection#detach}. */
    default void detached() {}
  }
}
