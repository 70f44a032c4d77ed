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
 * The deflaters and inflaters that the connections of one thread share. Their native memory is
 * freed when the thread ends.
 */
final class Zlib {

  /** Capacity of {@link #scratch}. */
  static final int SCRATCH_BYTES = 16 * 1024;

  /** Maximum number of unused inflaters that are kept. */
  private static final int MAX_SPARE = 4;

  private static final int MAX_LEVEL = 9;

  /** Number of inflated bytes after which the other connections of the thread have their turn. */
  private static final int TURN_BYTES = 1 << 20;

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

  /** Number of deflaters and inflaters that are not freed, shared or not. */
  private static final AtomicInteger ALIVE = new AtomicInteger();

  private final @Nullable Deflater[] deflaters = new @Nullable Deflater[MAX_LEVEL + 1];
  private final ArrayDeque<Inflater> spare = new ArrayDeque<>(MAX_SPARE);
  private final ByteBuf scratch =
      Unpooled.wrappedBuffer(ByteBuffer.allocateDirect(SCRATCH_BYTES)).clear();
  private int inflatedBytes; // since a connection has ended its turn because of them

  private Zlib() {}

  /** Returns the instance of the current thread. */
  static Zlib current() {
    return CURRENT.get();
  }

  /** Returns the empty scratch buffer of the thread. Valid until the next call of this method. */
  ByteBuf scratch() {
    return scratch.clear();
  }

  /**
   * Returns the deflater of the thread for a level. Valid until the next call for this level; the
   * caller resets it before use.
   */
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

  /** Returns an inflater. The caller resets it before use and returns it with {@link #recycle}. */
  Inflater borrowInflater() {
    Inflater inflater = spare.poll();
    if (inflater == null) {
      inflater = new Inflater(/* nowrap= */ true);
      ALIVE.incrementAndGet();
    }
    return inflater;
  }

  /** Keeps an inflater for later use, or frees it if there are enough unused ones. */
  void recycle(Inflater inflater) {
    if (spare.size() < MAX_SPARE) {
      spare.push(inflater);
    } else {
      end(inflater);
    }
  }

  /** Notes that bytes were inflated. */
  void inflated(int bytes) {
    inflatedBytes += bytes;
  }

  /** Returns, once, whether so much was inflated that the connection should end its turn. */
  boolean isTurnOver() {
    boolean over = inflatedBytes >= TURN_BYTES;
    if (over) {
      inflatedBytes = 0;
    }
    return over;
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

  /** Returns the number of deflaters and inflaters of all threads; for leak checks. */
  static int alive() {
    return ALIVE.get();
  }
}
