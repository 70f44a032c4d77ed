package dev.jev;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.jev.Notes.Note;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.RejectedExecutionHandler;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Executors of an offloaded handler that accept tasks and never run them. */
class OffloadLossTest {

  private final Notes notes = new Notes();
  private final LogCapture log = new LogCapture("dev.jev");
  private final CountDownLatch free = new CountDownLatch(1);
  private final Recorder<Note, String> recorder = Recorder.silent();
  private final ThreadPoolExecutor pool =
      new ThreadPoolExecutor(1, 1, 0, TimeUnit.SECONDS, new ArrayBlockingQueue<>(1));
  private @Nullable Server server;

  @AfterEach
  void stop() throws Exception {
    free.countDown();
    if (server != null) {
      server.close();
    }
    pool.shutdown();
    log.close();
    recorder.expectNothingMore();
    notes.expectAllReleased();
  }

  private Server start(Executor executor) {
    server =
        Server.builder(notes::protocol, recorder.offload(executor))
            .listen("tcp://127.0.0.1:0")
            .eventLoops(1)
            .start();
    return server;
  }

  private void awaitNotes(int count) throws Exception {
    Eventually.holds(count + " messages", () -> notes.all().size() == count);
  }

  private void occupyPool() {
    CountDownLatch occupied = new CountDownLatch(1);
    pool.execute(
        () -> {
          occupied.countDown();
          awaitUninterruptibly(free);
        });
    awaitUninterruptibly(occupied);
  }

  private static void awaitUninterruptibly(CountDownLatch latch) {
    boolean interrupted = false;
    while (latch.getCount() > 0) {
      try {
        latch.await();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /** An executor that runs tasks on the calling thread, or drops them. */
  private static final class Dropping implements Executor {

    private volatile boolean dropping;

    @Override
    public void execute(Runnable task) {
      if (!dropping) {
        task.run();
      }
    }
  }

  @Test
  void closeSubmitsAgainWhatTheExecutorHasDropped() throws Exception {
    Dropping executor = new Dropping();
    try (RawPeer peer = RawPeer.connect(start(executor))) {
      recorder.expect("connect");
      executor.dropping = true;
      peer.send("1", "2");
      awaitNotes(2);
      executor.dropping = false;
      recorder.connection().close();
      peer.expectEnd();
    }
    recorder.expect("close CLOSED");
  }

  @Test
  void closeReleasesTheMessagesWhateverTheExecutorDoes() throws Exception {
    Dropping executor = new Dropping();
    try (RawPeer peer = RawPeer.connect(start(executor))) {
      recorder.expect("connect");
      executor.dropping = true;
      peer.send("1", "2", "3");
      awaitNotes(3);
      recorder.connection().close();
      peer.expectEnd();
    }
    notes.expectAllReleased();
  }

  /** Starts a server, and shuts its executor down while a message of the peer is queued there. */
  private RawPeer connectAndShutDownNow() throws Exception {
    RawPeer peer = RawPeer.connect(start(pool));
    recorder.expect("connect");
    occupyPool();
    peer.send("1");
    awaitNotes(1);
    Eventually.holds("the message is queued", () -> !pool.getQueue().isEmpty());
    assertThat(pool.shutdownNow()).hasSize(1);
    return peer;
  }

  @Test
  void onCloseComesAfterTheExecutorWasShutDownNow() throws Exception {
    try (RawPeer peer = connectAndShutDownNow()) {
      recorder.connection().close();
      peer.expectEnd();
    }
    recorder.expect("close CLOSED");
    assertThat(recorder.threads()).last().asString().startsWith("jev-loop");
    assertThat(log.await("executor failed for onClose of /127.0.0.1:").getThrown())
        .isInstanceOf(RejectedExecutionException.class);
  }

  @Test
  void connectionWhoseExecutorWasShutDownNowClosesWhenItsPeerDoes() throws Exception {
    try (RawPeer peer = connectAndShutDownNow()) {
      peer.shutdownOutput().expectEnd();
    }
    recorder.expect("close HANDLER_ERROR");
    assertThat(log.await("HANDLER_ERROR: closing connection of /127.0.0.1:").getThrown())
        .hasMessage("executor was shut down");
  }

  @Test
  void connectionWhoseExecutorWasShutDownNowClosesWhenItsQueueIsFull() throws Exception {
    try (RawPeer peer = connectAndShutDownNow()) {
      for (int i = 1; i < OffloadedHandler.MAX_QUEUED; i++) {
        peer.send("more");
      }
      peer.expectEnd();
    }
    recorder.expect("close HANDLER_ERROR");
    assertThat(log.await("HANDLER_ERROR: closing connection of /127.0.0.1:").getThrown())
        .hasMessage("executor was shut down");
  }

  /** Closes a connection whose message waits in the queue of a pool, which is full. */
  private void closeWhileQueued(Runnable beforeClose) throws Exception {
    try (RawPeer peer = RawPeer.connect(start(pool))) {
      recorder.expect("connect");
      occupyPool();
      peer.send("1");
      awaitNotes(1);
      Eventually.holds("the pool is full", () -> pool.getQueue().remainingCapacity() == 0);
      beforeClose.run();
      recorder.connection().close();
      peer.expectEnd();
    }
    Eventually.holds("the connection is closed", () -> serverHasNoConnection());
    recorder.expectNothingMore();
    free.countDown();
    recorder.expect("close CLOSED");
    assertThat(recorder.threads()).noneMatch(name -> name.startsWith("jev-loop"));
    assertThat(log.records()).isEmpty();
  }

  static Stream<RejectedExecutionHandler> policiesThatRefuse() {
    return Stream.of(
        new ThreadPoolExecutor.AbortPolicy(), new ThreadPoolExecutor.CallerRunsPolicy());
  }

  @ParameterizedTest
  @MethodSource("policiesThatRefuse")
  void executorThatIsOnlyBusyCallsOnCloseItself(RejectedExecutionHandler policy) throws Exception {
    pool.setRejectedExecutionHandler(policy);
    closeWhileQueued(() -> {});
  }

  @ParameterizedTest
  @MethodSource("policiesThatRefuse")
  void executorThatWasShutDownCallsOnCloseOfWhatItHasQueued(RejectedExecutionHandler policy)
      throws Exception {
    pool.setRejectedExecutionHandler(policy);
    closeWhileQueued(pool::shutdown);
  }

  @ParameterizedTest
  @MethodSource("policiesThatRefuse")
  void onCloseComesAfterAnIdleExecutorWasShutDown(RejectedExecutionHandler policy)
      throws Exception {
    pool.setRejectedExecutionHandler(policy);
    try (RawPeer peer = RawPeer.connect(start(pool))) {
      recorder.expect("connect");
      Eventually.holds("the pool is idle", () -> pool.getActiveCount() == 0);
      pool.shutdown();
      recorder.connection().close();
      peer.expectEnd();
    }
    recorder.expect("close CLOSED");
  }

  @ParameterizedTest
  @MethodSource("policiesThatRefuse")
  void messageForAnExecutorThatWasShutDownClosesItsConnection(RejectedExecutionHandler policy)
      throws Exception {
    pool.setRejectedExecutionHandler(policy);
    try (RawPeer peer = RawPeer.connect(start(pool))) {
      recorder.expect("connect");
      Eventually.holds("the pool is idle", () -> pool.getActiveCount() == 0);
      pool.shutdown();
      peer.send("1").expectEnd();
    }
    recorder.expect("close HANDLER_ERROR");
  }

  @Test
  void messagesThatAnExecutorHasQueuedAreHandledAfterItWasShutDown() throws Exception {
    try (RawPeer peer = RawPeer.connect(start(pool))) {
      recorder.expect("connect");
      StreamConnection<?, ?> connection = (StreamConnection<?, ?>) recorder.connection();
      occupyPool();
      peer.send("1");
      awaitNotes(1);
      Eventually.holds("the message is queued", () -> !pool.getQueue().isEmpty());
      pool.shutdown();
      for (int i = 2; i < OffloadedHandler.MAX_QUEUED; i++) {
        peer.send("more");
      }
      peer.shutdownOutput();
      awaitNotes(OffloadedHandler.MAX_QUEUED - 1);
      Eventually.holds("the end has arrived", connection.lifecycle()::hasInputEnded);
      free.countDown();
      peer.expectEnd();
    }
    recorder.expect("message 1");
    for (int i = 2; i < OffloadedHandler.MAX_QUEUED; i++) {
      recorder.expect("message more");
    }
    recorder.expect("close PEER_CLOSED");
  }

  private boolean serverHasNoConnection() {
    return server != null && server.connectionCount() == 0;
  }

  static Stream<RejectedExecutionHandler> policiesThatDrop() {
    return Stream.of(
        new ThreadPoolExecutor.DiscardPolicy(), new ThreadPoolExecutor.DiscardOldestPolicy());
  }

  @ParameterizedTest
  @MethodSource("policiesThatDrop")
  void poolThatDropsTasksIsRefused(RejectedExecutionHandler policy) {
    pool.setRejectedExecutionHandler(policy);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> recorder.offload(pool))
        .withMessage(
            "executor: a ThreadPoolExecutor with "
                + policy.getClass().getSimpleName()
                + " (expected: one that drops no task, for example with AbortPolicy)");
  }
}
