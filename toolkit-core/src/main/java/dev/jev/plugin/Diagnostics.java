package dev.jev.plugin;

import static java.util.Objects.requireNonNull;
import static java.util.stream.Collectors.joining;

import dev.jev.CloseReason;
import dev.jev.ConnectionInfo;
import dev.jev.Plugin;
import dev.jev.PluginHost;
import dev.jev.Server;
import dev.jev.ServerStats;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.WeakHashMap;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * Measures event-loop lag, reports code that blocks an event loop, counts for {@link Server#stats},
 * and emits events to Java Flight Recorder.
 *
 * <p><b>Lag.</b> Each event loop is given a task twice per {@code blockedLoopThreshold} of the
 * server (500 ms by default). The time that the task waits is the lag of the loop; a message waits
 * as long. {@link #loopLags} returns the lags of the last 10 to 20 s.
 *
 * <p><b>Flight Recorder.</b> The events are {@code jev.ConnectionOpened}, {@code
 * jev.ConnectionClosed}, {@code jev.WriteStalled}, {@code jev.LoopBlocked} and {@code
 * jev.AcceptPaused}. All are in the category Jev and enabled in every recording unless its settings
 * say otherwise. One more, {@code jev.MessageReceived}, has the size of a message and the time that
 * {@link dev.jev.Protocol#unpack} took for it; it is recorded only if its settings enable it. While
 * nothing is recorded, the cost is one small object per connection.
 *
 * <p>One instance may observe several servers.
 *
 * <p><b>Threads.</b> All methods may be called from any thread.
 */
public final class Diagnostics implements Plugin, ServerStats.Source {

  /**
   * The lag of one event loop.
   *
   * @param loop the name of its thread
   * @param count the number of measurements
   * @param median the median lag, accurate to 12.5 %
   * @param p99 the 99th percentile of the lag, accurate to 12.5 %
   * @param max the longest lag
   */
  public record LoopLag(String loop, long count, Duration median, Duration p99, Duration max) {}

  /**
   * An event loop that is blocked.
   *
   * @param loop the name of its thread
   * @param time the time for which it has been blocked so far
   * @param stack the stack trace of its thread, innermost call first
   */
  public record BlockedLoop(String loop, Duration time, List<StackTraceElement> stack) {

    /** Copies {@code stack}. */
    public BlockedLoop {
      stack = List.copyOf(stack);
    }
  }

  private final Consumer<BlockedLoop> onBlocked;
  private final LoopLags lags = new LoopLags();
  private final Map<PluginHost, TrafficCounters> traffic =
      Collections.synchronizedMap(new WeakHashMap<>());

  private Diagnostics(Consumer<BlockedLoop> onBlocked) {
    this.onBlocked = onBlocked;
  }

  /** Returns an instance without a listener for blocked event loops. */
  public static Diagnostics create() {
    return new Diagnostics(blocked -> {});
  }

  /**
   * Returns an instance that reports each event loop that is blocked for longer than the server's
   * {@code blockedLoopThreshold} (500 ms by default), once per blockage.
   *
   * @param onBlocked the listener, called on the server's watchdog thread while the loop is blocked
   */
  public static Diagnostics create(Consumer<BlockedLoop> onBlocked) {
    return new Diagnostics(requireNonNull(onBlocked, "onBlocked"));
  }

  /** Returns the lag of each event loop within the last 10 to 20 s, sorted by name. */
  public List<LoopLag> loopLags() {
    return lags.list();
  }

  private TrafficCounters trafficOf(PluginHost host) {
    return traffic.computeIfAbsent(host, any -> new TrafficCounters());
  }

  // Called by the server.

  @Override
  public ServerStats stats(PluginHost host) {
    return trafficOf(host).stats();
  }

  @Override
  public void connectionRefused(PluginHost host, SocketAddress listener, CloseReason.Kind reason) {
    trafficOf(host).current().add(TrafficCounters.refused(reason), 1);
  }

  @Override
  public void loopLagged(PluginHost host, Thread loop, Duration lag) {
    lags.add(loop, lag);
  }

  @Override
  public void loopBlocked(PluginHost host, Thread loop, Duration time) {
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
  public void acceptPaused(PluginHost host, SocketAddress listener, Throwable cause) {
    FlightEvents.AcceptPaused event = new FlightEvents.AcceptPaused();
    if (event.isEnabled()) {
      event.listener = listener.toString();
      event.cause = cause.toString();
      event.commit();
    }
  }

  @Override
  public Observer install(Link link) {
    ConnectionEvents events = new ConnectionEvents(link, trafficOf(link.host()).current());
    link.connection().attribute(ConnectionInfo.CounterSource.class, events);
    return events;
  }

  /** The state of one connection that is reported when it closes. */
  private static final class ConnectionEvents
      implements UnpackObserver, ConnectionInfo.CounterSource {

    private final Link link;
    private final LoopCounters.OfLoop counters;
    private final long opened = System.nanoTime();
    private long messagesReceived;
    private long messagesSent;
    private long read;
    private long written;
    private long reportedReceived; // messages
    private long reportedSent;
    private long stallStart; // 0 if output is not stalled
    private boolean connected;

    ConnectionEvents(Link link, LoopCounters.OfLoop counters) {
      this.link = link;
      this.counters = counters;
    }

    private String peer() {
      return link.connection().remoteAddress().toString();
    }

    @Override
    public void connected() {
      connected = true;
      counters.add(TrafficCounters.OPENED, 1);
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
      counters.add(TrafficCounters.BYTES_RECEIVED, bytes);
    }

    @Override
    public void readComplete() {
      countMessages();
    }

    @Override
    public void flushing(int bytes) {
      written += bytes;
      counters.add(TrafficCounters.BYTES_SENT, bytes);
      countMessages();
    }

    /** Adds the messages since the last call: per batch of reads and per flush, not per message. */
    private void countMessages() {
      if (messagesReceived != reportedReceived) {
        counters.add(TrafficCounters.MESSAGES_RECEIVED, messagesReceived - reportedReceived);
        reportedReceived = messagesReceived;
      }
      if (messagesSent != reportedSent) {
        counters.add(TrafficCounters.MESSAGES_SENT, messagesSent - reportedSent);
        reportedSent = messagesSent;
      }
    }

    @Override
    public void unpacking() {
      if (FlightEvents.MessageReceived.isRecorded()) {
        FlightEvents.MessageReceived.begin(this);
      }
    }

    @Override
    public void message(int bytes) {
      messagesReceived++;
      if (FlightEvents.MessageReceived.isRecorded()) {
        FlightEvents.MessageReceived.end(this, bytes, link);
      }
    }

    @Override
    public void sent() {
      messagesSent++;
    }

    @Override
    public ConnectionInfo.Counters counters() {
      return new ConnectionInfo.Counters(messagesReceived, messagesSent, read, written);
    }

    @Override
    public void stalled() {
      stallStart = System.nanoTime() | 1; // not 0
    }

    @Override
    public void resumed() {
      if (stallStart != 0
          && link.connection().isOpen()) { // a closing connection reports in closed()
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
      countMessages();
      counters.add(
          connected
              ? TrafficCounters.closed(reason.kind())
              : TrafficCounters.refused(reason.kind()),
          1);
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
