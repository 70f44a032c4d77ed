package dev.jev;

import java.util.List;

/** The server or client of a connection, as the connection sees it. */
interface ConnectionHost {

  /** Returns the server or client, as plugins see it. */
  PluginHost pluginHost();

  /** Returns the plugins, in the order of their stages. */
  List<Plugin> plugins();

  Transport transport();

  /** Returns whether a connection that opens now is too late. */
  boolean isStopping();

  /** Counts a connection, unless {@code max} are open already. */
  boolean admit(int max);

  /** Counts a connection as closed. */
  void unadmit();

  /** Forgets a connection after all its callbacks: nothing of it is left. */
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

    /** Called when the channel of a connection was handed over. */
    default void detached() {}
  }
}
