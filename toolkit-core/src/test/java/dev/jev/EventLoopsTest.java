package dev.jev;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.channel.SingleThreadEventLoop;
import io.netty.util.concurrent.SingleThreadEventExecutor;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Event loops that several servers share. */
class EventLoopsTest {

  /** The common pool may have a single thread. */
  private static final Executor OWN_THREAD = task -> new Thread(task).start();

  private static Server start(EventLoops eventLoops, Handler<String, String> handler) {
    return Server.builder(Texts::new, handler)
        .listen("tcp://127.0.0.1:0")
        .eventLoops(eventLoops)
        .start();
  }

  private static void await(CountDownLatch latch) {
    try {
      assertThat(latch.await(10, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  private static boolean watchdogWaits() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().equals("jev-watchdog"))
        .allMatch(thread -> thread.getState() == Thread.State.TIMED_WAITING);
  }

  private static long loopThreads() {
    return Eventually.serverThreads().stream().filter(name -> name.startsWith("jev-loop")).count();
  }

  @Test
  void serversShareThemAndTheOwnerEndsThem() throws Exception {
    try (EventLoops loops = EventLoops.builder().count(2).transport(Transport.NIO).start()) {
      assertThat(loops.count()).isEqualTo(2);
      assertThat(loops.transport()).isEqualTo(Transport.NIO);
      Recorder<String, String> stays = new Recorder<>(Connection::send);
      try (Server first = start(loops, Connection::send);
          Server second = start(loops, stays)) {
        assertThat(first.transport()).isEqualTo(Transport.NIO);
        assertThat(first.eventLoops()).isSameAs(second.eventLoops());
        try (RawPeer one = RawPeer.connect(first);
            RawPeer two = RawPeer.connect(second)) {
          assertThat(one.send("1").receive()).isEqualTo("1");
          assertThat(two.send("2").receive()).isEqualTo("2");
          assertThat(loopThreads()).isEqualTo(2);
          first.stop(Duration.ofSeconds(1));
          one.expectEnd();
          first.awaitStop();
          assertThat(first.connectionCount()).isZero();
          assertThat(two.send("3").receive()).isEqualTo("3");
          assertThat(second.connectionCount()).isEqualTo(1);
        }
      }
      assertThat(loopThreads()).isEqualTo(2);
    }
    Eventually.noServerThreadIsLeft();
  }

  @Test
  void closingThemStopsTheServersThatUseThem() throws Exception {
    EventLoops loops = EventLoops.builder().start();
    Recorder<String, String> recorder = Recorder.silent();
    Server server = start(loops, recorder);
    try (RawPeer peer = RawPeer.connect(server)) {
      recorder.connection();
      loops.close();
      peer.expectEnd();
      recorder.expect("connect", "close SERVER_STOPPED");
    }
    server.awaitStop();
    Eventually.noServerThreadIsLeft();
    assertThatIllegalStateException()
        .isThrownBy(() -> start(loops, recorder))
        .withMessage("event loops are closed; create new ones");
  }

  /** Starts a server that closes its event loops when its first address is open. */
  private static void startAndClose(EventLoops loops, Plugin plugin, String... otherUris) {
    Server.Builder<String, String> builder =
        Server.builder(Texts::new, Connection::send)
            .addressesOfMachine(
                () -> {
                  loops.close();
                  return UdpAddresses.ofMachine();
                })
            .plugin(plugin)
            .eventLoops(loops)
            .listen("udp://:0");
    Stream.of(otherUris).forEach(builder::listen);
    assertThatIllegalStateException()
        .isThrownBy(builder::start)
        .withMessage("event loops are closed; create new ones");
  }

  @ParameterizedTest
  @MethodSource("dev.jev.Available#transports")
  void closingThemWhileAServerStartsEndsTheStart(Transport transport) throws Exception {
    List<Plugin> started = new ArrayList<>();
    Plugin plugin =
        new Plugin() {
          @Override
          public void start(PluginHost host) {
            started.add(this);
          }
        };
    try (LogCapture log = new LogCapture("dev.jev")) {
      startAndClose(EventLoops.builder().transport(transport).start(), plugin);
      for (String uri : List.of("tcp://127.0.0.1:0", "udp://127.0.0.1:0", "udp://:0")) {
        startAndClose(EventLoops.builder().transport(transport).start(), plugin, uri);
      }
      assertThat(started).isEmpty(); // nothing would stop them
      assertThat(log.messages("")).isEmpty();
    }
    Eventually.noServerThreadIsLeft();
  }

  @ParameterizedTest
  @MethodSource("dev.jev.Available#transports")
  void socketThatOpensAfterTheyAreClosedEndsTheStart(Transport transport) throws Exception {
    for (String uri : List.of("tcp://127.0.0.1:0", "udp://127.0.0.1:0", "udp://:0")) {
      EventLoops loops =
          EventLoops.builder()
              .count(1)
              .transport(transport)
              .blockedLoopThreshold(Duration.ofHours(1))
              .start();
      Eventually.holds("the watchdog has added its task", EventLoopsTest::watchdogWaits);
      SingleThreadEventExecutor loop = (SingleThreadEventExecutor) loops.loops().get(0).executor();
      CountDownLatch blocked = new CountDownLatch(1);
      CountDownLatch ended = new CountDownLatch(1);
      loop.execute(
          () -> {
            blocked.countDown();
            await(ended);
          });
      await(blocked);
      CompletableFuture<Server> server =
          CompletableFuture.supplyAsync(
              () ->
                  Server.builder(Texts::new, Connection::send)
                      .eventLoops(loops)
                      .listen(uri)
                      .start(),
              OWN_THREAD);
      Eventually.holds("the server registers its socket", () -> loop.pendingTasks() > 0);
      CompletableFuture<Void> closed = CompletableFuture.runAsync(loops::close, OWN_THREAD);
      Eventually.holds("the loop ends", loop::isShuttingDown);
      ended.countDown();
      closed.get(10, TimeUnit.SECONDS);
      assertThatThrownBy(() -> server.get(10, TimeUnit.SECONDS))
          .cause()
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("event loops are closed; create new ones");
    }
  }

  @Test
  void closingThemWhileAClientStartsEndsTheStart() throws Exception {
    EventLoops loops = EventLoops.builder().start();
    Plugin closing =
        new Plugin() {
          @Override
          public void start(PluginHost host) {
            loops.close();
          }
        };
    assertThatIllegalStateException()
        .isThrownBy(
            () ->
                Client.builder(Texts::new, Connection::send)
                    .eventLoops(loops)
                    .plugin(closing)
                    .connect("tcp://127.0.0.1:1"))
        .withMessage("event loops are closed; create new ones");
    Eventually.noServerThreadIsLeft();
  }

  @Test
  void theyCanBeClosedFromACallback() throws Exception {
    EventLoops loops = EventLoops.builder().start();
    Recorder<String, String> recorder = new Recorder<>((connection, message) -> loops.close());
    Server server = start(loops, recorder);
    try (RawPeer peer = RawPeer.connect(server)) {
      peer.send("end").expectEnd();
    }
    server.awaitStop();
    Eventually.noServerThreadIsLeft();
  }

  /** Notes that the loop has ended, and released what it holds. */
  private record EndNoted(AtomicBoolean ended) implements LoopService {

    @Override
    public boolean runBehind(Runnable task) {
      return false;
    }

    @Override
    public void end() {
      ended.set(true);
    }
  }

  /** Gives a loop a task each time that it has run all its tasks, until it takes no more. */
  private static void keepBusy(SingleThreadEventLoop executor) {
    try {
      executor.execute(() -> keepBusyLater(executor));
    } catch (RejectedExecutionException e) {
      // It has ended.
    }
  }

  private static void keepBusyLater(SingleThreadEventLoop executor) {
    try {
      executor.executeAfterEventLoopIteration(() -> keepBusy(executor));
    } catch (RejectedExecutionException e) {
      // It has ended.
    }
  }

  @Test
  void loopWithTasksUntilItsEndReleasesWhatItHolds() {
    AtomicBoolean ended = new AtomicBoolean();
    EventLoops loops = EventLoops.builder().count(1).start();
    Loop loop = loops.loops().get(0);
    loop.service(EndNoted.class, any -> new EndNoted(ended));
    keepBusy((SingleThreadEventLoop) loop.executor());
    loops.close();
    assertThat(ended).isTrue();
  }

  @Test
  void sharedOnesHaveOptionsOfTheirOwn() {
    try (EventLoops loops = EventLoops.builder().count(1).start()) {
      assertThatIllegalStateException()
          .isThrownBy(
              () ->
                  Server.builder(Texts::new, Connection::send)
                      .listen("tcp://127.0.0.1:0")
                      .eventLoops(loops)
                      .eventLoops(3)
                      .start())
          .withMessage(
              "shared event loops have their own count, transport and blockedLoopThreshold;"
                  + " set these on EventLoops.builder()");
    }
  }

  @Test
  void badOptionsAreRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> EventLoops.builder().count(0))
        .withMessage("eventLoops: 0 (expected: 1..1024)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> EventLoops.builder().blockedLoopThreshold(Duration.ZERO))
        .withMessage("blockedLoopThreshold: PT0S (expected: > PT0S and <= PT87600H)");
  }

  // Names.

  /** Returns the names of the threads of a server's two event loops, in order. */
  private static List<String> threads(Server.Builder<String, String> builder) throws Exception {
    Set<String> names = new ConcurrentSkipListSet<>();
    try (Server server = builder.listen("tcp://127.0.0.1:0").start()) {
      for (int i = 0; i < 2; i++) { // timers take turns
        server.runAfter(Duration.ZERO, () -> names.add(Thread.currentThread().getName()));
      }
      Eventually.holds("both have run", () -> names.size() == 2);
    }
    return List.copyOf(names);
  }

  private static Server.Builder<String, String> echo() {
    return Server.builder(Texts::new, Connection::send);
  }

  @Test
  void ownEventLoopsHaveTheNameOfTheirServer() throws Exception {
    assertThat(threads(echo().name("prices").eventLoops(2)))
        .containsExactly("jev-prices-1", "jev-prices-2");
    assertThat(threads(echo().eventLoops(2))).allMatch(name -> name.matches("jev-loop-\\d+-[12]"));
  }

  @Test
  void sharedEventLoopsHaveANameOfTheirOwn() throws Exception {
    try (EventLoops loops = EventLoops.builder().name("edge").count(2).start()) {
      assertThat(threads(echo().name("prices").eventLoops(loops)))
          .containsExactly("jev-edge-1", "jev-edge-2");
    }
    assertThatIllegalArgumentException()
        .isThrownBy(() -> EventLoops.builder().name(" "))
        .withMessageStartingWith("name: ");
  }
}
