package dev.jev.test;

import dev.jev.CloseReason;
import dev.jev.Protocol;
import dev.jev.ProtocolException;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.ReferenceCounted;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * One connection of a protocol, which is called as the framework calls it and watched.
 *
 * <p>Unread bytes are put in front of the next ones, usually in another buffer, of another size and
 * kind and with other indices. Some messages are retained for a while, as by a handler, and
 * compared with their first value before their release.
 */
final class Trial<I, O> implements UnpackLoop.Probe {

  /** The length from which unread bytes may stay in their buffer, as in the framework. */
  private static final int MIN_STAYING_BYTES = 1024;

  private static final int MAX_RETAINED = 8;
  private static final byte FILL = (byte) 0xa5;

  private final Protocol<I, O> protocol;
  private final Function<? super I, ?> key;
  private final int maxFrameBytes;
  private final Random random;
  private final Ledger ledger = new Ledger();
  private final TestContext context;
  private final UnpackLoop<I, O> loop;
  private List<@Nullable Object> messages = new ArrayList<>();
  private List<Integer> ends = new ArrayList<>();
  private List<Integer> frames = new ArrayList<>();
  private final List<Retained<I>> retained = new ArrayList<>();
  private ByteArrayOutputStream output = new ByteArrayOutputStream();
  private boolean directOnly;
  private boolean framed = true;

  private int inputBytes;
  private int frameStart;
  private int reads;
  private int start; // the indices of in at the beginning of the current call
  private int end;

  /** A message that is retained for a while. */
  private record Retained<I>(I message, ReferenceCounted counted, @Nullable Object snapshot) {}

  Trial(
      Protocol<I, O> protocol,
      Function<? super I, ?> key,
      int maxFrameBytes,
      Random random,
      ManualClock clock) {
    this.protocol = protocol;
    this.key = key;
    this.maxFrameBytes = maxFrameBytes;
    this.random = random;
    this.context = new TestContext(clock).maxFrameBytes(maxFrameBytes);
    this.loop = new UnpackLoop<>(protocol, context, this::deliver, this);
  }

  /** Reads into direct buffers only, in which all reads of bytes are counted. */
  Trial<I, O> directOnly() {
    directOnly = true;
    return this;
  }

  /** Lets a message be as long as the input. */
  Trial<I, O> unframed() {
    framed = false;
    return this;
  }

  // Results.

  /** Returns the snapshots of the messages. */
  List<@Nullable Object> messages() {
    return messages;
  }

  /** Returns the numbers of bytes that had been read when each message was delivered. */
  List<Integer> ends() {
    return ends;
  }

  /** Returns the numbers of bytes that were consumed for each message. */
  List<Integer> frames() {
    return frames;
  }

  /** Returns the exception with which the peer was refused, or null. */
  @Nullable Throwable refusal() {
    return loop.refusal();
  }

  /** Returns the number of bytes that the protocol holds for an incomplete message. */
  long heldBytes() {
    long held = protocol.heldBytes();
    if (held < 0) {
      throw new Violation("held bytes: " + held + " (expected: >= 0)");
    }
    return held;
  }

  int unreadBytes() {
    return loop.unreadBytes();
  }

  boolean isReady() {
    return context.isReady();
  }

  /** Returns the length of the input so far. */
  int inputBytes() {
    return inputBytes;
  }

  /** Returns the number of reads of bytes of the input. */
  long bytesRead() {
    return ledger.bytesRead();
  }

  /** Returns the number of bytes that the calls of {@code unpack} have allocated. */
  long allocated() {
    return loop.allocatedBytes() + ledger.allocatedBytes();
  }

  /** Returns the size of the protocol's buffers. */
  long bufferBytes() {
    return ledger.bufferBytes() - loop.unread().capacity();
  }

  /** Returns the bytes that were written and packed since the last call. */
  byte[] takeOutput() {
    byte[] bytes = output.toByteArray();
    output.reset();
    return bytes;
  }

  /** Forgets all results, so that only the protocol takes memory. */
  void forget() {
    releaseRetained(0);
    messages = new ArrayList<>();
    ends = new ArrayList<>();
    frames = new ArrayList<>();
    output = new ByteArrayOutputStream();
    loop.drop();
    context.forget();
  }

  // Opening, reading, closing.

  void open() {
    loop.open();
    expectNoFailure();
  }

  /** Reads the bytes from index {@code from} to before {@code to}. */
  void read(byte[] bytes, int from, int to) {
    if (context.closeReason() == null) {
      inputBytes += to - from;
      reads++;
      loop.read(bytes, from, to);
      expectNoFailure();
    }
  }

  /** Ends the connection, and checks that no buffer is left. */
  void end() {
    loop.close(CloseReason.of(CloseReason.Kind.PEER_CLOSED));
    loop.end();
    expectNoFailure();
    releaseRetained(0);
    ledger.expectNone("after the close");
  }

  /** Releases everything after a violation. */
  void abandon() {
    for (Retained<I> each : retained) {
      if (each.counted().refCnt() > 0) {
        ReferenceCountUtil.safeRelease(each.counted());
      }
    }
    retained.clear();
    ledger.clear();
  }

  private void expectNoFailure() {
    loop.refusal();
  }

  @Override
  public ByteBuf add(ByteBuf old, byte[] bytes, int from, int to) {
    int unread = old.readableBytes();
    int length = to - from;
    boolean stays =
        unread >= MIN_STAYING_BYTES && old.writableBytes() >= length && random.nextInt(64) != 0;
    if (stays) {
      return old.writeBytes(bytes, from, length);
    }
    int front = 1 + random.nextInt(48);
    int back = unread + length < MIN_STAYING_BYTES ? random.nextInt(48) : 2 * (unread + length);
    boolean direct = directOnly || random.nextInt(4) == 0;
    GuardedBuf next =
        ledger.input(front + unread + length + back, direct, "in (read " + reads + ")");
    for (int i = 0; i < front; i++) {
      next.writeByte(FILL);
    }
    next.readerIndex(front);
    next.writeBytes(old, old.readerIndex(), unread);
    next.writeBytes(bytes, from, length);
    old.release();
    return next;
  }

  // The calls of the protocol.

  @Override
  public void before(String method, ByteBuf in) {
    start = in.readerIndex();
    end = in.writerIndex();
    GuardedBuf guarded = in instanceof GuardedBuf input ? input : null;
    if (guarded != null) {
      guarded.begin();
    }
    ledger.enter(guarded);
  }

  @Override
  public void after(String method, ByteBuf in, @Nullable Throwable thrown) {
    ledger.leave();
    ledger.expectNoFault();
    takeWritten();
    if (thrown != null && (method.equals("close") || !(thrown instanceof ProtocolException))) {
      String expected = method.equals("close") ? "returns" : "ProtocolException";
      throw new Violation(
          method + ": threw " + thrown + at(thrown) + " (expected: " + expected + ")", thrown);
    }
    if (in instanceof GuardedBuf guarded) {
      expectLeft(guarded);
    }
  }

  private void expectLeft(GuardedBuf in) {
    if (in.refCnt() < 1 + ledger.slices(in)) {
      throw new Violation("in: released by the protocol (expected: left to the framework)");
    }
    if (in.readerIndex() < start) {
      throw new Violation(
          "in: reader index moved back from "
              + start
              + " to "
              + in.readerIndex()
              + " (expected: consumed bytes stay consumed)");
    }
    if (in.writerIndex() != end) {
      throw new Violation(
          "in: writer index moved from " + end + " to " + in.writerIndex() + " (expected: left)");
    }
  }

  private void takeWritten() {
    output.writeBytes(context.takeWritten());
  }

  private static String at(Throwable thrown) {
    for (StackTraceElement frame : thrown.getStackTrace()) {
      if (!frame
          .getClassName()
          .matches("(java\\.|io\\.netty\\.|jdk\\.|dev\\.jev\\.test\\.Guard).*")) {
        return " at " + frame;
      }
    }
    return "";
  }

  // The messages.

  private void deliver(I message) {
    int position = inputBytes - loop.unreadBytes();
    int frame = position - frameStart;
    frameStart = position;
    Object snapshot = snapshot(message);
    messages.add(snapshot);
    ends.add(inputBytes);
    frames.add(frame);
    if (message instanceof ReferenceCounted counted) {
      expectOwn(counted, loop.unread());
      retained.add(new Retained<>(message, counted.retain(), snapshot));
      releaseRetained(random.nextInt(4) == 0 ? MAX_RETAINED : 0);
    }
    if (frame > maxFrameBytes && protocol.pendingMessages() == 0 && framed) {
      throw new Violation(
          "frame: " + frame + " bytes, delivered (expected: refused, <= " + maxFrameBytes + ")");
    }
  }

  private @Nullable Object snapshot(I message) {
    try {
      return Snapshot.of(key.apply(message));
    } catch (RuntimeException e) {
      throw new Violation("message: cannot be read: " + e, e);
    }
  }

  /** Checks that a message that is a view of {@code in} has a reference of its own. */
  private void expectOwn(ReferenceCounted message, ByteBuf bytes) {
    if (message.refCnt() < 1) {
      throw new Violation("message: released already (expected: a reference of its own)");
    }
    boolean shared = shares(message, bytes);
    int others = (int) retained.stream().filter(each -> shares(each.counted(), bytes)).count();
    if (shared && bytes.refCnt() < 2 + ledger.slices(bytes) + others) {
      throw new Violation(
          "message: a view of in without a reference of its own"
              + " (expected: one, as readRetainedSlice takes)");
    }
  }

  private static boolean shares(ReferenceCounted message, ByteBuf bytes) {
    int before = bytes.refCnt();
    message.retain();
    boolean shared = bytes.refCnt() != before;
    message.release();
    return shared;
  }

  private void releaseRetained(int most) {
    while (retained.size() > most) {
      Retained<I> oldest = retained.get(0);
      if (oldest.counted().refCnt() < 1) {
        throw new Violation("message: released by the protocol after it was returned");
      }
      Object now = snapshot(oldest.message());
      if (!Objects.equals(now, oldest.snapshot())) {
        throw new Violation(
            "message: changed after it was returned: "
                + Snapshot.print(now)
                + " (expected: "
                + Snapshot.print(oldest.snapshot())
                + ")");
      }
      retained.remove(0);
      oldest.counted().release();
    }
  }

  // Packing.

  /** Packs a message as the framework does, and adds its bytes to the output. */
  void pack(O message) {
    if (!context.isReady()) {
      throw new Violation("pack: not ready (expected: ProtocolContext.ready was called)");
    }
    ReferenceCounted owned = null;
    O given = message;
    if (message instanceof ByteBuf buffer) {
      given = sameType(copy(buffer));
      owned = (ReferenceCounted) given;
    } else if (message instanceof ReferenceCounted counted) {
      owned = counted.retain();
    }
    ByteBuf out = ledger.buffer(64);
    try {
      out.writeBytes(new byte[] {FILL, FILL, FILL});
      packInto(out, given);
    } finally {
      out.release();
      if (owned != null) {
        owned.release();
      }
    }
  }

  private ByteBuf copy(ByteBuf message) {
    int front = random.nextInt(16);
    int length = message.readableBytes();
    return ledger
        .buffer(front + length)
        .writeZero(front)
        .writeBytes(message, message.readerIndex(), length)
        .readerIndex(front);
  }

  @SuppressWarnings("unchecked") // a copy of a ByteBuf is a ByteBuf
  private O sameType(ByteBuf copy) {
    return (O) copy;
  }

  private void packInto(ByteBuf out, O message) {
    int start = out.writerIndex();
    String indices = indices(message);
    ByteBuf tail = packed(out, message);
    takeWritten();
    if (out.writerIndex() < start || out.getUnsignedMedium(0) != 0xa5a5a5) {
      throw new Violation("pack: changed earlier bytes of out (expected: appends)");
    }
    if (out.readerIndex() != 0 || !indices.equals(indices(message))) {
      throw new Violation("pack: changed indices (expected: those of out and message are left)");
    }
    output.writeBytes(ByteBufUtil.getBytes(out, start, out.writerIndex() - start));
    if (tail != null) {
      output.writeBytes(ByteBufUtil.getBytes(tail));
    }
  }

  private @Nullable ByteBuf packed(ByteBuf out, O message) {
    ledger.enter(null);
    try {
      protocol.pack(message, out);
      return protocol.zeroCopyTail(message);
    } catch (RuntimeException e) {
      throw new Violation("pack: threw " + e + at(e) + " for " + Snapshot.print(message), e);
    } finally {
      ledger.leave();
    }
  }

  private static String indices(Object message) {
    return message instanceof ByteBuf buffer
        ? buffer.readerIndex() + ".." + buffer.writerIndex() + ", references: " + buffer.refCnt()
        : "";
  }
}
