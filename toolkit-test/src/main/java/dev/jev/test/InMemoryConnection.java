package dev.jev.test;

import static java.util.Objects.requireNonNull;

import dev.jev.CloseReason;
import dev.jev.CloseReason.Kind;
import dev.jev.Connection;
import dev.jev.Delivery;
import dev.jev.Handler;
import dev.jev.ScheduledTask;
import io.netty.channel.ChannelHandler;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.ReferenceCounted;
import java.io.IOException;
import java.lang.System.Logger.Level;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.channels.ClosedChannelException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A connection without a network, to test a {@link Handler}; the test is the peer.
 *
 * <pre>
 *   InMemoryConnection&lt;String, String&gt; connection = InMemoryConnection.to(handler).open();
 *   connection.receive("hello");
 *   assertEquals(List.of("hello Ann"), connection.sent());
 * </pre>
 *
 * <p>It behaves as a real connection. Callbacks never nest: a close or a resumption of reading that
 * a callback requests happens after the callback has returned, and before the test's call returns.
 * An exception of the handler closes the connection with {@link Kind#HANDLER_ERROR}. Received
 * messages wait while reading is paused or the connection is not writable. A close is complete at
 * once, since the peer never delays it.
 *
 * <p>Tasks of {@link #execute} run after the callback that submits them; a task that the test
 * submits runs in the next call of the test, {@link #run} for example. Timers run when the {@link
 * #clock} is advanced.
 *
 * <p><b>Threads.</b> For one thread, that of the test.
 *
 * <p><b>Ownership.</b> A received message is released after {@code onMessage} unless it was sent.
 * The connection keeps a reference to each sent message until {@link #releaseSent}; {@link
 * #takeSent} hands the references over.
 *
 * @param <I> the messages that come in
 * @param <O> the messages that go out
 */
public final class InMemoryConnection<I, O> implements Connection<O> {

  /** The pending bytes while not writable: more than the default high watermark. */
  private static final long PENDING_BYTES = 256 * 1024 + 1;

  private static final System.Logger LOG = System.getLogger("dev.jev.test");

  private final Handler<? super I, O> handler;
  private final ManualClock clock;
  private final List<O> sent = new ArrayList<>();
  private final List<CompletableFuture<Void>> unwritten = new ArrayList<>();
  private final Queue<I> unread = new ArrayDeque<>();
  private final Queue<Runnable> tasks = new ArrayDeque<>();
  private final List<ClockTimer> timers = new ArrayList<>();
  private final Map<Class<?>, Object> attributes = new HashMap<>();
  private SocketAddress local = new InetSocketAddress(InetAddress.getLoopbackAddress(), 10_000);
  private SocketAddress remote = new InetSocketAddress(InetAddress.getLoopbackAddress(), 20_000);
  private @Nullable Object attachment;
  private @Nullable ReferenceCounted owned; // the message that is being delivered

  private boolean busy; // a callback is running
  private boolean opening;
  private boolean connected; // onConnect was called
  private boolean outputEnded;
  private boolean inputEnded;
  private boolean paused;
  private boolean blocked;
  private boolean writableDue;
  private boolean detached;
  private boolean closed;
  private @Nullable CloseReason reason;

  private InMemoryConnection(Handler<? super I, O> handler, ManualClock clock) {
    this.handler = requireNonNull(handler, "handler");
    this.clock = requireNonNull(clock, "clock");
  }

  /** Creates a connection with a clock of its own; {@link #open} is to be called next. */
  public static <I, O> InMemoryConnection<I, O> to(Handler<? super I, O> handler) {
    return new InMemoryConnection<>(handler, new ManualClock());
  }

  /** Creates a connection with a clock that other connections may use, too. */
  public static <I, O> InMemoryConnection<I, O> to(
      Handler<? super I, O> handler, ManualClock clock) {
    return new InMemoryConnection<>(handler, clock);
  }

  // For the test, in place of the peer.

  /** Connects: calls {@code onConnect}, once. */
  public InMemoryConnection<I, O> open() {
    if (!connected && reason == null) {
      opening = true;
    }
    return run();
  }

  /** Receives a message; a reference-counted one is consumed. */
  public InMemoryConnection<I, O> receive(I message) {
    requireNonNull(message, "message");
    if (reason != null || inputEnded) {
      ReferenceCountUtil.release(message);
    } else {
      unread.add(message);
    }
    return run();
  }

  /** Ends the peer's output: earlier messages are delivered, then the connection closes. */
  public InMemoryConnection<I, O> peerCloses() {
    inputEnded = true;
    return run();
  }

  /** Resets the connection: it closes with {@link Kind#IO_ERROR}; waiting messages are dropped. */
  public InMemoryConnection<I, O> peerResets() {
    abort(new CloseReason(Kind.IO_ERROR, new IOException("Connection reset by peer")));
    return run();
  }

  /** Makes the connection not writable: the peer reads nothing, and no message is delivered. */
  public InMemoryConnection<I, O> block() {
    blocked = true;
    writableDue = false;
    return this;
  }

  /** Makes the connection writable again after {@link #block}, which calls {@code onWritable}. */
  public InMemoryConnection<I, O> unblock() {
    writableDue = blocked;
    return run();
  }

  /**
   * Runs everything that is due, or nothing if called by a callback, after which it runs anyway.
   */
  public InMemoryConnection<I, O> run() {
    if (!busy) {
      busy = true;
      try {
        settle();
      } finally {
        busy = false;
      }
    }
    return this;
  }

  /** Returns the clock of the timers. */
  public ManualClock clock() {
    return clock;
  }

  /** Returns the messages that were sent and not taken; the connection keeps the references. */
  public List<O> sent() {
    return Collections.unmodifiableList(sent);
  }

  /** Returns the messages that were sent and not taken, and hands over the references to them. */
  public List<O> takeSent() {
    List<O> taken = List.copyOf(sent);
    sent.clear();
    return taken;
  }

  /** Releases the messages that were sent and not taken. */
  public void releaseSent() {
    takeSent().forEach(ReferenceCountUtil::release);
  }

  /** Returns the reason of the close, or null if the connection is open or was detached. */
  public @Nullable CloseReason closeReason() {
    return closed && !detached ? reason : null;
  }

  /** Sets the addresses of both ends; ports 10000 and 20000 of this machine by default. */
  public InMemoryConnection<I, O> addresses(SocketAddress local, SocketAddress remote) {
    this.local = requireNonNull(local, "local");
    this.remote = requireNonNull(remote, "remote");
    return this;
  }

  // Turns.

  private void settle() {
    while (step()) {
      // The next one.
    }
  }

  /** Runs the next thing that is due; returns false if there is none. */
  private boolean step() {
    if (opening) {
      opening = false;
      connected = true;
      call(() -> handler.onConnect(this));
    } else if (writableDue) {
      becomeWritable();
    } else if (!unread.isEmpty() && readsOn()) {
      dispatch(unread.remove());
    } else if (!tasks.isEmpty()) {
      call(tasks.remove());
    } else if (inputEnded && unread.isEmpty() && readsOn()) {
      reason = CloseReason.of(Kind.PEER_CLOSED);
    } else if (reason != null && !closed) {
      finish(reason);
    } else {
      return false;
    }
    return true;
  }

  private boolean readsOn() {
    return connected && reason == null && !paused && !blocked;
  }

  private void becomeWritable() {
    writableDue = false;
    blocked = false;
    unwritten.forEach(future -> future.complete(null));
    unwritten.clear();
    if (connected && reason == null) {
      call(() -> handler.onWritable(this));
    }
  }

  private void dispatch(I message) {
    owned = message instanceof ReferenceCounted counted ? counted : null;
    call(() -> handler.onMessage(this, message));
    if (owned != null) {
      owned.release();
      owned = null;
    }
  }

  /** Calls the user's code; returns false if it has thrown an exception. */
  private boolean call(Runnable callback) {
    try {
      callback.run();
      return true;
    } catch (Throwable t) {
      startClose(new CloseReason(Kind.HANDLER_ERROR, t));
      return false;
    }
  }

  private void finish(CloseReason why) {
    closed = true;
    new ArrayList<>(timers).forEach(ClockTimer::cancel);
    unread.forEach(ReferenceCountUtil::release);
    unread.clear();
    unwritten.forEach(future -> future.complete(null));
    unwritten.clear();
    if (connected && !detached) {
      try {
        handler.onClose(this, why);
      } catch (Throwable t) {
        LOG.log(Level.WARNING, "handler failed in onClose", t);
      }
    }
  }

  private void startClose(CloseReason why) {
    if (reason == null) {
      reason = why;
    }
  }

  private void abort(CloseReason why) {
    startClose(why);
    unwritten.forEach(future -> future.completeExceptionally(new ClosedChannelException()));
    unwritten.clear();
  }

  // For the handler.

  @Override
  public boolean send(O message) {
    return deliver(message).outcome() == Delivery.Outcome.TAKEN;
  }

  @Override
  public Delivery deliver(O message) {
    disown(requireNonNull(message, "message"));
    CompletableFuture<Void> written = new CompletableFuture<>();
    if (!connected || reason != null || outputEnded) {
      ReferenceCountUtil.release(message);
      written.completeExceptionally(new ClosedChannelException());
      return new Delivery(Delivery.Outcome.CLOSED, written.minimalCompletionStage());
    }
    sent.add(message);
    if (blocked) {
      unwritten.add(written);
    } else {
      written.complete(null);
    }
    return new Delivery(Delivery.Outcome.TAKEN, written.minimalCompletionStage());
  }

  /** Gives up the reference to the message that is being delivered if it is sent. */
  private void disown(O message) {
    ReferenceCounted delivered = owned;
    if (delivered != null
        && message instanceof ReferenceCounted counted
        && shares(counted, delivered)) {
      owned = null;
    }
  }

  /** Returns whether both share a reference count: they are the same, or one is a view. */
  @SuppressWarnings("ReferenceEquality") // the same object, not an equal one
  private static boolean shares(ReferenceCounted sent, ReferenceCounted delivered) {
    if (sent == delivered) {
      return true;
    }
    int before = sent.refCnt();
    if (before != delivered.refCnt()) {
      return false;
    }
    delivered.retain();
    boolean shared = sent.refCnt() != before;
    delivered.release();
    return shared;
  }

  @Override
  public boolean isWritable() {
    return connected && reason == null && !outputEnded && !blocked;
  }

  /** Returns 0, or 262,145 while the connection is not writable because of {@link #block}. */
  @Override
  public long pendingBytes() {
    return blocked ? PENDING_BYTES : 0;
  }

  @Override
  public boolean isOpen() {
    return connected && reason == null;
  }

  @Override
  public void close() {
    startClose(CloseReason.of(Kind.CLOSED));
    run();
  }

  @Override
  public void closeNow() {
    abort(CloseReason.of(Kind.CLOSED));
    run();
  }

  @Override
  public void shutdownOutput() {
    outputEnded = true;
  }

  /** Ends the connection without {@code onClose}; {@code successor} is not called. */
  @Override
  public void detach(ChannelHandler successor) {
    requireNonNull(successor, "successor");
    if (reason == null) {
      detached = true;
    }
    startClose(CloseReason.of(Kind.CLOSED));
    run();
  }

  @Override
  public void pauseReading() {
    paused = true;
  }

  @Override
  public void resumeReading() {
    paused = false;
    run();
  }

  @Override
  public void execute(Runnable task) {
    tasks.add(requireNonNull(task, "task"));
  }

  @Override
  public SocketAddress localAddress() {
    return local;
  }

  @Override
  public SocketAddress remoteAddress() {
    return remote;
  }

  @Override
  public SocketAddress listener() {
    return local;
  }

  @Override
  public Connection<O> to(SocketAddress address) {
    throw new UnsupportedOperationException("not a UDP address: " + listener());
  }

  @Override
  public <T> @Nullable T attribute(Class<T> type) {
    return type.cast(attributes.get(type));
  }

  @Override
  public <T> void attribute(Class<T> type, @Nullable T value) {
    if (value == null) {
      attributes.remove(type);
    } else {
      attributes.put(type, value);
    }
  }

  @Override
  public void attach(@Nullable Object attachment) {
    this.attachment = attachment;
  }

  @Override
  public <T> @Nullable T attachment(Class<T> type) {
    return type.cast(attachment);
  }

  // Timers.

  @Override
  public ScheduledTask runAfter(Duration delay, Runnable task) {
    long nanos = ManualClock.nanos("delay", delay);
    return start(new ClockTimer(requireNonNull(task, "task"), () -> -1), nanos);
  }

  @Override
  public ScheduledTask runEvery(Duration period, Runnable task) {
    if (period.isNegative() || period.isZero() || period.compareTo(ManualClock.MAX_DELAY) > 0) {
      throw new IllegalArgumentException(
          "period: " + period + " (expected: > PT0S and <= " + ManualClock.MAX_DELAY + ")");
    }
    long nanos = period.toNanos();
    long begin = clock.nanoTime();
    return start(
        new ClockTimer(
            requireNonNull(task, "task"), () -> nanos - (clock.nanoTime() - begin) % nanos),
        nanos);
  }

  @Override
  public ScheduledTask runTicker(Supplier<Duration> ticker) {
    requireNonNull(ticker, "ticker");
    long[] pause = new long[1];
    Runnable task = () -> pause[0] = ManualClock.nanos("ticker", ticker.get());
    return start(new ClockTimer(task, () -> pause[0]), 0);
  }

  private ScheduledTask start(ClockTimer timer, long nanos) {
    if (!closed) {
      timers.add(timer);
      timer.schedule(nanos);
    }
    return timer;
  }

  /** A scheduled task that may run again. */
  private final class ClockTimer implements ScheduledTask {

    private final Runnable task;
    private final LongSupplier pause; // in nanoseconds; negative if it does not run again
    private boolean cancelled;
    private Runnable undo = () -> {};

    ClockTimer(Runnable task, LongSupplier pause) {
      this.task = task;
      this.pause = pause;
    }

    void schedule(long nanos) {
      undo = clock.schedule(nanos, this::due);
    }

    private void due() {
      tasks.add(this::runOnce);
      InMemoryConnection.this.run();
    }

    private void runOnce() {
      if (cancelled) {
        return;
      }
      if (!call(task) || cancelled) {
        cancel();
        return;
      }
      long next = pause.getAsLong();
      if (next < 0) {
        cancel();
      } else {
        schedule(next);
      }
    }

    @Override
    public void cancel() {
      cancelled = true;
      timers.remove(this);
      undo.run();
    }
  }
}
