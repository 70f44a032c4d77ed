package dev.jev.benchmarks.codecs;

import dev.jev.CloseReason;
import dev.jev.DeadlineWheel;
import dev.jev.ProtocolContext;
import dev.jev.ScheduledTask;
import io.netty.buffer.ByteBuf;
import java.net.SocketAddress;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** A wire whose peer hears nothing, with the limit that a server has by default. */
final class SilentWire implements ProtocolContext {

  static final int MAX_FRAME_BYTES = 1 << 20;

  @Override
  public void ready() {}

  @Override
  public boolean isReady() {
    return true;
  }

  @Override
  public void write(ByteBuf bytes) {
    bytes.release();
  }

  @Override
  public void close(CloseReason reason) {}

  @Override
  public void closeNow(CloseReason reason) {}

  @Override
  public DeadlineWheel deadlineWheel(Duration span) {
    throw new IllegalStateException("wheel: " + span + " (expected: none)");
  }

  @Override
  public long readingSince() {
    return 0;
  }

  @Override
  public ScheduledTask runAfter(Duration delay, Runnable task) {
    throw new IllegalStateException("timer: " + delay + " (expected: none)");
  }

  @Override
  public <T> void attribute(Class<T> type, @Nullable T value) {}

  @Override
  public <T> @Nullable T attribute(Class<T> type) {
    return null;
  }

  @Override
  public @Nullable SocketAddress remoteAddress() {
    return null;
  }

  @Override
  public int maxFrameBytes() {
    return MAX_FRAME_BYTES;
  }
}
