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
 * A connection without a network, to test a {@link Handler} with: the test is the peer.
 *
 * <pre>
 *   InMemoryConnection&lt;String, String&gt; connection = InMemoryConnection.to(handler).open();
 *   connection.receive("hello");
 *   assertEquals(List.of("hello Ann"), connection.sent());
 * </pre>
 *
 * <p>It behaves as a real one does. Callbacks never nest: what a callback asks for, to close or to
 * read on, happens when it has returned, before the call of the test's that began it returns. What
 * the handler throws closes with {@link Kind#HANDLER_ERROR}. While reading is paused, or the
 * connection is not writable, what it receives waits. A closed one is closed at once: the peer
 * never lets it wait.
 *
 * <p>Tasks of {@link #execute} run after the callback that gave them; one that was given by the
 * test runs in the next of its calls, {@link #run} for example. Timers run when their {@link
 * #clock} is advanced.
 *
 * <p><b>Threads.</b> Everything happens on the thread of the test; nothing here is for several.
 *
 * <p><b>Ownership.</b> A received message is released after {@code onMessage} unless it was sent.
 * Of what was sent the connection keeps the reference, for the test to look at, until {@link
 * #releaseSent}, or gives it away by {@link #takeSent}.
 *
 * @param <I> the messages that come in
 * @param <O> the messages that go out
 */
public final class InMemoryConnection<I, O> implements Connection<O> {

  /** What counts as pending while it is not writable: more than the default high mark. */
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

  /** A connection to a handler, with a clock of its own; {@link #open} is to be called next. */
  public static <I, O> InMemoryConnection<I, O> to(Handler<? super I, O> handler) {
    return new InMemoryConnection<>(handler, new ManualClock());
  }

  /** A connection to a handler, with a clock that others may have too. */
  public static <I, O> InMemoryConnection<I, O> to(
      Handler<? super I, O> handler, ManualClock clock) {
    return new InMemoryConnection<>(handler, clock);
  }

  // What the peer does, and the test in its place.

  /** Connects: calls {@code onConnect}, once. */
  public InMemoryConnection<I, O> open() {
    if (!connected && reason == null) {
      opening = true;
    }
    return run();
  }

  /** Lets a message come in. A reference-counted one is consumed. */
  public InMemoryConnection<I, O> receive(I message) {
    requireNonNull(message, "message");
    if (reason != null || inputEnded) {
      ReferenceCountUtil.release(message);
    } else {
      unread.add(message);
    }
    return run();
  }

  /** Ends the peer's output: what it sent before is delivered, then the connection closes. */
  public InMemoryConnection<I, O> peerCloses() {
    inputEnded = true;
    return run();
  }

  /** Resets the connection: it closes with {@link Kind#IO_ERROR}, and what waits is dropped. */
  public InMemoryConnection<I, O> peerResets() {
    abort(new CloseReason(Kind.IO_ERROR, new IOException("Connection reset by peer")));
    return run();
  }

  /** Lets the peer take nothing any more: {@link #isWritable} is false and nothing is delivered. */
  public InMemoryConnection<I, O> block() {
    blocked = true;
    writableDue = false;
    return this;
  }

  /** Lets the peer take everything again, after {@link #block}: {@code onWritable} is called. */
  public InMemoryConnection<I, O> unblock() {
    writableDue = blocked;
    return run();
  }

  /** Does what is due, unless a callback is running, after which it is done anyway. */
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

  /** The clock that its timers go by. */
  public ManualClock clock() {
    return clock;
  }

  /** What was sent and not taken, in order; the connection keeps the references. */
  public List<O> sent() {
    return Collections.unmodifiableList(sent);
  }

  /** Takes what was sent so far; references are the caller's then. */
  public List<O> takeSent() {
    List<O> taken = List.copyOf(sent);
    sent.clear();
    return taken;
  }

  /** Releases what was sent and not taken. */
  public void releaseSent() {
    takeSent().forEach(ReferenceCountUtil::release);
  }

  /** Why it was closed, or null if it was not. */
  public @Nullable CloseReason closeReason() {
    return closed && !detached ? reason : null;
  }

  /** Sets the addresses of both ends; ports 10000 and 20000 of this machine by default. */
  public InMemoryConnection<I, O> addresses(SocketAddress local, SocketAddress remote) {
    this.local = requireNonNull(local, "local");
    this.remote = requireNonNull(remote, "remote");
    return this;
  }

  // What is due, one thing after the other.

  private void settle() {
    while (step()) {
      // on to the next thing
    }
  }

  /** Does one thing; returns whether there was one. */
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

  /** Calls the user's code; returns whether it went well. */
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

  // What the handler does.

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

  /** A message that is sent takes the reference with it that was to be released. */
  private void disown(O message) {
    ReferenceCounted mine = owned;
    if (mine != null && message instanceof ReferenceCounted counted && shares(counted, mine)) {
      owned = null;
    }
  }

  /** Whether both have the same reference count: one is the other, or a view of it. */
  @SuppressWarnings("ReferenceEquality") // equal is not the same
  private static boolean shares(ReferenceCounted sent, ReferenceCounted mine) {
    if (sent == mine) {
      return true;
    }
    int before = sent.refCnt();
    if (before != mine.refCnt()) {
      return false;
    }
    mine.retain();
    boolean shared = sent.refCnt() != before;
    mine.release();
    return shared;
  }

  @Override
  public boolean isWritable() {
    return connected && reason == null && !outputEnded && !blocked;
  }

  /** 0 while the peer takes everything, 262,145 after {@link #block}. */
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

  /** Ends it without {@code onClose}; {@code successor} is not called. */
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

  /** A task, and when to run it again. */
  private final class ClockTimer implements ScheduledTask {

    private final Runnable task;
    private final LongSupplier pause; // in nanoseconds; negative if there is no other time
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
