package dev.jev.websocket;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.util.concurrent.FastThreadLocal;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.zip.Deflater;
import java.util.zip.Inflater;
import org.jspecify.annotations.Nullable;

/**
 * The native memory of zlib that the connections of one thread share; freed when the thread ends.
 */
final class Zlib {

  /** What {@link #scratch} holds. */
  static final int SCRATCH_BYTES = 16 * 1024;

  /** After a rush so many inflaters are kept. */
  private static final int MAX_SPARE = 4;

  private static final int MAX_LEVEL = 9;

  private static final FastThreadLocal<Zlib> CURRENT =
      new FastThreadLocal<>() {
        @Override
        protected Zlib initialValue() {
          return new Zlib();
        }

        @Override
        protected void onRemoval(Zlib zlib) {
          zlib.end();
        }
      };

  /** How many deflaters and inflaters there are, shared or not. */
  private static final AtomicInteger ALIVE = new AtomicInteger();

  private final @Nullable Deflater[] deflaters = new @Nullable Deflater[MAX_LEVEL + 1];
  private final ArrayDeque<Inflater> spare = new ArrayDeque<>(MAX_SPARE);
  private final ByteBuf scratch =
      Unpooled.wrappedBuffer(ByteBuffer.allocateDirect(SCRATCH_BYTES)).clear();

  private Zlib() {}

  /** That of the current thread. */
  static Zlib current() {
    return CURRENT.get();
  }

  /** Memory to put something to, for as long as nobody else can; empty. */
  ByteBuf scratch() {
    return scratch.clear();
  }

  /** The deflater of a level, for as long as nobody else can want it; to be reset. */
  Deflater deflater(int level) {
    Deflater deflater = deflaters[level];
    if (deflater == null) {
      deflater = newDeflater(level);
      deflaters[level] = deflater;
    }
    return deflater;
  }

  static Deflater newDeflater(int level) {
    Deflater deflater = new Deflater(level, /* nowrap= */ true);
    ALIVE.incrementAndGet();
    return deflater;
  }

  static void end(Deflater deflater) {
    ALIVE.decrementAndGet();
    deflater.end();
  }

  /** An inflater, to be reset and given back. */
  Inflater borrowInflater() {
    Inflater inflater = spare.poll();
    if (inflater == null) {
      inflater = new Inflater(/* nowrap= */ true);
      ALIVE.incrementAndGet();
    }
    return inflater;
  }

  void giveBack(Inflater inflater) {
    if (spare.size() < MAX_SPARE) {
      spare.push(inflater);
    } else {
      end(inflater);
    }
  }

  private static void end(Inflater inflater) {
    ALIVE.decrementAndGet();
    inflater.end();
  }

  private void end() {
    for (Deflater deflater : deflaters) {
      if (deflater != null) {
        end(deflater);
      }
    }
    spare.forEach(Zlib::end);
    spare.clear();
  }

  static int alive() {
    return ALIVE.get();
  }
}
