package dev.jev.samples.push;

import static java.util.Objects.requireNonNull;

import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.Plugin;
import dev.jev.PluginHost;
import dev.jev.Server;
import dev.jev.SlowConsumer;
import dev.jev.Topic;
import dev.jev.metrics.Metrics;
import dev.jev.nodes.Nodes;
import dev.jev.nodes.TopicGate;
import dev.jev.nodes.TopicGate.Grant;
import dev.jev.nodes.TopicSocket;
import dev.jev.samples.push.PushEvent.Visitor;
import dev.jev.websocket.HttpResponder;
import dev.jev.websocket.HttpResponse;
import dev.jev.websocket.WebSocketHandshake;
import dev.jev.websocket.WebSocketMessage;
import dev.jev.websocket.WebSocketProtocol;
import io.netty.buffer.PooledByteBufAllocator;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Serves the page and its WebSockets.
 *
 * <p>The page is among the resources. It connects to {@code /live}, and to {@code /topics} for the
 * topics that outlive connections. Clients that only receive what is published, such as the
 * simulated subscribers, connect to {@code /feed}.
 */
final class PushHandler implements Handler<WebSocketMessage, WebSocketMessage>, Plugin {

  private static final String LIVE = "/live";
  private static final String FEED = "/feed";
  private static final String TOPICS = "/topics";
  private static final int MAX_MESSAGE_BYTES = 16 * 1024;
  private static final int PROTOCOL_ERROR = 1002;
  private static final Duration STEP_PERIOD = Duration.ofMillis(200);

  private final PushJson json = new PushJson();
  private final Topic<WebSocketMessage> feed = Topic.of("feed");
  private final Topic<WebSocketMessage> numbers = Topic.of("numbers");
  private final Topic<WebSocketMessage> cursors = Topic.of("cursors");
  private final Duration period; // of the numbers
  private final Nodes nodes;
  private final @Nullable PushNode node;
  private final PushDrawing drawing;
  private final TopicSocket topics;
  private final boolean isShared;
  private final PushRestart restart = new PushRestart();
  private final PushVisitors visitors = new PushVisitors();
  private final PushSubscribers subscribers = new PushSubscribers(FEED);
  private final PushLanes lanes = new PushLanes(this::isWatched, this::showLanes);
  private volatile int rate = 10; // ticks per second
  private volatile @Nullable String shareUrl;

  // Each is used by one timer only, which always runs on the same event loop.
  private long ticks;
  private long expected; // deliveries of all ticks so far
  private long lastCompleted;
  private long lastPushed;
  private long lastNanos = System.nanoTime();

  /**
   * Creates the handler of a node.
   *
   * @param node the node among others; null if it is the only one
   * @param period the time between two updates of the numbers
   * @param isShared whether other devices may join
   */
  PushHandler(Nodes nodes, @Nullable PushNode node, Duration period, boolean isShared) {
    this.isShared = isShared;
    this.period = period;
    this.nodes = nodes;
    this.node = node;
    this.drawing = new PushDrawing(nodes);
    this.topics = TopicSocket.builder(nodes).gate(PushHandler::mayRead).build();
  }

  /** Binds the topics to metrics. */
  void measure(Metrics metrics) {
    metrics.bind(feed).bind(numbers).bind(cursors);
  }

  /** Returns the first or the next server, which has yet to be told where to listen. */
  Server.Builder<WebSocketMessage, WebSocketMessage> server() {
    return Server.builder(protocol(), this)
        .plugin(restart.next())
        .plugin(nodes)
        .plugin(topics)
        .plugin(subscribers)
        .plugin(lanes)
        .plugin(this);
  }

  private Supplier<WebSocketProtocol> protocol() {
    var protocol =
        topics
            .protocol()
            .path(LIVE)
            .path(FEED)
            .path(TOPICS)
            .maxMessageBytes(MAX_MESSAGE_BYTES)
            .http(
                HttpResponder.classPath("push")
                    .or(TopicSocket.script())
                    .or(HttpResponder.at(PushShare.PATH, this::shareCode)));
    if (node != null) { // the page of each may connect to all
      protocol.origins(node.origins().toArray(String[]::new));
    }
    return protocol.build();
  }

  /** Pages only read topics; what they draw comes by {@code /live}, where it is checked. */
  private static CompletionStage<Grant> mayRead(TopicGate.Request request) {
    Grant grant =
        switch (request.topic()) {
          case PushDrawing.TOPIC -> Grant.read(PushDrawing.KIND);
          case PushNode.TOPIC -> Grant.read(PushNode.KIND);
          default -> Grant.denied();
        };
    return CompletableFuture.completedStage(grant);
  }

  @Override
  public void start(PluginHost host) {
    json.warmUp();
    shareUrl = isShared ? PushShare.url(port(host)) : null;
    host.runTicker(this::tick);
    host.runEvery(period, this::publishNumbers);
    if (node != null) {
      node.follow(event -> numbers.publish(json.message(event)));
      host.runEvery(STEP_PERIOD, () -> node.step(nodes));
    }
  }

  private static int port(PluginHost host) {
    return ((InetSocketAddress) host.addresses().get(0)).getPort();
  }

  private HttpResponse shareCode() {
    String url = shareUrl;
    return url == null ? HttpResponse.of(404) : PushShare.code(url);
  }

  /** Publishes a tick unless earlier ones are still queued: other messages would wait behind it. */
  private Duration tick() {
    Topic.Counts counts = feed.counts();
    long completed = counts.delivered() + counts.dropped() + counts.conflated();
    if (completed == lastCompleted) {
      expected = completed; // the missing deliveries were those of closed connections
    }
    lastCompleted = completed;
    int size = feed.size();
    if (expected - completed <= size) {
      feed.publish(json.message(new PushEvent.Tick(++ticks)));
      expected += size;
    }
    return Duration.ofSeconds(1).dividedBy(rate);
  }

  private boolean isWatched() {
    return visitors.count() > 0;
  }

  private void showLanes(PushEvent.Lanes now) {
    numbers.publish(json.message(now));
  }

  private void publishNumbers() {
    long pushed = Stream.of(feed, numbers, cursors).mapToLong(t -> t.counts().delivered()).sum();
    long nanos = System.nanoTime();
    double seconds = (nanos - lastNanos) / (double) TimeUnit.SECONDS.toNanos(1);
    PushEvent now =
        new PushEvent.Numbers(
            feed.size(),
            visitors.count(),
            subscribers.count(),
            subscribers.goal(),
            rate,
            pushed,
            (pushed - lastPushed) / seconds,
            Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory(),
            PooledByteBufAllocator.DEFAULT.metric().usedDirectMemory());
    numbers.publish(json.message(now));
    PushEvent.Restarted back = restart.progress(feed.size());
    if (back != null) {
      numbers.publish(json.message(back));
    }
    lastPushed = pushed;
    lastNanos = nanos;
  }

  @Override
  public void onConnect(Connection<WebSocketMessage> connection) {
    String path = path(connection);
    if (path.equals(TOPICS)) {
      topics.onConnect(connection);
      return;
    }
    restart.connected();
    feed.subscribe(connection, SlowConsumer.dropOldest());
    if (path.equals(LIVE)) {
      welcome(connection);
    }
  }

  private static String path(Connection<WebSocketMessage> connection) {
    return requireNonNull(connection.attribute(WebSocketHandshake.class)).request().path();
  }

  private void welcome(Connection<WebSocketMessage> connection) {
    Visitor visitor = visitors.add();
    connection.attach(new PushPage(visitor));
    numbers.subscribe(connection, SlowConsumer.conflate(json::type));
    cursors.subscribe(connection, SlowConsumer.conflate(json::visitor));
    boolean shared = node != null;
    send(
        connection,
        new PushEvent.Welcome(
            visitor, shared, shareUrl, PushRequest.MAX_RATE, subscribers.limit()));
    if (node != null) {
      send(connection, node.nodes());
    }
    numbers.publish(json.message(visitors.people()));
  }

  private void send(Connection<WebSocketMessage> connection, PushEvent event) {
    connection.send(json.message(event));
  }

  @Override
  public void onMessage(Connection<WebSocketMessage> connection, WebSocketMessage message) {
    PushPage page = connection.attachment(PushPage.class);
    if (page != null) {
      onMessage(connection, page, message);
    } else if (path(connection).equals(TOPICS)) {
      topics.onMessage(connection, message);
    } else {
      connection.close(); // a client of /feed must not send
    }
  }

  private void onMessage(
      Connection<WebSocketMessage> connection, PushPage page, WebSocketMessage message) {
    PushRequest request = json.request(message);
    if (request == null) {
      connection.send(WebSocketMessage.close(PROTOCOL_ERROR, "not a request of the page"));
    } else if (request instanceof PushRequest.Ping ping) {
      send(connection, new PushEvent.Pong(ping.number()));
    } else {
      perform(page, request);
    }
  }

  private void perform(PushPage page, PushRequest request) {
    Visitor visitor = page.visitor();
    if (request instanceof PushRequest.Move to) {
      cursors.publish(json.message(new PushEvent.Cursor(visitor, to.x(), to.y())));
    } else if (request instanceof PushRequest.Leave) {
      cursors.publish(json.message(new PushEvent.Gone(visitor.id())));
    } else if (request instanceof PushRequest.Draw part) {
      draw(page, part);
    } else if (request instanceof PushRequest.Clear) {
      drawing.clear(json.text(new PushEvent.Cleared()));
    } else if (request instanceof PushRequest.Rate wanted) {
      rate = wanted.perSecond();
    } else if (request instanceof PushRequest.Subscribers wanted) {
      subscribers.change(wanted.change());
    } else if (request instanceof PushRequest.Restart && node == null) {
      restart.begin(feed.size());
    } else if (request instanceof PushRequest.Read wanted) {
      lanes.read(wanted.kilobytes());
    } else if (request instanceof PushRequest.Kill wanted && node != null) {
      node.kill(wanted.node());
    }
  }

  private void draw(PushPage page, PushRequest.Draw part) {
    if (page.draws(part)) {
      Visitor visitor = page.visitor();
      var stroke =
          new PushEvent.Stroke(
              visitor.id(), part.stroke(), visitor.color(), part.from(), part.points());
      drawing.draw(json.text(stroke));
    }
  }

  @Override
  public void onClose(Connection<WebSocketMessage> connection, CloseReason reason) {
    PushPage page = connection.attachment(PushPage.class);
    if (page != null) {
      visitors.remove(page.visitor());
      cursors.publish(json.message(new PushEvent.Gone(page.visitor().id())));
      numbers.publish(json.message(visitors.people()));
    } else if (path(connection).equals(TOPICS)) {
      topics.onClose(connection, reason);
    }
  }
}
