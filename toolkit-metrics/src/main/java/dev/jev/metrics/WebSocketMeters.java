package dev.jev.metrics;

import dev.jev.websocket.WebSocketClose;
import dev.jev.websocket.WebSocketMessage.Close;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** The meters of the WebSocket connections of one listener of a server, or of a client. */
final class WebSocketMeters {

  /** RFC 6455, 7.1.5: stands for a connection that ended without a close frame. */
  private static final int ABNORMAL = 1006;

  private final MeterRegistry registry;
  private final Tags tags;
  private final Timer roundTrip;

  WebSocketMeters(MeterRegistry registry, Tags tags) {
    this.registry = registry;
    this.tags = tags;
    this.roundTrip =
        Timer.builder("jev.websocket.roundtrip")
            .description("Time from a ping of the heartbeat to its pong")
            .publishPercentiles(0.5, 0.99)
            .tags(tags)
            .register(registry);
  }

  void answered(int status) {
    Counter.builder("jev.websocket.upgrades")
        .description("Answers to requests to open a WebSocket")
        .tags(tags.and("status", Names.status(status)))
        .register(registry)
        .increment();
  }

  void roundTrip(Duration time) {
    roundTrip.record(time);
  }

  /** Counts the end of a WebSocket by the code of the peer's close frame, or else of this end's. */
  void closed(@Nullable WebSocketClose close) {
    Close frame = close == null ? null : close.received() != null ? close.received() : close.sent();
    Counter.builder("jev.websocket.closes")
        .description("WebSockets that were closed")
        .tags(tags.and("code", Names.closeCode(frame == null ? ABNORMAL : frame.code())))
        .register(registry)
        .increment();
  }
}
