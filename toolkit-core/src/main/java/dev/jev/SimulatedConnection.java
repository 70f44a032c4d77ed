package dev.jev;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * The superclass of connections without a network, with which handlers are tested.
 *
 * <p>It connects them to the rest of the framework: to {@linkplain Topic topics}, to {@linkplain
 * Handler#offload offloaded handlers}, and to the ownership of messages. The test kit has such a
 * connection; programs need no other.
 *
 * <p><b>Threads.</b> As for {@link Connection}. A subclass has a thread that is its event loop.
 * Tasks of {@link #execute} run there, never inside a callback, and before {@link Handler#onClose}
 * if they are submitted before that.
 *
 * @param <O> the type of the outbound messages
 */
public abstract class SimulatedConnection<O> implements Connection<O> {

  // The defaults of the watermarks.
  private static final int LOW_WATERMARK = 64 * 1024;
  private static final int HIGH_WATERMARK = 256 * 1024;

  private final Offloadable offloadable = new Port();

  /** The latest subscription first; null if there may be no more. */
  private final AtomicReference<@Nullable List<Subscription>> subscriptions =
      new AtomicReference<>(List.of());

  /** Creates a connection. */
  protected SimulatedConnection() {}

  // For the subclass.

  /**
   * Calls {@code callback}, which delivers a message to the handler, and then releases the message.
   * Event loop only.
   */
  protected static void dispatch(Object message, Runnable callback) {
    MessageOwnership.deliver(message, callback);
  }

  /**
   * Returns a message with a reference that belongs to the connection: the one that is sent, or one
   * more if the message is being delivered. {@link #send} and {@link #deliver} call this first.
   *
   * @throws io.netty.util.IllegalReferenceCountException if the message was released
   */
  protected static <T> T acquire(T message) {
    return MessageOwnership.acquire(message);
  }

  /**
   * Ends all subscriptions to topics; further ones are not active. Called when the close begins, or
   * the output is shut down. The observers of the topics are notified by {@linkplain #execute
   * tasks}.
   */
  protected final void endSubscriptions() {
    List<Subscription> all = subscriptions.getAndSet(null);
    if (all != null) {
      all.forEach(Subscription::cancel);
    }
  }

  /**
   * Returns whether messages that were published before a close are still sent: true from the
   * opening of the connection until it is closed, or all output is dropped.
   */
  protected abstract boolean acceptsPublished();

  /** Sends a published message, even if a close was requested after it was published. */
  protected abstract void sendPublished(O message);

  /** Closes the connection as if a callback had thrown {@code cause}. Event loop only. */
  protected abstract void handlerFailed(Throwable cause);

  /**
   * Sets whether messages are queued or being handled on other threads. While they are, the
   * connection stays open, even if its peer has ended its output; it closes afterwards. Must not
   * call the handler.
   */
  protected abstract void offloaded(boolean busy);

  /**
   * Sets whether the delivery of messages pauses because many of them are queued for other threads,
   * apart from {@link #pauseReading}. Must not call the handler.
   */
  protected abstract void offloadPaused(boolean paused);

  // For topics and offloaded handlers.

  /** Adds a subscription; returns false if there may be no more. */
  final boolean add(Subscription subscription) {
    return subscriptions.updateAndGet(
            all -> {
              if (all == null) {
                return null;
              }
              List<Subscription> more = new ArrayList<>(all.size() + 1);
              more.add(subscription);
              more.addAll(all);
              return more;
            })
        != null;
  }

  final void remove(Subscription subscription) {
    subscriptions.updateAndGet(
        all -> all == null ? null : all.stream().filter(each -> each != subscription).toList());
  }

  final Offloadable offloadable() {
    return offloadable;
  }

  /** This connection, as an offloaded handler sees it. */
  private final class Port implements Offloadable {

    @Override
    public int highWatermark() {
      return HIGH_WATERMARK;
    }

    @Override
    public int lowWatermark() {
      return LOW_WATERMARK;
    }

    @Override
    public boolean inEventLoop() {
      return true; // the thread of the test, which runs everything
    }

    @Override
    public void pauseForOffload() {
      SimulatedConnection.this.offloadPaused(true);
    }

    @Override
    public void resumeAfterOffload() {
      SimulatedConnection.this.offloadPaused(false);
    }

    @Override
    public void offloaded(boolean busy) {
      SimulatedConnection.this.offloaded(busy);
    }

    @Override
    public void closeIfPeerClosed() {} // offloaded(false) came before

    @Override
    public void handlerFailed(Throwable cause) {
      SimulatedConnection.this.handlerFailed(cause);
    }

    @Override
    public void executeOrRun(Runnable task) {
      execute(task);
    }
  }
}
