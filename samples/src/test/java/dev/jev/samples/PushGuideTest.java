package dev.jev.samples;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.Protocol;
import dev.jev.Server;
import dev.jev.SlowConsumer;
import dev.jev.Subscription;
import dev.jev.Topic;
import dev.jev.codec.Protocols;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.Socket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Runs the code of docs/push.md: each of its Java blocks is a region of this class. */
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
  void guideShowsTheCodeThatIsTestedHere() throws IOException {
    Snippets.expectShown("docs/push.md", PushGuideTest.class);
  }
}
