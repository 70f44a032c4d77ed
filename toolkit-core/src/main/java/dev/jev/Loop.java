package dev.jev;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.EventLoop;
import io.netty.util.concurrent.AbstractScheduledEventExecutor;
import io.netty.util.concurrent.FastThreadLocal;
import io.netty.util.concurrent.ScheduledFuture;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * An event loop, the connections on it and the two buffers they share.
 *
 * <p><b>Buffers.</b> Only one connection reads at a time, and nearly always whatever it reads is
 * unpacked, answered and written before the next one reads. So a loop needs one buffer to read into
 * and one to pack replies into, and a connection needs none of its own. When somebody keeps a
 * reference, a handler to a message or a socket to output it has not taken, the loop leaves that
 * part of the buffer alone: it goes on behind it, or with a new buffer.
 */
final class Loop {

  /** The most that one read takes from a socket. */
  static final int READ_BYTES = 64 * 1024;

  /** Room in front of what is read, for the beginning of a frame that an earlier read left over. */
  static final int HEADROOM = 4 * 1024;

  /** A read buffer with less room than this is replaced. */
  private static final int MIN_READ_BYTES = 16 * 1024;

  /** What the shared buffer for output holds without growing. */
  static final int PACK_BYTES = 64 * 1024;

  /** An output buffer whose beginning is in use goes on being used with so much room. */
  private static final int MIN_PACK_ROOM_BYTES = 8 * 1024;

  /** First size of a buffer for output while another connection has the shared one. */
  private static final int SMALL_PACK_BYTES = 512;

  /**
   * Where all buffers come from. A slice of one of its buffers is recycled, and has a reference
   * count of its own, which is how a message that was sent is told from one that was not.
   */
  static final ByteBufAllocator ALLOCATOR = PooledByteBufAllocator.DEFAULT;

  private static final FastThreadLocal<@Nullable Loop> CURRENT = new FastThreadLocal<>();

  private final EventLoop executor;
  private final ArrayDeque<LoopMember> waiting = new ArrayDeque<>(); // for their turns

  // Event loop only: of the batch of reads that is going on, see Inbound.
  int reads;
  int attempted;
  int lastRead;

  // Event loop only.
  private @Nullable ByteBuf readBuffer;
  private @Nullable ByteBuf packBuffer;
  private boolean packBufferLent;
  private boolean packBufferPassedOn; // Netty has it, not only slices of it
  boolean publishing; // to one connection after the other
  private final List<Channel> listeners = new ArrayList<>();
  private final Map<Duration, DeadlineWheel> wheels = new HashMap<>();
  private @Nullable LoopMember first;
  @Nullable LoopMember turn; // the member that has its turn
  private boolean turnsScheduled;
  private boolean ended;
  private final MessageOwnership ownership = new MessageOwnership();
  private final Map<Class<?>, LoopService> services = new ConcurrentHashMap<>(); // by any thread

  private final AtomicInteger connections = new AtomicInteger();
  private volatile @Nullable Thread thread; // null until it has begun

  Loop(EventLoop executor) {
    this.executor = executor;
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

  /** The thread, or null if it has not begun. */
  @Nullable Thread thread() {
    return thread;
  }

  /** The time by which the loop's timers go, in nanoseconds. */
  long nanoTime() {
    return ((AbstractScheduledEventExecutor) executor).ticker().nanoTime();
  }

  private ScheduledTask startTimer(Runnable task, long delayNanos) {
    ScheduledFuture<?> timer = executor.schedule(task, delayNanos, TimeUnit.NANOSECONDS);
    return () -> timer.cancel(false);
  }

  /** The wheel of a span, made when it is first asked for. */
  DeadlineWheel deadlineWheel(Duration maxDelay) {
    return wheels.computeIfAbsent(
        maxDelay, s -> new DeadlineWheel(s, this::nanoTime, this::startTimer));
  }

  /** How many connections, of whomever, have been assigned to this loop and are not closed. */
  int connections() {
    return connections.get();
  }

  void assign() {
    connections.incrementAndGet();
  }

  void unassign() {
    connections.decrementAndGet();
  }

  /** The loop whose thread this is, or null. */
  static @Nullable Loop current() {
    return CURRENT.get();
  }

  /** Returns the loop's service of a type, created when it is first asked for. Any thread. */
  <S extends LoopService> S service(Class<S> type, Function<? super Loop, S> factory) {
    return type.cast(services.computeIfAbsent(type, t -> factory.apply(this)));
  }

  /** The reference to the message that is being delivered. */
  MessageOwnership ownership() {
    return ownership;
  }

  /** Notes a listening socket that lives on this loop and ends with it. */
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

  /** Calls {@code action} with each member; it may remove that one. */
  void forEach(Consumer<LoopMember> action) {
    for (LoopMember member = first; member != null; ) {
      LoopMember next = member.next;
      action.accept(member);
      member = next;
    }
  }

  /**
   * Returns the buffer to read into, with at least {@link #HEADROOM} bytes in front of its two
   * equal indices that are free to be overwritten. The caller gets a reference.
   */
  ByteBuf readBuffer() {
    ByteBuf buffer = readBuffer;
    if (buffer != null) {
      // A kept message starts the next read behind it; if nothing was kept, the buffer is all free.
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

  @SuppressWarnings("ReferenceEquality") // the very buffer, not one with equal bytes
  boolean isReadBuffer(ByteBuf buffer) {
    return buffer == readBuffer;
  }

  /**
   * Returns a buffer to pack output into, behind what is in it. The caller gets a reference.
   *
   * <p>It is empty, or the sockets have slices of what is in it: one slow peer, or with io_uring
   * any, would otherwise cost a whole buffer for each little message that is published.
   */
  ByteBuf borrowPackBuffer() {
    if (packBufferLent || ended) {
      return ALLOCATOR.directBuffer(SMALL_PACK_BYTES);
    }
    ByteBuf buffer = packBuffer;
    if (buffer != null && !packBufferPassedOn && buffer.refCnt() > 1 && hasRoom(buffer)) {
      packBufferLent = true;
      return buffer.retain();
    }
    if (buffer == null || buffer.refCnt() > 1 || buffer.capacity() > 2 * PACK_BYTES) {
      if (buffer != null) {
        buffer.release();
      }
      buffer = ALLOCATOR.directBuffer(PACK_BYTES);
      packBuffer = buffer;
    }
    packBufferLent = true;
    packBufferPassedOn = false;
    return buffer.clear().retain();
  }

  private static boolean hasRoom(ByteBuf buffer) {
    return buffer.capacity() - buffer.writerIndex() >= MIN_PACK_ROOM_BYTES;
  }

  /** Says that a buffer of {@link #borrowPackBuffer} goes to Netty as it is, not in slices. */
  @SuppressWarnings("ReferenceEquality") // the very buffer, not one with equal bytes
  void packedWhole(ByteBuf buffer) {
    packBufferPassedOn |= buffer == packBuffer;
  }

  /** Says that nothing more is packed into a buffer of {@link #borrowPackBuffer}. */
  @SuppressWarnings("ReferenceEquality") // the very buffer, not one with equal bytes
  void packed(ByteBuf buffer) {
    if (buffer == packBuffer) {
      packBufferLent = false;
    }
  }

  /** Gives a member a turn, after those that have requested one before. */
  void turnLater(LoopMember member) {
    waiting.add(member);
    if (!turnsScheduled) {
      turnsScheduled = true;
      executor.execute(this::takeTurns);
    }
  }

  private void takeTurns() {
    turnsScheduled = false;
    for (int n = waiting.size(); n > 0; n--) {
      try {
        waiting.remove().takeTurn();
      } catch (Throwable t) { // no memory, not even to close it
        RateLimitedLog.write(System.Logger.Level.ERROR, "a connection could not have its turn", t);
      }
    }
  }

  /** Closes what is still open and gives the buffers back; the last thing on the loop's thread. */
  void end() {
    ended = true;
    List.copyOf(listeners).forEach(Channel::close);
    CloseReason reason = CloseReason.of(CloseReason.Kind.SERVER_STOPPED);
    forEach(member -> member.end(reason));
    services.values().forEach(LoopService::end);
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

  /** Whether the loop's thread is about to end. */
  boolean isEnding() {
    return executor.isShuttingDown();
  }

  /** Whether the loop's thread runs nothing any more. */
  boolean hasEnded() {
    return executor.isShutdown();
  }
}
