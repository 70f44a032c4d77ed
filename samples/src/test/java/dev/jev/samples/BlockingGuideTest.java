package dev.jev.samples;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.jev.AsyncReplies;
import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.Eventually;
import dev.jev.Handler;
import dev.jev.LogCapture;
import dev.jev.Protocol;
import dev.jev.Server;
import dev.jev.codec.Protocols;
import dev.jev.test.RawPeer;
import dev.jev.test.Recorder;
import java.io.IOException;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Runs the code of docs/blocking.md: each of its Java blocks is a region of this class. */
@Timeout(60)
class BlockingGuideTest {

  private final ExecutorService pool = Executors.newFixedThreadPool(4);
  private final Semaphore permits = new Semaphore(0);
  private final AtomicInteger calls = new AtomicInteger();

  @AfterEach
  void shutDown() {
    permits.release(1_000_000);
    pool.shutdown();
  }

  /** Stands for a blocking call: waits until the test lets it return. */
  private String query(String key) {
    calls.incrementAndGet();
    permits.acquireUninterruptibly();
    return key + " by " + Thread.currentThread().getName().split("-", 2)[0];
  }

  // region offload
  /** Answers with the result of a blocking call. */
  static Server start(Function<String, String> query, ExecutorService pool, String uri) {
    Handler<String, String> handler = Handler.replying(query);
    return Server.builder(Protocols::lines, handler.offload(pool)).listen(uri).start();
  }

  // endregion

  // region async
  /** Answers in the order of the questions, but makes up to eight calls for a client at once. */
  static Server startAsync(Function<String, String> query, Executor pool, String uri) {
    AsyncReplies<String, String> handler =
        Handler.replyingAsync(
            key ->
                CompletableFuture.supplyAsync(() -> query.apply(key), pool)
                    .orTimeout(2, TimeUnit.SECONDS));
    return Server.builder(
            Protocols::lines,
            handler.maxOpen(8).onFailure((key, failure) -> key + " is not available"))
        .listen(uri)
        .start();
  }

  // endregion

  // region other
  /** Makes reports on other threads, and counts those of each connection. */
  static final class Reports implements Handler<String, String> {

    private final Executor pool;
    private final Function<String, String> query;

    Reports(Executor pool, Function<String, String> query) {
      this.pool = pool;
      this.query = query;
    }

    @Override
    public void onMessage(Connection<String> connection, String name) {
      connection.send("working on " + name);
      pool.execute(
          () -> {
            connection.send(query.apply(name)); // from any thread; false if it has closed meanwhile
            connection.execute(() -> count(connection)); // back on the event loop, without locks
          });
    }

    private static void count(Connection<String> connection) {
      Integer before = connection.attachment(Integer.class);
      connection.attach(before == null ? 1 : before + 1);
      connection.send("reports: " + connection.attachment(Integer.class));
    }
  }

  // endregion

  // region stop
  static void stop(Server server, ExecutorService pool) throws InterruptedException {
    server.stop(Duration.ofSeconds(10)); // sends what was sent, then closes
    server.awaitStop(); // calls may still be running, and onClose may be queued
    pool.shutdown(); // not shutdownNow(), which drops queued calls
    if (!pool.awaitTermination(10, TimeUnit.SECONDS)) {
      pool.shutdownNow(); // interrupts what is still running
    }
  }

  // endregion

  private static String line(RawPeer peer) throws IOException {
    StringBuilder line = new StringBuilder();
    for (byte next = peer.read(1)[0]; next != '\n'; next = peer.read(1)[0]) {
      line.append((char) next);
    }
    return line.toString();
  }

  private static byte[] lines(int from, int to) {
    StringBuilder lines = new StringBuilder();
    for (int i = from; i < to; i++) {
      lines.append(i).append('\n');
    }
    return lines.toString().getBytes(US_ASCII);
  }

  private static byte[] line(String text) {
    return (text + "\n").getBytes(US_ASCII);
  }

  @Test
  void blockedLoopIsLogged() throws Exception {
    Handler<String, String> handler = Handler.replying(this::query);
    try (LogCapture log = new LogCapture("dev.jev");
        Server server =
            Server.builder(Protocols::lines, handler).listen("tcp://127.0.0.1:0").start();
        RawPeer peer = RawPeer.connect(server)) {
      peer.write(line("a"));
      log.await("has been blocked for");
      permits.release();
      assertThat(line(peer)).isEqualTo("a by jev");
    }
  }

  @Test
  void callsOfOneConnectionComeInOrderAndThoseOfOthersAtTheSameTime() throws Exception {
    try (Server server = start(this::query, pool, "tcp://127.0.0.1:0");
        RawPeer one = RawPeer.connect(server);
        RawPeer other = RawPeer.connect(server)) {
      one.write(lines(0, 3));
      other.write(lines(7, 8));
      Eventually.holds("one call of each", () -> calls.get() == 2);
      permits.release(4);
      assertThat(line(other)).isEqualTo("7 by pool");
      for (int i = 0; i < 3; i++) {
        assertThat(line(one)).isEqualTo(i + " by pool");
      }
    }
  }

  @Test
  void readingPausesAt64QueuedMessagesAndAllAreAnsweredAfterTheEndOfTheClient() throws Exception {
    AtomicInteger unpacked = new AtomicInteger();
    Supplier<Protocol<String, String>> lines =
        () ->
            Protocols.lines()
                .mapInbound(
                    line -> {
                      unpacked.incrementAndGet();
                      return line;
                    });
    Handler<String, String> handler = Handler.replying(this::query);
    try (Server server =
            Server.builder(lines, handler.offload(pool)).listen("tcp://127.0.0.1:0").start();
        RawPeer peer = RawPeer.connect(server)) {
      peer.write(lines(0, 10_000)).shutdownOutput();
      Eventually.holds("a full queue", () -> unpacked.get() >= 63); // and the call of onConnect
      server.connections().list().toCompletableFuture().get(30, TimeUnit.SECONDS); // another turn
      assertThat(unpacked).hasValueLessThan(70);
      permits.release(10_000);
      assertThat(new String(peer.readAll(), US_ASCII).lines())
          .hasSize(10_000)
          .startsWith("0 by pool", "1 by pool")
          .endsWith("9999 by pool");
    }
  }

  @Test
  void poolHasOneTaskPerConnectionAtMost() throws Exception {
    BlockingQueue<Runnable> queued = new ArrayBlockingQueue<>(2);
    ThreadPoolExecutor small =
        new ThreadPoolExecutor(1, 1, 0, TimeUnit.SECONDS, queued); // with AbortPolicy
    Recorder<String, String> recorder = Recorder.before(Handler.replying(this::query));
    try (Server server =
            Server.builder(Protocols::lines, recorder.offload(small))
                .listen("tcp://127.0.0.1:0")
                .start();
        RawPeer running = RawPeer.connect(server).write(lines(0, 50));
        RawPeer waiting = connectedAfter(() -> calls.get() == 1, server);
        RawPeer last = connectedAfter(() -> queued.size() == 1, server)) {
      Eventually.holds("one task for each that waits", () -> queued.size() == 2);
      RawPeer refused = RawPeer.connect(server).write(lines(0, 1));
      assertThat(refused.readAll()).isEmpty(); // HANDLER_ERROR
      permits.release(1_000);
      assertThat(line(running)).isEqualTo("0 by pool");
      assertThat(line(waiting)).isEqualTo("0 by pool");
      assertThat(line(last)).isEqualTo("0 by pool");
    } finally {
      small.shutdown();
    }
  }

  private static RawPeer connectedAfter(Callable<Boolean> condition, Server server)
      throws Exception {
    Eventually.holds("before the next connection", condition);
    return RawPeer.connect(server).write(lines(0, 50));
  }

  @Test
  void discardedTasksAreRefused() {
    ThreadPoolExecutor discarding =
        new ThreadPoolExecutor(
            1,
            1,
            0,
            TimeUnit.SECONDS,
            new LinkedBlockingQueue<>(),
            new ThreadPoolExecutor.DiscardPolicy());
    Handler<String, String> handler = Handler.replying(this::query);
    assertThatIllegalArgumentException().isThrownBy(() -> handler.offload(discarding));
    assertThatIllegalStateException()
        .isThrownBy(() -> Handler.replyingAsync(key -> null).offload(pool));
  }

  @Test
  void asynchronousCallsOfOneConnectionRunAtTheSameTimeAndAreAnsweredInOrder() throws Exception {
    Map<String, CountDownLatch> returns = new ConcurrentHashMap<>();
    for (String key : new String[] {"a", "b", "c"}) {
      returns.put(key, new CountDownLatch(1));
    }
    returns.get("b").countDown();
    returns.get("c").countDown();
    Function<String, String> query =
        key -> {
          calls.incrementAndGet();
          try {
            assertThat(returns.get(key).await(30, TimeUnit.SECONDS)).isTrue();
          } catch (InterruptedException e) {
            throw new IllegalStateException(e);
          }
          return key;
        };
    try (Server server = startAsync(query, pool, "tcp://127.0.0.1:0");
        RawPeer peer = RawPeer.connect(server).write(line("a\nb\nc"))) {
      Eventually.holds("three calls", () -> calls.get() == 3);
      // That of "a" takes longer than 2 s.
      assertThat(line(peer)).isEqualTo("a is not available");
      assertThat(line(peer)).isEqualTo("b");
      assertThat(line(peer)).isEqualTo("c");
      returns.get("a").countDown();
    }
  }

  @Test
  void reportsAreSentByOtherThreads() throws Exception {
    try (Server server =
            Server.builder(Protocols::lines, new Reports(pool, this::query))
                .listen("tcp://127.0.0.1:0")
                .start();
        RawPeer peer = RawPeer.connect(server).write(line("sales"))) {
      assertThat(line(peer)).isEqualTo("working on sales");
      permits.release();
      assertThat(line(peer)).isEqualTo("sales by pool");
      assertThat(line(peer)).isEqualTo("reports: 1");
    }
  }

  @Test
  void callThatRunsAtTheStopCannotAnswerAndOnCloseComesBehindIt() throws Exception {
    BlockingQueue<String> events = new LinkedBlockingQueue<>();
    Handler<String, String> handler =
        new Handler<>() {
          @Override
          public void onMessage(Connection<String> connection, String key) {
            String answer = query(key);
            events.add("sent: " + connection.send(answer));
          }

          @Override
          public void onClose(Connection<String> connection, CloseReason reason) {
            events.add("close " + reason.kind() + " on " + Thread.currentThread().getName());
          }
        };
    Server server =
        Server.builder(Protocols::lines, handler.offload(pool)).listen("tcp://127.0.0.1:0").start();
    try (RawPeer peer = RawPeer.connect(server).write(lines(0, 2))) {
      Eventually.holds("first call", () -> calls.get() == 1);
      CompletableFuture<Void> stopped =
          CompletableFuture.runAsync(
              () -> {
                try {
                  stop(server, pool);
                } catch (InterruptedException e) {
                  throw new IllegalStateException(e);
                }
              });
      assertThat(peer.readAll()).isEmpty();
      permits.release(2);
      assertThat(events.poll(30, TimeUnit.SECONDS)).isEqualTo("sent: false");
      assertThat(events.poll(30, TimeUnit.SECONDS)).startsWith("close SERVER_STOPPED on pool-");
      stopped.get(30, TimeUnit.SECONDS);
      assertThat(calls).hasValue(1); // the second message was dropped
    }
  }

  @Test
  void eventLoopThatWaitsForItselfWaitsForEver() throws Exception {
    CompletableFuture<Server> started = new CompletableFuture<>();
    BlockingQueue<Throwable> failures = new LinkedBlockingQueue<>();
    Handler<String, String> handler =
        (connection, line) -> {
          try {
            connection
                .deliver(line)
                .written()
                .toCompletableFuture()
                .get(100, TimeUnit.MILLISECONDS);
          } catch (Exception e) {
            failures.add(e);
          }
          try {
            started.join().awaitStop();
          } catch (Exception e) {
            failures.add(e);
          }
        };
    try (Server server =
            Server.builder(Protocols::lines, handler).listen("tcp://127.0.0.1:0").start();
        RawPeer peer = RawPeer.connect(server)) {
      started.complete(server);
      peer.write(line("hello"));
      assertThat(line(peer)).isEqualTo("hello");
      assertThat(failures.poll(30, TimeUnit.SECONDS)).isInstanceOf(TimeoutException.class);
      assertThat(failures.poll(30, TimeUnit.SECONDS))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("event loop");
    }
  }

  @Test
  void guideShowsTheCodeThatIsTestedHere() throws IOException {
    Snippets.expectShown("docs/blocking.md", BlockingGuideTest.class);
  }
}
