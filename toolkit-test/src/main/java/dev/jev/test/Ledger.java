package dev.jev.test;

import io.netty.buffer.AbstractByteBufAllocator;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.UnpooledByteBufAllocator;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The buffers of one trial: their origin, the live ones, and the first fault in their use.
 *
 * <p>Also the allocator behind {@code in.alloc()}.
 */
@SuppressWarnings("ReferenceEquality") // the very buffer, not one with equal bytes
final class Ledger extends AbstractByteBufAllocator {

  /** The memory, without Netty's leak detection, since {@link #expectNone} reports leaks. */
  private static final ByteBufAllocator MEMORY =
      new UnpooledByteBufAllocator(
          /* preferDirect= */ false, /* disableLeakDetector= */ true, /* tryNoCleaner= */ true);

  /** The number of reads per byte, in one call, from which the call counts as endless. */
  private static final long MAX_READS_PER_BYTE = 4096;

  private final Set<GuardedBuf> alive = Collections.newSetFromMap(new IdentityHashMap<>());
  private @Nullable GuardedBuf input;
  private @Nullable String fault;
  private boolean calling;
  private long bytesRead;
  private long bytesReadBefore; // the current call
  private long allocatedBytes;

  Ledger() {
    super(/* preferDirect= */ false);
  }

  /** Creates a buffer for {@code in}. */
  GuardedBuf input(int capacity, boolean direct, String name) {
    return add(new GuardedBuf(this, memory(capacity, capacity, direct), null, name, true));
  }

  private static ByteBuf memory(int capacity, int maxCapacity, boolean direct) {
    return direct
        ? MEMORY.directBuffer(capacity, maxCapacity)
        : MEMORY.heapBuffer(capacity, maxCapacity);
  }

  @Override
  protected ByteBuf newHeapBuffer(int capacity, int maxCapacity) {
    return newBuffer(capacity, maxCapacity, /* direct= */ false);
  }

  @Override
  protected ByteBuf newDirectBuffer(int capacity, int maxCapacity) {
    return newBuffer(capacity, maxCapacity, /* direct= */ true);
  }

  private ByteBuf newBuffer(int capacity, int maxCapacity, boolean direct) {
    allocatedBytes += capacity;
    String name = "buffer of " + capacity + " bytes, made by in.alloc()";
    ByteBuf memory = memory(capacity, maxCapacity, direct);
    return add(new GuardedBuf(this, memory, null, name, /* input= */ false));
  }

  @Override
  public boolean isDirectBufferPooled() {
    return false;
  }

  GuardedBuf add(GuardedBuf buffer) {
    alive.add(buffer);
    return buffer;
  }

  void remove(GuardedBuf buffer) {
    alive.remove(buffer);
    if (calling && buffer == input) {
      note("in: released by the protocol (expected: left to the framework)");
    }
  }

  /** Notes that a buffer has grown. */
  void grown(int bytes) {
    allocatedBytes += Math.max(bytes, 0);
  }

  /** Notes that a call of the protocol begins, with its input or null. */
  void enter(@Nullable GuardedBuf in) {
    input = in;
    bytesReadBefore = bytesRead;
    calling = true;
  }

  void leave() {
    calling = false;
  }

  boolean isCalling() {
    return calling;
  }

  boolean isInput(GuardedBuf buffer) {
    return buffer == input;
  }

  /** Notes that bytes of an input buffer are read. */
  void reading(GuardedBuf buffer, int bytes) {
    if (!calling) {
      return;
    }
    bytesRead += bytes;
    if (bytesRead - bytesReadBefore > MAX_READS_PER_BYTE * (buffer.capacity() + 256L)) {
      note("unpack: reads the same bytes again and again (expected: returns)");
      throw new Violation("unpack does not end");
    }
  }

  /** Notes a fault, of which the first one counts. */
  void note(String fault) {
    if (this.fault == null) {
      this.fault = fault;
    }
  }

  void expectNoFault() {
    if (fault != null) {
      throw new Violation(fault);
    }
  }

  /** Returns the number of reads of input bytes. */
  long bytesRead() {
    return bytesRead;
  }

  /** Returns the number of bytes that the protocol has allocated. */
  long allocatedBytes() {
    return allocatedBytes;
  }

  /** Returns the size of the buffers that are not released. */
  long bufferBytes() {
    return alive.stream().filter(GuardedBuf::ownsMemory).mapToLong(GuardedBuf::capacity).sum();
  }

  /** Returns the number of retained slices of a buffer. */
  int slices(ByteBuf of) {
    int slices = 0;
    for (GuardedBuf buffer : alive) {
      slices += buffer.isSliceOf(of) ? 1 : 0;
    }
    return slices;
  }

  /** Checks that every buffer was released. */
  void expectNone(String when) {
    if (alive.isEmpty()) {
      return;
    }
    List<String> names = new ArrayList<>();
    alive.forEach(buffer -> names.add(buffer.name() + ", references: " + buffer.refCnt()));
    Collections.sort(names);
    throw new Violation(
        "buffers that are not released "
            + when
            + ": "
            + alive.size()
            + " (expected: 0): "
            + String.join("; ", names.subList(0, Math.min(names.size(), 4))));
  }

  /** Releases all buffers, regardless of their owners. */
  void clear() {
    for (GuardedBuf buffer : new ArrayList<>(alive)) {
      while (buffer.refCnt() > 0) {
        buffer.release();
      }
    }
  }
}
