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
 * A handler that writes down what it is told, in the order of the calls, and then lets another one
 * do something about it.
 *
 * <p>The events are {@code connect}, {@code message} with the message, {@code writable} and {@code
 * close} with the kind of the reason. Messages are written down as they are printed, buffers and
 * byte arrays by their length and their bytes: {@code message 2 bytes 6869}.
 *
 * <p><b>Threads.</b> Called by those of a server, asked by that of the test, which waits up to 10 s
 * for what it expects.
 *
 * @param <I> the messages that come in
 * @param <O> the messages that go out
 */
public final class Recorder<I, O> implements Handler<I, O> {

  private static final Duration PATIENCE = Duration.ofSeconds(10);

  private final BlockingQueue<String> events = new LinkedBlockingQueue<>();
  private final BlockingQueue<Connection<O>> connections = new LinkedBlockingQueue<>();
  private final Handler<? super I, O> then;

  private Recorder(Handler<? super I, O> then) {
    this.then = requireNonNull(then, "then");
  }

  /** One that does nothing but write down. */
  public static <I, O> Recorder<I, O> silent() {
    return new Recorder<>((connection, message) -> {});
  }

  /** One that lets another handler do something after it has written down what happened. */
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

  /** Waits for the next connection. */
  public Connection<O> connection() throws InterruptedException {
    Connection<O> connection = connections.poll(PATIENCE.toNanos(), TimeUnit.NANOSECONDS);
    if (connection == null) {
      throw new AssertionError("connection: none within " + PATIENCE + " (expected: one)");
    }
    return connection;
  }

  /** Waits for a message, which must be the next event. */
  public void expectMessage(I message) throws InterruptedException {
    expect("message " + Snapshot.of(message));
  }

  /** Waits for these events, which must be the next ones in this order. */
  public void expect(String... expected) throws InterruptedException {
    List<@Nullable String> came = new ArrayList<>();
    for (String each : expected) {
      String event = events.poll(PATIENCE.toNanos(), TimeUnit.NANOSECONDS);
      came.add(event);
      if (!each.equals(event)) {
        String rest = events.isEmpty() ? "" : ", then " + events;
        throw new AssertionError(
            "events: " + came + rest + " (expected: " + Arrays.toString(expected) + ")");
      }
    }
  }

  /** Says that nothing has happened besides what was expected. */
  public void expectNothingMore() {
    if (!events.isEmpty()) {
      throw new AssertionError("events: " + events + " (expected: none)");
    }
  }
}
