package dev.jev.test;

import static java.util.Objects.requireNonNull;

import dev.jev.CloseReason;
import dev.jev.DeadlineWheel;
import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import dev.jev.ScheduledTask;
import dev.jev.Server;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import java.io.ByteArrayOutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import org.jspecify.annotations.Nullable;

/**
 * A {@link ProtocolContext} without a network, which records what a {@link Protocol} does with it.
 *
 * <pre>
 *   TestContext context = new TestContext();
 *   protocol.open(context);
 *   assertEquals("hello\n", new String(context.takeWritten(), US_ASCII));
 *   assertTrue(context.isReady());
 * </pre>
 *
 * <p>An {@link UnpackLoop} calls a protocol with this context as a connection does: {@code ready}
 * and {@code close} take effect when the protocol's method has returned. Without a loop the test
 * calls the protocol's methods itself; then {@code ready} takes effect at once, and a close is only
 * recorded, so that no task of {@link #onClose} runs.
 *
 * <p><b>Time.</b> Timers and deadline wheels follow the {@link #clock}, which stands still until
 * the test advances it. Contexts with the same clock share its deadline wheels, as the connections
 * of one event loop do.
 *
 * <p><b>Threads.</b> For one thread.
 *
 * <p><b>Ownership.</b> Written buffers are copied and released, so there is nothing to release.
 */
public final class TestContext implements ProtocolContext {

  /** The default of {@link Server.Builder#maxFrameBytes}. */
  private static final int MAX_FRAME_BYTES = 1024 * 1024;

  private static final SocketAddress REMOTE =
      new InetSocketAddress(InetAddress.getLoopbackAddress(), 20_000);

  private final ManualClock clock;
  private int maxFrameBytes = MAX_FRAME_BYTES;
  private @Nullable SocketAddress remoteAddress = REMOTE;
  private @Nullable Turns turns; // null without a loop

  private List<byte[]> written = new ArrayList<>();
  private int droppedWrites;
  private Map<Class<?>, Object> attributes = new HashMap<>();
  private List<Timer> timers = new ArrayList<>();
  private final Queue<Runnable> closeTasks = new ArrayDeque<>();
  private long readingSince;
  private boolean paused;

  private boolean readyDue;
  private boolean ready;
  private @Nullable CloseReason closeDue;
  private @Nullable CloseReason closeReason;
  private boolean closedNow;
  private boolean outputEnded;
  private boolean ended;

  /** The turns of a connection, at whose end requests take effect. */
  interface Turns {

    /** Handles a request, now or at the end of the current turn. */
    void requested();

    /** Handles the early end of a turn, after which unpacking goes on. */
    void yielded();

    /** Runs a task of a timer. */
    void run(Runnable task);
  }

  /** Creates a context with a clock of its own. */
  public TestContext() {
    this(new ManualClock());
  }

  /** Creates a context with a clock that other contexts and connections may use, too. */
  public TestContext(ManualClock clock) {
    this.clock = requireNonNull(clock, "clock");
    this.readingSince = clock.nanoTime();
  }

  // For the test.

  /**
   * Sets the maximum length of a frame in bytes, with its header; 1 MiB by default, as for a {@link
   * Server}.
   */
  public TestContext maxFrameBytes(int maxFrameBytes) {
    if (maxFrameBytes < 1) {
      throw new IllegalArgumentException("maxFrameBytes: " + maxFrameBytes + " (expected: >= 1)");
    }
    this.maxFrameBytes = maxFrameBytes;
    return this;
  }

  /** Sets the address of the peer; port 20000 of this machine by default, null for datagrams. */
  public TestContext remoteAddress(@Nullable SocketAddress remoteAddress) {
    this.remoteAddress = remoteAddress;
    return this;
  }

  /** Returns the clock of the timers and deadline wheels. */
  public ManualClock clock() {
    return clock;
  }

  /** Returns the bytes that were written and not taken, one element per write. */
  public List<byte[]> written() {
    return Collections.unmodifiableList(written);
  }

  /** Returns the bytes that were written and not taken, and forgets them. */
  public byte[] takeWritten() {
    if (written.isEmpty()) {
      return new byte[0];
    }
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    written.forEach(bytes::writeBytes);
    written = new ArrayList<>();
    return bytes.toByteArray();
  }

  /** Returns the number of writes that were dropped, since they came after the close. */
  public int droppedWrites() {
    return droppedWrites;
  }

  /** Returns the reason of the first close that was requested or has begun, or null. */
  public @Nullable CloseReason closeReason() {
    return closeReason == null ? closeDue : closeReason;
  }

  /** Returns whether the protocol has called {@link #closeNow}. */
  public boolean isClosedNow() {
    return closedNow;
  }

  /** Returns the attributes of the connection by type. */
  public Map<Class<?>, Object> attributes() {
    return Collections.unmodifiableMap(attributes);
  }

  /** Pauses reading: until {@link #resumeReading}, {@link #readingSince} is the current time. */
  public void pauseReading() {
    paused = true;
  }

  /** Resumes reading: {@link #readingSince} is the time of this call from now on. */
  public void resumeReading() {
    paused = false;
    readingSince = clock.nanoTime();
  }

  // For the loop.

  /** Leaves the effect of requests to a loop. */
  void turns(Turns turns) {
    if (this.turns != null) {
      throw new IllegalStateException("context already has a loop; create one context per loop");
    }
    this.turns = turns;
  }

  /** Returns true, once, if the protocol has become ready. */
  boolean becomeReady() {
    boolean becomes = readyDue && !ready && closeReason == null;
    ready |= becomes;
    return becomes;
  }

  /** Returns the requested close, once, or null. */
  @Nullable CloseReason takeCloseDue() {
    CloseReason due = closeDue;
    closeDue = null;
    return due;
  }

  /** Begins a close, or returns false if one has begun. */
  boolean beginClose(CloseReason reason) {
    boolean first = closeReason == null;
    closeReason = first ? reason : closeReason;
    return first;
  }

  boolean isClosing() {
    return closeReason != null;
  }

  /** Drops all further writes. */
  void endOutput() {
    outputEnded = true;
  }

  /** Cancels all timers, and the future ones, too, and runs the tasks for the close. */
  void end() {
    ended = true;
    outputEnded = true;
    cancelTimers();
    for (Runnable task; (task = closeTasks.poll()) != null; ) {
      task.run();
    }
  }

  /** Forgets everything that was recorded, to leave only the memory of the protocol. */
  void forget() {
    written = new ArrayList<>();
    attributes = new HashMap<>();
    closeTasks.clear();
    cancelTimers();
    timers = new ArrayList<>();
  }

  private void cancelTimers() {
    while (!timers.isEmpty()) {
      timers.get(timers.size() - 1).cancel();
    }
  }

  private void request() {
    if (turns != null) {
      turns.requested();
      return;
    }
    becomeReady();
    CloseReason due = takeCloseDue();
    if (due != null) {
      beginClose(due);
    }
  }

  // For the protocol.

  @Override
  public void ready() {
    readyDue = true;
    request();
  }

  @Override
  public boolean isReady() {
    return ready;
  }

  /** Records a copy of the bytes and releases them; after the close they are dropped. */
  @Override
  public void write(ByteBuf bytes) {
    if (outputEnded) {
      droppedWrites++;
    } else {
      written.add(ByteBufUtil.getBytes(bytes));
    }
    bytes.release();
  }

  @Override
  public void close(CloseReason reason) {
    closeDue = requireNonNull(reason, "reason");
    request();
  }

  @Override
  public void closeNow(CloseReason reason) {
    closedNow = true;
    close(reason);
  }

  /** Records a task for the end of the connection; runs it at once if the connection has ended. */
  @Override
  public void onClose(Runnable task) {
    closeTasks.add(requireNonNull(task, "task"));
    if (ended) {
      end();
    }
  }

  @Override
  public ScheduledTask runAfter(Duration delay, Runnable task) {
    long nanos = ManualClock.nanos("delay", delay);
    Timer timer = new Timer(requireNonNull(task, "task"));
    if (!ended) {
      timers.add(timer);
      timer.undo = clock.schedule(nanos, timer::run);
    }
    return timer;
  }

  @Override
  public void yieldTurn() {
    if (turns != null) {
      turns.yielded();
    }
  }

  @Override
  public DeadlineWheel deadlineWheel(Duration maxDelay) {
    return clock.wheel(maxDelay);
  }

  @Override
  public long readingSince() {
    return paused ? clock.nanoTime() : readingSince;
  }

  @Override
  public <T> void attribute(Class<T> type, @Nullable T value) {
    requireNonNull(type, "type");
    if (value == null) {
      attributes.remove(type);
    } else {
      attributes.put(type, type.cast(value));
    }
  }

  @Override
  public <T> @Nullable T attribute(Class<T> type) {
    return type.cast(attributes.get(type));
  }

  @Override
  public @Nullable SocketAddress remoteAddress() {
    return remoteAddress;
  }

  @Override
  public int maxFrameBytes() {
    return maxFrameBytes;
  }

  /** A task that runs once, unless it is cancelled or the connection closed before. */
  private final class Timer implements ScheduledTask {

    private final Runnable task;
    private Runnable undo = () -> {};

    Timer(Runnable task) {
      this.task = task;
    }

    private void run() {
      timers.remove(this);
      if (turns == null) {
        task.run();
      } else {
        turns.run(task);
      }
    }

    @Override
    public void cancel() {
      timers.remove(this);
      undo.run();
    }
  }
}
