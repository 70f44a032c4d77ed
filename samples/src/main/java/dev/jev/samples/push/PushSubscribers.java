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
 * each with a connection of its own, on an event loop that the server does not use. They outlive a
 * restart of the server.
 */
final class PushSubscribers implements Plugin, Handler<WebSocketMessage, WebSocketMessage> {

  private static final int MAX_SUBSCRIBERS = 5_000;

  /** Threshold for the clients' event loop. It may be slow; only the server is measured. */
  private static final Duration BLOCKED_LOOP_THRESHOLD = Duration.ofSeconds(10);

  // Small steps, so that other connections are served in between.
  private static final Duration STEP_PERIOD = Duration.ofMillis(20);
  private static final int CLIENTS_PER_STEP = 20;
  private static final int MAX_CONNECTING = 40;

  // Of a restart, so that no second brings more than a third of the subscribers.
  private static final Duration MIN_BACKOFF = Duration.ofMillis(4_500);
  private static final Duration MAX_BACKOFF = Duration.ofSeconds(5);

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
    if (loops == null) { // otherwise the server has restarted, and the subscribers come back
      loops =
          EventLoops.builder()
              .count(1)
              .transport(server.transport())
              .blockedLoopThreshold(BLOCKED_LOOP_THRESHOLD)
              .start();
    }
    WebSocketClientBuilder feed = WebSocketProtocol.client(uri(server));
    Client.Builder<WebSocketMessage, WebSocketMessage> builder =
        Client.builder(feed.build(), this).eventLoops(loops).reconnect(MIN_BACKOFF, MAX_BACKOFF);
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
      clients.add(builder.connect(address));
    }
    Iterator<Client<WebSocketMessage>> some = clients.iterator();
    for (int i = Math.min(clients.size() - goal(), CLIENTS_PER_STEP); i > 0; i--) {
      Client<WebSocketMessage> client = some.next();
      some.remove();
      client.close();
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
  }
}
