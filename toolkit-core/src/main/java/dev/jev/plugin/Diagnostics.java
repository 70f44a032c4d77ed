package dev.jev.plugin;

import static java.util.Objects.requireNonNull;
import static java.util.stream.Collectors.joining;

import dev.jev.CloseReason;
import dev.jev.Plugin;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * Shows how a server's event loops and connections are doing: how late the loops are, which code
 * blocks one, and events for Java Flight Recorder.
 *
 * <p><b>Lag.</b> Twice in each {@code blockedLoopThreshold} of the server (500 ms by default) an
 * event loop is given a task; how long that waits is the loop's lag, and what a message has to wait
 * too. {@link #loopLags} has the figures of the last 10 to 20 s.
 *
 * <p><b>Flight Recorder.</b> {@code jev.ConnectionOpened}, {@code jev.ConnectionClosed}, {@code
 * jev.WriteStalled}, {@code jev.LoopBlocked} and {@code jev.AcceptPaused}, all in the category Jev
 * and enabled in every recording unless its settings say otherwise. While nothing is recorded a
 * connection costs one small object.
 *
 * <p>One instance may watch several servers.
 *
 * <p><b>Threads.</b> All methods may be called from any thread.
 */
public final class Diagnostics implements Plugin {

  /**
   * How late an event loop was.
   *
   * @param loop the name of its thread
   * @param count how many times it was asked
   * @param median half of the lags were shorter, within 12.5 %
   * @param p99 99 % of the lags were shorter, within 12.5 %
   * @param max the longest lag
   */
  public record LoopLag(String loop, long count, Duration median, Duration p99, Duration max) {}

  /**
   * An event loop that does not come round.
   *
   * @param loop the name of its thread
   * @param time for how long it has been blocked so far
   * @param stack what it does, the innermost call first
   */
  public record BlockedLoop(String loop, Duration time, List<StackTraceElement> stack) {

    /** Keeps a copy of {@code stack}. */
    public BlockedLoop {
      stack = List.copyOf(stack);
    }
  }

  private static final long WINDOW_NANOS = TimeUnit.SECONDS.toNanos(10);

  private final Consumer<BlockedLoop> onBlocked;
  private final Map<Thread, LagWindow> loops = new ConcurrentHashMap<>();

  private Diagnostics(Consumer<BlockedLoop> onBlocked) {
    this.onBlocked = onBlocked;
  }

  /** Returns a watch. */
  public static Diagnostics create() {
    return new Diagnostics(blocked -> {});
  }

  /**
   * Returns a watch that tells who blocks an event loop for longer than the server's {@code
   * blockedLoopThreshold} (500 ms by default), once for each time.
   *
   * @param onBlocked called on the server's watchdog thread, while the loop is blocked
   */
  public static Diagnostics create(Consumer<BlockedLoop> onBlocked) {
    return new Diagnostics(requireNonNull(onBlocked, "onBlocked"));
  }

  /** How late each event loop was within the last 10 to 20 s, by name. */
  public List<LoopLag> loopLags() {
    long now = System.nanoTime();
    return loops.entrySet().stream()
        .map(loop -> loop.getValue().lag(loop.getKey().getName(), now))
        .sorted((a, b) -> a.loop().compareTo(b.loop()))
        .toList();
  }

  // What the server calls.

  @Override
  public void loopLagged(Thread loop, Duration lag) {
    LagWindow window = loops.get(loop);
    if (window == null) {
      loops.keySet().removeIf(thread -> !thread.isAlive());
      window = loops.computeIfAbsent(loop, thread -> new LagWindow(WINDOW_NANOS));
    }
    window.add(lag.toNanos(), System.nanoTime());
  }

  @Override
  public void loopBlocked(Thread loop, Duration time) {
    StackTraceElement[] stack = loop.getStackTrace();
    FlightEvents.LoopBlocked event = new FlightEvents.LoopBlocked();
    if (event.isEnabled()) {
      event.loop = loop.getName();
      event.blockedFor = time.toNanos();
      event.stack = Stream.of(stack).map(StackTraceElement::toString).collect(joining("\n"));
      event.commit();
    }
    onBlocked.accept(new BlockedLoop(loop.getName(), time, List.of(stack)));
  }

  @Override
  public void acceptPaused(SocketAddress listener, Throwable cause) {
    FlightEvents.AcceptPaused event = new FlightEvents.AcceptPaused();
    if (event.isEnabled()) {
      event.listener = listener.toString();
      event.cause = cause.toString();
      event.commit();
    }
  }

  @Override
  public Observer install(Link link) {
    return new ConnectionEvents(link);
  }

  /** What is to be told about one connection when it closes. */
  private static final class ConnectionEvents implements Observer {

    private final Link link;
    private final long opened = System.nanoTime();
    private long read;
    private long written;
    private long stallStart; // since when, or 0

    ConnectionEvents(Link link) {
      this.link = link;
    }

    private String peer() {
      return link.connection().remoteAddress().toString();
    }

    @Override
    public void connected() {
      FlightEvents.ConnectionOpened event = new FlightEvents.ConnectionOpened();
      if (event.isEnabled()) {
        event.peer = peer();
        event.listener = link.connection().listener().toString();
        event.commit();
      }
    }

    @Override
    public void received(int bytes) {
      read += bytes;
    }

    @Override
    public void flushing(int bytes) {
      written += bytes;
    }

    @Override
    public void stalled() {
      stallStart = System.nanoTime() | 1; // never 0
    }

    @Override
    public void resumed() {
      if (stallStart != 0 && link.connection().isOpen()) { // otherwise it is about to be closed
        report(/* caughtUp= */ true);
        stallStart = 0;
      }
    }

    private void report(boolean caughtUp) {
      FlightEvents.WriteStalled event = new FlightEvents.WriteStalled();
      if (event.isEnabled()) {
        event.peer = peer();
        event.stalledFor = System.nanoTime() - stallStart;
        event.caughtUp = caughtUp;
        event.commit();
      }
    }

    @Override
    public void closed(CloseReason reason) {
      if (stallStart != 0) {
        report(/* caughtUp= */ false);
      }
      FlightEvents.ConnectionClosed event = new FlightEvents.ConnectionClosed();
      if (event.isEnabled()) {
        event.peer = peer();
        event.reason = reason.kind().name();
        event.bytesRead = read;
        event.bytesWritten = written;
        event.openFor = System.nanoTime() - opened;
        event.commit();
      }
    }
  }
}
