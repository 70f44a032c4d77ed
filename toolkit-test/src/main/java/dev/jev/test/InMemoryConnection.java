package dev.jev.test;

import static java.util.Objects.requireNonNull;

import dev.jev.CloseReason;
import dev.jev.CloseReason.Kind;
import dev.jev.Connection;
import dev.jev.Delivery;
import dev.jev.Handler;
import dev.jev.ScheduledTask;
import dev.jev.SimulatedConnection;
import io.netty.channel.ChannelHandler;
import io.netty.util.ReferenceCountUtil;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.channels.ClosedChannelException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicReference;
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
 * <p>It behaves as a real connection. Callbacks never nest, not even those of several connections:
 * a close or a resumption of reading that a callback requests happens after the callback has
 * returned, and before the test's call returns. Received messages wait while reading is paused or
 * the connection is not writable. A close is complete at once, since the peer never delays it. What
 * a callback sends is written when it has returned: {@link #closeNow} drops it.
 *
 * <p><b>Errors.</b> An exception of the handler closes the connection with {@link
 * Kind#HANDLER_ERROR}. The test's call, {@link #receive} for example, then throws this exception
 * itself, unless the test {@linkplain #expectClose expects} such a close.
 *
 * <p><b>Tasks.</b> Tasks of {@link #execute} run after the callback that submits them; a task that
 * the test submits runs in the next call of the test, {@link #run} or {@link #sent} for example.
 * Timers run when the {@link #clock} is advanced.
 *
 * <p><b>Topics.</b> A published message is sent by such a task. No subscriber is too slow.
 *
 * <p><b>Threads.</b> The methods for the test are for one thread at a time, and call the handler.
 * The methods of {@link Connection} may be called from any thread. If that is not the test's, a
 * message is sent at once, and everything else happens in the next call of the test. An {@linkplain
 * Handler#offload offloaded} handler with the executor {@code Runnable::run} handles each message
 * before the test's call returns; a test with other executors waits for them.
 *
 * <p><b>Ownership.</b> As on a real connection, a received message is released after {@code
 * onMessage}, which may send it any number of times. This connection keeps a reference to each sent
 * message until {@link #releaseSent}; {@link #takeSent} hands the references over.
 *
 * @param <I> the messages that come in
 * @param <O> the messages that go out
 */
public final class InMemoryConnection<I, O> extends SimulatedConnection<O> {

  /** The pending bytes while not writable: more than the default high watermark. */
  private static final long PENDING_BYTES = 256 * 1024 + 1;

  /** The connections that are due on a thread that is calling a handler; else null. */
  private static final ThreadLocal<@Nullable Queue<InMemoryConnection<?, ?>>> DUE =
      new ThreadLocal<>();

  private final Handler<? super I, O> handler;
  private final ManualClock clock;

  // Guarded by sent.
  private final List<O> sent = new ArrayList<>();
  private final List<CompletableFuture<Void>> unwritten = new ArrayList<>();
  private final List<PackedMessage<O>> packed = new ArrayList<>(); // sent by the current callback

  // Any thread.
  private final Queue<Runnable> tasks = new ConcurrentLinkedQueue<>();
  private final Queue<Runnable> completions = new ConcurrentLinkedQueue<>(); // of deliveries
  private final InMemoryTimers timers;
  private final Map<Class<?>, Object> attributes = new ConcurrentHashMap<>();
  private final AtomicReference<@Nullable CloseReason> reason = new AtomicReference<>();
  private volatile @Nullable Object attachment;
  private volatile boolean connected; // onConnect was called
  private volatile @Nullable HalfClose halfClose;
  private volatile boolean outputEnded;
  private volatile boolean paused;
  private volatile boolean offloaded; // messages are queued or handled on other threads
  private volatile boolean offloadPaused;
  private volatile boolean blocked;
  private volatile boolean detached;
  private volatile boolean closed;
  private volatile boolean aborted; // by closeNow, for example
  private volatile SocketAddress local = loopback(10_000);
  private volatile SocketAddress remote = loopback(20_000);
  private volatile Thread testThread = Thread.currentThread(); // of the latest call of the test

  // The test's thread only.
  private final Queue<I> unread = new ArrayDeque<>();
  private boolean opening;
  private boolean inputEnded;
  private @Nullable HalfClose halfClosed; // the one that has begun
  private boolean writableDue;
  private boolean closeExpected;
  private @Nullable Throwable thrown; // by the handler; the test's call will throw it

  /** The plan for the end of the output of the peer. */
  private record HalfClose(Duration timeout, Runnable task) {}

  private InMemoryConnection(Handler<? super I, O> handler, ManualClock clock) {
    this.handler = requireNonNull(handler, "handler");
    this.clock = requireNonNull(clock, "clock");
    this.timers = new InMemoryTimers(clock, this::runTask, this::call);
  }

  private static SocketAddress loopback(int port) {
    return new InetSocketAddress(InetAddress.getLoopbackAddress(), port);
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

  /**
   * Expects that the handler closes the connection by an exception: the calls of the test do not
   * throw the exception that is the cause of {@link #closeReason}. They still throw any other one,
   * for example of {@code onClose}.
   */
  public InMemoryConnection<I, O> expectClose() {
    closeExpected = true;
    return this;
  }

  /** Connects: calls {@code onConnect}, once. */
  public InMemoryConnection<I, O> open() {
    if (!connected && reason.get() == null) {
      opening = true;
    }
    return run();
  }

  /** Receives a message; a reference-counted one is consumed. */
  public InMemoryConnection<I, O> receive(I message) {
    requireNonNull(message, "message");
    if (reason.get() != null || inputEnded) {
      ReferenceCountUtil.release(message);
    } else {
      unread.add(message);
    }
    return run();
  }

  /**
   * Ends the peer's output: earlier messages are delivered, and handled if the handler is
   * offloaded, then the connection closes, unless it has a task for the {@linkplain #onHalfClose
   * half-close}.
   */
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
    testThread = Thread.currentThread();
    if (!turnLater()) {
      Throwable failure = takeTurns();
      if (failure != null) {
        InMemoryConnection.<RuntimeException>rethrow(failure);
      }
    }
    return this;
  }

  /** Returns the clock of the timers. */
  public ManualClock clock() {
    return clock;
  }

  /**
   * Runs what is due, and returns the messages that were sent and not taken; the connection keeps
   * the references.
   */
  public List<O> sent() {
    run();
    synchronized (sent) {
      return List.copyOf(sent);
    }
  }

  /**
   * Runs what is due, and returns the messages that were sent and not taken, together with the
   * references to them.
   */
  public List<O> takeSent() {
    run();
    synchronized (sent) {
      List<O> taken = List.copyOf(sent);
      sent.clear();
      return taken;
    }
  }

  /** Runs what is due, and releases the messages that were sent and not taken. */
  public void releaseSent() {
    takeSent().forEach(ReferenceCountUtil::release);
  }

  /**
   * Runs what is due, and returns the reason of the close, or null if the connection is open or was
   * detached.
   */
  public @Nullable CloseReason closeReason() {
    run();
    return closed && !detached ? reason.get() : null;
  }

  /** Sets the addresses of both ends; ports 10000 and 20000 of this machine by default. */
  public InMemoryConnection<I, O> addresses(SocketAddress local, SocketAddress remote) {
    this.local = requireNonNull(local, "local");
    this.remote = requireNonNull(remote, "remote");
    return this;
  }

  // Turns.

  /** Takes a turn after the callback that runs on this thread; returns false if none does. */
  private boolean turnLater() {
    Queue<InMemoryConnection<?, ?>> due = DUE.get();
    return due != null && due.add(this);
  }

  /** Runs what is due, here and on the connections that become due; returns what was thrown. */
  private @Nullable Throwable takeTurns() {
    Queue<InMemoryConnection<?, ?>> due = new ArrayDeque<>(List.of(this));
    DUE.set(due);
    Throwable failure = null;
    try {
      for (InMemoryConnection<?, ?> next; (next = due.poll()) != null; ) {
        next.settle();
        failure = first(failure, next.thrown);
        next.thrown = null;
      }
    } finally {
      DUE.remove();
    }
    return failure;
  }

  /** Runs what is due if this is the thread of the test; else the test's next call does. */
  private void runIfTest() {
    if (Thread.currentThread() == testThread) {
      run();
    }
  }

  private static @Nullable Throwable first(@Nullable Throwable earlier, @Nullable Throwable later) {
    if (earlier == null) {
      return later;
    }
    if (later != null && later != earlier) {
      earlier.addSuppressed(later);
    }
    return earlier;
  }

  /** Throws anything as it is, even a checked exception. */
  @SuppressWarnings({"unchecked", "TypeParameterUnusedInFormals"})
  private static <T extends Throwable> void rethrow(Throwable failure) throws T {
    throw (T) failure;
  }

  private void settle() {
    while (step()) {
      // The next one.
    }
  }

  /** Runs the next thing that is due; returns false if there is none. */
  private boolean step() {
    synchronized (sent) {
      packed.clear(); // now they are written
    }
    CloseReason why = reason.get();
    if (opening) {
      opening = false;
      connected = true;
      call(() -> handler.onConnect(this));
    } else if (writableDue) {
      becomeWritable();
    } else if (!unread.isEmpty() && readsOn()) {
      I message = unread.remove();
      dispatch(message, () -> call(() -> handler.onMessage(this, message)));
    } else if (!completions.isEmpty()) {
      completions.remove().run();
    } else if (!tasks.isEmpty()) {
      call(tasks.remove());
    } else if (inputEnded && unread.isEmpty() && readsOn() && !offloaded) {
      return endAfterPeer();
    } else if (why != null && !closed) {
      finish(why);
    } else {
      return false;
    }
    return true;
  }

  /** Closes, or begins the half-close; returns false if that has begun already. */
  private boolean endAfterPeer() {
    HalfClose planned = halfClose;
    if (planned == null || outputEnded) {
      startClose(CloseReason.of(Kind.PEER_CLOSED));
    } else if (planned.equals(halfClosed)) {
      return false;
    } else {
      halfClosed = planned;
      timers.runAfter(planned.timeout(), () -> timeOut(planned));
      call(planned.task());
    }
    return true;
  }

  private void timeOut(HalfClose planned) {
    if (planned.equals(halfClosed)) { // and was not replaced
      startClose(CloseReason.of(Kind.TIMEOUT, "half-closed for " + planned.timeout()));
    }
  }

  private boolean readsOn() {
    return connected && reason.get() == null && !paused && !offloadPaused && !blocked;
  }

  private void becomeWritable() {
    writableDue = false;
    List<CompletableFuture<Void>> written = unblocked();
    written.forEach(future -> future.complete(null));
    if (connected && reason.get() == null) {
      call(() -> handler.onWritable(this));
    }
  }

  /** Makes the connection writable; returns the futures of the messages that waited for this. */
  private List<CompletableFuture<Void>> unblocked() {
    synchronized (sent) {
      blocked = false;
      return takeUnwritten();
    }
  }

  private List<CompletableFuture<Void>> takeUnwritten() {
    synchronized (sent) {
      List<CompletableFuture<Void>> taken = List.copyOf(unwritten);
      unwritten.clear();
      return taken;
    }
  }

  /** Calls the user's code; returns false if it has thrown an exception. */
  private boolean call(Runnable callback) {
    try {
      callback.run();
      return true;
    } catch (Throwable t) {
      handlerFailed(t);
      return false;
    }
  }

  @Override
  protected void handlerFailed(Throwable cause) {
    if (!startClose(new CloseReason(Kind.HANDLER_ERROR, cause)) || !closeExpected) {
      thrown = first(thrown, cause);
    }
  }

  private void finish(CloseReason why) {
    closed = true;
    timers.end();
    unread.forEach(ReferenceCountUtil::release);
    unread.clear();
    takeUnwritten().forEach(future -> future.complete(null));
    if (connected && !detached) {
      call(() -> handler.onClose(this, why));
    }
  }

  /** Begins the close; returns false if it has begun already. */
  private boolean startClose(CloseReason why) {
    boolean begins = reason.compareAndSet(null, why);
    endSubscriptions();
    return begins;
  }

  private void abort(CloseReason why) {
    aborted = true;
    startClose(why);
    List<CompletableFuture<Void>> lost = takeUnwritten();
    completeLater(
        () -> lost.forEach(each -> each.completeExceptionally(new ClosedChannelException())));
    if (DUE.get() != null) {
      dropPacked();
    }
  }

  /** Drops what the current callback has sent, which is not written yet. */
  private void dropPacked() {
    synchronized (sent) {
      for (PackedMessage<O> each : packed) {
        each.lose();
        if (removeSent(each.message())) {
          ReferenceCountUtil.release(each.message());
        }
      }
      packed.clear();
    }
  }

  /** Removes the latest reference to a message; returns false if the test has taken it. */
  @SuppressWarnings("ReferenceEquality") // the same message, not an equal one
  private boolean removeSent(O message) {
    for (int i = sent.size() - 1; i >= 0; i--) {
      if (sent.get(i) == message) {
        sent.remove(i);
        return true;
      }
    }
    return false;
  }

  /** Completes deliveries outside callbacks, and before tasks. */
  private void completeLater(Runnable completion) {
    completions.add(completion);
    turnLater();
  }

  // For the handler.

  @Override
  public boolean send(O message) {
    return deliver(message).outcome() == Delivery.Outcome.TAKEN;
  }

  @Override
  public Delivery deliver(O message) {
    O owned = acquire(requireNonNull(message, "message"));
    CompletableFuture<Void> written = new CompletableFuture<>();
    if (!accept(owned, written)) {
      ReferenceCountUtil.release(owned);
      written.completeExceptionally(new ClosedChannelException());
      return new Delivery(Delivery.Outcome.CLOSED, written.minimalCompletionStage());
    }
    return new Delivery(Delivery.Outcome.TAKEN, written.minimalCompletionStage());
  }

  private boolean accept(O message, CompletableFuture<Void> written) {
    synchronized (sent) {
      if (!isOpen() || outputEnded) {
        return false;
      }
      sent.add(message);
      if (blocked) {
        unwritten.add(written);
        return true;
      }
      if (DUE.get() != null) {
        PackedMessage<O> sentByCallback = new PackedMessage<>(message, written);
        packed.add(sentByCallback);
        completeLater(sentByCallback::complete);
        return true;
      }
    }
    return written.complete(null);
  }

  @Override
  protected boolean acceptsPublished() {
    return connected && !aborted && !closed;
  }

  @Override
  protected void sendPublished(O message) {
    synchronized (sent) {
      sent.add(message);
    }
  }

  @Override
  public boolean isWritable() {
    return isOpen() && !outputEnded && !blocked;
  }

  /** Returns 0, or 262,145 while the connection is not writable because of {@link #block}. */
  @Override
  public long pendingBytes() {
    return blocked ? PENDING_BYTES : 0;
  }

  @Override
  public boolean isOpen() {
    return connected && reason.get() == null;
  }

  @Override
  public void close(CloseReason reason) {
    startClose(requireNonNull(reason, "reason"));
    runIfTest();
  }

  @Override
  public void closeNow() {
    abort(CloseReason.of(Kind.CLOSED));
    runIfTest();
  }

  @Override
  public void shutdownOutput() {
    outputEnded = true;
    endSubscriptions();
    runIfTest();
  }

  @Override
  public void onHalfClose(Duration timeout, Runnable task) {
    if (timeout.isNegative() || timeout.isZero()) {
      throw new IllegalArgumentException("timeout: " + timeout + " (expected: > PT0S)");
    }
    halfClose = new HalfClose(timeout, requireNonNull(task, "task"));
  }

  /** Ends the connection without {@code onClose}; {@code successor} is not called. */
  @Override
  public void detach(ChannelHandler successor) {
    requireNonNull(successor, "successor");
    if (reason.get() == null) {
      detached = true;
    }
    startClose(CloseReason.of(Kind.CLOSED));
    runIfTest();
  }

  @Override
  public void pauseReading() {
    paused = true;
  }

  @Override
  public void resumeReading() {
    paused = false;
    runIfTest();
  }

  @Override
  protected void offloaded(boolean busy) {
    offloaded = busy;
  }

  @Override
  protected void offloadPaused(boolean paused) {
    offloadPaused = paused;
  }

  @Override
  public void execute(Runnable task) {
    tasks.add(requireNonNull(task, "task"));
    turnLater();
  }

  private void runTask(Runnable task) {
    tasks.add(task);
    run();
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
    return timers.runAfter(delay, task);
  }

  @Override
  public ScheduledTask runEvery(Duration period, Runnable task) {
    return timers.runEvery(period, task);
  }

  @Override
  public ScheduledTask runTicker(Supplier<Duration> ticker) {
    return timers.runTicker(ticker);
  }
}
