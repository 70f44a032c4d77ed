package dev.jev.codec;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.jev.CloseReason;
import dev.jev.DeadlineWheel;
import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import dev.jev.ProtocolException;
import dev.jev.ScheduledTask;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.util.ReferenceCountUtil;
import java.lang.management.ManagementFactory;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Function;
import java.util.function.IntSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A protocol as a fuzzer sees it: whatever bytes come, however they are cut, it has to keep its
 * promises.
 *
 * <p>Bytes are given to it as the framework would, with small frames. The cuts follow from the
 * input, so that an input is nothing but the bytes on the wire.
 *
 * @param <I> the messages that come in
 * @param <V> what they are compared as, after their buffers are gone
 */
final class FuzzedProtocol<I, V> {

  /**
   * What became of an input.
   *
   * @param written what the protocol wrote of its own accord
   */
  record Outcome<V>(List<V> messages, boolean refused, String written) {}

  /** Small, so that a fuzzer easily comes up with longer frames. */
  private static final int MAX_FRAME_BYTES = 256;

  /** So much that a declared length which allocates memory is noticed. */
  private static final int LARGE_FRAME_BYTES = 1 << 30;

  private static final long ALLOCATED_BYTES = 256 * 1024;
  private static final long ALLOCATED_BYTES_PER_MESSAGE = 2 * 1024;
  private static final long ALLOCATED_BYTES_PER_BYTE =
      System.getProperty("JAZZER_FUZZ") == null ? 256 : 4096; // what is traced takes memory, too

  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  private final Supplier<? extends Protocol<I, ?>> protocols;
  private final Function<? super I, ? extends V> value;
  private final int maxFrameBytes;

  FuzzedProtocol(
      Supplier<? extends Protocol<I, ?>> protocols, Function<? super I, ? extends V> value) {
    this(protocols, value, MAX_FRAME_BYTES);
  }

  FuzzedProtocol(
      Supplier<? extends Protocol<I, ?>> protocols,
      Function<? super I, ? extends V> value,
      int maxFrameBytes) {
    this.protocols = protocols;
    this.value = value;
    this.maxFrameBytes = maxFrameBytes;
  }

  /** One whose messages are buffers; they are compared as text, a character for each byte. */
  static FuzzedProtocol<ByteBuf, String> ofBuffers(
      Supplier<? extends Protocol<ByteBuf, ?>> protocols) {
    return new FuzzedProtocol<>(protocols, bytes -> bytes.toString(ISO_8859_1));
  }

  /** Checks that {@code input} means the same in one read, byte by byte and in pieces. */
  Outcome<V> understands(byte[] input) {
    Outcome<V> whole = inOneRead(input);
    assertThat(inPieces(input, () -> 1)).as("byte by byte").isEqualTo(whole);
    assertThat(inPieces(input, cuts(input))).as("in pieces").isEqualTo(whole);
    return whole;
  }

  Outcome<V> inOneRead(byte[] input) {
    return inPieces(input, () -> input.length);
  }

  /** What comes of {@code input} if each read brings as many bytes as {@code pieces} says. */
  Outcome<V> inPieces(byte[] input, IntSupplier pieces) {
    return new Run(maxFrameBytes).reads(input, pieces);
  }

  /** Checks that little is allocated if there is practically no limit to the length of a frame. */
  Outcome<V> inLargeFrames(byte[] input) {
    Run run = new Run(LARGE_FRAME_BYTES);
    Outcome<V> outcome = run.reads(input, () -> input.length);
    long limit =
        ALLOCATED_BYTES
            + ALLOCATED_BYTES_PER_BYTE * input.length
            + ALLOCATED_BYTES_PER_MESSAGE * outcome.messages().size();
    if (run.allocatedBytes > limit) { // once more: the first time classes may have been loaded
      run = new Run(LARGE_FRAME_BYTES);
      assertThat(run.reads(input, () -> input.length)).isEqualTo(outcome);
      assertThat(run.allocatedBytes).as("allocated bytes").isLessThanOrEqualTo(limit);
    }
    return outcome;
  }

  /** Checks that messages are the same after having been packed; returns the bytes between. */
  <O> byte[] repeats(List<V> messages, Protocol<?, O> packer, Function<? super V, O> message) {
    byte[] packed = pack(messages, packer, message);
    Outcome<V> again = inLargeFrames(packed);
    assertThat(again.messages()).as("messages that were packed").isEqualTo(messages);
    assertThat(again.refused()).as("packed messages are refused").isFalse();
    return packed;
  }

  private static <O, V> byte[] pack(
      List<V> messages, Protocol<?, O> packer, Function<? super V, O> message) {
    ByteBuf out = Unpooled.buffer();
    for (V each : messages) {
      O packed = message.apply(each);
      packer.pack(packed, out);
      ByteBuf tail = packer.zeroCopyTail(packed);
      if (tail != null) {
        out.writeBytes(tail, tail.readerIndex(), tail.readableBytes());
      }
      ReferenceCountUtil.release(packed);
    }
    byte[] bytes = new byte[out.readableBytes()];
    out.readBytes(bytes).release();
    return bytes;
  }

  /** Pieces of all sizes, always the same for the same bytes. */
  static IntSupplier cuts(byte[] input) {
    SplittableRandom random = new SplittableRandom(Arrays.hashCode(input));
    return () -> 1 + random.nextInt(1 << random.nextInt(8));
  }

  /** A connection from its beginning to its end. */
  private final class Run implements ProtocolContext {

    private final UnpooledByteBufAllocator allocator =
        new UnpooledByteBufAllocator(/* preferDirect= */ true, /* disableLeakDetector= */ true);
    private final Protocol<I, ?> protocol = protocols.get();
    private final int maxFrameBytes;
    private final List<V> messages = new ArrayList<>();
    private final StringBuilder written = new StringBuilder();

    private ByteBuf unread = Unpooled.EMPTY_BUFFER;
    private boolean ready;
    private boolean readyDue;
    private boolean refused;
    private boolean closed;
    private long allocatedBytes;

    Run(int maxFrameBytes) {
      this.maxFrameBytes = maxFrameBytes;
    }

    Outcome<V> reads(byte[] input, IntSupplier pieces) {
      protocol.open(this);
      ready = readyDue;
      int start = 0;
      while (start < input.length && !closed) {
        int end = Math.min(input.length, start + pieces.getAsInt());
        read(input, start, end);
        start = end;
      }
      CloseReason.Kind why =
          closed ? CloseReason.Kind.PROTOCOL_ERROR : CloseReason.Kind.PEER_CLOSED;
      protocol.close(this, CloseReason.of(why));
      unread.release();
      assertThat(allocator.metric().usedDirectMemory()).as("direct bytes not released").isZero();
      assertThat(allocator.metric().usedHeapMemory()).as("heap bytes not released").isZero();
      return new Outcome<>(messages, refused, written.toString());
    }

    private void read(byte[] input, int start, int end) {
      addToUnread(input, start, end - start);
      while ((unread.isReadable() || protocol.pendingMessages() > 0) && !closed && unpackNext()) {
        // The next message.
      }
    }

    /** Where there is room; else what is left over moves to another buffer. */
    private void addToUnread(byte[] input, int start, int length) {
      if (!unread.isReadable() || !unread.isWritable(length)) {
        ByteBuf larger = allocator.buffer(Math.max(16, 2 * unread.readableBytes() + length));
        larger.writeBytes(unread);
        unread.release();
        unread = larger;
      }
      unread.writeBytes(input, start, length);
    }

    /** Returns whether there may be another message. */
    private boolean unpackNext() {
      int readable = unread.readableBytes();
      int held = protocol.pendingMessages();
      I message;
      long before = THREADS.getCurrentThreadAllocatedBytes();
      try {
        message = protocol.unpack(this, unread);
      } catch (ProtocolException e) {
        refuse();
        return false;
      } finally {
        allocatedBytes += THREADS.getCurrentThreadAllocatedBytes() - before;
      }
      if (message != null) {
        take(message, unread.readableBytes() < readable || protocol.pendingMessages() < held);
        return true;
      }
      if (readyDue && !ready) {
        ready = true;
        return true;
      }
      if (unread.readableBytes() > maxFrameBytes) {
        refuse();
      }
      return false;
    }

    private void take(I message, boolean consumed) {
      if (!ready || !consumed) {
        throw new AssertionError((ready ? "took no byte for " : "was not ready for ") + message);
      }
      messages.add(value.apply(message));
      ReferenceCountUtil.release(message);
    }

    private void refuse() {
      refused = true;
      closed = true;
    }

    @Override
    public void ready() {
      readyDue = true;
    }

    @Override
    public boolean isReady() {
      return ready;
    }

    @Override
    public void write(ByteBuf bytes) {
      written.append(bytes.toString(ISO_8859_1));
      bytes.release();
    }

    @Override
    public void close(CloseReason reason) {
      closed = true;
    }

    @Override
    public void closeNow(CloseReason reason) {
      closed = true;
    }

    @Override
    public DeadlineWheel deadlineWheel(Duration span) {
      throw new AssertionError("wheel of " + span);
    }

    @Override
    public long readingSince() {
      throw new AssertionError("readingSince");
    }

    @Override
    public ScheduledTask runAfter(Duration delay, Runnable task) {
      return () -> {}; // no time passes here
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
      return maxFrameBytes;
    }
  }
}
