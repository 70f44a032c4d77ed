package dev.jev;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CloseReason.Kind;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The context of a protocol, over real sockets. */
@Timeout(60)
class ProtocolContextTest {

  private static final Duration SPAN = Duration.ofMillis(50);
  private static final int MUCH = 100_000; // bytes, which are flushed at once

  private final BlockingQueue<ProtocolContext> wires = new LinkedBlockingQueue<>();
  private final BlockingQueue<String> calls = new LinkedBlockingQueue<>();
  private final BlockingQueue<Connection<String>> connections = new LinkedBlockingQueue<>();
  private final BlockingQueue<CloseReason> reasons = new LinkedBlockingQueue<>();
  private final AtomicInteger messages = new AtomicInteger();
  private volatile Consumer<Plugin.Link> beforeUnpack = link -> {};
  private volatile Consumer<Plugin.Link> afterMuch = link -> {};
  private volatile boolean awaitsClose;
  private Server server;

  /** A protocol that publishes its context, and closes on command. */
  private final class Told implements Protocol<String, String> {

    private final Texts texts = new Texts();

    @Override
    public void open(ProtocolContext context) {
      wires.add(context);
      context.ready();
    }

    @Override
    public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
      String text = texts.unpack(context, in);
      if (text != null && text.equals("close now")) {
        calls.add("unpack");
        context.closeNow(CloseReason.of(Kind.TIMEOUT));
        calls.add("unpacked");
      } else if (text != null && text.equals("write much")) {
        calls.add("unpack");
        context.write(Unpooled.wrappedBuffer(new byte[MUCH])); // flushes at once
        context.write(Unpooled.wrappedBuffer(new byte[MUCH]));
        calls.add("unpacked");
      }
      return text;
    }

    @Override
    public void pack(String message, ByteBuf out) {
      texts.pack(message, out);
    }

    @Override
    public void close(ProtocolContext context, CloseReason reason) {
      calls.add("close " + reason);
    }

    @Override
    public boolean awaitPeerClose(ProtocolContext context, ByteBuf in) {
      return !awaitsClose;
    }
  }

  @BeforeEach
  void start() {
    Handler<String, String> handler =
        new Handler<>() {
          @Override
          public void onConnect(Connection<String> connection) {
            connections.add(connection);
          }

          @Override
          public void onMessage(Connection<String> connection, String message) {
            messages.incrementAndGet();
            connection.send(message);
          }

          @Override
          public void onClose(Connection<String> connection, CloseReason reason) {
            reasons.add(reason);
          }
        };
    server =
        Server.builder(Told::new, handler)
            .listen("tcp://127.0.0.1:0")
            .eventLoops(1)
            .plugin(new Interfering())
            .start();
  }

  /** Uses a connection before the protocol unpacks, and in the middle of its output. */
  private final class Interfering implements Plugin {
    @Override
    public Observer install(Link link) {
      return new UnpackObserver() {
        @Override
        public void unpacking() {
          beforeUnpack.accept(link);
        }

        @Override
        public void flushing(int bytes) {
          if (bytes >= MUCH) {
            afterMuch.accept(link);
          }
        }
      };
    }
  }

  @AfterEach
  void stop() {
    server.close();
  }

  private static <T> T next(BlockingQueue<T> queue) throws InterruptedException {
    T next = queue.poll(10, TimeUnit.SECONDS);
    assertThat(next).isNotNull();
    return next;
  }

  /** Runs a task on the event loop and waits for it. */
  private void onLoop(Runnable task) throws Exception {
    BlockingQueue<Object> done = new LinkedBlockingQueue<>();
    connections.element().execute(() -> done.add(runs(task)));
    assertThat(next(done)).isEqualTo("done");
  }

  private static Object runs(Runnable task) {
    try {
      task.run();
      return "done";
    } catch (Throwable t) {
      return t;
    }
  }

  @Test
  void closeNowOfAProtocolHappensWhenItsCallHasReturned() throws Exception {
    try (RawPeer peer = RawPeer.connect(server)) {
      peer.send("close now", "not read");
      assertThat(next(reasons)).hasToString("TIMEOUT");
    }
    assertThat(calls).containsExactly("unpack", "unpacked", "close TIMEOUT");
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void protocolIsClosedWhenItsCallHasReturned(boolean now) throws Exception {
    afterMuch = closing(now);
    try (RawPeer peer = RawPeer.connect(server)) {
      peer.send("write much", "not read");
      assertThat(peer.readAll()).hasSize(now ? 0 : 2 * MUCH);
      assertThat(next(reasons)).hasToString("LIMIT");
    }
    assertThat(calls).containsExactly("unpack", "unpacked", "close LIMIT");
    assertThat(messages).as("messages after the close").hasValue(0);
  }

  private static Consumer<Plugin.Link> closing(boolean now) {
    CloseReason reason = CloseReason.of(Kind.LIMIT);
    return now ? link -> link.closeNow(reason) : link -> link.close(reason);
  }

  @Test
  void protocolIsClosedWhenItsCallHasReturnedAlsoIfAPluginSendsInIt() throws Exception {
    AtomicInteger sent = new AtomicInteger();
    afterMuch =
        link -> {
          sent.addAndGet(send(link, "note") ? RawPeer.frames("note").length : 0);
          link.close(CloseReason.of(Kind.LIMIT));
        };
    try (RawPeer peer = RawPeer.connect(server)) {
      peer.send("write much", "not read");
      assertThat(peer.readAll()).hasSize(2 * MUCH + sent.get());
      assertThat(next(reasons)).hasToString("LIMIT");
    }
    assertThat(calls).containsExactly("unpack", "unpacked", "close LIMIT");
    assertThat(sent).hasPositiveValue();
  }

  @SuppressWarnings("unchecked") // the only type of messages here
  private static boolean send(Plugin.Link link, String message) {
    return ((Connection<String>) link.connection()).send(message);
  }

  @Test
  void outputEndsWhenTheCallThatWritesItHasReturned() throws Exception {
    afterMuch = link -> link.connection().shutdownOutput();
    try (RawPeer peer = RawPeer.connect(server)) {
      peer.send("write much");
      assertThat(peer.readAll()).hasSize(2 * MUCH);
    }
    assertThat(next(reasons)).hasToString("PEER_CLOSED");
  }

  @Test
  void connectionIsDetachedWhenTheCallThatWritesHasReturned() throws Exception {
    afterMuch = link -> link.connection().detach(new ChannelInboundHandlerAdapter());
    try (RawPeer peer = RawPeer.connect(server)) {
      peer.send("write much");
      assertThat(peer.read(2 * MUCH)).hasSize(2 * MUCH);
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void protocolUnpacksNothingAfterAPluginHasClosed(boolean now) throws Exception {
    beforeUnpack = closing(now);
    try (RawPeer peer = RawPeer.connect(server)) {
      peer.send("write much");
      assertThat(next(reasons)).hasToString("LIMIT");
    }
    assertThat(calls).containsExactly("close LIMIT");
  }

  @Test
  void protocolMayCloseNowWhileItAwaitsThePeersClose() throws Exception {
    awaitsClose = true;
    try (RawPeer peer = RawPeer.connect(server)) {
      ProtocolContext context = next(wires);
      peer.send("hi").receive();
      onLoop(
          () -> {
            connections.element().close();
            context.closeNow(CloseReason.of(Kind.TIMEOUT));
          });
      assertThat(next(reasons)).hasToString("CLOSED");
    }
    assertThat(calls).containsExactly("close CLOSED");
  }

  @Test
  void entryOfAWheelMayCloseItsConnectionNow() throws Exception {
    try (RawPeer peer = RawPeer.connect(server)) {
      ProtocolContext context = next(wires);
      peer.send("hi").receive();
      onLoop(
          () -> {
            DeadlineWheel wheel = context.deadlineWheel(SPAN);
            wheel.schedule(
                new DeadlineWheel.Entry() {
                  private final long due = wheel.now() + wheel.maxDelay();

                  @Override
                  protected long deadline(long now) {
                    return due;
                  }

                  @Override
                  protected void expire() {
                    context.closeNow(CloseReason.of(Kind.IDLE));
                  }
                });
          });
      assertThat(next(reasons)).hasToString("IDLE");
      assertThat(peer.readAll()).isEmpty();
    }
  }

  @Test
  void connectionsOfALoopShareTheWheelOfASpan() throws Exception {
    try (RawPeer first = RawPeer.connect(server);
        RawPeer second = RawPeer.connect(server)) {
      ProtocolContext context = next(wires);
      ProtocolContext other = next(wires);
      first.send("hi").receive();
      second.send("hi").receive();
      onLoop(
          () -> {
            assertThat(context.deadlineWheel(SPAN))
                .isSameAs(other.deadlineWheel(Duration.ofMillis(50)));
            assertThat(context.deadlineWheel(SPAN))
                .isNotSameAs(context.deadlineWheel(SPAN.plusNanos(1)));
          });
    }
  }

  @Test
  void contextReturnsSinceWhenItReads() throws Exception {
    try (RawPeer peer = RawPeer.connect(server)) {
      ProtocolContext context = next(wires);
      peer.send("hi").receive();
      Connection<String> connection = connections.element();
      onLoop(
          () -> {
            long opened = context.readingSince();
            assertThat(opened)
                .isLessThan(context.deadlineWheel(SPAN).now())
                .isEqualTo(context.readingSince());
            connection.pauseReading();
            assertThat(context.readingSince()).isGreaterThan(opened);
          });
      long[] paused = new long[1];
      onLoop(
          () -> {
            paused[0] = context.deadlineWheel(SPAN).now();
            assertThat(context.readingSince()).isGreaterThanOrEqualTo(paused[0]);
            connection.resumeReading();
          });
      onLoop(
          () -> {
            long resumed = context.readingSince();
            assertThat(resumed).isGreaterThan(paused[0]).isEqualTo(context.readingSince());
          });
    }
  }

  @Test
  void taskForTheCloseRunsOnceAfterOnClose() throws Exception {
    BlockingQueue<String> ends = new LinkedBlockingQueue<>();
    ProtocolContext context;
    try (RawPeer peer = RawPeer.connect(server)) {
      context = next(wires);
      peer.send("hi").receive();
      onLoop(() -> context.onClose(() -> ends.add(reasons.size() + " on the loop")));
      context.onClose(() -> ends.add(reasons.size() + " of another thread"));
      onLoop(() -> assertThat(ends).isEmpty());
    }
    assertThat(next(ends)).isEqualTo("1 on the loop");
    assertThat(next(ends)).isEqualTo("1 of another thread");
    context.onClose(() -> ends.add("late, on " + Thread.currentThread().getName()));
    assertThat(next(ends)).startsWith("late, on jev-loop-");
    server.close();
    context.onClose(() -> ends.add("too late, on " + Thread.currentThread().getName()));
    assertThat(next(ends)).isEqualTo("too late, on " + Thread.currentThread().getName());
    assertThat(ends).isEmpty();
  }

  @Test
  void taskForTheCloseThatAddsAnotherOrFailsStopsNoOther() throws Exception {
    BlockingQueue<String> ends = new LinkedBlockingQueue<>();
    try (LogCapture log = new LogCapture("dev.jev")) {
      try (RawPeer peer = RawPeer.connect(server)) {
        ProtocolContext context = next(wires);
        peer.send("hi").receive();
        context.onClose(
            () -> {
              context.onClose(() -> ends.add("inner"));
              throw new IllegalStateException("on purpose");
            });
        context.onClose(() -> ends.add("outer"));
        onLoop(() -> {}); // both are added
      }
      assertThat(next(ends)).isEqualTo("outer");
      assertThat(next(ends)).isEqualTo("inner");
      assertThat(log.await("task failed in onClose of the connection of /127.0.0.1:").getThrown())
          .hasMessage("on purpose");
    }
  }

  @Test
  void detachedConnectionRunsItsTasksForTheClose() throws Exception {
    BlockingQueue<String> ends = new LinkedBlockingQueue<>();
    try (RawPeer peer = RawPeer.connect(server)) {
      ProtocolContext context = next(wires);
      peer.send("hi").receive();
      context.onClose(() -> ends.add("end"));
      next(connections).detach(new ChannelInboundHandlerAdapter());
      assertThat(next(ends)).isEqualTo("end");
    }
    assertThat(reasons).isEmpty();
  }

  @Test
  void handlerErrorOfAProtocolIsLoggedWithItsCause() throws Exception {
    try (LogCapture log = new LogCapture("dev.jev");
        RawPeer peer = RawPeer.connect(server)) {
      ProtocolContext context = next(wires);
      peer.send("hi").receive();
      Throwable cause = new IllegalStateException("on purpose");
      onLoop(() -> context.close(new CloseReason(Kind.HANDLER_ERROR, cause)));
      peer.expectEndAndClose();
      assertThat(next(reasons)).hasToString("HANDLER_ERROR: " + cause);
      assertThat(log.await("HANDLER_ERROR: closing connection of ").getThrown()).isSameAs(cause);
    }
  }
}
