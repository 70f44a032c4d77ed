package dev.jev.samples.push;

import com.sun.management.UnixOperatingSystemMXBean;
import dev.jev.Client;
import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.EventLoops;
import dev.jev.Handler;
import dev.jev.Plugin;
import dev.jev.PluginHost;
import dev.jev.Server;
import dev.jev.samples.options.ServerOptions;
import dev.jev.websocket.WebSocketClientBuilder;
import dev.jev.websocket.WebSocketMessage;
import dev.jev.websocket.WebSocketProtocol;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.time.Duration;
import java.util.Iterator;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * The simulated subscribers, which a button of the page adds: WebSocket clients in this process,
 * each with a connection of its own, on an event loop that the server does not use.
 */
final class PushSubscribers implements Plugin, Handler<WebSocketMessage, WebSocketMessage> {

  private static final int MAX_SUBSCRIBERS = 5_000;

  /** Threshold for the clients' event loop. It may be slow; only the server is measured. */
  private static final Duration BLOCKED_LOOP_THRESHOLD = Duration.ofSeconds(10);

  // Small steps, so that other connections are served in between.
  private static final Duration STEP_PERIOD = Duration.ofMillis(20);
  private static final int CLIENTS_PER_STEP = 20;
  private static final int MAX_CONNECTING = 40;

  private final String path;
  private final int max = max();
  private final AtomicInteger goal = new AtomicInteger();
  private final AtomicInteger count = new AtomicInteger(); // of connected clients
  private final Set<Client<WebSocketMessage>> clients = ConcurrentHashMap.newKeySet();
  private @Nullable EventLoops loops;

  PushSubscribers(String path) {
    this.path = path;
  }

  /** Returns a maximum that needs at most half of the file descriptors: two per subscriber. */
  private static int max() {
    return ManagementFactory.getOperatingSystemMXBean() instanceof UnixOperatingSystemMXBean unix
        ? (int) Math.min(MAX_SUBSCRIBERS, unix.getMaxFileDescriptorCount() / 4)
        : MAX_SUBSCRIBERS;
  }

  /** Returns the maximum number of subscribers. */
  int limit() {
    return max;
  }

  /** Returns the number of connected subscribers. */
  int count() {
    return count.get();
  }

  /** Returns the requested number of subscribers. */
  int goal() {
    return goal.get();
  }

  void change(int change) {
    goal.updateAndGet(current -> Math.max(0, Math.min(max, current + change)));
  }

  @Override
  public void start(PluginHost host) {
    Server server = (Server) host; // never added to a client
    EventLoops own =
        EventLoops.builder()
            .count(1)
            .transport(server.transport())
            .blockedLoopThreshold(BLOCKED_LOOP_THRESHOLD)
            .start();
    loops = own;
    WebSocketClientBuilder feed = WebSocketProtocol.client(uri(server));
    Client.Builder<WebSocketMessage, WebSocketMessage> builder =
        Client.builder(feed.build(), this).eventLoops(own);
    server.runEvery(STEP_PERIOD, () -> step(builder, feed.address()));
  }

  private URI uri(Server server) {
    InetSocketAddress address = (InetSocketAddress) server.addresses().get(0);
    InetAddress host =
        address.getAddress().isAnyLocalAddress()
            ? InetAddress.getLoopbackAddress()
            : address.getAddress();
    String name = ServerOptions.bracketed(host.getHostAddress());
    return URI.create("ws://" + name + ":" + address.getPort() + path);
  }

  private void step(Client.Builder<WebSocketMessage, WebSocketMessage> builder, String address) {
    int missing = Math.min(goal() - clients.size(), MAX_CONNECTING - (clients.size() - count()));
    for (int i = Math.min(missing, CLIENTS_PER_STEP); i > 0; i--) {
      connect(builder, address);
    }
    Iterator<Client<WebSocketMessage>> some = clients.iterator();
    for (int i = Math.min(clients.size() - goal(), CLIENTS_PER_STEP); i > 0; i--) {
      Client<WebSocketMessage> client = some.next();
      some.remove();
      client.close();
    }
  }

  private void connect(Client.Builder<WebSocketMessage, WebSocketMessage> builder, String address) {
    Client<WebSocketMessage> client = builder.connect(address);
    clients.add(client);
    client
        .connected()
        .whenComplete(
            (connection, failure) -> {
              if (connection == null) {
                forget(client);
              } else {
                connection.attach(client);
              }
            });
  }

  /** Forgets a client that failed or was closed. It is not replaced: a limit may be reached. */
  private void forget(Client<?> client) {
    if (clients.remove(client)) {
      change(-1);
    }
  }

  @Override
  public void onConnect(Connection<WebSocketMessage> connection) {
    count.incrementAndGet();
  }

  @Override
  public void onMessage(Connection<WebSocketMessage> connection, WebSocketMessage message) {
    // Only the delivery matters.
  }

  @Override
  public void onClose(Connection<WebSocketMessage> connection, CloseReason reason) {
    count.decrementAndGet();
    Client<?> client = connection.attachment(Client.class);
    if (client != null) {
      forget(client);
    }
  }

  @Override
  public void stop(PluginHost host) {
    if (loops != null) {
      loops.close();
    }
  }
}
