package dev.jev.benchmarks;

import dev.jev.CloseReason;
import dev.jev.Timer;
import dev.jev.Wire;
import io.netty.buffer.ByteBuf;
import java.time.Duration;

/** A wire whose peer hears nothing, with the limit that a server has by default. */
final class SilentWire implements Wire {

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
  public Timer runAfter(Duration delay, Runnable task) {
    throw new IllegalStateException("timer: " + delay + " (expected: none)");
  }

  @Override
  public <T> void attribute(Class<T> type, T value) {}

  @Override
  public int maxFrameBytes() {
    return MAX_FRAME_BYTES;
  }
}
