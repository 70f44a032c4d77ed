package dev.jev.test;

import io.netty.buffer.AbstractReferenceCountedByteBuf;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.GatheringByteChannel;
import java.nio.channels.ScatteringByteChannel;
import org.jspecify.annotations.Nullable;

/**
 * A buffer that notes its use in a {@link Ledger}.
 *
 * <p>A retained slice has a reference count of its own and holds a reference to its buffer, as with
 * Netty's pooled buffers. Unlike those, a buffer is never reused after its release, so that a use
 * after the release is found.
 */
@SuppressWarnings("ReferenceEquality") // the very buffer, not one with equal bytes
final class GuardedBuf extends AbstractReferenceCountedByteBuf {

  private final Ledger ledger;
  private final ByteBuf memory;
  private final @Nullable GuardedBuf whole; // of a slice: its buffer
  private final String name;
  private final boolean input;
  private int start; // of the unread bytes when the current call began

  GuardedBuf(
      Ledger ledger, ByteBuf memory, @Nullable GuardedBuf whole, String name, boolean input) {
    super(memory.maxCapacity());
    this.ledger = ledger;
    this.memory = memory;
    this.whole = whole;
    this.name = name;
    this.input = input;
  }

  String name() {
    return name;
  }

  boolean ownsMemory() {
    return whole == null;
  }

  boolean isSliceOf(ByteBuf other) {
    return whole == other;
  }

  @Override
  protected void deallocate() {
    ledger.remove(this);
    if (whole == null) {
      memory.release();
    } else if (whole.refCnt() > 0) { // it is not when everything is released after a violation
      whole.release();
    }
  }

  /** Returns the memory, of which bytes are about to be read. */
  private ByteBuf reading(int index, int bytes) {
    if (input) {
      if (index < start && ledger.isCalling() && ledger.isInput(this)) {
        ledger.note("in: bytes consumed earlier are read again (expected: they stay consumed)");
      }
      if (refCnt() == 0) {
        ledger.note("in: of an earlier read, used again (expected: valid during its call only)");
      }
      ledger.reading(this, bytes);
    }
    return memory;
  }

  /** Returns the memory, of which bytes are about to be written. */
  private ByteBuf writing(int index, int bytes) {
    if (input && ledger.isCalling()) {
      boolean unread = index >= readerIndex() - readBefore() && index + bytes <= writerIndex();
      if (!unread) {
        ledger.note(
            "in: " + bytes + " bytes written at " + index + " (expected: outside is left alone)");
      }
    }
    return memory;
  }

  /** Returns the number of bytes that the current call has consumed, and may change. */
  private int readBefore() {
    return ledger.isInput(this) ? readerIndex() - start : 0;
  }

  /** Notes the reader index at the beginning of a call. */
  void begin() {
    start = readerIndex();
  }

  // Slices with their own reference counts.

  @Override
  public ByteBuf retainedSlice(int index, int length) {
    checkIndex(index, length);
    retain();
    String part = "retained slice of " + length + " bytes of " + name;
    GuardedBuf slice = new GuardedBuf(ledger, memory.slice(index, length), this, part, false);
    slice.setIndex(0, length);
    return ledger.add(slice);
  }

  @Override
  public ByteBuf retainedSlice() {
    return retainedSlice(readerIndex(), readableBytes());
  }

  @Override
  public ByteBuf retainedDuplicate() {
    ByteBuf slice = retainedSlice(0, capacity());
    return slice.setIndex(readerIndex(), writerIndex());
  }

  // Access to the memory.

  @Override
  protected byte _getByte(int index) {
    return reading(index, 1).getByte(index);
  }

  @Override
  protected short _getShort(int index) {
    return reading(index, 2).getShort(index);
  }

  @Override
  protected short _getShortLE(int index) {
    return reading(index, 2).getShortLE(index);
  }

  @Override
  protected int _getUnsignedMedium(int index) {
    return reading(index, 3).getUnsignedMedium(index);
  }

  @Override
  protected int _getUnsignedMediumLE(int index) {
    return reading(index, 3).getUnsignedMediumLE(index);
  }

  @Override
  protected int _getInt(int index) {
    return reading(index, 4).getInt(index);
  }

  @Override
  protected int _getIntLE(int index) {
    return reading(index, 4).getIntLE(index);
  }

  @Override
  protected long _getLong(int index) {
    return reading(index, 8).getLong(index);
  }

  @Override
  protected long _getLongLE(int index) {
    return reading(index, 8).getLongLE(index);
  }

  @Override
  protected void _setByte(int index, int value) {
    writing(index, 1).setByte(index, value);
  }

  @Override
  protected void _setShort(int index, int value) {
    writing(index, 2).setShort(index, value);
  }

  @Override
  protected void _setShortLE(int index, int value) {
    writing(index, 2).setShortLE(index, value);
  }

  @Override
  protected void _setMedium(int index, int value) {
    writing(index, 3).setMedium(index, value);
  }

  @Override
  protected void _setMediumLE(int index, int value) {
    writing(index, 3).setMediumLE(index, value);
  }

  @Override
  protected void _setInt(int index, int value) {
    writing(index, 4).setInt(index, value);
  }

  @Override
  protected void _setIntLE(int index, int value) {
    writing(index, 4).setIntLE(index, value);
  }

  @Override
  protected void _setLong(int index, long value) {
    writing(index, 8).setLong(index, value);
  }

  @Override
  protected void _setLongLE(int index, long value) {
    writing(index, 8).setLongLE(index, value);
  }

  @Override
  public int capacity() {
    return memory.capacity();
  }

  @Override
  public ByteBuf capacity(int newCapacity) {
    checkNewCapacity(newCapacity);
    int before = memory.capacity();
    memory.capacity(newCapacity);
    ledger.grown(newCapacity - before);
    setIndex(Math.min(readerIndex(), newCapacity), Math.min(writerIndex(), newCapacity));
    return this;
  }

  @Override
  public ByteBufAllocator alloc() {
    return ledger;
  }

  @Override
  @Deprecated
  @SuppressWarnings("InlineMeSuggester") // deprecated by Netty, but abstract
  public ByteOrder order() {
    return ByteOrder.BIG_ENDIAN;
  }

  @Override
  public @Nullable ByteBuf unwrap() {
    return whole;
  }

  @Override
  public boolean isDirect() {
    return memory.isDirect();
  }

  @Override
  public ByteBuf getBytes(int index, ByteBuf dst, int dstIndex, int length) {
    checkIndex(index, length);
    reading(index, length).getBytes(index, dst, dstIndex, length);
    return this;
  }

  @Override
  public ByteBuf getBytes(int index, byte[] dst, int dstIndex, int length) {
    checkIndex(index, length);
    reading(index, length).getBytes(index, dst, dstIndex, length);
    return this;
  }

  @Override
  public ByteBuf getBytes(int index, ByteBuffer dst) {
    checkIndex(index, dst.remaining());
    reading(index, dst.remaining()).getBytes(index, dst);
    return this;
  }

  @Override
  public ByteBuf getBytes(int index, OutputStream out, int length) throws IOException {
    checkIndex(index, length);
    reading(index, length).getBytes(index, out, length);
    return this;
  }

  @Override
  public int getBytes(int index, GatheringByteChannel out, int length) throws IOException {
    checkIndex(index, length);
    return reading(index, length).getBytes(index, out, length);
  }

  @Override
  public int getBytes(int index, FileChannel out, long position, int length) throws IOException {
    checkIndex(index, length);
    return reading(index, length).getBytes(index, out, position, length);
  }

  @Override
  public ByteBuf setBytes(int index, ByteBuf src, int srcIndex, int length) {
    checkIndex(index, length);
    writing(index, length).setBytes(index, src, srcIndex, length);
    return this;
  }

  @Override
  public ByteBuf setBytes(int index, byte[] src, int srcIndex, int length) {
    checkIndex(index, length);
    writing(index, length).setBytes(index, src, srcIndex, length);
    return this;
  }

  @Override
  public ByteBuf setBytes(int index, ByteBuffer src) {
    checkIndex(index, src.remaining());
    writing(index, src.remaining()).setBytes(index, src);
    return this;
  }

  @Override
  public int setBytes(int index, InputStream in, int length) throws IOException {
    checkIndex(index, length);
    return writing(index, length).setBytes(index, in, length);
  }

  @Override
  public int setBytes(int index, ScatteringByteChannel in, int length) throws IOException {
    checkIndex(index, length);
    return writing(index, length).setBytes(index, in, length);
  }

  @Override
  public int setBytes(int index, FileChannel in, long position, int length) throws IOException {
    checkIndex(index, length);
    return writing(index, length).setBytes(index, in, position, length);
  }

  @Override
  public ByteBuf copy(int index, int length) {
    checkIndex(index, length);
    ByteBuf copy = ledger.buffer(length, maxCapacity());
    reading(index, length);
    return copy.writeBytes(memory, index, length);
  }

  @Override
  public int nioBufferCount() {
    return memory.nioBufferCount();
  }

  @Override
  public ByteBuffer nioBuffer(int index, int length) {
    checkIndex(index, length);
    return reading(index, length).nioBuffer(index, length);
  }

  @Override
  public ByteBuffer internalNioBuffer(int index, int length) {
    checkIndex(index, length);
    return reading(index, length).internalNioBuffer(index, length);
  }

  @Override
  public ByteBuffer[] nioBuffers(int index, int length) {
    checkIndex(index, length);
    return reading(index, length).nioBuffers(index, length);
  }

  @Override
  public boolean hasArray() {
    return memory.hasArray();
  }

  @Override
  public byte[] array() {
    return memory.array();
  }

  @Override
  public int arrayOffset() {
    return memory.arrayOffset();
  }

  /** Returns false, since reads through a memory address would not be noted. */
  @Override
  public boolean hasMemoryAddress() {
    return false;
  }

  @Override
  public long memoryAddress() {
    throw new UnsupportedOperationException("memoryAddress: none (expected: hasMemoryAddress)");
  }
}
