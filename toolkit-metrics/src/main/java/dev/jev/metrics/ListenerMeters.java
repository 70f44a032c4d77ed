package dev.jev.metrics;

import dev.jev.CloseReason;
import dev.jev.plugin.LoopCounters;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import org.jspecify.annotations.Nullable;

/** The meters of one listener of a server, or of a client. */
final class ListenerMeters {

  private final MeterRegistry registry;
  private final Tags tags;
  private final LoopCounters counters = new LoopCounters(Count.SIZE);
  private final CloseTexts texts = new CloseTexts();
  private final Timer handshake;
  private final Timer stalls;
  private volatile @Nullable WebSocketMeters webSocket; // null before the first WebSocket

  ListenerMeters(MeterRegistry registry, Tags tags) {
    this.registry = registry;
    this.tags = tags;
    register();
    handshake =
        Timer.builder("jev.connections.handshake")
            .description("Time from the accept or connect until all handshakes are complete")
            .tags(tags)
            .register(registry);
    stalls =
        Timer.builder("jev.writes.stalled")
            .description("Time for which the output to a peer exceeded its watermarks")
            .tags(tags)
            .register(registry);
  }

  private void register() {
    Gauge.builder("jev.connections", this, ListenerMeters::open)
        .description("Open connections")
        .tags(tags)
        .strongReference(true)
        .register(registry);
    gauge("jev.connections.stalled", Count.STALLED, "Connections whose peers do not keep up");
    counter("jev.connections.opened", Count.OPENED, "Connections that were opened", null);
    for (CloseReason.Kind reason : CloseReason.Kind.values()) {
      Tags withReason = tags.and("reason", Names.of(reason));
      counter(
          "jev.connections.closed",
          Count.closed(reason),
          "Open connections that were closed",
          null,
          withReason);
      counter(
          "jev.connections.refused",
          Count.refused(reason),
          "Connections that were closed before their handshakes were complete",
          null,
          withReason);
    }
    counter(
        "jev.messages.received",
        Count.MESSAGES_RECEIVED,
        "Messages that were delivered to the handler",
        null);
    counter("jev.messages.sent", Count.MESSAGES_SENT, "Messages that were packed", null);
    counter(
        "jev.bytes.received",
        Count.BYTES_RECEIVED,
        "Bytes before they are unpacked, after decryption",
        "bytes");
    counter(
        "jev.bytes.sent", Count.BYTES_SENT, "Bytes that were packed, before encryption", "bytes");
  }

  private void gauge(String name, int count, String description) {
    Gauge.builder(name, this, meters -> meters.sum(count))
        .description(description)
        .tags(tags)
        .strongReference(true)
        .register(registry);
  }

  private void counter(String name, int count, String description, @Nullable String unit) {
    counter(name, count, description, unit, tags);
  }

  private void counter(
      String name, int count, String description, @Nullable String unit, Tags tags) {
    FunctionCounter.builder(name, this, meters -> meters.sum(count))
        .description(description)
        .baseUnit(unit)
        .tags(tags)
        .register(registry);
  }

  /** Returns the counters of the calling event loop. */
  LoopCounters.OfLoop counters() {
    return counters.current();
  }

  /** Returns the sum of a counter over all event loops. */
  private long sum(int count) {
    return counters.sum(count);
  }

  /** Counts a close with a text, which the program has chosen. */
  void closedWith(CloseReason.Kind kind, String text) {
    Counter.builder("jev.connections.closed.texts")
        .description("Connections that were closed with a text")
        .tags(tags.and("reason", Names.of(kind), "text", texts.nameOf(text)))
        .register(registry)
        .increment();
  }

  private long open() {
    long closed = 0;
    for (CloseReason.Kind reason : CloseReason.Kind.values()) {
      closed += sum(Count.closed(reason));
    }
    return sum(Count.OPENED) - closed; // last, so that none has closed that has not opened
  }

  Timer handshake() {
    return handshake;
  }

  Timer stalls() {
    return stalls;
  }

  /** Returns the meters of WebSocket connections, registered at the first call. */
  WebSocketMeters webSocket() {
    WebSocketMeters meters = webSocket;
    return meters != null ? meters : newWebSocket();
  }

  private synchronized WebSocketMeters newWebSocket() {
    WebSocketMeters meters = webSocket;
    if (meters == null) {
      meters = new WebSocketMeters(registry, tags);
      counter(
          "jev.websocket.deflate.input",
          Count.DEFLATED_FROM,
          "Bytes of messages before their compression",
          "bytes");
      counter(
          "jev.websocket.deflate.output",
          Count.DEFLATED_TO,
          "Bytes of messages after their compression",
          "bytes");
      counter(
          "jev.websocket.inflate.input",
          Count.INFLATED_FROM,
          "Bytes of messages before their decompression",
          "bytes");
      counter(
          "jev.websocket.inflate.output",
          Count.INFLATED_TO,
          "Bytes of messages after their decompression",
          "bytes");
      ratio("sent", Count.DEFLATED_TO, Count.DEFLATED_FROM);
      ratio("received", Count.INFLATED_FROM, Count.INFLATED_TO);
      webSocket = meters;
    }
    return meters;
  }

  private void ratio(String direction, int compressed, int bytes) {
    Gauge.builder(
            "jev.websocket.compression.ratio",
            this,
            meters -> (double) meters.sum(compressed) / meters.sum(bytes)) // NaN if there are none
        .description("Compressed size of all compressed messages so far, relative to their size")
        .tags(tags.and("direction", direction))
        .strongReference(true)
        .register(registry);
  }
}
