package dev.jev.metrics;

import dev.jev.CloseReason;
import dev.jev.ConnectionInfo;
import dev.jev.Plugin;
import dev.jev.plugin.LoopCounters;
import dev.jev.websocket.WebSocketClose;
import dev.jev.websocket.WebSocketHandshake;
import dev.jev.websocket.WebSocketObserver;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/**
 * Counts the events of one connection. Event loop only.
 *
 * <p>A message costs the increment of a field. The counters of the event loop follow at the end of
 * a batch of reads and at a flush.
 */
final class MeasuredConnection
    implements Plugin.Observer, WebSocketObserver, ConnectionInfo.CounterSource {

  private final Plugin.Link link;
  private final ListenerMeters meters;
  private final LoopCounters.OfLoop counters;
  private final BusyConnections busy;
  private long since = System.nanoTime(); // of the handshakes, then of a stall
  private long messagesReceived;
  private long messagesSent;
  private long bytesReceived;
  private long bytesSent;
  private long reportedReceived; // messages
  private long reportedSent;
  private boolean connected;
  private boolean stalled;
  int busyIndex = BusyConnections.NONE;

  MeasuredConnection(Plugin.Link link, ListenerMeters meters, BusyConnections busy) {
    this.link = link;
    this.meters = meters;
    this.counters = meters.counters();
    this.busy = busy;
  }

  Plugin.Link link() {
    return link;
  }

  // Plugin.Observer.

  @Override
  public void connected() {
    connected = true;
    counters.add(Count.OPENED, 1);
    meters.handshake().record(System.nanoTime() - since, TimeUnit.NANOSECONDS);
  }

  @Override
  public void received(int bytes) {
    bytesReceived += bytes;
    counters.add(Count.BYTES_RECEIVED, bytes);
    if (busyIndex == BusyConnections.NONE) {
      busy.add(this);
    }
  }

  @Override
  public void readComplete() {
    report();
  }

  @Override
  public void message(int bytes) {
    messagesReceived++;
  }

  @Override
  public void sent() {
    messagesSent++;
  }

  @Override
  public void flushing(int bytes) {
    bytesSent += bytes;
    counters.add(Count.BYTES_SENT, bytes);
    report();
    if (busyIndex == BusyConnections.NONE) {
      busy.add(this);
    }
  }

  private void report() {
    if (messagesReceived != reportedReceived) {
      counters.add(Count.MESSAGES_RECEIVED, messagesReceived - reportedReceived);
      reportedReceived = messagesReceived;
    }
    if (messagesSent != reportedSent) {
      counters.add(Count.MESSAGES_SENT, messagesSent - reportedSent);
      reportedSent = messagesSent;
    }
  }

  @Override
  public void stalled() {
    stalled = true;
    since = System.nanoTime();
    counters.add(Count.STALLED, 1);
  }

  @Override
  public void resumed() {
    if (stalled) {
      stalled = false;
      counters.add(Count.STALLED, -1);
      meters.stalls().record(System.nanoTime() - since, TimeUnit.NANOSECONDS);
    }
  }

  @Override
  public void closed(CloseReason reason) {
    report();
    resumed();
    if (busyIndex != BusyConnections.NONE) {
      busy.remove(this);
    }
    CloseReason.Kind kind = reason.kind();
    counters.add(connected ? Count.closed(kind) : Count.refused(kind), 1);
    if (reason.text() != null) {
      meters.closedWith(kind, reason.text());
    }
    if (connected && link.connection().attribute(WebSocketHandshake.class) != null) {
      meters.webSocket().closed(link.connection().attribute(WebSocketClose.class));
    }
  }

  // WebSocketObserver.

  @Override
  public void answered(int status) {
    meters.webSocket().answered(status);
  }

  @Override
  public void roundTrip(Duration time) {
    meters.webSocket().roundTrip(time);
  }

  @Override
  public void deflated(int bytes, int compressed) {
    counters.add(Count.DEFLATED_FROM, bytes);
    counters.add(Count.DEFLATED_TO, compressed);
  }

  @Override
  public void inflated(int compressed, int bytes) {
    counters.add(Count.INFLATED_FROM, compressed);
    counters.add(Count.INFLATED_TO, bytes);
  }

  // ConnectionInfo.CounterSource.

  @Override
  public ConnectionInfo.Counters counters() {
    return new ConnectionInfo.Counters(messagesReceived, messagesSent, bytesReceived, bytesSent);
  }
}
