package dev.jev;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.Queue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** A handler that records its calls in order and then delegates them to another handler. */
public final class Recorder<I, O> implements Handler<I, O> {

  private final BlockingQueue<String> events = new LinkedBlockingQueue<>();
  private final BlockingQueue<Connection<O>> connections = new LinkedBlockingQueue<>();
  private final Queue<String> threads = new ConcurrentLinkedQueue<>();
  private final Handler<I, O> then;

  public Recorder(Handler<I, O> then) {
    this.then = then;
  }

  /** Creates one that only records. */
  public static <I, O> Recorder<I, O> silent() {
    return new Recorder<>((connection, message) -> {});
  }

  private void note(String event) {
    threads.add(Thread.currentThread().getName());
    events.add(event);
  }

  @Override
  public void onConnect(Connection<O> connection) {
    note("connect");
    connections.add(connection);
    then.onConnect(connection);
  }

  @Override
  public void onMessage(Connection<O> connection, I message) {
    note("message " + message);
    then.onMessage(connection, message);
  }

  @Override
  public void onWritable(Connection<O> connection) {
    note("writable");
    then.onWritable(connection);
  }

  @Override
  public void onClose(Connection<O> connection, CloseReason reason) {
    note("close " + reason.kind());
    then.onClose(connection, reason);
  }

  /** Waits for the next connection. */
  public Connection<O> connection() throws InterruptedException {
    Connection<O> connection = connections.poll(10, TimeUnit.SECONDS);
    assertThat(connection).as("a connection").isNotNull();
    return connection;
  }

  /** Waits for these events, which must be the next ones, in this order. */
  public void expect(String... expected) throws InterruptedException {
    String[] seen = new String[expected.length];
    for (int i = 0; i < seen.length; i++) {
      seen[i] = events.poll(10, TimeUnit.SECONDS);
      assertThat(seen[i]).as("%s", Arrays.toString(seen)).isEqualTo(expected[i]);
    }
  }

  /** Waits for an event, and skips others before it. */
  public void await(String expected) throws InterruptedException {
    String event;
    do {
      event = events.poll(10, TimeUnit.SECONDS);
      assertThat(event).as("waiting for: %s", expected).isNotNull();
    } while (!expected.equals(event));
  }

  /** Asserts that there are no events besides the expected ones. */
  public void expectNothingMore() {
    assertThat(events).isEmpty();
  }

  /** The names of the threads that called. */
  public Queue<String> threads() {
    return threads;
  }
}
