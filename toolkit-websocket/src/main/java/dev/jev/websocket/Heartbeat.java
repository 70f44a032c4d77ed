package dev.jev.websocket;

import dev.jev.CloseReason;
import dev.jev.CloseReason.Kind;
import dev.jev.DeadlineWheel;
import dev.jev.ProtocolContext;
import dev.jev.ProtocolException;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.time.Duration;

/**
 * Sends pings to the peer of one connection and detects that the peer is gone (RFC 6455, 5.5.2).
 *
 * <pre>
 *   RESTING --ping sent--&gt; WAITING --bytes received--&gt; RESTING
 *                                  --none in time----&gt; GONE
 * </pre>
 *
 * <p>Any byte is a sign of life, since the pong may be queued behind a long message. Only the pong
 * measures the round-trip time. While nothing is read, no ping is sent and none times out: a peer
 * that takes no output is detected by {@link dev.jev.plugin.Limits.Builder#writeStallTimeout}. So
 * at most one ping is outstanding.
 *
 * <p>A ping has eight bytes of payload. The first four identify the connection's heartbeat, so that
 * its pongs can be told from the answers to the handler's pings. The last four identify the ping.
 *
 * <p>Event loop only.
 */
final class Heartbeat extends DeadlineWheel.Entry {

  private static final int PAYLOAD_BYTES = 8;

  private final ControlPolicy policy;
  private final MessageWriter writer;
  private final ProtocolContext context;
  private final DeadlineWheel wheel;
  private final int heartbeatId = Masking.newKey();
  private int pingId; // of the latest ping
  private long pingTime; // of the latest ping
  private long due; // time of the next ping, or deadline of the latest one
  private boolean waiting;
  private boolean received; // a byte since the latest ping
  private boolean answered = true; // the latest ping has its pong
  private boolean gone;

  Heartbeat(ControlPolicy policy, MessageWriter writer, ProtocolContext context) {
    this.policy = policy;
    this.writer = writer;
    this.context = context;
    this.wheel = context.deadlineWheel(policy.maxDelay());
  }

  void begin() {
    due = wheel.now() + policy.nextPingNanos();
    wheel.schedule(this, due);
  }

  /** Notes a sign of life. Called per read: must not allocate. */
  void bytesReceived() {
    received = true;
  }

  /** Returns whether the peer is considered gone, so that no close frame is sent. */
  boolean isPeerGone() {
    return gone;
  }

  /** Returns whether a pong answers a ping of this heartbeat, be it the latest one or not. */
  boolean acceptPong(ByteBuf in, int index, int length) {
    if (length != PAYLOAD_BYTES || in.getInt(index) != heartbeatId) {
      return false;
    }
    if (!answered && in.getInt(index + Integer.BYTES) == pingId) {
      answered = true;
      measure(wheel.now());
    }
    return true;
  }

  /** Updates the round-trip time, unless reading was paused after the ping. */
  private void measure(long now) {
    if (context.readingSince() - pingTime > 0) {
      return;
    }
    Opening.observer(context).roundTrip(Duration.ofNanos(now - pingTime));
    WebSocketRoundTrip roundTrip = context.attribute(WebSocketRoundTrip.class);
    if (roundTrip == null) {
      context.attribute(WebSocketRoundTrip.class, new WebSocketRoundTrip(now - pingTime));
    } else {
      roundTrip.add(now - pingTime);
    }
  }

  @Override
  protected long deadline(long now) {
    if (waiting && received) {
      waiting = false;
      due = pingTime + policy.nextPingNanos();
    }
    if (due - now > 0) {
      return due;
    }
    long readingSince = context.readingSince();
    boolean paused = readingSince - now >= 0;
    long earliest = readingSince + policy.pongNanos();
    return (waiting || paused) && earliest - due > 0 ? earliest : due;
  }

  @Override
  protected void expire() {
    if (waiting) {
      gone = true;
      context.closeNow(new CloseReason(Kind.TIMEOUT, new ProtocolException(description())));
      return;
    }
    waiting = true;
    received = false;
    answered = false;
    pingId = Masking.newKey();
    pingTime = wheel.now();
    due = pingTime + policy.pongNanos();
    sendPing();
    wheel.schedule(this, due);
  }

  private void sendPing() {
    ByteBuf payload = Unpooled.buffer(PAYLOAD_BYTES).writeInt(heartbeatId).writeInt(pingId);
    context.write(writer.frame(FrameHeader.PING, payload));
    payload.release();
  }

  private String description() {
    return "pong: none within " + Duration.ofNanos(policy.pongNanos()) + " (expected: one)";
  }
}
