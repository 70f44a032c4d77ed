package dev.jev.samples.push;

import static java.util.Objects.requireNonNull;

import dev.jev.Connection;
import dev.jev.EventLoops;
import dev.jev.Plugin;
import dev.jev.PluginHost;
import dev.jev.Server;
import dev.jev.Topic;
import dev.jev.samples.push.PriceServer.Price;
import dev.jev.websocket.WebSocketHandshake;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The lanes of the page: four clients of one price feed, three of which read too slowly, each with
 * another policy. They are real connections of this process to a {@link PriceServer}, which shares
 * the event loops of the page's server.
 *
 * <p>Nothing is published while there is no page to show it.
 */
final class PushLanes implements Plugin {

  private static final Duration FEED_PERIOD = Duration.ofMillis(20);
  private static final Duration SHOW_PERIOD = Duration.ofMillis(100);
  private static final int PRICES_PER_SECOND = 400;
  private static final int MAX_LATE_PRICES = PRICES_PER_SECOND / 2;

  private final Topic<Price> prices = Topic.of("prices");
  private final PushFeed feed = new PushFeed();
  private final BooleanSupplier isWatched;
  private final Consumer<PushEvent.Lanes> show;
  private final List<PushLane> lanes =
      List.of(
          new PushLane("/fast", () -> Integer.MAX_VALUE),
          new PushLane("/drop-oldest", this::bytesPerSecond),
          new PushLane("/conflate", this::bytesPerSecond),
          new PushLane("/unbounded", this::bytesPerSecond));
  private volatile int kilobytes = PushRequest.DEFAULT_KILOBYTES; // per second
  private @Nullable EventLoops loops; // of the clients
  private @Nullable Server server;
  private long publishedUntil; // used by one timer

  PushLanes(BooleanSupplier isWatched, Consumer<PushEvent.Lanes> show) {
    this.isWatched = isWatched;
    this.show = show;
  }

  /** Sets how much a slow client reads, in kilobytes per second. */
  void read(int kilobytesPerSecond) {
    kilobytes = kilobytesPerSecond;
  }

  private int bytesPerSecond() {
    return kilobytes * 1000;
  }

  @Override
  public void start(PluginHost host) {
    Server page = (Server) host; // never added to a client
    Server started = new PriceServer(prices).start("tcp://127.0.0.1:0", page.eventLoops());
    EventLoops own = EventLoops.builder().count(1).transport(page.transport()).start();
    server = started;
    loops = own;
    publishedUntil = System.nanoTime();
    int port = ((InetSocketAddress) started.addresses().get(0)).getPort();
    lanes.forEach(lane -> lane.start(port, own));
    host.runEvery(FEED_PERIOD, this::publishPrices);
    host.runEvery(SHOW_PERIOD, this::showLanes);
  }

  /** Publishes the prices that are due, also if the timer was late. */
  private void publishPrices() {
    long now = System.nanoTime();
    long due = (now - publishedUntil) * PRICES_PER_SECOND / TimeUnit.SECONDS.toNanos(1);
    publishedUntil += due * TimeUnit.SECONDS.toNanos(1) / PRICES_PER_SECOND;
    for (long i = Math.min(due, MAX_LATE_PRICES); i > 0 && isWatched.getAsBoolean(); i--) {
      prices.publish(feed.next());
    }
  }

  private void showLanes() {
    if (isWatched.getAsBoolean()) {
      Map<String, Connection<Price>> served = new HashMap<>();
      prices.forEach(connection -> served.put(path(connection), connection));
      show.accept(
          new PushEvent.Lanes(
              kilobytes, lanes.stream().map(lane -> lane.show(served.get(lane.path()))).toList()));
    }
  }

  private static String path(Connection<Price> connection) {
    return requireNonNull(connection.attribute(WebSocketHandshake.class)).request().path();
  }

  @Override
  public void stop(PluginHost host) {
    lanes.forEach(PushLane::stop);
    if (server != null && loops != null) {
      server.close();
      loops.close();
    }
  }
}
