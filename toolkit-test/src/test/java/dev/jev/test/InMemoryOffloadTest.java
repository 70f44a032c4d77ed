package dev.jev.test;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.Topic;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Offloaded handlers with connections in memory. */
class InMemoryOffloadTest {

  private final ExecutorService pool = Executors.newSingleThreadExecutor();
  private final Queue<Runnable> kept = new ArrayDeque<>();

  @AfterEach
  void stop() {
    pool.shutdownNow();
  }

  private void runKept() {
    for (Runnable task; (task = kept.poll()) != null; ) {
      task.run();
    }
  }

  /** Waits until the pool has done everything that it has been given. */
  private void awaitPool() throws Exception {
    pool.submit(() -> {}).get(10, TimeUnit.SECONDS);
  }

  @Test
  void handlerOnTheCallingThreadRepliesAtOnce() {
    Handler<String, String> echo = Connection::send;
    InMemoryConnection<String, String> connection =
        InMemoryConnection.<String, String>to(echo.offload(Runnable::run)).open();
    assertThat(connection.receive("hello").sent()).containsExactly("hello");
  }

  @Test
  void handlerOnAnotherThreadRepliesAndIsClosedAfterwards() throws Exception {
    CountDownLatch go = new CountDownLatch(1);
    Recorder<String, String> recorder =
        Recorder.before(
            (c, message) -> {
              assertThat(awaits(go)).isTrue();
              c.send(message + " on " + Thread.currentThread().getName().substring(0, 4));
            });
    InMemoryConnection<String, String> connection =
        InMemoryConnection.<String, String>to(recorder.offload(pool)).open();
    connection.receive("a").receive("b").peerCloses();
    assertThat(connection.closeReason()).isNull();
    go.countDown();
    awaitPool();
    assertThat(connection.sent()).containsExactly("a on pool", "b on pool");
    recorder.expect("connect", "message a", "message b", "close PEER_CLOSED");
    recorder.expectNothingMore();
  }

  private static boolean awaits(CountDownLatch latch) {
    try {
      return latch.await(10, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void otherThreadsMayCallEverything() throws Exception {
    List<String> notes = new ArrayList<>();
    Topic<String> topic = Topic.of("news");
    Handler<String, String> handler =
        (c, message) -> {
          topic.subscribe(c);
          topic.publish("published");
          c.attribute(String.class, message);
          c.pauseReading();
          c.runAfter(Duration.ofMillis(5), () -> notes.add("timer"));
          c.execute(() -> notes.add("task"));
          c.resumeReading();
        };
    InMemoryConnection<String, String> connection =
        InMemoryConnection.<String, String>to(handler.offload(pool)).open();
    connection.receive("a");
    awaitPool();
    assertThat(connection.sent()).containsExactly("published");
    assertThat(notes).containsExactly("task");
    connection.clock().advance(Duration.ofMillis(5));
    assertThat(notes).containsExactly("task", "timer");
    assertThat(connection.attribute(String.class)).isEqualTo("a");
  }

  @Test
  void closeByAnotherThreadIsCompleteInTheNextCall() throws Exception {
    Recorder<String, String> recorder = Recorder.before((c, message) -> c.close());
    InMemoryConnection<String, String> connection =
        InMemoryConnection.<String, String>to(recorder.offload(pool)).open();
    connection.receive("a");
    awaitPool();
    assertThat(connection.isOpen()).isFalse();
    assertThat(connection.closeReason()).hasToString("CLOSED");
    recorder.expect("connect", "message a", "close CLOSED");
  }

  @Test
  void whatTheHandlerThrowsOnAnotherThreadIsThrownByTheNextCall() throws Exception {
    IllegalStateException fault = new IllegalStateException("broken");
    Handler<String, String> handler =
        (c, message) -> {
          throw fault;
        };
    InMemoryConnection<String, String> connection =
        InMemoryConnection.<String, String>to(handler.offload(pool)).open();
    assertThatThrownBy(
            () -> {
              connection.receive("a"); // the other thread may be faster
              awaitPool();
              connection.run();
            })
        .isSameAs(fault);
    InMemoryConnection<String, String> expected =
        InMemoryConnection.<String, String>to(handler.offload(Runnable::run)).open();
    expected.expectClose().receive("a");
    assertThat(expected.closeReason())
        .hasToString("HANDLER_ERROR: java.lang.IllegalStateException: broken");
  }

  @Test
  void executorThatThrowsFailsTheTest() {
    OutOfMemoryError fault = new OutOfMemoryError("unable to create native thread");
    Recorder<String, String> recorder = Recorder.silent();
    Handler<String, String> handler =
        recorder.offload(
            task -> {
              throw fault;
            });
    assertThatThrownBy(() -> InMemoryConnection.<String, String>to(handler).open()).isSameAs(fault);
    recorder.expectNothingMore();
  }

  @Test
  void fullQueuePausesTheDeliveryAndPausesOfTheHandlerRemain() {
    List<String> handled = new ArrayList<>();
    Handler<String, String> handler =
        (c, message) -> {
          handled.add(message);
          c.pauseReading();
        };
    InMemoryConnection<String, String> connection =
        InMemoryConnection.<String, String>to(handler.offload(kept::add)).open();
    runKept();
    for (int i = 0; i < 100; i++) {
      connection.receive("message " + i);
    }
    runKept();
    connection.run();
    assertThat(handled).hasSize(64);
    connection.resumeReading();
    runKept();
    assertThat(handled).hasSize(100);
  }

  @Test
  void messagesThatWaitAreDroppedByAClose() {
    List<CloseReason> reasons = new ArrayList<>();
    Handler<ByteBuf, ByteBuf> handler =
        new Handler<>() {
          @Override
          public void onMessage(Connection<ByteBuf> connection, ByteBuf message) {
            connection.send(message);
            connection.close();
          }

          @Override
          public void onClose(Connection<ByteBuf> connection, CloseReason reason) {
            reasons.add(reason);
          }
        };
    InMemoryConnection<ByteBuf, ByteBuf> connection =
        InMemoryConnection.<ByteBuf, ByteBuf>to(handler.offload(kept::add)).open();
    ByteBuf first = PooledByteBufAllocator.DEFAULT.buffer().writeBytes("first".getBytes(UTF_8));
    ByteBuf second = PooledByteBufAllocator.DEFAULT.buffer().writeBytes("second".getBytes(UTF_8));
    connection.receive(first).receive(second);
    runKept();
    connection.run();
    runKept();
    assertThat(reasons).hasSize(1);
    assertThat(second.refCnt()).isZero();
    assertThat(connection.sent()).containsExactly(first);
    connection.releaseSent();
    assertThat(first.refCnt()).isZero();
  }
}
