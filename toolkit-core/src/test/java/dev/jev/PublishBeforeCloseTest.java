package dev.jev;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.plugin.Drain;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Messages that are published before a connection ends, and arrive before its end. */
class PublishBeforeCloseTest {

  private final Topic<String> topic = Topic.of("news");
  private final List<RawPeer> peers = new ArrayList<>();
  private @Nullable Server server;

  @AfterEach
  void stop() throws Exception {
    for (RawPeer peer : peers) {
      peer.close();
    }
    if (server != null) {
      server.close();
    }
  }

  /** Subscribes each connection, and passes each message to an action. */
  private Server start(
      int loops, int subscribers, BiConsumer<Connection<String>, String> onMessage, Plugin... with)
      throws Exception {
    Handler<String, String> handler =
        new Handler<>() {
          @Override
          public void onConnect(Connection<String> connection) {
            topic.subscribe(connection);
          }

          @Override
          public void onMessage(Connection<String> connection, String message) {
            onMessage.accept(connection, message);
          }
        };
    Server.Builder<String, String> builder =
        Server.builder(Texts::new, handler).listen("127.0.0.1:0").eventLoops(loops);
    for (Plugin plugin : with) {
      builder.plugin(plugin);
    }
    server = builder.start();
    for (int i = 0; i < subscribers; i++) {
      peers.add(RawPeer.connect(server));
    }
    Eventually.holds("all have joined", () -> topic.size() == subscribers);
    return server;
  }

  private static List<String> numbers(int count) {
    List<String> numbers = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      numbers.add("n" + i);
    }
    return numbers;
  }

  /** Expects texts and then the end of the output. */
  private static void expect(RawPeer peer, List<String> texts) throws Exception {
    for (String text : texts) {
      assertThat(peer.receive()).isEqualTo(text);
    }
    peer.expectEnd();
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3})
  void publisherGetsItsMessageBeforeItsClose(int loops) throws Exception {
    start(
        loops,
        20,
        (connection, message) -> {
          topic.publish("bye " + message);
          connection.close();
        });
    for (int i = 0; i < 20; i++) {
      peers.get(i).send("from " + i);
      for (RawPeer peer : peers.subList(i, 20)) {
        assertThat(peer.receive()).isEqualTo("bye from " + i);
      }
      peers.get(i).expectEnd();
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3})
  void subscribersThatThePublisherClosesGetItsMessages(int loops) throws Exception {
    start(
        loops,
        20,
        (connection, message) -> {
          numbers(300).forEach(topic::publish);
          topic.forEach(Connection::close);
          topic.publish("too late");
        });
    peers.get(0).send("go");
    for (RawPeer peer : peers) {
      expect(peer, numbers(300));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3})
  void subscribersClosedByAnotherThreadGetItsMessages(int loops) throws Exception {
    start(loops, 20, (connection, message) -> {});
    numbers(300).forEach(topic::publish);
    topic.forEach(Connection::close);
    topic.publish("too late");
    for (RawPeer peer : peers) {
      expect(peer, numbers(300));
    }
  }

  @Test
  void messagePublishedAfterTheCloseOfItsThreadIsNotDelivered() throws Exception {
    start(1, 1, (connection, message) -> {});
    CompletableFuture<Connection<?>> subscribed = new CompletableFuture<>();
    topic.forEach(subscribed::complete);
    CountDownLatch released = new CountDownLatch(1);
    subscribed.join().execute(() -> await(released)); // the loop sees the calls later
    subscribed.join().close();
    topic.publish("too late");
    released.countDown();
    expect(peers.get(0), List.of());
  }

  private static void await(CountDownLatch latch) {
    try {
      assertThat(latch.await(10, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void nothingOvertakesAMessageThatTheLoopIsAboutToTake() throws Exception {
    start(1, 1, (connection, message) -> {});
    CompletableFuture<Connection<?>> subscribed = new CompletableFuture<>();
    topic.forEach(subscribed::complete);
    Loop loop = ((StreamConnection<?, ?>) subscribed.join()).loop();
    int overtaken = 0;
    for (int i = 1; i <= 40_000; i++) { // at all points of the loop's task
      topic.publish("x");
      boolean behind = loop.runBehindServices(() -> {});
      Topic.Counts counts = topic.counts();
      overtaken += !behind && counts.delivered() + counts.dropped() < i ? 1 : 0;
      for (int pause = i % 3_000; pause > 0; pause--) {
        Thread.onSpinWait();
      }
    }
    assertThat(overtaken).isZero();
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3})
  void stopDeliversEverythingPublishedBefore(int loops) throws Exception {
    Server server = start(loops, 50, (connection, message) -> {});
    numbers(200).forEach(topic::publish);
    server.stop(Duration.ofMinutes(1));
    for (RawPeer peer : peers) {
      expect(peer, numbers(200));
      peer.close();
    }
    server.awaitStop();
    assertThat(topic.counts().dropped()).isZero();
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3})
  void drainDeliversEverythingPublishedBefore(int loops) throws Exception {
    Drain drain =
        Drain.builder()
            .acceptTime(Duration.ZERO)
            .spread(Duration.ofMillis(1))
            .withoutShutdownHook()
            .build();
    Server server = start(loops, 50, (connection, message) -> {}, drain);
    numbers(200).forEach(topic::publish);
    drain.begin();
    for (RawPeer peer : peers) {
      expect(peer, numbers(200));
      peer.close();
    }
    server.awaitStop();
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3})
  void messagesPublishedBeforeAnUnsubscribeArrive(int loops) throws Exception {
    start(
        loops,
        20,
        (connection, message) -> {
          numbers(300).forEach(topic::publish);
          topic.forEach(topic::unsubscribe);
          topic.publish("too late");
          connection.send("end");
        });
    peers.get(0).send("go");
    for (RawPeer peer : peers.subList(1, 20)) {
      for (String text : numbers(300)) {
        assertThat(peer.receive()).isEqualTo(text);
      }
    }
    assertThat(topic.size()).isZero();
  }

  @Test
  void newSubscriberGetsWhatIsPublishedBeforeItsClose() throws Exception {
    Queue<String> events = new ConcurrentLinkedQueue<>();
    Topic<String> greetings = Topic.of("greetings");
    start(
        1,
        1,
        (connection, message) -> {
          greetings.subscribe(connection);
          greetings.publish("welcome");
          connection.close();
          events.add("open " + connection.isOpen());
        });
    peers.get(0).send("go");
    expect(peers.get(0), List.of("welcome"));
    assertThat(events).containsExactly("open false");
    Eventually.holds("the subscription has ended", () -> greetings.size() == 0);
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void messagesPublishedBeforeTheOutputEndsArrive(boolean onLoop) throws Exception {
    Runnable publish =
        () -> {
          numbers(300).forEach(topic::publish);
          topic.forEach(Connection::shutdownOutput);
        };
    start(
        2,
        4,
        (connection, message) -> {
          if (message.equals("go")) {
            publish.run();
          }
        });
    if (onLoop) {
      peers.get(0).send("go");
    } else {
      publish.run();
    }
    for (RawPeer peer : peers) {
      expect(peer, numbers(300));
    }
  }

  @Test
  void messagesPublishedBeforeADetachArrive() throws Exception {
    start(
        1,
        2,
        (connection, message) -> {
          numbers(300).forEach(topic::publish);
          connection.detach(
              new ChannelInboundHandlerAdapter() {
                @Override
                public void handlerAdded(ChannelHandlerContext ctx) {
                  ctx.writeAndFlush(Unpooled.copiedBuffer("raw", US_ASCII));
                }
              });
        });
    RawPeer peer = peers.get(0).send("go");
    for (String text : numbers(300)) {
      assertThat(peer.receive()).isEqualTo(text);
    }
    assertThat(peer.read(3)).isEqualTo("raw".getBytes(US_ASCII));
  }

  /** Texts; one that ends with "..." is a part of a message whose rest never comes. */
  private static final class Parts implements Protocol<String, String> {
    private final Texts texts = new Texts();
    private boolean midMessage;

    @Override
    public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
      return texts.unpack(context, in);
    }

    @Override
    public void pack(String message, ByteBuf out) {
      texts.pack(message, out);
      midMessage |= message.endsWith("...");
    }

    @Override
    public boolean isMidOutboundMessage() {
      return midMessage;
    }

    @Override
    public Object encodingKey() {
      return Parts.class;
    }
  }

  @Test
  void messageHeldBehindAPartIsDroppedByADetach() throws Exception {
    Handler<String, String> handler =
        (connection, message) -> {
          topic.subscribe(connection);
          connection.send("part...");
          topic.publish("held");
          connection.detach(new ChannelInboundHandlerAdapter());
        };
    server = Server.builder(Parts::new, handler).listen("127.0.0.1:0").start();
    peers.add(RawPeer.connect(server).send("go"));
    assertThat(peers.get(0).receive()).isEqualTo("part...");
    Eventually.holds("it is dropped", () -> topic.counts().dropped() == 1);
  }

  @Test
  void publishedMessageAndTheFaultThatFollowsItKeepTheirOrder() throws Exception {
    start(
        1,
        2,
        (connection, message) -> {
          topic.publish("before the fault");
          throw new IllegalStateException("on purpose");
        });
    peers.get(0).send("go");
    expect(peers.get(0), List.of("before the fault"));
    assertThat(peers.get(1).receive()).isEqualTo("before the fault");
  }

  @Test
  void closeTimeoutIncludesTheWaitForPublishedMessages() {
    try (SlowPeer<String> peer = SlowPeer.ofTexts()) {
      topic.subscribe(peer.connection());
      peer.run().block();
      topic.publish("x".repeat(900));
      peer.connection().close();
      peer.run();
      assertThat(peer.connection().isClosed()).isFalse();
      peer.pass(Duration.ofSeconds(5));
      assertThat(peer.connection().isClosed()).isTrue();
    }
  }

  @Test
  void topicHasNoConnectionInItsOnClose() throws Exception {
    Queue<String> wrong = new ConcurrentLinkedQueue<>();
    AtomicInteger closed = new AtomicInteger();
    Handler<String, String> handler =
        new Handler<>() {
          @Override
          public void onMessage(Connection<String> connection, String message) {
            if (message.equals("stay")) {
              topic.subscribe(connection);
              return;
            }
            for (int i = 0; i < 1_000; i++) { // several slices
              topic.publish("a long queue");
            }
            topic.subscribe(connection); // still waits to join when the connection is lost
            connection.closeNow();
          }

          @Override
          public void onClose(Connection<String> connection, CloseReason reason) {
            if (topic.contains(connection) || topic.size() > 1) {
              wrong.add(connection + " of " + topic.size());
            }
            closed.incrementAndGet();
          }
        };
    server = Server.builder(Texts::new, handler).listen("127.0.0.1:0").eventLoops(1).start();
    peers.add(RawPeer.connect(server).send("stay"));
    Eventually.holds("one has joined", () -> topic.size() == 1);
    for (int i = 0; i < 20; i++) {
      try (RawPeer peer = RawPeer.connect(server)) {
        peer.send("go");
        int round = i;
        Eventually.holds("onClose", () -> closed.get() == round + 1);
      }
      assertThat(peers.get(0).read(1_000 * 16)).hasSize(1_000 * 16);
    }
    assertThat(wrong).isEmpty();
  }

  @Test
  void threadThatSubscribesDuringTheCloseLeavesNothingInTheTopic() throws Exception {
    AtomicInteger wrong = new AtomicInteger();
    Recorder<String, String> recorder =
        new Recorder<>(
            new Handler<>() {
              @Override
              public void onMessage(Connection<String> connection, String message) {}

              @Override
              public void onClose(Connection<String> connection, CloseReason reason) {
                if (topic.contains(connection) || topic.size() > 0) {
                  wrong.incrementAndGet();
                }
              }
            });
    server = Server.builder(Texts::new, recorder).listen("127.0.0.1:0").eventLoops(1).start();
    for (int i = 0; i < 200; i++) {
      RawPeer peer = RawPeer.connect(server);
      Connection<String> connection = recorder.connection();
      Thread subscriber =
          new Thread(
              () -> {
                while (connection.isOpen()) {
                  topic.subscribe(connection);
                  topic.unsubscribe(connection);
                }
                topic.subscribe(connection);
              });
      subscriber.start();
      peer.reset();
      subscriber.join(10_000);
      Eventually.holds("it has left", () -> topic.size() == 0);
    }
    assertThat(wrong).hasValue(0);
  }
}
