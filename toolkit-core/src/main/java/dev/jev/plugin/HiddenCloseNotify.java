package dev.jev.plugin;

import io.netty.buffer.AbstractByteBufAllocator;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.handler.ssl.ReferenceCountedOpenSslEngine;
import io.netty.internal.tcnative.Buffer;
import io.netty.internal.tcnative.SSL;
import io.netty.util.concurrent.FastThreadLocal;
import java.nio.ByteBuffer;
import javax.net.ssl.SSLException;
import org.jspecify.annotations.Nullable;

/**
 * Hides a {@code close_notify} from Netty's engine for BoringSSL, so that the engine can still send
 * afterwards.
 *
 * <p>In TLS 1.3 a {@code close_notify} ends one direction only (RFC 8446, 6.1), and BoringSSL sends
 * after it has received one. But Netty's engine ends the output as soon as it sees that BoringSSL
 * has received one. The record does not tell: it looks like one with data.
 *
 * <p>So a record that may be a {@code close_notify} is passed to the engine with an array as the
 * destination. For that case the engine asks its allocator for a direct buffer, after it has passed
 * the record to BoringSSL and before it asks BoringSSL for the data. This is the allocator. It asks
 * BoringSSL for no bytes, which decrypts the record, and if that was a {@code close_notify}, the
 * allocation fails. Everything else is left to the engine. An engine that does not ask the
 * allocator sees the {@code close_notify} and ends its output.
 *
 * <p><b>Threads.</b> All engines share the allocator. A thread reads one record at a time.
 */
final class HiddenCloseNotify extends AbstractByteBufAllocator {

  private static final int MAX_RECORD = TlsRecord.HEADER + TlsRecord.MAX_HIDDEN_ALERT;

  /** The allocator of all engines of BoringSSL. */
  static final ByteBufAllocator ALLOCATOR = new HiddenCloseNotify(ByteBufAllocator.DEFAULT);

  private static final FastThreadLocal<Reading> READING =
      new FastThreadLocal<>() {
        @Override
        protected Reading initialValue() {
          return new Reading();
        }
      };

  private final ByteBufAllocator allocator;

  private HiddenCloseNotify(ByteBufAllocator allocator) {
    super(/* preferDirect= */ true);
    this.allocator = allocator;
  }

  /**
   * Reads a complete record.
   *
   * @return its data, possibly none, until the next call on this thread; or null if the record was
   *     a {@code close_notify}
   */
  static @Nullable ByteBuffer read(ReferenceCountedOpenSslEngine engine, ByteBuf record)
      throws SSLException {
    Reading reading = READING.get();
    reading.record.clear().limit(record.readableBytes());
    record.readBytes(reading.record);
    reading.ssl = engine.sslPointer();
    try {
      engine.unwrap(reading.record.flip(), reading.data.clear());
      return engine.isInboundDone() ? null : reading.data.flip();
    } catch (Received e) {
      return null;
    } finally {
      reading.ssl = 0;
    }
  }

  @Override
  protected ByteBuf newDirectBuffer(int initialCapacity, int maxCapacity) {
    READING.get().failAfterCloseNotify();
    return allocator.directBuffer(initialCapacity, maxCapacity);
  }

  @Override
  protected ByteBuf newHeapBuffer(int initialCapacity, int maxCapacity) {
    return allocator.heapBuffer(initialCapacity, maxCapacity);
  }

  @Override
  public boolean isDirectBufferPooled() {
    return allocator.isDirectBufferPooled();
  }

  /** The buffers of a thread, and the engine that reads. */
  private static final class Reading {

    final ByteBuffer record = ByteBuffer.allocateDirect(MAX_RECORD);
    final long address = Buffer.address(record);
    final ByteBuffer data = ByteBuffer.allocate(MAX_RECORD); // not direct: see above
    long ssl; // the object of BoringSSL that is given a record; otherwise 0

    void failAfterCloseNotify() {
      if (ssl != 0) {
        int read = SSL.readFromSSL(ssl, address, 0);
        if (SSL.getError(ssl, read) == SSL.SSL_ERROR_ZERO_RETURN) {
          throw new Received();
        }
        ssl = 0;
      }
    }
  }

  /** The failure of an allocation after a {@code close_notify}. */
  private static final class Received extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Received() {
      super("close_notify", null, /* enableSuppression= */ false, /* writableStackTrace= */ false);
    }
  }
}
