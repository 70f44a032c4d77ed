package dev.jev.plugin;

import static java.util.concurrent.TimeUnit.NANOSECONDS;

import dev.jev.DeadlineWheel;
import dev.jev.EventLoopWheel;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.embedded.EmbeddedChannel;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;

/** A channel whose time the test moves, and whose socket takes the bytes that the test allows. */
final class SlowChannel extends EmbeddedChannel {

  private final Map<Duration, DeadlineWheel> wheels = new HashMap<>();
  private int room;

  SlowChannel() {
    freezeTime();
  }

  @Override
  protected void doWrite(ChannelOutboundBuffer in) {
    ByteBuf first = (ByteBuf) in.current();
    int taken = first == null ? 0 : Math.min(room, first.readableBytes());
    room = 0;
    if (taken > 0) {
      in.removeBytes(taken);
    }
  }

  void write(int bytes) {
    unsafe().write(Unpooled.wrappedBuffer(new byte[bytes]), unsafe().voidPromise());
    unsafe().flush();
  }

  /** Lets the socket take {@code bytes} of the pending output. */
  void take(int bytes) {
    room = bytes;
    unsafe().flush();
  }

  /** Moves the time, and runs each timer when it is due. */
  void pass(long nanos) {
    for (long left = nanos; left > 0; ) {
      long next = untilNextTimer();
      long step = next < 0 ? left : Math.min(Math.max(next, 1), left);
      halt(step);
      left -= step;
    }
  }

  /** Moves the time at once, as if the loop had been blocked, and then runs the due timers. */
  void halt(long nanos) {
    advanceTimeBy(nanos, NANOSECONDS);
    runPendingTasks();
  }

  /** Returns the shared wheel of a maximum delay. */
  DeadlineWheel wheel(Duration span) {
    return wheels.computeIfAbsent(span, s -> EventLoopWheel.of(eventLoop(), s));
  }

  long now() {
    return eventLoop().ticker().nanoTime();
  }

  /** Returns the nanoseconds until the next timer; -1 if there is none. */
  long untilNextTimer() {
    return runScheduledPendingTasks();
  }
}
