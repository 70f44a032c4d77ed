package dev.jev;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.EventLoop;
import io.netty.util.concurrent.AbstractScheduledEventExecutor;
import io.netty.util.concurrent.FastThreadLocal;
import io.netty.util.concurrent.ScheduledFuture;
import io.netty.util.concurrent.SingleThreadEventExecutor;
import io.netty.util.concurrent.Ticker;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * An event loop with its connections and the two buffers that they share.
 *
 * <p><b>Buffers.</b> One connection reads at a time. Its input is nearly always unpacked, answered
 * and written before the next connection reads. A loop therefore needs one read buffer and one pack
 * buffer, and connections need none. A handler may keep a reference to a message, and a socket one
 * to output that it has not taken. The loop then does not overwrite that part of the buffer: it
 * continues after it, or with a new buffer.
 */
final class Loop {

  /** Maximum number of bytes per read. */
  static final int READ_BYTES = 64 * 1024;

  /** Free bytes in front of the read input, for the beginning of a frame from an earlier read. */
  static final int HEADROOM = 4 * 1024;

  /** Minimum free space of a read buffer; a buffer with less is replaced. */
  private static final int MIN_READ_BYTES = 16 * 1024;

  /** Initial capacity of the shared pack buffer. */
  static final int PACK_BYTES = 64 * 1024;

  /** Initial capacity of a separate pack buffer, used while the shared one is not free. */
  private static final int SMALL_PACK_BYTES = 512;

  /**
   * The allocator of all buffers. Its slices are pooled objects with their own reference count,
   * which tells messages that were sent from those that were not.
   */
  static final ByteBufAllocator ALLOCATOR = PooledByteBufAllocator.DEFAULT;

  private static final FastThreadLocal<@Nullable Loop> CURRENT = new FastThreadLocal<>();

  private final EventLoop executor;
  private final ArrayDeque<LoopMember> waiting = new ArrayDeque<>(); // members that requested turns

  // Event loop only: the current read batch, see Inbound.
  int batchBytes;
  int batchMessages;
  int attempted;
  int lastRead;

  // Event loop only.
  private @Nullable ByteBuf readBuffer;
  private @Nullable ByteBuf packBuffer;
  private boolean packBufferLent;
  boolean publishing; // a message to several connections in a row
  private final List<Channel> listeners = new ArrayList<>();
  private final Map<Duration, DeadlineWheel> wheels = new HashMap<>();
  private @Nullable LoopMember first;
  @Nullable LoopMember turn; // the member whose turn it is
  int turns; // that have begun, modulo 2^32
  private int timedTurn; // the turn that turnTime belongs to
  private long turnTime;
  private boolean turnsScheduled;
  private boolean ended;
  private final MessageOwnership ownership = new MessageOwnership();
  private final Completions completions;
  private final Map<Class<?>, LoopService> services = new ConcurrentHashMap<>(); // any thread

  private final AtomicInteger connections = new AtomicInteger();
  private volatile @Nullable Thread thread; // null until it runs

  Loop(EventLoop executor) {
    this.executor = executor;
    this.completions = new Completions(executor, () -> turn != null);
    executor.execute(this::begin);
  }

  private void begin() {
    CURRENT.set(this);
    MessageOwnership.enter(ownership);
    thread = Thread.currentThread();
  }

  EventLoop executor() {
    return executor;
  }

  boolean inEventLoop() {
    return executor.inEventLoop();
  }

  /** Returns the thread, or null if it does not run yet. */
  @Nullable Thread thread() {
    return thread;
  }

  /** Returns the time of the loop's timers, in nanoseconds. */
  long nanoTime() {
    return ticker().nanoTime();
  }

  /**
   * Returns the time at which the current turn has first called this method, so that many messages
   * cost one call of the clock; outside a turn, the current time. Event loop only.
   */
  long turnTime() {
    if (turn == null || timedTurn != turns) {
      timedTurn = turns;
      turnTime = nanoTime();
    }
    return turnTime;
  }

  private Ticker ticker() {
    return ((AbstractScheduledEventExecutor) executor).ticker();
  }

  private ScheduledTask startTimer(Runnable task, long delayNanos) {
    ScheduledFuture<?> timer = executor.schedule(task, delayNanos, TimeUnit.NANOSECONDS);
    return () -> timer.cancel(false);
  }

  /** Returns the wheel with the given maximum delay, created on first use. Event loop only. */
  DeadlineWheel deadlineWheel(Duration maxDelay) {
    return wheels.computeIfAbsent(
        maxDelay, delay -> new DeadlineWheel(delay, ticker()::nanoTime, this::startTimer));
  }

  /** Returns the number of tasks that wait to run. Any thread. */
  int pendingTasks() {
    return ((SingleThreadEventExecutor) executor).pendingTasks();
  }

  /** Returns the number of open connections of all servers and clients on this loop. */
  int connections() {
    return connections.get();
  }

  void assign() {
    connections.incrementAndGet();
  }

  void unassign() {
    connections.decrementAndGet();
  }

  /** Returns the loop of the calling thread, or null. */
  static @Nullable Loop current() {
    return CURRENT.get();
  }

  /** Returns the loop's service of a type, created on first use. Any thread. */
  <S extends LoopService> S service(Class<S> type, Function<? super Loop, S> factory) {
    return type.cast(services.computeIfAbsent(type, t -> factory.apply(this)));
  }

  /**
   * Runs a task behind everything that was queued in the services before; returns false, and does
   * nothing, if nothing is queued. Any thread.
   */
  boolean runBehindServices(Runnable task) {
    for (LoopService service : services.values()) {
      if (service.runBehind(task)) {
        return true;
      }
    }
    return false;
  }

  /** Returns the ownership state of the message that is being delivered. */
  MessageOwnership ownership() {
    return ownership;
  }

  /** Returns the futures of messages that are due to be completed. */
  Completions completions() {
    return completions;
  }

  /** Adds a listening socket, which is closed when this loop ends. */
  void add(Channel listener) {
    listeners.add(listener);
    listener.closeFuture().addListener(closed -> listeners.remove(listener));
  }

  void add(LoopMember member) {
    member.next = first;
    if (first != null) {
      first.previous = member;
    }
    first = member;
  }

  void remove(LoopMember member) {
    LoopMember next = member.next;
    LoopMember previous = member.previous;
    if (next != null) {
      next.previous = previous;
    }
    if (previous != null) {
      previous.next = next;
    } else if (first == member) {
      first = next;
    }
    member.next = null;
    member.previous = null;
  }

  /** Calls {@code action} with each member, which it may remove. */
  void forEach(Consumer<LoopMember> action) {
    for (LoopMember member = first; member != null; ) {
      LoopMember next = member.next;
      action.accept(member);
      member = next;
    }
  }

  /**
   * Returns the buffer to read into. It is empty, with at least {@link #HEADROOM} free bytes in
   * front of its indices. The caller gets a reference and has to release it.
   */
  ByteBuf readBuffer() {
    ByteBuf buffer = readBuffer;
    if (buffer != null) {
      // Messages that are still referenced are not overwritten: the next read begins after them.
      int start = buffer.refCnt() == 1 ? HEADROOM : buffer.writerIndex() + HEADROOM;
      if (buffer.capacity() - start >= MIN_READ_BYTES) {
        return buffer.setIndex(start, start).retain();
      }
      buffer.release();
    }
    buffer = ALLOCATOR.directBuffer(HEADROOM + READ_BYTES, HEADROOM + READ_BYTES);
    readBuffer = buffer;
    return buffer.setIndex(HEADROOM, HEADROOM).retain();
  }

  @SuppressWarnings("ReferenceEquality") // the same buffer, not equal content
  boolean isReadBuffer(ByteBuf buffer) {
    return buffer == readBuffer;
  }

  /**
   * Returns a buffer to pack output into. The caller gets a reference and has to release it.
   *
   * <p>The buffer is empty. It is not the shared one while sockets have output in that: a buffer
   * that grows moves, and NIO and io_uring keep the address of output that waits. The shared one is
   * then replaced, except in the middle of a publication: one slow peer would cost a whole buffer
   * per small published message.
   */
  ByteBuf borrowPackBuffer() {
    ByteBuf buffer = packBuffer;
    boolean inUse = buffer != null && buffer.refCnt() > 1;
    if (packBufferLent || ended || (inUse && publishing)) {
      return ALLOCATOR.directBuffer(SMALL_PACK_BYTES);
    }
    if (buffer == null || inUse || buffer.capacity() > 2 * PACK_BYTES) {
      if (buffer != null) {
        buffer.release();
      }
      buffer = ALLOCATOR.directBuffer(PACK_BYTES);
      packBuffer = buffer;
    }
    packBufferLent = true;
    return buffer.clear().retain();
  }

  /** Ends the loan of a buffer from {@link #borrowPackBuffer}. */
  @SuppressWarnings("ReferenceEquality") // the same buffer, not equal content
  void packed(ByteBuf buffer) {
    if (buffer == packBuffer) {
      packBufferLent = false;
    }
  }

  /**
   * Runs an action on this loop: immediately if called on it, else later; not at all if the loop
   * has ended. Any thread.
   */
  void run(Runnable action) {
    if (inEventLoop()) {
      action.run();
      return;
    }
    try {
      executor.execute(action);
    } catch (RejectedExecutionException e) {
      // The event loop has ended, and its users with it.
    }
  }

  /** Schedules a turn of a member, after the turns requested earlier. */
  void turnLater(LoopMember member) {
    waiting.add(member);
    if (!turnsScheduled) {
      turnsScheduled = true;
      try {
        executor.execute(this::takeTurns);
      } catch (RejectedExecutionException e) {
        // The event loop has ended, and its members with it.
      }
    }
  }

  private void takeTurns() {
    turnsScheduled = false;
    for (int n = waiting.size(); n > 0; n--) {
      takeTurn(waiting.remove());
    }
  }

  /**
   * Schedules a turn of a member after the input that has arrived: unlike a task that is executed,
   * a scheduled one waits until the loop has looked for input.
   */
  void turnAfterInput(LoopMember member) {
    try {
      executor.schedule(() -> takeTurn(member), 0, TimeUnit.NANOSECONDS);
    } catch (RejectedExecutionException e) {
      // The event loop has ended, and its members with it.
    }
  }

  private static void takeTurn(LoopMember member) {
    try {
      member.takeTurn();
    } catch (Throwable t) { // out of memory, even for closing the connection
      RateLimitedLog.write(System.Logger.Level.ERROR, "turn of a connection failed", t);
    }
  }

  /** Closes all sockets and connections and releases the buffers; the loop thread's last task. */
  void end() {
    ended = true;
    List.copyOf(listeners).forEach(Transport::closeWithoutLoop);
    CloseReason reason = CloseReason.of(CloseReason.Kind.SERVER_STOPPED);
    forEach(member -> member.end(reason));
    for (LoopService service : services.values()) {
      service.end();
    }
    if (readBuffer != null) {
      readBuffer.release();
      readBuffer = null;
    }
    if (packBuffer != null) {
      packBuffer.release();
      packBuffer = null;
    }
    CURRENT.remove();
    MessageOwnership.enter(null);
  }

  /** Returns whether the loop is shutting down. */
  boolean isEnding() {
    return executor.isShuttingDown();
  }

  /** Returns whether the loop accepts no more tasks. */
  boolean hasEnded() {
    return executor.isShutdown();
  }
}
