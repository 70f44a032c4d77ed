package dev.jev.samples.push;

import static java.util.Objects.requireNonNull;

import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.Plugin;
import dev.jev.PluginHost;
import dev.jev.Protocol;
import dev.jev.ProtocolException;
import dev.jev.Server;
import dev.jev.SlowConsumer;
import dev.jev.Topic;
import dev.jev.plugin.Limits;
import dev.jev.samples.options.ServerOptions;
import dev.jev.samples.push.PushEvent.Visitor;
import dev.jev.websocket.HttpResponder;
import dev.jev.websocket.WebSocketHandshake;
import dev.jev.websocket.WebSocketMessage;
import dev.jev.websocket.WebSocketProtocol;
import io.netty.buffer.PooledByteBufAllocator;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.json.JsonMapper;

/**
 * Serves a web page with live data, and the page's WebSocket on the same port.
 *
 * <p>The page is among the resources. It connects to {@code /live}. Clients that only receive what
 * is published, such as the simulated subscribers, connect to {@code /feed}.
 */
@Command(name = "push", description = "Serves a page with live data; open it in a browser.")
public final class Push implements Callable<Integer>, Handler<PushRequest, PushEvent>, Plugin {

  private static final String LIVE = "/live";
  private static final String FEED = "/feed";
  private static final int MAX_MESSAGE_BYTES = 16 * 1024;

  /** Maximum message rate of a connection. A page sends about 60 messages per second. */
  private static final int MAX_MESSAGES_PER_SECOND = 200;

  @Mixin private ServerOptions options = new ServerOptions(8088);

  @Option(
      names = "--period-ms",
      description =
          "Time between two updates of the numbers, in milliseconds (default: ${DEFAULT-VALUE}).")
  private int periodMillis = 1000;

  private final JsonMapper json =
      JsonMapper.builder()
          .enable(DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES)
          .enable(DeserializationFeature.FAIL_ON_NULL_CREATOR_PROPERTIES)
          .build();
  private final Function<WebSocketMessage, PushRequest> decode = this::decode;
  private final Function<PushEvent, WebSocketMessage> encode = this::encode;

  private final Topic<PushEvent> feed = Topic.of("feed");
  private final Topic<PushEvent> numbers = Topic.of("numbers");
  private final Topic<PushEvent> cursors = Topic.of("cursors");
  private final Topic<PushEvent> drawing = Topic.of("drawing");
  private final PushBoard board = new PushBoard();
  private final PushVisitors visitors = new PushVisitors();
  private final PushSubscribers subscribers = new PushSubscribers(FEED);
  private volatile int rate = 10; // ticks per second

  // Each is used by one timer only, which always runs on the same event loop.
  private long ticks;
  private long expected; // deliveries of all ticks so far
  private long lastCompleted;
  private long lastPushed;
  private long lastNanos = System.nanoTime();

  @Override
  public Integer call() throws InterruptedException {
    Limits limits =
        Limits.builder()
            .messageRate(MAX_MESSAGES_PER_SECOND, 2 * MAX_MESSAGES_PER_SECOND)
            .onRateExceeded(Limits.RateLimitAction.CLOSE)
            .build();
    options.measure(m -> m.bind(limits).bind(feed).bind(numbers).bind(cursors).bind(drawing));
    return options.servePage(
        Server.builder(protocol(), this).plugin(limits).plugin(subscribers).plugin(this));
  }

  private Supplier<Protocol<PushRequest, PushEvent>> protocol() {
    Supplier<WebSocketProtocol> sockets =
        WebSocketProtocol.server()
            .path(LIVE)
            .path(FEED)
            .maxMessageBytes(MAX_MESSAGE_BYTES)
            .stopCloseCode(1012)
            .http(HttpResponder.classPath("push"))
            .build();
    return () -> sockets.get().map(decode, encode);
  }

  private PushRequest decode(WebSocketMessage message) {
    if (message instanceof WebSocketMessage.Text text) {
      return json.readValue(text.text(), PushRequest.class);
    }
    throw new ProtocolException("message: bytes (expected: a text)");
  }

  private WebSocketMessage encode(PushEvent event) {
    return WebSocketMessage.text(json.writeValueAsString(event));
  }

  @Override
  public void start(PluginHost host) {
    warmUp();
    host.runTicker(this::tick);
    host.runEvery(Duration.ofMillis(periodMillis), this::publishNumbers);
  }

  /** Loads the classes that the first round trip would otherwise wait for. */
  private void warmUp() {
    WebSocketMessage ping = WebSocketMessage.text("{\"type\":\"ping\",\"number\":0}");
    if (decode(ping) instanceof PushRequest.Ping request) {
      encode(new PushEvent.Pong(request.number()));
    }
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
      feed.publish(new PushEvent.Tick(++ticks));
      expected += size;
    }
    return Duration.ofSeconds(1).dividedBy(rate);
  }

  private void publishNumbers() {
    long pushed =
        Stream.of(feed, numbers, cursors, drawing).mapToLong(t -> t.counts().delivered()).sum();
    long now = System.nanoTime();
    double seconds = (now - lastNanos) / (double) TimeUnit.SECONDS.toNanos(1);
    numbers.publish(
        new PushEvent.Numbers(
            feed.size(),
            visitors.count(),
            subscribers.count(),
            subscribers.goal(),
            rate,
            pushed,
            (pushed - lastPushed) / seconds,
            Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory(),
            PooledByteBufAllocator.DEFAULT.metric().usedDirectMemory()));
    lastPushed = pushed;
    lastNanos = now;
  }

  @Override
  public void onConnect(Connection<PushEvent> connection) {
    feed.subscribe(connection, SlowConsumer.dropOldest());
    var handshake = requireNonNull(connection.attribute(WebSocketHandshake.class));
    if (handshake.request().path().equals(LIVE)) {
      welcome(connection);
    }
  }

  private void welcome(Connection<PushEvent> connection) {
    Visitor visitor = visitors.add();
    connection.attach(visitor);
    numbers.subscribe(connection, SlowConsumer.conflate(PushEvent::getClass));
    cursors.subscribe(connection, SlowConsumer.conflate(PushEvent::key));
    drawing.subscribe(connection);
    // A stroke drawn concurrently may be sent twice. The page ignores the repetition.
    connection.send(
        new PushEvent.Welcome(visitor, board.strokes(), PushRequest.MAX_RATE, subscribers.limit()));
    numbers.publish(visitors.people());
  }

  @Override
  public void onMessage(Connection<PushEvent> connection, PushRequest request) {
    Visitor visitor = connection.attachment(Visitor.class);
    if (visitor == null) {
      connection.close(); // a client of /feed must not send
    } else if (request instanceof PushRequest.Ping ping) {
      connection.send(new PushEvent.Pong(ping.number()));
    } else if (request instanceof PushRequest.Move to) {
      cursors.publish(new PushEvent.Cursor(visitor, to.x(), to.y()));
    } else if (request instanceof PushRequest.Leave) {
      cursors.publish(new PushEvent.Gone(visitor.id()));
    } else if (request instanceof PushRequest.Draw draw) {
      draw(visitor, draw);
    } else if (request instanceof PushRequest.Clear) {
      board.clear();
      drawing.publish(new PushEvent.Cleared());
    } else if (request instanceof PushRequest.Rate wanted) {
      rate = wanted.perSecond();
    } else if (request instanceof PushRequest.Subscribers wanted) {
      subscribers.change(wanted.change());
    }
  }

  private void draw(Visitor visitor, PushRequest.Draw draw) {
    var stroke =
        new PushEvent.Stroke(
            visitor.id(), draw.stroke(), visitor.color(), draw.from(), draw.points());
    if (board.add(stroke)) {
      drawing.publish(stroke);
    }
  }

  @Override
  public void onClose(Connection<PushEvent> connection, CloseReason reason) {
    Visitor visitor = connection.attachment(Visitor.class);
    if (visitor != null) {
      visitors.remove(visitor);
      cursors.publish(new PushEvent.Gone(visitor.id()));
      numbers.publish(visitors.people());
    }
  }
}
