package dev.jev.test;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.jev.CloseReason;
import dev.jev.CloseReason.Kind;
import dev.jev.Connection;
import dev.jev.Delivery;
import dev.jev.Handler;
import dev.jev.ScheduledTask;
import dev.jev.Server;
import dev.jev.Subscription;
import dev.jev.Topic;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** An in-memory connection behaves as a connection of a server. */
class InMemoryConnectionTest {

  private static final Duration MS = Duration.ofMillis(1);
  private static final Duration NEVER = Duration.ofHours(1);

  /** Reactions of a handler to a message, with the same events on both kinds of connections. */
  @SuppressWarnings("ImmutableEnumChecker") // the lambdas have no state
  private enum Scenario {
    ECHO((c, note) -> c.send("echo")),
    CLOSE(
        (c, note) -> {
          c.send("bye");
          c.close();
          note.add("closing, open " + c.isOpen() + ", sent " + c.send("too late"));
        }),
    CLOSE_NOW(
        (c, note) -> {
          c.closeNow();
          note.add("closing, writable " + c.isWritable());
        }),
    SEND_AND_CLOSE_NOW(
        (c, note) -> {
          c.send("never written");
          c.deliver("neither").written().whenComplete((v, e) -> note.add("written " + (e == null)));
          c.closeNow();
        }),
    THROW(
        (c, note) -> {
          throw new IllegalStateException("broken");
        }),
    PAUSE(
        (c, note) -> {
          c.pauseReading();
          c.execute(
              () -> {
                note.add("resumes");
                c.resumeReading();
              });
          note.add("paused");
        }),
    DELIVER(
        (c, note) -> {
          c.pauseReading();
          c.deliver("1")
              .written()
              .thenRun(
                  () -> {
                    note.add("written, sent " + c.send("3"));
                    c.execute(c::close);
                  });
          c.send("2");
          note.add("not nested");
        }),
    DELIVER_AND_EXECUTE(
        (c, note) -> {
          c.pauseReading();
          c.execute(() -> note.add("task"));
          c.deliver("1").written().thenRun(() -> note.add("written"));
          c.execute(c::close);
        }),
    PAUSE_AND_RESUME(
        (c, note) -> {
          c.pauseReading();
          c.resumeReading();
          note.add("not nested");
        }),
    EXECUTE(
        (c, note) -> {
          c.pauseReading();
          c.execute(() -> note.add("task"));
          c.execute(c::close);
          note.add("callback returns");
        }),
    EXECUTE_AND_CLOSE(
        (c, note) -> {
          c.execute(() -> note.add("task, sent " + c.send("too late")));
          c.close();
        }),
    TASK_THROWS(
        (c, note) -> {
          c.pauseReading();
          c.execute(
              () -> {
                throw new IllegalStateException("broken");
              });
        }),
    SHUT_DOWN_OUTPUT(
        (c, note) -> {
          c.send("last");
          c.shutdownOutput();
          note.add("sent " + c.send("too late") + ", open " + c.isOpen());
        }),
    HALF_CLOSE(
        (c, note) ->
            c.onHalfClose(
                NEVER,
                () -> {
                  note.add("end, sent " + c.send("answer") + ", open " + c.isOpen());
                  c.runAfter(MS, c::shutdownOutput);
                })),
    HALF_CLOSE_TIMES_OUT((c, note) -> c.onHalfClose(MS, () -> note.add("end"))),
    HALF_CLOSE_THROWS(
        (c, note) ->
            c.onHalfClose(
                NEVER,
                () -> {
                  throw new IllegalStateException("broken");
                })),
    HALF_CLOSE_WITHOUT_OUTPUT(
        (c, note) -> {
          c.onHalfClose(NEVER, () -> note.add("end"));
          c.shutdownOutput();
        }),
    RUN_AFTER(
        (c, note) -> {
          c.pauseReading();
          c.runAfter(
              MS,
              () -> {
                note.add("timer");
                c.close();
              });
          c.runAfter(NEVER, () -> note.add("never"));
          note.add("waits");
        }),
    RUN_AFTER_NOTHING(
        (c, note) -> {
          c.pauseReading();
          c.runAfter(Duration.ZERO, c::close);
          note.add("not at once");
        }),
    RUN_EVERY(
        (c, note) -> {
          c.pauseReading();
          int[] runs = new int[1];
          c.runEvery(MS, () -> tick(c, note, runs));
        }),
    CANCEL_FROM_INSIDE(
        (c, note) -> {
          c.pauseReading();
          ScheduledTask[] timer = new ScheduledTask[1];
          timer[0] =
              c.runEvery(
                  MS,
                  () -> {
                    note.add("only time");
                    timer[0].cancel();
                    c.runAfter(MS.multipliedBy(5), c::close);
                  });
        }),
    RUN_TICKER(
        (c, note) -> {
          c.pauseReading();
          int[] runs = new int[1];
          c.runTicker(
              () -> {
                tick(c, note, runs);
                return MS;
              });
          note.add("first tick later");
        }),
    TIMER_THROWS(
        (c, note) -> {
          c.pauseReading();
          c.runEvery(
              MS,
              () -> {
                throw new IllegalStateException("broken");
              });
        }),
    PUBLISH(
        (c, note) -> {
          c.pauseReading();
          Topic<String> topic = Topic.of("news", observer("news", note, ""));
          Subscription subscription = topic.subscribe(c);
          note.add("active " + subscription.isActive() + ", again " + topic.contains(c));
          note.add("same " + (topic.subscribe(c) == subscription) + ", size " + topic.size());
          note.add("published " + topic.publish("1"));
          c.send("before");
          topic.publish("2");
          c.execute(
              () -> {
                note.add(topic.counts().toString());
                topic.forEach(each -> note.add("each is this one: " + (each == c)));
                c.close();
                note.add("active " + subscription.isActive() + ", size " + topic.size());
              });
        }),
    UNSUBSCRIBE(
        (c, note) -> {
          c.pauseReading();
          Topic<String> topic = Topic.of("news", observer("news", note, ""));
          Subscription subscription = topic.subscribe(c);
          topic.publish("1");
          subscription.cancel();
          note.add("active " + subscription.isActive() + ", contains " + topic.contains(c));
          topic.publish("not subscribed");
          topic.subscribe(c);
          topic.publish("2");
          note.add("unsubscribed " + topic.unsubscribe(c) + " and " + topic.unsubscribe(c));
          note.add(subscription.dropped() + ", " + subscription.pendingBytes());
          c.execute(c::close);
        }),
    LEAVE_BEFORE_CLOSE(
        (c, note) -> {
          c.pauseReading();
          for (String name : List.of("first", "second", "third")) {
            Topic.of(name, observer(name, note, "")).subscribe(c);
          }
          c.execute(c::close);
        }),
    CLOSE_BEFORE_JOIN(
        (c, note) -> {
          Topic<String> topic = Topic.of("news", observer("news", note, ""));
          topic.subscribe(c);
          topic.publish("1");
          c.close();
          Runnable late =
              () -> note.add("active " + topic.subscribe(c).isActive() + ", size " + topic.size());
          c.execute(() -> c.execute(late));
        }),
    SHUT_DOWN_OUTPUT_OF_SUBSCRIBER(
        (c, note) -> {
          c.pauseReading();
          Topic<String> topic = Topic.of("news", observer("news", note, ""));
          topic.subscribe(c);
          topic.publish("1");
          c.execute(
              () -> {
                c.shutdownOutput();
                note.add("contains " + topic.contains(c) + ", open " + c.isOpen());
                note.add("active " + topic.subscribe(c).isActive());
                c.execute(c::close);
              });
        }),
    JOIN_PUBLISHES(
        (c, note) -> {
          c.pauseReading();
          Topic<String> topic = Topic.of("news", observer("news", note, "publishes"));
          topic.subscribe(c);
          topic.publish("1");
          c.execute(() -> c.execute(c::close));
        }),
    JOIN_THROWS(
        (c, note) -> {
          c.pauseReading();
          Topic.of("news", observer("news", note, "throws")).subscribe(c);
        }),
    LEAVE_THROWS(
        (c, note) -> {
          c.pauseReading();
          Topic<String> topic = Topic.of("news", observer("news", note, "throws later"));
          topic.subscribe(c);
          topic.unsubscribe(c);
        });

    /** Notes what it observes, and does something when a connection joins or leaves. */
    private static Topic.Observer<String> observer(String name, List<String> note, String action) {
      return new Topic.Observer<>() {
        private final Topic<String> other = Topic.of("other");

        @Override
        public void onJoin(Connection<String> connection) {
          note.add(name + " joined, sent " + connection.send(name));
          if (action.equals("throws")) {
            throw new IllegalStateException("broken");
          }
          if (action.equals("publishes")) {
            other.subscribe(connection);
            other.publish("from the observer");
          }
        }

        @Override
        public void onLeave(Connection<String> connection) {
          note.add(name + " left, open " + connection.isOpen());
          if (action.equals("throws later")) {
            throw new IllegalStateException("broken");
          }
        }
      };
    }

    private final BiConsumer<Connection<String>, List<String>> onMessage;

    Scenario(BiConsumer<Connection<String>, List<String>> onMessage) {
      this.onMessage = onMessage;
    }

    /** The third run closes. A timer that is late runs again at once, before the close is over. */
    private static void tick(Connection<String> connection, List<String> note, int[] runs) {
      if (++runs[0] <= 3) {
        note.add("tick " + runs[0]);
      }
      if (runs[0] == 3) {
        connection.close();
      }
    }
  }

  /** Records the events of a connection of either kind. */
  private static final class EventLog implements Handler<String, String> {

    private final Scenario scenario;
    private final List<String> notes = new ArrayList<>();
    private final BlockingQueue<List<String>> done = new LinkedBlockingQueue<>();

    EventLog(Scenario scenario) {
      this.scenario = scenario;
    }

    @Override
    public void onConnect(Connection<String> connection) {
      notes.add("connect, open " + connection.isOpen());
      connection.attach("attached");
      connection.send("welcome");
    }

    @Override
    public void onMessage(Connection<String> connection, String message) {
      notes.add("message " + message);
      scenario.onMessage.accept(connection, notes);
      notes.add("end of " + message);
    }

    @Override
    public void onClose(Connection<String> connection, CloseReason reason) {
      notes.add(
          "close "
              + reason
              + ", sent "
              + connection.send("too late")
              + ", "
              + connection.attachment(String.class)
              + ", open "
              + connection.isOpen());
      connection.close();
      connection.runAfter(Duration.ZERO, () -> notes.add("timer after the close"));
      done.add(notes);
    }

    /** Returns all records when the connection is closed. */
    List<String> read() throws InterruptedException {
      List<String> all = done.poll(10, TimeUnit.SECONDS);
      assertThat(all).as("closed").isNotNull();
      return List.copyOf(all);
    }
  }

  private record Outcome(List<String> notes, List<String> sent) {}

  /** Returns the handler itself, or one that calls it. */
  private interface Wrapper extends UnaryOperator<Handler<String, String>> {}

  private static Outcome overSockets(Scenario scenario, Wrapper wrapper) throws Exception {
    EventLog log = new EventLog(scenario);
    try (Server server =
            Server.builder(ShortTexts::new, wrapper.apply(log))
                .listen("tcp://127.0.0.1:0")
                .eventLoops(1)
                .start();
        RawPeer peer = RawPeer.connect(server)) {
      peer.write("01 61 01 62").shutdownOutput();
      byte[] sent = peer.readAll();
      return new Outcome(log.read(), texts(sent));
    }
  }

  private static List<String> texts(byte[] bytes) {
    List<String> texts = new ArrayList<>();
    for (int i = 0; i < bytes.length; i += 1 + bytes[i]) {
      texts.add(new String(bytes, i + 1, bytes[i], UTF_8));
    }
    return texts;
  }

  private static Outcome inMemory(Scenario scenario, Wrapper wrapper) throws Exception {
    EventLog log = new EventLog(scenario);
    InMemoryConnection<String, String> connection = InMemoryConnection.to(wrapper.apply(log));
    connection.expectClose().open().receive("a").receive("b").peerCloses();
    connection.clock().advance(Duration.ofMinutes(1));
    Outcome outcome = new Outcome(log.read(), connection.sent());
    connection.clock().advance(NEVER);
    assertThat(log.notes).as("nothing after the close").isEqualTo(outcome.notes());
    return outcome;
  }

  private static void assertSame(Scenario scenario, Wrapper wrapper) throws Exception {
    Outcome memory = inMemory(scenario, wrapper);
    Outcome sockets = overSockets(scenario, wrapper);
    assertThat(memory.notes()).isEqualTo(sockets.notes());
    if (scenario != Scenario.CLOSE_NOW) { // which may or may not drop sent messages
      assertThat(memory.sent()).isEqualTo(sockets.sent());
    }
  }

  @ParameterizedTest
  @EnumSource
  void doesWhatARealConnectionDoes(Scenario scenario) throws Exception {
    assertSame(scenario, handler -> handler);
  }

  @ParameterizedTest
  @EnumSource
  void doesWhatARealConnectionDoesForAnOffloadedHandler(Scenario scenario) throws Exception {
    assertSame(scenario, handler -> handler.offload(Runnable::run));
  }

  @Test
  void peerThatResetsIsAnIoError() {
    Recorder<String, String> recorder = Recorder.silent();
    InMemoryConnection<String, String> connection =
        InMemoryConnection.<String, String>to(recorder).open().peerResets();
    assertThat(connection.closeReason())
        .hasToString("IO_ERROR: java.io.IOException: Connection reset by peer");
  }

  @Test
  void writableComesAfterBlockAndWhatWasReceivedMeanwhile() throws Exception {
    Recorder<String, String> recorder = Recorder.silent();
    InMemoryConnection<String, String> connection = InMemoryConnection.to(recorder);
    connection.open().block().receive("a");
    Delivery delivery = connection.deliver("slow");
    assertThat(connection.isWritable()).isFalse();
    assertThat(connection.pendingBytes()).isEqualTo(262_145);
    recorder.expect("connect");
    recorder.expectNothingMore();
    assertThat(delivery.written().toCompletableFuture()).isNotDone();
    connection.unblock();
    assertThat(delivery.written().toCompletableFuture()).isCompleted();
    recorder.expect("writable", "message a");
    connection.unblock();
    recorder.expectNothingMore();
  }

  @Test
  void whatIsReceivedBeforeItIsOpenWaits() throws Exception {
    Recorder<String, String> recorder = Recorder.silent();
    InMemoryConnection<String, String> connection = InMemoryConnection.to(recorder);
    connection.receive("early");
    assertThat(connection.send("early")).isFalse();
    connection.open();
    recorder.expect("connect", "message early");
  }

  @Test
  void neverOpenedMeansNeverClosed() {
    Recorder<String, String> recorder = Recorder.silent();
    InMemoryConnection<String, String> connection = InMemoryConnection.to(recorder);
    connection.close();
    connection.open();
    recorder.expectNothingMore();
  }

  @Test
  void taskOfTheTestRunsInItsNextCall() {
    List<String> notes = new ArrayList<>();
    InMemoryConnection<String, String> connection =
        InMemoryConnection.<String, String>to((c, message) -> {}).open();
    connection.execute(() -> notes.add("task"));
    assertThat(notes).isEmpty();
    connection.run();
    assertThat(notes).containsExactly("task");
  }

  @Test
  void detachedConnectionHasNoOnClose() throws Exception {
    Recorder<String, String> recorder =
        Recorder.before((c, message) -> c.detach(new ChannelInboundHandlerAdapter()));
    InMemoryConnection<String, String> connection = InMemoryConnection.to(recorder);
    connection.open().receive("a").receive("b");
    recorder.expect("connect", "message a");
    recorder.expectNothingMore();
    assertThat(connection.closeReason()).isNull();
    assertThat(connection.isOpen()).isFalse();
  }

  private static ByteBuf buffer(String text) {
    return PooledByteBufAllocator.DEFAULT.buffer().writeBytes(text.getBytes(UTF_8));
  }

  @Test
  void receivedBufferIsReleasedUnlessItIsSentOrRetained() {
    List<ByteBuf> retained = new ArrayList<>();
    InMemoryConnection<ByteBuf, ByteBuf> connection =
        InMemoryConnection.<ByteBuf, ByteBuf>to(
                (c, message) -> {
                  switch (message.toString(UTF_8)) {
                    case "send" -> c.send(message);
                    case "send a view" -> c.send(message.slice(0, 4));
                    case "retain" -> retained.add(message.retain());
                    default -> {}
                  }
                })
            .open();
    ByteBuf dropped = buffer("drop");
    connection.receive(dropped).receive(buffer("send")).receive(buffer("send a view"));
    connection.receive(buffer("retain"));
    assertThat(dropped.refCnt()).isZero();
    assertThat(retained).singleElement().extracting(ByteBuf::refCnt).isEqualTo(1);
    List<ByteBuf> sent = connection.takeSent();
    assertThat(sent).hasSize(2).allMatch(each -> each.refCnt() == 1);
    sent.forEach(ByteBuf::release);
    retained.forEach(ByteBuf::release);
  }

  @Test
  void receivedBufferMayBeSentAnyNumberOfTimes() {
    List<Boolean> taken = new ArrayList<>();
    InMemoryConnection<ByteBuf, ByteBuf> connection =
        InMemoryConnection.<ByteBuf, ByteBuf>to(
                (c, message) -> {
                  taken.add(c.send(message));
                  taken.add(c.send(message.slice()));
                  c.close();
                  taken.add(c.send(message));
                })
            .open();
    ByteBuf received = buffer("twice");
    connection.receive(received);
    assertThat(taken).containsExactly(true, true, false);
    assertThat(received.refCnt()).isEqualTo(2);
    connection.releaseSent();
    assertThat(received.refCnt()).isZero();
  }

  @Test
  void bufferSentTooLateIsReleasedAndSoIsOneReceivedTooLate() {
    InMemoryConnection<ByteBuf, ByteBuf> connection =
        InMemoryConnection.<ByteBuf, ByteBuf>to(Connection::send).open();
    connection.receive(buffer("in time"));
    connection.pauseReading();
    ByteBuf waiting = buffer("waits");
    connection.receive(waiting);
    connection.closeNow();
    ByteBuf late = buffer("too late");
    assertThat(connection.send(late)).isFalse();
    ByteBuf lateIn = buffer("too late");
    connection.receive(lateIn);
    assertThat(List.of(waiting, late, lateIn)).allMatch(each -> each.refCnt() == 0);
    connection.releaseSent();
  }

  @Test
  void timesThatWereMissedAreLeftOut() {
    ManualClock clock = new ManualClock();
    List<Long> times = new ArrayList<>();
    InMemoryConnection<String, String> connection =
        InMemoryConnection.<String, String>to((c, message) -> {}, clock).open();
    connection.runEvery(
        MS.multipliedBy(10),
        () -> {
          times.add(clock.nanoTime() / 1_000_000);
          if (times.size() == 1) {
            clock.elapse(MS.multipliedBy(105));
          }
        });
    clock.advance(MS.multipliedBy(140));
    assertThat(times).containsExactly(10L, 120L, 130L, 140L);
  }

  @Test
  void knowsAddressesAttributesAndBadTimes() {
    InMemoryConnection<String, String> connection = InMemoryConnection.to((c, message) -> {});
    connection.attribute(Kind.class, Kind.IDLE);
    assertThat(connection.attribute(Kind.class)).isEqualTo(Kind.IDLE);
    assertThat(connection.attribute(String.class)).isNull();
    connection.attribute(Kind.class, null);
    assertThat(connection.attribute(Kind.class)).isNull();
    InetSocketAddress address = InetSocketAddress.createUnresolved("peer", 1);
    connection.addresses(address, address);
    assertThat(connection.remoteAddress()).isEqualTo(address);
    assertThatThrownBy(() -> connection.to(address))
        .isInstanceOf(UnsupportedOperationException.class)
        .hasMessageStartingWith("not a UDP address: peer");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> connection.runEvery(Duration.ZERO, () -> {}))
        .withMessage("period: PT0S (expected: > PT0S and <= PT87600H)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> connection.runAfter(Duration.ofNanos(-1), () -> {}))
        .withMessage("delay: PT-0.000000001S (expected: PT0S..PT87600H)");
  }
}
