package dev.jev;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.util.AbstractReferenceCounted;
import io.netty.util.ReferenceCounted;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Publishing to the connections that have subscribed. */
class TopicTest {

  /** Records joins and leaves, and on which connection's loop they happen. */
  private static final class Presence implements Topic.Observer<String> {
    private final Queue<String> events = new ConcurrentLinkedQueue<>();
    private final Set<Connection<String>> here = ConcurrentHashMap.newKeySet();

    @Override
    public void onJoin(Connection<String> connection) {
      note("join", connection);
      assertThat(here.add(connection)).isTrue();
    }

    @Override
    public void onLeave(Connection<String> connection) {
      note("leave", connection);
      assertThat(here.remove(connection)).isTrue();
    }

    private void note(String event, Connection<String> connection) {
      boolean onLoop = ((StreamConnection<?, ?>) connection).inEventLoop();
      events.add(onLoop ? event : event + " elsewhere");
    }

    private void awaits(String... expected) throws Exception {
      Eventually.holds(
          "events " + String.join(", ", expected), () -> events.size() >= expected.length);
      assertThat(events).containsExactly(expected);
    }
  }

  private final Presence presence = new Presence();
  private final Topic<String> topic = Topic.of("news", presence);
  private final Recorder<String, String> recorder = Recorder.silent();
  private final List<RawPeer> peers = new ArrayList<>();
  private final List<AutoCloseable> others = new ArrayList<>();
  private @Nullable Server server;

  private void closePeers() throws IOException {
    for (RawPeer peer : peers) {
      peer.close();
    }
  }

  @AfterEach
  void stop() throws Exception {
    closePeers();
    if (server != null) {
      server.close();
    }
    for (AutoCloseable other : others) {
      other.close();
    }
  }

  private Server start(int loops) {
    return start(loops, Transport.AUTO);
  }

  private Server start(int loops, Transport transport) {
    server =
        Server.builder(Texts::new, recorder)
            .listen("127.0.0.1:0")
            .transport(transport)
            .eventLoops(loops)
            .start();
    return server;
  }

  /** A connection with its peer, the last of the peers. */
  private Connection<String> connect(Server server) throws Exception {
    peers.add(RawPeer.connect(server));
    return recorder.connection();
  }

  private RawPeer peer(int index) {
    return peers.get(index);
  }

  /** Waits until earlier publications have been delivered on a connection's loop. */
  private static void turn(Connection<?> connection) throws Exception {
    for (int i = 0; i < 3; i++) {
      CompletableFuture<Void> ran = new CompletableFuture<>();
      connection.execute(() -> ran.complete(null));
      ran.get(10, TimeUnit.SECONDS);
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"NIO", "EPOLL", "IO_URING"})
  void subscribersGetWhatIsPublishedAfterwards(Transport transport) throws Exception {
    assumeThat(transport.isAvailable()).isTrue();
    Server running = start(2, transport);
    assertThat(topic.publish("unheard")).isTrue();
    for (int i = 0; i < 5; i++) {
      Subscription subscription = topic.subscribe(connect(running));
      assertThat(subscription.isActive()).isTrue();
    }
    assertThat(topic.size()).isEqualTo(5);
    String large = "z".repeat(20_000); // leaves without being copied
    assertThat(topic.publish("one")).isTrue();
    assertThat(topic.publish(large)).isTrue();
    assertThat(topic.publish("two")).isTrue();
    for (RawPeer peer : peers) {
      assertThat(peer.receive()).isEqualTo("one");
      assertThat(peer.receive()).isEqualTo(large);
      assertThat(peer.receive()).isEqualTo("two");
    }
    Eventually.holds("all are counted", () -> topic.counts().delivered() == 15);
    assertThat(topic.counts()).isEqualTo(new Topic.Counts(4, 15, 0, 0, 0));
  }

  @Test
  void unsubscribedConnectionGetsNothingMore() throws Exception {
    Connection<String> connection = connect(start(1));
    Subscription first = topic.subscribe(connection);
    topic.publish("one");
    assertThat(topic.unsubscribe(connection)).isTrue();
    assertThat(topic.unsubscribe(connection)).isFalse();
    assertThat(first.isActive()).isFalse();
    topic.publish("two");
    Subscription second = topic.subscribe(connection);
    topic.publish("three");
    second.cancel();
    second.cancel();
    topic.publish("four");
    topic.subscribe(connection);
    first.cancel(); // an older subscription
    topic.publish("five");
    assertThat(peer(0).receive()).isEqualTo("one");
    assertThat(peer(0).receive()).isEqualTo("three");
    assertThat(peer(0).receive()).isEqualTo("five");
    presence.awaits("join", "leave", "join", "leave", "join");
  }

  @Test
  void whatOneThreadSendsAndThenPublishesArrivesInOrder() throws Exception {
    Connection<String> connection = connect(start(1));
    Topic<String> second = Topic.of("second");
    topic.subscribe(connection);
    second.subscribe(connection);
    for (int i = 0; i < 3_000; i += 3) {
      connection.send(Integer.toString(i));
      topic.publish(Integer.toString(i + 1));
      second.publish(Integer.toString(i + 2));
      if (i % 100 == 0) {
        turn(connection);
      }
    }
    int expectedOfTopics = 1;
    int expectedOfSend = 0;
    for (int i = 0; i < 3_000; i++) {
      int number = Integer.parseInt(peer(0).receive());
      if (number % 3 == 0) {
        assertThat(number).isEqualTo(expectedOfSend);
        expectedOfSend += 3;
      } else {
        assertThat(number).isEqualTo(expectedOfTopics);
        assertThat(number).isLessThan(expectedOfSend); // messages sent before come first
        expectedOfTopics += number % 3 == 1 ? 1 : 2;
      }
    }
  }

  @Test
  void manyThreadsPublishEachInItsOrder() throws Exception {
    Server running = start(2);
    for (int i = 0; i < 4; i++) {
      topic.subscribe(connect(running));
    }
    int threads = 4;
    int each = 2_000;
    ExecutorService executor = Executors.newFixedThreadPool(threads);
    others.add(executor::shutdownNow);
    for (int t = 0; t < threads; t++) {
      int thread = t;
      executor.execute(
          () -> {
            for (int i = 0; i < each; i++) {
              assertThat(topic.publish(thread + " " + i)).isTrue();
            }
          });
    }
    for (RawPeer peer : peers) {
      int[] next = new int[threads];
      for (int i = 0; i < threads * each; i++) {
        String text = peer.receive();
        int thread = text.charAt(0) - '0';
        assertThat(text).isEqualTo(thread + " " + next[thread]++);
      }
    }
    Eventually.holds("all are counted", () -> topic.counts().delivered() == 4L * threads * each);
  }

  @Test
  void deliveryNeverHappensInsideThePublishersTurn() throws Exception {
    Connection<String> connection = connect(start(1));
    topic.subscribe(connection);
    turn(connection);
    CompletableFuture<Long> delivered = new CompletableFuture<>();
    connection.execute(
        () -> {
          topic.publish("later");
          connection.send("first");
          delivered.complete(topic.counts().delivered());
        });
    assertThat(delivered.get(10, TimeUnit.SECONDS)).isZero();
    assertThat(peer(0).receive()).isEqualTo("first");
    assertThat(peer(0).receive()).isEqualTo("later");
  }

  @Test
  void subscribersOfSeveralServersAndClientsShareATopic() throws Exception {
    Server first = start(1);
    try (Server second =
        Server.builder(Texts::new, recorder).listen("127.0.0.1:0").eventLoops(1).start()) {
      Recorder<String, String> ofClient = Recorder.silent();
      try (Client<String> client =
          Client.builder(Texts::new, ofClient).connect("127.0.0.1:" + first.port())) {
        topic.subscribe(recorder.connection()); // the server's end of the client
        topic.subscribe(connect(second));
        Connection<String> own = ofClient.connection();
        topic.subscribe(own);
        topic.publish("to all");
        assertThat(peer(0).receive()).isEqualTo("to all");
        ofClient.expect("connect", "message to all"); // of the server's end
        recorder.expect("connect", "connect", "message to all");
        assertThat(topic.size()).isEqualTo(3);
        assertThat(client.isConnected()).isTrue();
        closePeers();
      }
    }
    Eventually.holds("all have left", () -> topic.size() == 0);
  }

  @Test
  void publishedBuffersAreConsumedOnEveryPath() throws Exception {
    Topic<ByteBuf> buffers = Topic.of("buffers");
    Recorder<ByteBuf, ByteBuf> ofBuffers =
        new Recorder<>(
            (connection, message) -> buffers.publish(message)); // the same buffer that came in
    Server running =
        Server.builder(Buffers::new, ofBuffers).listen("127.0.0.1:0").eventLoops(2).start();
    server = running;
    ByteBuf unheard = Unpooled.buffer(10).writeInt(1);
    buffers.publish(unheard);
    assertThat(unheard.refCnt()).isZero();
    List<Connection<ByteBuf>> connections = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      peers.add(RawPeer.connect(running));
      connections.add(ofBuffers.connection());
      buffers.subscribe(connections.get(i));
    }
    ByteBuf heard = Unpooled.buffer(10_000).writeZero(10_000);
    buffers.publish(heard);
    peer(0).send("echo to all");
    for (RawPeer peer : peers) {
      assertThat(peer.receive()).hasSize(10_000);
      assertThat(peer.receive()).isEqualTo("echo to all");
    }
    Eventually.holds("it is released", () -> heard.refCnt() == 0);
    closePeers();
    running.close();
    ByteBuf late = Unpooled.buffer(10).writeInt(1);
    assertThat(buffers.publish(late)).isTrue();
    assertThat(late.refCnt()).isZero();
    assertThat(buffers.size()).isZero();
    assertThat(buffers.subscribe(connections.get(0)).isActive()).isFalse();
  }

  @Test
  void publishingWhileTheServerStopsReleasesEverything() throws Exception {
    Topic<ByteBuf> buffers = Topic.of("buffers");
    Recorder<ByteBuf, ByteBuf> ofBuffers = Recorder.silent();
    Server running =
        Server.builder(Buffers::new, ofBuffers).listen("127.0.0.1:0").eventLoops(2).start();
    server = running;
    for (int i = 0; i < 4; i++) {
      peers.add(RawPeer.connect(running));
      buffers.subscribe(ofBuffers.connection());
    }
    List<ByteBuf> published = new ArrayList<>();
    CompletableFuture<Void> stopped = CompletableFuture.runAsync(() -> running.stop(Duration.ZERO));
    for (int i = 0; i < 20_000; i++) {
      ByteBuf message = Unpooled.buffer(4).writeInt(i);
      published.add(message);
      buffers.publish(message);
    }
    stopped.get(10, TimeUnit.SECONDS);
    running.awaitStop();
    Eventually.holds(
        "all are released", () -> published.stream().allMatch(message -> message.refCnt() == 0));
  }

  // Packing.

  private void connectAll(int count, @Nullable Object representation, AtomicInteger packed)
      throws Exception {
    Server running =
        Server.builder(() -> new CountedTexts(representation, packed), recorder)
            .listen("127.0.0.1:0")
            .eventLoops(2)
            .start();
    others.add(running);
    for (int i = 0; i < count; i++) {
      topic.subscribe(connect(running));
    }
  }

  @Test
  void messageIsPackedOncePerRepresentation() throws Exception {
    AtomicInteger plain = new AtomicInteger();
    AtomicInteger compressed = new AtomicInteger();
    AtomicInteger each = new AtomicInteger();
    connectAll(6, List.of("plain"), plain);
    connectAll(6, List.of("compressed"), compressed);
    connectAll(6, null, each);
    for (int i = 0; i < 100; i++) {
      topic.publish("message " + i);
    }
    for (RawPeer peer : peers) {
      for (int i = 0; i < 100; i++) {
        assertThat(peer.receive()).isEqualTo("message " + i);
      }
    }
    assertThat(plain).hasValue(100);
    assertThat(compressed).hasValue(100);
    assertThat(each).hasValue(600);
  }

  @Test
  void messageThatCannotBePackedCostsNoConnection() throws Exception {
    AtomicInteger shared = new AtomicInteger();
    AtomicInteger each = new AtomicInteger();
    try (LogCapture log = new LogCapture("dev.jev")) {
      connectAll(3, "shared", shared);
      connectAll(3, null, each);
      topic.publish("");
      topic.publish("fine");
      for (RawPeer peer : peers) {
        assertThat(peer.receive()).isEqualTo("fine");
      }
      assertThat(log.messages("cannot pack a message of topic news")).isNotEmpty();
    }
    assertThat(shared).hasValue(2); // it is not tried again
    Eventually.holds("all are counted", () -> topic.counts().delivered() == 6);
    assertThat(topic.counts()).isEqualTo(new Topic.Counts(2, 6, 6, 0, 0));
  }

  @Test
  void encodingKeyThatFailsCostsOnlyTheSharing() throws Exception {
    AtomicInteger packed = new AtomicInteger();
    try (LogCapture log = new LogCapture("dev.jev")) {
      connectAll(3, new IllegalStateException("on purpose"), packed);
      topic.publish("one");
      for (RawPeer peer : peers) {
        assertThat(peer.receive()).isEqualTo("one");
      }
      assertThat(log.messages("encoding key failed for the connection of /127.0.0.1:")).hasSize(1);
    }
    assertThat(packed).hasValue(3);
    recorder.expect("connect", "connect", "connect");
    recorder.expectNothingMore();
  }

  /** An encoding key that cannot be compared. */
  private static final class Incomparable {
    @Override
    public int hashCode() {
      return 1;
    }

    @Override
    public boolean equals(@Nullable Object other) {
      throw new IllegalStateException("on purpose");
    }
  }

  @Test
  void encodingKeyThatCannotBeComparedCostsNoConnection() throws Exception {
    try (LogCapture log = new LogCapture("dev.jev")) {
      connectAll(1, new Incomparable(), new AtomicInteger());
      connectAll(1, new Incomparable(), new AtomicInteger());
      topic.publish("one");
      Eventually.holds(
          "both are counted", () -> topic.counts().delivered() + topic.counts().dropped() == 2);
      assertThat(log.messages("cannot pack a message of topic news")).hasSize(1);
    }
    assertThat(topic.counts()).isEqualTo(new Topic.Counts(1, 1, 1, 0, 0));
    recorder.expect("connect", "connect");
    recorder.expectNothingMore();
  }

  @Test
  void mappedProtocolsShareWhatTheSameFunctionMakes() {
    Protocol<String, String> texts = new Texts();
    Object shouted = shouting(texts).encodingKey();
    assertThat(shouted).isNotNull().isEqualTo(shouting(new Texts()).encodingKey());
    assertThat(shouted).isNotEqualTo(texts.encodingKey());
    assertThat(texts.mapInbound(String::length).encodingKey()).isEqualTo(texts.encodingKey());
    assertThat(texts.mapOutbound(text -> "other " + text).encodingKey()).isNotEqualTo(shouted);
    assertThat(shouting(new CountedTexts(null, new AtomicInteger())).encodingKey()).isNull();
  }

  private static Protocol<String, String> shouting(Protocol<String, String> texts) {
    return texts.mapOutbound((String text) -> text + "!");
  }

  // Presence.

  @Test
  void listenerIsNotifiedOnceOfEachJoinAndLeave() throws Exception {
    Server running = start(2);
    Connection<String> first = connect(running);
    Connection<String> second = connect(running);
    topic.subscribe(first);
    topic.subscribe(first);
    topic.subscribe(second);
    presence.awaits("join", "join");
    assertThat(presence.here).containsExactlyInAnyOrder(first, second);
    assertThat(topic.contains(first)).isTrue();
    Set<Connection<String>> seen = new HashSet<>();
    topic.forEach(seen::add);
    assertThat(seen).containsExactlyInAnyOrder(first, second);
    assertThat(topic.unsubscribe(first)).isTrue(); // kicked
    assertThat(topic.contains(first)).isFalse();
    presence.awaits("join", "join", "leave");
    assertThat(presence.here).containsExactly(second);
    assertThat(topic).hasToString("topic news");
    assertThat(topic.name()).isEqualTo("news");
  }

  /** The ways in which a connection ends. */
  private enum End {
    CLOSE,
    CLOSE_NOW,
    SHUTDOWN_OUTPUT,
    DETACH,
    PEER_CLOSES,
    PEER_RESETS,
    HANDLER_FAILS,
    SERVER_STOPS
  }

  private void end(End end, Connection<String> connection) throws IOException {
    switch (end) {
      case CLOSE -> connection.close();
      case CLOSE_NOW -> connection.closeNow();
      case SHUTDOWN_OUTPUT -> connection.shutdownOutput();
      case DETACH -> connection.detach(new ChannelInboundHandlerAdapter());
      case PEER_CLOSES -> peer(0).close();
      case PEER_RESETS -> peer(0).reset();
      case HANDLER_FAILS ->
          connection.execute(
              () -> {
                throw new IllegalStateException("on purpose");
              });
      case SERVER_STOPS -> {
        if (server != null) {
          server.stop(Duration.ZERO);
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void connectionLeavesHoweverItEnds(End end) throws Exception {
    Connection<String> connection = connect(start(1));
    Presence ofSecond = new Presence();
    Topic<String> second = Topic.of("second", ofSecond);
    Subscription subscription = topic.subscribe(connection);
    second.subscribe(connection);
    presence.awaits("join");
    ofSecond.awaits("join");
    end(end, connection);
    presence.awaits("join", "leave");
    ofSecond.awaits("join", "leave");
    assertThat(subscription.isActive()).isFalse();
    assertThat(topic.size() + second.size()).isZero();
    assertThat(topic.subscribe(connection).isActive()).isFalse();
    topic.publish("too late");
    assertThat(topic.counts().delivered()).isZero();
  }

  @Test
  void connectionHasLeftBeforeOnClose() throws Exception {
    CompletableFuture<String> atTheEnd = new CompletableFuture<>();
    Handler<String, String> handler =
        new Handler<>() {
          @Override
          public void onConnect(Connection<String> connection) {
            topic.subscribe(connection);
          }

          @Override
          public void onMessage(Connection<String> connection, String message) {
            connection.close();
          }

          @Override
          public void onClose(Connection<String> connection, CloseReason reason) {
            atTheEnd.complete(presence.events + " " + topic.contains(connection));
          }
        };
    server = Server.builder(Texts::new, handler).listen("127.0.0.1:0").start();
    peers.add(RawPeer.connect(server));
    presence.awaits("join");
    peer(0).send("end");
    peer(0).close();
    assertThat(atTheEnd.get(10, TimeUnit.SECONDS)).isEqualTo("[join, leave] false");
  }

  @Test
  void connectionIsContainedWhenItJoins() throws Exception {
    int topics = 20_000;
    AtomicInteger joins = new AtomicInteger();
    AtomicInteger absent = new AtomicInteger();
    server = Server.builder(Texts::new, recorder).listen("tcp://127.0.0.1:0").eventLoops(1).start();
    peers.add(RawPeer.connect(server));
    Connection<String> connection = recorder.connection();
    for (int i = 0; i < topics; i++) {
      CompletableFuture<Topic<String>> joined = new CompletableFuture<>();
      Topic<String> next =
          Topic.of(
              "next",
              new Topic.Observer<>() {
                @Override
                public void onJoin(Connection<String> joining) {
                  absent.addAndGet(joined.join().contains(joining) ? 0 : 1);
                  joins.incrementAndGet();
                }
              });
      joined.complete(next);
      next.subscribe(connection);
    }
    Eventually.holds("all have joined", () -> joins.get() == topics);
    assertThat(absent).hasValue(0);
  }

  @Test
  void listenerThatThrowsClosesItsConnection() throws Exception {
    Connection<String> connection = connect(start(1));
    AtomicInteger left = new AtomicInteger();
    Topic<String> strict =
        Topic.of(
            "strict",
            new Topic.Observer<>() {
              @Override
              public void onJoin(Connection<String> joining) {
                throw new IllegalStateException("on purpose");
              }

              @Override
              public void onLeave(Connection<String> leaving) {
                left.incrementAndGet();
                throw new IllegalStateException("on purpose");
              }
            });
    strict.subscribe(connection);
    peer(0).expectEndAndClose();
    recorder.expect("connect", "close HANDLER_ERROR");
    assertThat(left).hasValue(1);
    assertThat(strict.size()).isZero();
  }

  @Test
  void listenerMayPublishAndKick() throws Exception {
    Server running = start(1);
    List<Topic<String>> holder = new ArrayList<>();
    Topic<String> lobby =
        Topic.of(
            "lobby",
            new Topic.Observer<>() {
              @Override
              public void onJoin(Connection<String> connection) {
                holder.get(0).publish("hello all");
              }

              @Override
              public void onLeave(Connection<String> connection) {
                connection.send("you have left");
              }
            });
    holder.add(lobby);
    Connection<String> connection = connect(running);
    lobby.subscribe(connection);
    assertThat(peer(0).receive()).isEqualTo("hello all");
    lobby.unsubscribe(connection);
    assertThat(peer(0).receive()).isEqualTo("you have left");
  }

  @Test
  void datagramsAreRefused() throws Exception {
    CompletableFuture<Connection<String>> sender = new CompletableFuture<>();
    Handler<String, String> handler = (connection, message) -> sender.complete(connection);
    try (Server udp = Server.builder(Texts::new, handler).listen("udp://127.0.0.1:0").start();
        DatagramSocket client = new DatagramSocket()) {
      byte[] hello = RawPeer.frames("hello");
      InetAddress loopback = InetAddress.getLoopbackAddress();
      client.send(new DatagramPacket(hello, hello.length, loopback, udp.port()));
      Connection<String> connection = sender.get(10, TimeUnit.SECONDS);
      assertThatThrownBy(() -> topic.subscribe(connection))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage(
              "connection: UdpConnection of "
                  + connection.remoteAddress()
                  + " (expected: one of a server or client, and not of datagrams)");
    }
  }

  @Test
  void offloadedHandlersSubscribeAndPublish() throws Exception {
    Executor executor = Executors.newFixedThreadPool(2);
    others.add(((ExecutorService) executor)::shutdownNow);
    Handler<String, String> chat =
        new Handler<>() {
          @Override
          public void onConnect(Connection<String> connection) {
            topic.subscribe(connection);
          }

          @Override
          public void onMessage(Connection<String> connection, String message) {
            topic.publish(message);
          }
        };
    server = Server.builder(Texts::new, chat.offload(executor)).listen("127.0.0.1:0").start();
    for (int i = 0; i < 3; i++) {
      peers.add(RawPeer.connect(server));
    }
    Eventually.holds("three are there", () -> topic.size() == 3);
    for (int i = 0; i < 200; i++) {
      peer(0).send("message " + i);
    }
    for (RawPeer peer : peers) {
      for (int i = 0; i < 200; i++) {
        assertThat(peer.receive()).isEqualTo("message " + i);
      }
    }
  }

  // Many.

  @Test
  void deliveryToManyLetsTheSocketsHaveTheirTurnAndGoesOn() throws Exception {
    int count = 2 * TopicQueue.DELIVERIES_PER_SLICE + 100;
    CompletableFuture<Long> deliveredBefore = new CompletableFuture<>();
    List<Connection<String>> all = new ArrayList<>();
    Recorder<String, String> changing =
        new Recorder<>(
            (connection, message) -> {
              deliveredBefore.complete(topic.counts().delivered());
              topic.unsubscribe(all.get(1)); // has got it
              topic.unsubscribe(all.get(count - 1)); // has not, but it was published before
              all.get(2).closeNow();
              all.get(count - 2).closeNow();
              topic.subscribe(all.get(0));
            });
    Server running =
        Server.builder(Texts::new, changing).listen("127.0.0.1:0").eventLoops(1).start();
    server = running;
    for (int i = 0; i < count; i++) {
      peers.add(RawPeer.connect(running));
      all.add(changing.connection());
      if (i > 0) {
        topic.subscribe(all.get(i));
      }
    }
    turn(all.get(0));
    all.get(0)
        .execute(
            () -> {
              try {
                topic.publish("first");
                peer(0).send("change"); // while the delivery has not begun
              } catch (IOException e) {
                throw new UncheckedIOException(e);
              }
            });
    assertThat(deliveredBefore.get(10, TimeUnit.SECONDS))
        .isEqualTo(TopicQueue.DELIVERIES_PER_SLICE);
    Eventually.holds("all but one have it", () -> topic.counts().delivered() == count - 2);
    topic.publish("second");
    Set<Integer> changed = Set.of(1, 2, count - 2, count - 1);
    for (int i = 0; i < count; i++) {
      if (i > 0 && i != count - 2) {
        assertThat(peer(i).receive()).isEqualTo("first");
      }
      if (!changed.contains(i)) {
        assertThat(peer(i).receive()).isEqualTo("second");
      }
    }
    Eventually.holds("all subscribers have it", () -> topic.counts().delivered() == 2L * count - 6);
    assertThat(topic.size()).isEqualTo(count - 4);
  }

  @Test
  void publicationsAreRefusedWhenAnEventLoopIsHopelesslyBehind() throws Exception {
    Topic<ByteBuf> buffers = Topic.of("buffers");
    Recorder<ByteBuf, ByteBuf> ofBuffers = Recorder.silent();
    Server running =
        Server.builder(Buffers::new, ofBuffers).listen("127.0.0.1:0").eventLoops(1).start();
    server = running;
    peers.add(RawPeer.connect(running));
    Connection<ByteBuf> connection = ofBuffers.connection();
    Subscription subscription = buffers.subscribe(connection, SlowConsumer.dropNewest());
    turn(connection);
    CompletableFuture<Void> busy = new CompletableFuture<>();
    connection.execute(busy::join);
    ByteBuf message = Unpooled.buffer(1 << 20).writeZero(1 << 20);
    int taken = 0;
    while (buffers.publish(message.retainedDuplicate())) {
      taken++;
    }
    assertThat(taken).isBetween(15, 17);
    assertThat(buffers.counts().dropped()).isEqualTo(1);
    busy.complete(null);
    Eventually.holds("nothing waits for the loop", () -> message.refCnt() == 1);
    assertThat(buffers.publish(message)).isTrue();
    int all = taken + 2;
    Eventually.holds(
        "each is counted",
        () ->
            buffers.counts().dropped()
                    + buffers.counts().delivered()
                    + (subscription.pendingBytes() + 99) / ((1 << 20) + 100)
                == all);
  }

  @Test
  void messageCountsAsWhatItSaysOfItself() {
    Sized large = () -> 1_000;
    assertThat(SharedMessage.of(large).size()).isEqualTo(1_096);
    assertThat(Mailbox.Envelope.of(large, null).bytes()).isEqualTo(1_096);
    assertThat(Mailbox.Envelope.of(new Object(), null).bytes()).isEqualTo(96);
  }

  @Test
  void messageOfUnknownSizeIsRefused() {
    class Message extends AbstractReferenceCounted implements Sized {
      private final long size;

      Message(long size) {
        this.size = size;
      }

      @Override
      public long sizeBytes() {
        return size;
      }

      @Override
      public ReferenceCounted touch(Object hint) {
        return this;
      }

      @Override
      protected void deallocate() {}
    }
    Topic<Message> messages = Topic.of("messages");
    for (long size : new long[] {-1, (1L << 40) + 1, Long.MAX_VALUE}) {
      Message message = new Message(size);
      assertThatThrownBy(() -> messages.publish(message))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage(
              "sizeBytes of "
                  + Message.class.getName()
                  + ": "
                  + size
                  + " (expected: 0..1099511627776)");
      assertThat(message.refCnt()).isZero();
      Message sent = new Message(size);
      assertThatThrownBy(() -> Mailbox.Envelope.of(sent, null))
          .isInstanceOf(IllegalArgumentException.class);
      assertThat(sent.refCnt()).isZero();
    }
    assertThat(messages.counts().published()).isZero();
    messages.publish(new Message(1L << 40));
    assertThat(messages.counts().published()).isEqualTo(1);
  }

  @Test
  void subscriptionCostsLittleMemory() throws Exception {
    Server running = start(2);
    List<Connection<String>> connections = new ArrayList<>();
    for (int i = 0; i < 200; i++) {
      connections.add(connect(running));
    }
    List<Topic<String>> topics = new ArrayList<>();
    long before = usedHeap();
    for (int i = 0; i < 1_000; i++) {
      Topic<String> each = Topic.of("topic");
      topics.add(each);
      connections.forEach(each::subscribe);
    }
    for (Connection<String> connection : connections) {
      turn(connection);
    }
    long used = usedHeap() - before;
    double bytes = used / 200_000.0;
    System.out.printf("%.0f bytes for each of 200,000 subscriptions%n", bytes);
    assertThat(bytes).isLessThan(130);
    assertThat(topics).allMatch(each -> each.size() == 200);
  }

  private static long usedHeap() {
    Runtime runtime = Runtime.getRuntime();
    for (int i = 0; i < 3; i++) {
      System.gc();
    }
    return runtime.totalMemory() - runtime.freeMemory();
  }
}
