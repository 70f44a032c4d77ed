package dev.jev;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.util.IllegalReferenceCountException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Messages that a handler has received and sends, to one connection or to many. */
class ReceivedMessageTest {

  private static final int PEERS = 8;

  private final Set<Connection<ByteBuf>> connections = ConcurrentHashMap.newKeySet();
  private final List<RawPeer> peers = new ArrayList<>();
  private final ExecutorService executor = Executors.newFixedThreadPool(2);
  private @Nullable Server server;

  @AfterEach
  void stop() throws Exception {
    for (RawPeer peer : peers) {
      peer.close();
    }
    if (server != null) {
      server.close();
    }
    executor.shutdown();
    assertThat(executor.awaitTermination(10, TimeUnit.SECONDS)).isTrue();
  }

  /** The first program of a chat tutorial, with the given way to make a reply of a message. */
  private final class Chat implements Handler<ByteBuf, ByteBuf> {
    private final UnaryOperator<ByteBuf> reply;

    private Chat(UnaryOperator<ByteBuf> reply) {
      this.reply = reply;
    }

    @Override
    public void onConnect(Connection<ByteBuf> connection) {
      connections.add(connection);
    }

    @Override
    public void onMessage(Connection<ByteBuf> connection, ByteBuf message) {
      for (Connection<ByteBuf> peer : connections) {
        peer.send(reply.apply(message));
      }
    }

    @Override
    public void onClose(Connection<ByteBuf> connection, CloseReason reason) {
      connections.remove(connection);
    }
  }

  private void start(int loops, Handler<ByteBuf, ByteBuf> handler) throws Exception {
    server = Server.builder(Buffers::new, handler).listen("127.0.0.1:0").eventLoops(loops).start();
    for (int i = 0; i < PEERS; i++) {
      peers.add(RawPeer.connect(server));
    }
    Eventually.holds("all connections", () -> connections.size() == PEERS);
  }

  private void expectChat(String text) throws Exception {
    for (int i = 0; i < 20; i++) {
      peers.get(i % PEERS).send(text + i);
      for (RawPeer peer : peers) {
        assertThat(peer.receive()).isEqualTo(text + i);
      }
    }
    assertThat(connections).hasSize(PEERS).allMatch(Connection::isOpen);
  }

  static List<Arguments> ways() {
    UnaryOperator<ByteBuf> same = message -> message;
    UnaryOperator<ByteBuf> slice = ByteBuf::slice;
    UnaryOperator<ByteBuf> duplicate = ByteBuf::duplicate;
    UnaryOperator<ByteBuf> own = ByteBuf::retainedDuplicate;
    UnaryOperator<ByteBuf> copy = ByteBuf::copy;
    return List.of(
        Arguments.of("same", same),
        Arguments.of("slice", slice),
        Arguments.of("duplicate", duplicate),
        Arguments.of("retainedDuplicate", own),
        Arguments.of("copy", copy));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("ways")
  void messageMayBeSentToManyConnectionsOfOneLoop(String name, UnaryOperator<ByteBuf> reply)
      throws Exception {
    start(1, new Chat(reply));
    expectChat("hello ");
    expectChat("x".repeat(50_000));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("ways")
  void messageMayBeSentToManyConnectionsOfManyLoops(String name, UnaryOperator<ByteBuf> reply)
      throws Exception {
    start(4, new Chat(reply));
    expectChat("hello ");
    expectChat("x".repeat(50_000));
  }

  @Test
  void offloadedHandlerMaySendAMessageToManyConnections() throws Exception {
    start(2, new Chat(message -> message).offload(executor));
    expectChat("hello ");
    expectChat("x".repeat(50_000));
  }

  @Test
  void messageMayBeSentPublishedAndDeliveredInOneCallback() throws Exception {
    Topic<ByteBuf> topic = Topic.of("all");
    Queue<CompletableFuture<Void>> written = new ConcurrentLinkedQueue<>();
    start(
        2,
        new Handler<>() {
          @Override
          public void onConnect(Connection<ByteBuf> connection) {
            topic.subscribe(connection);
            connections.add(connection);
          }

          @Override
          public void onMessage(Connection<ByteBuf> connection, ByteBuf message) {
            connection.send(message);
            topic.publish(message.slice());
            written.add(connection.deliver(message).written().toCompletableFuture());
            topic.publish(message);
          }
        });
    peers.get(0).send("hello");
    for (int i = 0; i < 4; i++) {
      assertThat(peers.get(0).receive()).isEqualTo("hello");
    }
    for (RawPeer peer : peers.subList(1, PEERS)) {
      assertThat(peer.receive()).isEqualTo("hello");
      assertThat(peer.receive()).isEqualTo("hello");
    }
    written.remove().get(10, TimeUnit.SECONDS);
  }

  @Test
  void messageThatIsKeptStaysTheHandlersAfterASend() throws Exception {
    Queue<ByteBuf> kept = new ConcurrentLinkedQueue<>();
    start(
        1,
        new Handler<>() {
          @Override
          public void onConnect(Connection<ByteBuf> connection) {
            connections.add(connection);
          }

          @Override
          public void onMessage(Connection<ByteBuf> connection, ByteBuf message) {
            kept.add(message.retain());
            connection.send(message);
          }
        });
    assertThat(peers.get(0).send("keep").receive()).isEqualTo("keep");
    assertThat(peers.get(1).send("next").receive()).isEqualTo("next");
    Eventually.holds("the loop has released it", () -> kept.element().refCnt() == 1);
    assertThat(kept.element().toString(US_ASCII)).isEqualTo("keep");
    connections.iterator().next().send(kept.remove()); // consumed
    kept.remove().release();
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void releasedMessageIsRefusedBeforePacking(boolean onLoop) throws Exception {
    start(1, new Chat(message -> message));
    Connection<ByteBuf> connection = connections.iterator().next();
    ByteBuf released = Unpooled.buffer().writeBytes("dead".getBytes(US_ASCII));
    released.release();
    AtomicReference<@Nullable Throwable> thrown = new AtomicReference<>();
    Runnable send =
        () -> {
          try {
            connection.send(released);
          } catch (IllegalReferenceCountException e) {
            thrown.set(e);
          }
        };
    if (onLoop) {
      connection.execute(send);
    } else {
      send.run();
    }
    expectChat("alive ");
    assertThat(thrown.get())
        .hasMessage(
            "message sent after its release; to send a message after onMessage, retain it first");
  }

  @Test
  void messageReleasedWhileItIsQueuedIsDroppedAlone() throws Exception {
    start(1, new Chat(message -> message));
    Connection<ByteBuf> connection = connections.iterator().next();
    CompletableFuture<Void> busy = new CompletableFuture<>();
    connection.execute(busy::join);
    ByteBuf message = Unpooled.buffer().writeBytes("dead".getBytes(US_ASCII));
    Delivery delivery = connection.deliver(message);
    message.release(); // a fault of the application
    busy.complete(null);
    assertThatThrownBy(() -> delivery.written().toCompletableFuture().get(10, TimeUnit.SECONDS))
        .hasMessageContaining("message sent after its release");
    expectChat("alive ");
  }

  /** Buffers whose release fails, like that of one that another thread has released. */
  private static final class ReleasedByAnother implements Protocol<ByteBuf, ByteBuf> {
    private final Buffers buffers = new Buffers();

    @Override
    public @Nullable ByteBuf unpack(ProtocolContext context, ByteBuf in) {
      return buffers.unpack(context, in);
    }

    @Override
    public void pack(ByteBuf message, ByteBuf out) {
      out.writeInt(message.readableBytes());
      if (message.getByte(message.readerIndex()) == '!') {
        message.release();
      } else {
        out.writeBytes(message, message.readerIndex(), message.readableBytes());
      }
    }
  }

  @Test
  void whatWasPackedIsUndoneIfTheReleaseFails() throws Exception {
    Queue<Connection<ByteBuf>> opened = new ConcurrentLinkedQueue<>();
    Recorder<ByteBuf, ByteBuf> recorder = Recorder.silent();
    server =
        Server.builder(ReleasedByAnother::new, recorder)
            .listen("127.0.0.1:0")
            .eventLoops(1)
            .start();
    peers.add(RawPeer.connect(server));
    opened.add(recorder.connection());
    Connection<ByteBuf> connection = opened.remove();
    CompletableFuture<@Nullable Throwable> thrown = new CompletableFuture<>();
    connection.execute(
        () -> {
          connection.send(Unpooled.copiedBuffer("before", US_ASCII));
          try {
            connection.send(Unpooled.copiedBuffer("!dead", US_ASCII));
            thrown.complete(null);
          } catch (IllegalReferenceCountException e) {
            thrown.complete(e);
          }
          connection.send(Unpooled.copiedBuffer("after", US_ASCII));
        });
    assertThat(thrown.get(10, TimeUnit.SECONDS)).isNotNull();
    assertThat(peers.get(0).receive()).isEqualTo("before");
    assertThat(peers.get(0).receive()).isEqualTo("after");
    assertThat(connection.isOpen()).isTrue();
  }

  @Test
  void messageThatAnotherThreadIsDeliveringIsNotLent() throws Exception {
    ByteBuf first = Loop.ALLOCATOR.buffer(8);
    ByteBuf second = Loop.ALLOCATOR.buffer(8);
    ByteBuf reply = Loop.ALLOCATOR.buffer(8);
    MessageOwnership here = new MessageOwnership();
    here.own(first);
    AtomicBoolean over = new AtomicBoolean();
    Future<?> other =
        executor.submit(
            () -> {
              MessageOwnership there = new MessageOwnership();
              there.own(second);
              while (!over.get()) {
                there.lends(reply);
              }
              there.release();
            });
    second.retain(); // passed on to this thread
    int lent = 0;
    for (int i = 0; i < 200_000; i++) {
      lent += here.lends(second) ? 1 : 0;
    }
    over.set(true);
    other.get(10, TimeUnit.SECONDS);
    assertThat(lent).isZero();
    assertThat(here.lends(first.slice())).isTrue();
    here.release();
    second.release();
    reply.release();
  }

  @Test
  void messageMayBeSentByAHandlerThatIsOffloadedToAnEventLoop() throws Exception {
    CompletableFuture<Connection<ByteBuf>> first = new CompletableFuture<>();
    Handler<ByteBuf, ByteBuf> echo = (connection, message) -> connection.send(message);
    Recorder<ByteBuf, ByteBuf> recorder =
        new Recorder<>(echo.offload(task -> first.join().execute(task)));
    try (LogCapture netty = new LogCapture("io.netty")) {
      server =
          Server.builder(Buffers::new, recorder)
              .listen("127.0.0.1:0")
              .eventLoops(1)
              .lingeringCloseTimeout(Duration.ofMillis(100))
              .start();
      RawPeer peer = RawPeer.connect(server);
      peers.add(peer);
      executor.submit(() -> first.complete(recorder.connection())).get(10, TimeUnit.SECONDS);
      for (int i = 0; i < 5; i++) {
        assertThat(peer.send("m" + i).receive()).isEqualTo("m" + i);
      }
      server.close();
      assertThat(netty.messages("release")).isEmpty();
    }
  }

  @Test
  void releasedMessageIsNotPublished() {
    ByteBuf released = Unpooled.buffer();
    released.release();
    Topic<ByteBuf> topic = Topic.of("news");
    assertThatThrownBy(() -> topic.publish(released))
        .isInstanceOf(IllegalReferenceCountException.class);
    assertThat(topic.counts().published()).isZero();
  }
}
