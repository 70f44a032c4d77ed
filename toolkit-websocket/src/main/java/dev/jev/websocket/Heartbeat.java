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
 * Asks the peer of one connection again and again whether it is there (RFC 6455, 5.5.2).
 *
 * <pre>
 *   RESTING --ping is due--&gt; WAITING --bytes have come--&gt; RESTING
 *                                    --none for too long--&gt; gone
 * </pre>
 *
 * <p>Any byte is a sign of life, since a pong may be behind a long message; how long the way is
 * tells the pong only. A ping is not sent, and none is waited for, while nothing is read: a peer
 * that does not take its output is the matter of {@link
 * dev.jev.plugin.Limits.Builder#writeStallTimeout}. So one ping at most waits for its answer.
 *
 * <p>Of the eight bytes of a ping four are the connection's, by which its pongs are told from those
 * that others have asked for, and four are its own.
 *
 * <p>Event loop only.
 */
final class Heartbeat extends DeadlineWheel.Entry {

  private static final int PAYLOAD_BYTES = 8;

  private final ControlPolicy policy;
  private final MessageWriter writer;
  private final ProtocolContext context;
  private final DeadlineWheel wheel;
  private final int mark = Masking.newKey();
  private int ping;
  private long pinged;
  private long due; // the next ping, or the answer to the last one
  private boolean waiting;
  private boolean heard; // something since the last ping
  private boolean answered = true;
  private boolean gone;

  Heartbeat(ControlPolicy policy, MessageWriter writer, ProtocolContext context) {
    this.policy = policy;
    this.writer = writer;
    this.context = context;
    this.wheel = context.deadlineWheel(policy.span());
  }

  void begin() {
    due = wheel.now() + policy.nextPingNanos();
    wheel.schedule(this, due);
  }

  /** Bytes have come. Called for every read: must not allocate. */
  void heard() {
    heard = true;
  }

  /** Whether the peer was given up, so that there is nobody to say goodbye to. */
  boolean isPeerGone() {
    return gone;
  }

  /** Takes a pong if it is an answer to one of these pings, though perhaps not to the last one. */
  boolean take(ByteBuf in, int index, int length) {
    if (length != PAYLOAD_BYTES || in.getInt(index) != mark) {
      return false;
    }
    if (!answered && in.getInt(index + Integer.BYTES) == ping) {
      answered = true;
      measure(wheel.now());
    }
    return true;
  }

  /** Tells the time from ping to pong, unless the pong had to wait for somebody to read it. */
  private void measure(long now) {
    if (context.readingSince() - pinged > 0) {
      return;
    }
    WebSocketRoundTrip known = context.attribute(WebSocketRoundTrip.class);
    if (known == null) {
      context.attribute(WebSocketRoundTrip.class, new WebSocketRoundTrip(now - pinged));
    } else {
      known.add(now - pinged);
    }
  }

  @Override
  protected long deadline(long now) {
    if (waiting && heard) {
      waiting = false;
      due = pinged + policy.nextPingNanos();
    }
    if (due - now > 0) {
      return due;
    }
    long reading = context.readingSince();
    boolean deaf = reading - now >= 0;
    long heardFrom = reading + policy.pongNanos();
    return (waiting || deaf) && heardFrom - due > 0 ? heardFrom : due;
  }

  @Override
  protected void expire() {
    if (waiting) {
      gone = true;
      context.closeNow(new CloseReason(Kind.TIMEOUT, new ProtocolException(silence())));
      return;
    }
    waiting = true;
    heard = false;
    answered = false;
    ping = Masking.newKey();
    pinged = wheel.now();
    due = pinged + policy.pongNanos();
    sendPing();
    wheel.schedule(this, due);
  }

  private void sendPing() {
    ByteBuf payload = Unpooled.buffer(PAYLOAD_BYTES).writeInt(mark).writeInt(ping);
    context.write(writer.frame(FrameHeader.PING, payload));
    payload.release();
  }

  private String silence() {
    return "pong: none within " + Duration.ofNanos(policy.pongNanos()) + " (expected: one)";
  }
}
