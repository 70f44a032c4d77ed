package dev.jev;

import static java.util.Objects.requireNonNull;

import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.ChannelPromise;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** The observers that the plugins have installed on one connection. Event loop only. */
final class ConnectionObservers {

  /** Maximum number of plugins, each of which has one bit of the pauses. */
  static final int MAX = 29;

  private static final Plugin.Observer[] NO_OBSERVERS = {};
  private static final Plugin.UnpackObserver[] NO_UNPACK_OBSERVERS = {};

  /** The observers of a connection without plugins: none. */
  static final ConnectionObservers NONE = new ConnectionObservers(null);

  private final @Nullable StreamConnection<?, ?> connection; // null for NONE
  private Plugin.Observer[] observers = NO_OBSERVERS;
  private Plugin.UnpackObserver[] unpackObservers = NO_UNPACK_OBSERVERS;
  private @Nullable ChannelPromise outputEnd; // null before the output ends

  private ConnectionObservers(@Nullable StreamConnection<?, ?> connection) {
    this.connection = connection;
  }

  static ConnectionObservers of(StreamConnection<?, ?> connection) {
    return connection.config().host().plugins().isEmpty()
        ? NONE
        : new ConnectionObservers(connection);
  }

  /** Installs all plugins. */
  void install() {
    if (connection == null) {
      return;
    }
    List<Plugin> plugins = connection.config().host().plugins();
    List<Plugin.Observer> installed = new ArrayList<>(plugins.size());
    try {
      for (int i = 0; i < plugins.size(); i++) {
        int pauseBit = StreamConnection.PLUGIN_PAUSE << i;
        Plugin.Observer observer = plugins.get(i).install(new PluginLink(connection, pauseBit));
        if (observer != null) {
          installed.add(observer);
        }
      }
    } finally {
      observers = installed.toArray(NO_OBSERVERS);
      unpackObservers = unpackObservers(installed);
    }
  }

  private static Plugin.UnpackObserver[] unpackObservers(List<Plugin.Observer> installed) {
    List<Plugin.UnpackObserver> found = new ArrayList<>(0);
    for (Plugin.Observer observer : installed) {
      if (observer instanceof Plugin.UnpackObserver unpackObserver) {
        found.add(unpackObserver);
      }
    }
    return found.toArray(NO_UNPACK_OBSERVERS); // the constant if there are none
  }

  boolean isEmpty() {
    return observers.length == 0;
  }

  void connected() {
    notifyObservers(Plugin.Observer::connected);
  }

  void received(int bytes) {
    for (Plugin.Observer observer : observers) {
      try {
        observer.received(bytes);
      } catch (Throwable t) {
        fail(t);
      }
    }
  }

  void readComplete() {
    for (Plugin.Observer observer : observers) {
      try {
        observer.readComplete();
      } catch (Throwable t) {
        fail(t);
      }
    }
  }

  /** Returns the number of bytes of memory that input occupies in the handlers of the plugins. */
  long bufferedBytes() {
    long all = 0;
    for (Plugin.Observer observer : observers) {
      try {
        all += Checks.reportedBytes(observer.bufferedBytes());
      } catch (Throwable t) {
        fail(t);
      }
    }
    return all;
  }

  void unpacking() {
    for (Plugin.UnpackObserver observer : unpackObservers) {
      try {
        observer.unpacking();
      } catch (Throwable t) {
        fail(t);
      }
    }
  }

  void message(int bytes) {
    for (Plugin.Observer observer : observers) {
      try {
        observer.message(bytes);
      } catch (Throwable t) {
        fail(t);
      }
    }
  }

  void sent() {
    for (Plugin.Observer observer : observers) {
      try {
        observer.sent();
      } catch (Throwable t) {
        fail(t);
      }
    }
  }

  void flushing(int bytes) {
    for (Plugin.Observer observer : observers) {
      try {
        observer.flushing(bytes);
      } catch (Throwable t) {
        fail(t);
      }
    }
  }

  void written() {
    notifyObservers(Plugin.Observer::written);
  }

  void stalled() {
    notifyObservers(Plugin.Observer::stalled);
  }

  void resumed() {
    notifyObservers(Plugin.Observer::resumed);
  }

  void closed(CloseReason reason) {
    notifyObservers(observer -> observer.closed(reason));
    observers = NO_OBSERVERS;
    unpackObservers = NO_UNPACK_OBSERVERS;
  }

  private void notifyObservers(Consumer<Plugin.Observer> event) {
    for (Plugin.Observer observer : observers) {
      try {
        event.accept(observer);
      } catch (Throwable t) {
        fail(t);
      }
    }
  }

  /**
   * Lets each observer end its output once, beginning with the observer next to the protocol, then
   * runs {@code then}.
   */
  void endOutput(Runnable then) {
    if (connection == null || observers.length == 0) {
      then.run();
      return;
    }
    if (outputEnd == null) {
      outputEnd = connection.context().newPromise();
      endOutput(observers, observers.length - 1, outputEnd);
    }
    outputEnd.addListener(done -> then.run());
  }

  private void endOutput(Plugin.Observer[] all, int last, ChannelPromise end) {
    for (int i = last; i >= 0; i--) {
      ChannelFuture ended = ending(all[i]);
      if (ended != null && !ended.isDone()) {
        int next = i - 1;
        ended.addListener(done -> endOutput(all, next, end));
        return;
      }
    }
    end.trySuccess();
  }

  private @Nullable ChannelFuture ending(Plugin.Observer observer) {
    try {
      return observer.ending();
    } catch (Throwable t) {
      fail(t);
      return null;
    }
  }

  private void fail(Throwable t) {
    requireNonNull(connection).fail(CloseReason.Kind.HANDLER_ERROR, t);
  }

  /** One plugin's link to the connection. */
  private record PluginLink(StreamConnection<?, ?> connection, int pauseBit)
      implements Plugin.Link {

    @Override
    public PluginHost host() {
      return connection.config().host().pluginHost();
    }

    @Override
    public ChannelPipeline pipeline() {
      return connection.channel().pipeline();
    }

    @Override
    public void addresses(SocketAddress remote, SocketAddress local) {
      connection.attribute(Addresses.class, new Addresses(remote, local));
    }

    @Override
    public void close(CloseReason reason) {
      connection.close(reason);
    }

    @Override
    public void closeNow(CloseReason reason) {
      connection.closeNow(reason);
    }

    @Override
    public void pauseReading() {
      connection.pause(pauseBit);
    }

    @Override
    public void resumeReading() {
      connection.resume(pauseBit);
    }

    @Override
    public long bufferedBytes() {
      return connection.bufferedBytes();
    }

    @Override
    public DeadlineWheel deadlineWheel(Duration maxDelay) {
      return connection.loop().deadlineWheel(maxDelay);
    }
  }

  /** The addresses that a plugin has set, in place of the socket's. */
  record Addresses(SocketAddress remote, SocketAddress local) {}
}
