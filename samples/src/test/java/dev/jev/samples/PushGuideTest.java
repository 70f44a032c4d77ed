package dev.jev.samples;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.concurrent.CompletableFuture.completedStage;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.Protocol;
import dev.jev.Server;
import dev.jev.SlowConsumer;
import dev.jev.Subscription;
import dev.jev.Topic;
import dev.jev.codec.Protocols;
import dev.jev.plugin.Limits;
import dev.jev.plugin.Limits.ConnectionLimitAction;
import dev.jev.websocket.HttpResponse;
import dev.jev.websocket.WebSocketMessage;
import dev.jev.websocket.WebSocketMessage.Text;
import dev.jev.websocket.WebSocketProtocol;
import dev.jev.websocket.WebSocketServerBuilder;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.Socket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Runs the code of docs/push.md: each of its Java blocks is a region of this class. */
@Timeout(60)
class PushGuideTest {

  // region room
  /** A room: each line goes to all members. */
  static final class Room implements Handler<String, String> {

    private final Topic<String> room = Topic.of("room");

    @Override
    public void onConnect(Connection<String> connection) {
      room.subscribe(connection);
    }

    @Override
    public void onMessage(Connection<String> connection, String line) {
      room.publish(line);
    }
  }

  // endregion

  // region slow
  record Price(String symbol, String value) {}

  /** A slow client gets the latest price of each symbol, unless that is older than 5 s. */
  static final SlowConsumer<Price> LATEST =
      SlowConsumer.conflate(Price::symbol).maxAge(Duration.ofSeconds(5));

  static Server startPrices(Topic<Price> prices, String uri) {
    Handler<String, Price> handler =
        (connection, symbol) -> {
          Subscription subscription = prices.subscribe(connection, LATEST);
          connection.attach(subscription); // counts what was conflated or dropped
        };
    return Server.builder(PushGuideTest::pricesAsLines, handler)
        .writeWatermarks(8 * 1024, 16 * 1024) // above the high watermark, messages wait
        .listen(uri)
        .start();
  }

  static Protocol<String, Price> pricesAsLines() {
    return Protocols.lines().mapOutbound(price -> price.symbol() + " " + price.value());
  }

  // endregion

  // region retained
  static final Topic<String> CHAT = Topic.<String>of("chat").retaining(100);
  static final Topic<Price> PRICES = Topic.<Price>of("prices").retainingLatest(Price::symbol);

  // endregion

  // region snapshot
  /** A list of tasks: a new subscriber gets all of them, then each new one. */
  static final class Tasks implements Handler<String, String> {

    private final Topic<String> added = Topic.of("tasks");
    private final List<String> tasks = new ArrayList<>(); // used by updates and snapshots only

    @Override
    public void onConnect(Connection<String> connection) {
      added.subscribe(connection, SlowConsumer.close(), () -> tasks);
    }

    @Override
    public void onMessage(Connection<String> connection, String task) {
      added.update(
          () -> {
            tasks.add(task);
            return task;
          });
    }
  }

  // endregion

  // region presence
  static Topic<String> announced() {
    Topic<String> members = Topic.of("members");
    return Topic.of(
        "room",
        new Topic.Observer<>() {
          @Override
          public void onJoin(Connection<String> connection) {
            members.subscribe(connection);
            members.publish("+ " + members.size());
          }

          @Override
          public void onLeave(Connection<String> connection) {
            members.publish("- " + members.size());
          }
        });
  }

  // endregion

  record User(String name) {}

  // region limits
  static Limits limits() {
    return Limits.builder()
        .connectionsPer(c -> c.attribute(User.class), 3, ConnectionLimitAction.CLOSE_OLDEST)
        .messageRate(10, 100) // per second and at once, per connection
        .build();
  }

  /** Subscribes one connection to the topics that it names: for Handler.perConnection. */
  record Subscriptions(Map<String, Topic<WebSocketMessage>> topics, Set<String> names)
      implements Handler<WebSocketMessage, WebSocketMessage> {

    private static final SlowConsumer<WebSocketMessage> QUEUE =
        SlowConsumer.<WebSocketMessage>dropOldest().maxBytes(32 * 1024);

    @Override
    public void onMessage(Connection<WebSocketMessage> connection, WebSocketMessage message) {
      String name = ((Text) message).text();
      Topic<WebSocketMessage> topic = topics.get(name);
      if (topic == null || (names.size() == 20 && !names.contains(name))) {
        connection.send(WebSocketMessage.text("refused: " + name));
      } else if (names.add(name)) {
        topic.subscribe(connection, QUEUE);
      }
    }
  }

  // endregion

  private static Server startLimited(Map<String, Topic<WebSocketMessage>> topics) {
    WebSocketServerBuilder sockets =
        WebSocketProtocol.server()
            .onUpgrade(
                request -> {
                  User user = new User(String.valueOf(request.parameter("user")));
                  return completedStage(HttpResponse.accept().attribute(User.class, user));
                });
    Handler<WebSocketMessage, WebSocketMessage> handler =
        Handler.perConnection(connection -> new Subscriptions(topics, new HashSet<>()));
    return Server.builder(sockets.build(), handler)
        .plugin(limits())
        .listen("tcp://127.0.0.1:0")
        .start();
  }

  /** A client that reads lines. */
  private static final class LineClient implements AutoCloseable {
    private final Socket socket;
    private final BufferedReader in;

    LineClient(Server server) throws IOException {
      socket = new Socket(InetAddress.getLoopbackAddress(), server.port());
      socket.setSoTimeout(10_000);
      in = new BufferedReader(new InputStreamReader(socket.getInputStream(), UTF_8));
    }

    LineClient send(String line) throws IOException {
      socket.getOutputStream().write((line + "\n").getBytes(UTF_8));
      return this;
    }

    String receive() throws IOException {
      return in.readLine();
    }

    @Override
    public void close() throws IOException {
      socket.close();
    }
  }

  @Test
  void eachLineGoesToAllMembers() throws Exception {
    try (Server server =
            Server.builder(Protocols::lines, new Room()).listen("tcp://127.0.0.1:0").start();
        LineClient ann = new LineClient(server);
        LineClient bob = new LineClient(server)) {
      assertThat(ann.send("hello").receive()).isEqualTo("hello");
      assertThat(bob.send("hello Ann").receive()).isIn("hello", "hello Ann");
      assertThat(ann.receive()).isEqualTo("hello Ann");
    }
  }

  @Test
  void pricesArePushed() throws Exception {
    Topic<Price> prices = Topic.of("prices");
    try (Server server = startPrices(prices, "tcp://127.0.0.1:0");
        LineClient client = new LineClient(server)) {
      client.send("ACME");
      while (prices.size() == 0) {
        Thread.onSpinWait();
      }
      prices.publish(new Price("ACME", "42"));
      assertThat(client.receive()).isEqualTo("ACME 42");
    }
  }

  @Test
  void latestPricesAreRetained() throws Exception {
    PRICES.publish(new Price("ACME", "41"));
    PRICES.publish(new Price("EVIL", "7"));
    PRICES.publish(new Price("ACME", "42"));
    try (Server server = startPrices(PRICES, "tcp://127.0.0.1:0");
        LineClient client = new LineClient(server).send("all")) {
      assertThat(client.receive()).isEqualTo("EVIL 7");
      assertThat(client.receive()).isEqualTo("ACME 42");
    } finally {
      PRICES.clearRetained();
    }
  }

  @Test
  void newSubscriberGetsAllTasks() throws Exception {
    try (Server server =
            Server.builder(Protocols::lines, new Tasks()).listen("tcp://127.0.0.1:0").start();
        LineClient ann = new LineClient(server).send("cook")) {
      assertThat(ann.receive()).isEqualTo("cook");
      try (LineClient bob = new LineClient(server)) {
        assertThat(bob.receive()).isEqualTo("cook");
        assertThat(bob.send("eat").receive()).isEqualTo("eat");
        assertThat(ann.receive()).isEqualTo("eat");
      }
    }
  }

  @Test
  void joinsAndLeavesAreAnnounced() throws Exception {
    Topic<String> room = announced();
    Handler<String, String> handler = (connection, line) -> room.subscribe(connection);
    try (Server server =
            Server.builder(Protocols::lines, handler).listen("tcp://127.0.0.1:0").start();
        LineClient ann = new LineClient(server)) {
      assertThat(ann.send("join").receive()).isEqualTo("+ 1");
      LineClient bob = new LineClient(server);
      assertThat(bob.send("join").receive()).isEqualTo("+ 2");
      assertThat(ann.receive()).isEqualTo("+ 2");
      bob.close();
      assertThat(ann.receive()).isEqualTo("- 1");
    }
  }

  @Test
  void fourthConnectionOfAUserClosesTheOldest() throws Exception {
    try (Server server = startLimited(Map.of())) {
      WebSocketTexts bob = WebSocketTexts.connect(server.port(), "/?user=bob");
      WebSocketTexts first = WebSocketTexts.connect(server.port(), "/?user=ann");
      WebSocketTexts second = WebSocketTexts.connect(server.port(), "/?user=ann");
      WebSocketTexts third = WebSocketTexts.connect(server.port(), "/?user=ann");
      first.sends("a").expect("refused: a"); // three may stay
      WebSocketTexts fourth = WebSocketTexts.connect(server.port(), "/?user=ann");
      assertThat(first.code()).isEqualTo(1008);
      for (WebSocketTexts client : List.of(bob, second, third, fourth)) {
        client.sends("a").expect("refused: a");
      }
    }
  }

  @Test
  void connectionHasTwentyTopics() throws Exception {
    Map<String, Topic<WebSocketMessage>> topics = new HashMap<>();
    for (int i = 1; i <= 21; i++) {
      topics.put("t" + i, Topic.of("t" + i));
    }
    try (Server server = startLimited(topics)) {
      WebSocketTexts ann = WebSocketTexts.connect(server.port(), "/?user=ann");
      for (int i = 1; i <= 21; i++) {
        ann.sends("t" + i);
      }
      assertThat(ann.next()).isEqualTo("refused: t21");
      assertThat(ann.sends("t1").sends("t22").next()).isEqualTo("refused: t22");
      assertThat(topics.values()).filteredOn(topic -> topic.size() == 1).hasSize(20);
      topics.get("t20").publish(WebSocketMessage.text("news"));
      assertThat(ann.next()).isEqualTo("news");
    }
  }

  @Test
  void messagesBeyondTheRateAreDelayed() throws Exception {
    try (Server server = startLimited(Map.of())) {
      long start = System.nanoTime();
      WebSocketTexts ann = WebSocketTexts.connect(server.port(), "/?user=ann");
      for (int i = 0; i < 110; i++) {
        ann.sends("a");
      }
      for (int i = 0; i < 110; i++) {
        assertThat(ann.next()).isEqualTo("refused: a");
      }
      assertThat(Duration.ofNanos(System.nanoTime() - start)).isGreaterThan(Duration.ofMillis(900));
    }
  }

  @Test
  void guideShowsTheCodeThatIsTestedHere() throws IOException {
    Snippets.expectShown("docs/push.md", PushGuideTest.class);
  }
}
