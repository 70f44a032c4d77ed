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
 * All buffers of one trial: who made them, which still exist, and what was done to them that must
 * not be done.
 *
 * <p>It is also the allocator behind {@code in.alloc()}.
 */
@SuppressWarnings("ReferenceEquality") // the very buffer, not one with equal bytes
final class Ledger extends AbstractByteBufAllocator {

  /** Netty's own leak detection stays out of it: a leak is reported by {@link #expectNone}. */
  private static final ByteBufAllocator MEMORY =
      new UnpooledByteBufAllocator(
          /* preferDirect= */ false, /* disableLeakDetector= */ true, /* tryNoCleaner= */ true);

  /** A call that has looked at this many bytes for each one that is there goes round in circles. */
  private static final long CIRCLES = 4096;

  private final Set<GuardedBuf> alive = Collections.newSetFromMap(new IdentityHashMap<>());
  private @Nullable GuardedBuf input;
  private @Nullable String fault;
  private boolean calling;
  private long looked;
  private long lookedBefore;
  private long made;

  Ledger() {
    super(/* preferDirect= */ false);
  }

  /** Makes the buffer that is going to be {@code in}. */
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
    made += capacity;
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

  /** A buffer has grown. */
  void grown(int bytes) {
    made += Math.max(bytes, 0);
  }

  /** A call of the protocol begins, with these bytes if it is {@code unpack}. */
  void enter(@Nullable GuardedBuf in) {
    input = in;
    lookedBefore = looked;
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

  /** Bytes of an input buffer were read. */
  void look(GuardedBuf buffer, int bytes) {
    if (!calling) {
      return;
    }
    looked += bytes;
    if (looked - lookedBefore > CIRCLES * (buffer.capacity() + 256L)) {
      note("unpack: looks at the same bytes again and again (expected: returns)");
      throw new Violation("unpack does not end");
    }
  }

  void note(String what) {
    if (fault == null) {
      fault = what;
    }
  }

  void expectNoFault() {
    if (fault != null) {
      throw new Violation(fault);
    }
  }

  /** How many bytes of input were looked at. */
  long looked() {
    return looked;
  }

  /** How many bytes the protocol has asked the allocator for. */
  long made() {
    return made;
  }

  /** How many bytes the buffers hold that the protocol has not released. */
  long held() {
    return alive.stream().filter(GuardedBuf::ownsMemory).mapToLong(GuardedBuf::capacity).sum();
  }

  /** How many slices with a count of their own there are of a buffer. */
  int slices(ByteBuf of) {
    int slices = 0;
    for (GuardedBuf buffer : alive) {
      slices += buffer.isSliceOf(of) ? 1 : 0;
    }
    return slices;
  }

  /** Says that every buffer was released. */
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

  /** Releases everything, whoever owns it. */
  void clear() {
    for (GuardedBuf buffer : new ArrayList<>(alive)) {
      while (buffer.refCnt() > 0) {
        buffer.release();
      }
    }
  }
}
