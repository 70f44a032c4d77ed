package dev.jev;

import io.netty.util.ReferenceCountUtil;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A subscription of a {@link SimulatedConnection}, to which each message is sent by a task. There
 * is no slow consumer, so its policy never applies.
 */
final class SimulatedSubscriber<O> implements Subscription {

  private enum State {
    NEW,
    JOINED,
    GONE
  }

  private final Topic<O> topic;
  private final SimulatedConnection<O> connection;
  private final AtomicLong dropped = new AtomicLong();

  private State state = State.NEW; // used by tasks of the connection

  SimulatedSubscriber(Topic<O> topic, SimulatedConnection<O> connection) {
    this.topic = topic;
    this.connection = connection;
  }

  SimulatedConnection<O> connection() {
    return connection;
  }

  @Override
  public void cancel() {
    topic.unsubscribe(this);
  }

  @Override
  public boolean isActive() {
    return topic.has(this);
  }

  @Override
  public long pendingBytes() {
    return 0;
  }

  @Override
  public long dropped() {
    return dropped.get();
  }

  @Override
  public long conflated() {
    return 0;
  }

  /** Submits a task that joins the first time, and leaves the second time. */
  void joinOrLeaveLater() {
    connection.execute(this::joinOrLeave);
  }

  private void joinOrLeave() {
    if (state == State.JOINED) {
      state = State.GONE;
      topic.observer().onLeave(connection);
    } else if (state == State.NEW && connection.acceptsPublished()) {
      state = State.JOINED;
      topic.observer().onJoin(connection);
    } else {
      state = State.GONE;
    }
  }

  /** Submits a task that sends a message, to which it retains a reference. */
  void publish(O message) {
    ReferenceCountUtil.retain(message);
    connection.execute(
        () -> {
          if (connection.acceptsPublished()) {
            connection.sendPublished(message);
            topic.counters().delivered(1);
          } else {
            ReferenceCountUtil.release(message);
            dropped.incrementAndGet();
            topic.counters().dropped(1);
          }
        });
  }
}
