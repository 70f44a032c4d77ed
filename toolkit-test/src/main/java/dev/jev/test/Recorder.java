package dev.jev.test;

import static java.util.Objects.requireNonNull;

import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.Handler;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A handler that records its calls in their order, and passes them on to another handler.
 *
 * <p>The events are {@code connect}, {@code message} with the message, {@code writable} and {@code
 * close} with the kind of the reason. A message is recorded by its {@code toString}, a buffer or
 * byte array by its length and bytes: {@code message 2 bytes 6869}.
 *
 * <p><b>Threads.</b> The callbacks are for the event loops, the other methods for the thread of the
 * test. Methods that wait do so for at most 10 s.
 *
 * @param <I> the messages that come in
 * @param <O> the messages that go out
 */
public final class Recorder<I, O> implements Handler<I, O> {

  private static final Duration TIMEOUT = Duration.ofSeconds(10);

  private final BlockingQueue<String> events = new LinkedBlockingQueue<>();
  private final BlockingQueue<Connection<O>> connections = new LinkedBlockingQueue<>();
  private final Handler<? super I, O> then;

  private Recorder(Handler<? super I, O> then) {
    this.then = requireNonNull(then, "then");
  }

  /** Creates a recorder that does nothing else. */
  public static <I, O> Recorder<I, O> silent() {
    return new Recorder<>((connection, message) -> {});
  }

  /** Creates a recorder that passes each call on to another handler after recording it. */
  public static <I, O> Recorder<I, O> before(Handler<? super I, O> then) {
    return new Recorder<>(then);
  }

  @Override
  public void onConnect(Connection<O> connection) {
    events.add("connect");
    connections.add(connection);
    then.onConnect(connection);
  }

  @Override
  public void onMessage(Connection<O> connection, I message) {
    events.add("message " + Snapshot.of(message));
    then.onMessage(connection, message);
  }

  @Override
  public void onWritable(Connection<O> connection) {
    events.add("writable");
    then.onWritable(connection);
  }

  @Override
  public void onClose(Connection<O> connection, CloseReason reason) {
    events.add("close " + reason.kind());
    then.onClose(connection, reason);
  }

  /** Waits for the next connection, and returns it. */
  public Connection<O> connection() throws InterruptedException {
    Connection<O> connection = connections.poll(TIMEOUT.toNanos(), TimeUnit.NANOSECONDS);
    if (connection == null) {
      throw new AssertionError("connection: none within " + TIMEOUT + " (expected: one)");
    }
    return connection;
  }

  /**
   * Waits for a message.
   *
   * @throws AssertionError if it is not the next event
   */
  public void expectMessage(I message) throws InterruptedException {
    expect("message " + Snapshot.of(message));
  }

  /**
   * Waits for events.
   *
   * @throws AssertionError if they are not the next ones, in this order
   */
  public void expect(String... expected) throws InterruptedException {
    List<@Nullable String> actual = new ArrayList<>();
    for (String each : expected) {
      String event = events.poll(TIMEOUT.toNanos(), TimeUnit.NANOSECONDS);
      actual.add(event);
      if (!each.equals(event)) {
        String rest = events.isEmpty() ? "" : ", then " + events;
        throw new AssertionError(
            "events: " + actual + rest + " (expected: " + Arrays.toString(expected) + ")");
      }
    }
  }

  /**
   * Checks that all events were expected.
   *
   * @throws AssertionError if there are others
   */
  public void expectNothingMore() {
    if (!events.isEmpty()) {
      throw new AssertionError("events: " + events + " (expected: none)");
    }
  }
}
