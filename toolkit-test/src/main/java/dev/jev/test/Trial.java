package dev.jev.test;

import static java.util.Objects.requireNonNull;

import dev.jev.CloseReason;
import dev.jev.DeadlineWheel;
import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import dev.jev.ProtocolException;
import dev.jev.ScheduledTask;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.ReferenceCounted;
import java.io.ByteArrayOutputStream;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * One connection of a protocol: calls it as the framework does, and watches what it does.
 *
 * <p>What was not consumed is put in front of what comes next, most of the time in another buffer,
 * of another size and kind and with other indices. Some messages are kept for a while, as a handler
 * may, and looked at again before they are released.
 */
final class Trial<I, O> implements ProtocolContext {

  /** What is this long may stay where it is when more is read behind it, as in the framework. */
  private static final int STAYS_BYTES = 1024;

  private static final int MAX_KEPT = 8;
  private static final byte FILL = (byte) 0xa5;

  private final Protocol<I, O> protocol;
  private final Function<? super I, ?> key;
  private final int maxFrameBytes;
  private final Random random;
  private final Ledger ledger = new Ledger();
  private List<@Nullable Object> messages = new ArrayList<>();
  private List<Integer> ends = new ArrayList<>();
  private List<Integer> frames = new ArrayList<>();
  private final List<Kept<I>> kept = new ArrayList<>();
  private ByteArrayOutputStream sent = new ByteArrayOutputStream();
  private final DeadlineWheel wheel =
      new DeadlineWheel(
          Duration.ofMillis(1), System::nanoTime, (task, delay) -> () -> {}); // a small one
  private boolean directOnly;
  private boolean framed = true;

  private @Nullable GuardedBuf in;
  private int fed;
  private int frameStart;
  private int reads;
  private long allocated;
  private boolean readyDue;
  private boolean connected;
  private @Nullable CloseReason closeDue;
  private boolean closed;
  private @Nullable Throwable refusal;

  /** A message that is released later. */
  private record Kept<I>(I message, ReferenceCounted counted, @Nullable Object snapshot) {}

  Trial(Protocol<I, O> protocol, Function<? super I, ?> key, int maxFrameBytes, Random random) {
    this.protocol = protocol;
    this.key = key;
    this.maxFrameBytes = maxFrameBytes;
    this.random = random;
  }

  /** Reads into direct buffers only, where every byte that is looked at is counted. */
  Trial<I, O> directOnly() {
    directOnly = true;
    return this;
  }

  /** Lets a message be as long as what has come in. */
  Trial<I, O> unframed() {
    framed = false;
    return this;
  }

  // What was seen.

  /** The snapshots of the messages. */
  List<@Nullable Object> messages() {
    return messages;
  }

  /** For each message, how many bytes had come in when it was delivered. */
  List<Integer> ends() {
    return ends;
  }

  /** For each message, how many bytes were consumed for it. */
  List<Integer> frames() {
    return frames;
  }

  /** Why the peer was refused, or null. */
  @Nullable Throwable refusal() {
    return refusal;
  }

  boolean isClosed() {
    return closed;
  }

  /** How many bytes had come in. */
  int fed() {
    return fed;
  }

  /** How many bytes were looked at, as often as they were. */
  long looked() {
    return ledger.looked();
  }

  /** How many bytes the calls of {@code unpack} have allocated. */
  long allocated() {
    return allocated + ledger.made();
  }

  /** How many bytes the protocol's buffers hold. */
  long held() {
    return ledger.held() - (in == null ? 0 : in.capacity());
  }

  /** Takes what was sent since the last time. */
  byte[] takeSent() {
    byte[] bytes = sent.toByteArray();
    sent.reset();
    return bytes;
  }

  /** Forgets what was seen, so that only the protocol takes memory. */
  void forget() {
    releaseKept(0);
    messages = new ArrayList<>();
    ends = new ArrayList<>();
    frames = new ArrayList<>();
    sent = new ByteArrayOutputStream();
    drop();
  }

  // Opening, reading, closing.

  void open() {
    call("open", null, () -> protocol.open(this));
    connectIfReady();
    closeIfDue();
  }

  /** Lets bytes come in. */
  void read(byte[] bytes, int from, int to) {
    if (closed) {
      return;
    }
    fed += to - from;
    reads++;
    add(bytes, from, to);
    unpackAll();
    keep();
  }

  /** Ends the connection, and looks whether anything is left. */
  void end() {
    end(CloseReason.of(CloseReason.Kind.PEER_CLOSED));
    releaseKept(0);
    drop();
    ledger.expectNoFault();
    ledger.expectNone("after the close");
  }

  /** Releases everything after a violation. */
  void abandon() {
    for (Kept<I> each : kept) {
      if (each.counted().refCnt() > 0) {
        ReferenceCountUtil.safeRelease(each.counted());
      }
    }
    kept.clear();
    ledger.clear();
  }

  private void add(byte[] bytes, int from, int to) {
    int unread = in == null ? 0 : in.readableBytes();
    int length = to - from;
    GuardedBuf old = in;
    boolean stays =
        old != null
            && unread >= STAYS_BYTES
            && old.writableBytes() >= length
            && random.nextInt(64) != 0;
    if (old != null && stays) {
      old.writeBytes(bytes, from, length);
      return;
    }
    int front = 1 + random.nextInt(48);
    int back = unread + length < STAYS_BYTES ? random.nextInt(48) : 2 * (unread + length);
    boolean direct = directOnly || random.nextInt(4) == 0;
    GuardedBuf next =
        ledger.input(front + unread + length + back, direct, "in (read " + reads + ")");
    for (int i = 0; i < front; i++) {
      next.writeByte(FILL);
    }
    next.readerIndex(front);
    if (old != null) {
      next.writeBytes(old, old.readerIndex(), unread);
    }
    next.writeBytes(bytes, from, length);
    drop();
    in = next;
  }

  private void keep() {
    if (in != null && (!in.isReadable() || closed)) {
      drop();
    }
  }

  private void drop() {
    GuardedBuf old = in;
    in = null;
    if (old != null) {
      old.release();
    }
  }

  // Unpacking, as the framework's session does.

  private void unpackAll() {
    GuardedBuf bytes = requireNonNull(in);
    while (!closed && (bytes.isReadable() || protocol.pendingMessages() > 0)) {
      if (!unpackNext(bytes)) {
        return;
      }
    }
  }

  private boolean unpackNext(GuardedBuf bytes) {
    int start = bytes.readerIndex();
    int held = protocol.pendingMessages();
    I message = unpack(bytes, start);
    boolean becameReady = connectIfReady();
    if (message != null) {
      if (bytes.readerIndex() == start && protocol.pendingMessages() >= held) {
        throw new Violation("unpack: returned a message but took no byte off in");
      } else if (!connected) {
        throw new Violation("unpack: returned a message but was not ready");
      }
      deliver(message, bytes);
    }
    closeIfDue();
    if (message == null && !becameReady) {
      refuseTooLong(bytes);
      return false;
    }
    return true;
  }

  private @Nullable I unpack(GuardedBuf bytes, int start) {
    int end = bytes.writerIndex();
    bytes.begin();
    Holder<I> result = new Holder<>();
    long before = Allocation.ofThisThread();
    call("unpack", bytes, () -> result.value = protocol.unpack(this, bytes));
    allocated += Math.max(Allocation.ofThisThread() - before, 0);
    if (bytes.refCnt() < 1 + ledger.slices(bytes)) {
      throw new Violation("in: released by the protocol (expected: left to the framework)");
    }
    if (bytes.readerIndex() < start) {
      throw new Violation(
          "in: reader index moved back from "
              + start
              + " to "
              + bytes.readerIndex()
              + " (expected: consumed bytes stay consumed)");
    }
    if (bytes.writerIndex() != end) {
      throw new Violation(
          "in: writer index moved from "
              + end
              + " to "
              + bytes.writerIndex()
              + " (expected: left)");
    }
    return result.value;
  }

  private static final class Holder<T> {
    private @Nullable T value;
  }

  private void deliver(I message, GuardedBuf bytes) {
    int position = fed - bytes.readableBytes();
    int frame = position - frameStart;
    frameStart = position;
    Object snapshot = snapshot(message);
    messages.add(snapshot);
    ends.add(fed);
    frames.add(frame);
    if (message instanceof ReferenceCounted counted) {
      expectOwn(counted, bytes);
      kept.add(new Kept<>(message, counted, snapshot));
      releaseKept(random.nextInt(4) == 0 ? MAX_KEPT : 0);
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

  /** A message that is a view of {@code in} has to come with a reference of its own. */
  private void expectOwn(ReferenceCounted message, GuardedBuf bytes) {
    if (message.refCnt() < 1) {
      throw new Violation("message: released already (expected: a reference of its own)");
    }
    boolean shared = shares(message, bytes);
    int others = (int) kept.stream().filter(each -> shares(each.counted(), bytes)).count();
    if (shared && bytes.refCnt() < 2 + ledger.slices(bytes) + others) {
      throw new Violation(
          "message: a view of in without a reference of its own"
              + " (expected: one, as readRetainedSlice takes)");
    }
  }

  private static boolean shares(ReferenceCounted message, GuardedBuf bytes) {
    int before = bytes.refCnt();
    message.retain();
    boolean shared = bytes.refCnt() != before;
    message.release();
    return shared;
  }

  private void releaseKept(int most) {
    while (kept.size() > most) {
      Kept<I> oldest = kept.get(0);
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
      kept.remove(0);
      oldest.counted().release();
    }
  }

  private void refuseTooLong(GuardedBuf bytes) {
    if (bytes.readableBytes() > maxFrameBytes && !closed) {
      refuse(
          new ProtocolException(
              "frame: more than "
                  + bytes.readableBytes()
                  + " bytes (expected: <= "
                  + maxFrameBytes
                  + ")"));
    }
  }

  private void refuse(ProtocolException why) {
    refusal = why;
    end(new CloseReason(CloseReason.Kind.PROTOCOL_ERROR, why));
  }

  private boolean connectIfReady() {
    if (!readyDue || connected || closed) {
      return false;
    }
    connected = true;
    return true;
  }

  private void closeIfDue() {
    if (closeDue != null) {
      end(closeDue);
    }
  }

  private void end(CloseReason reason) {
    if (closed) {
      return;
    }
    closed = true;
    call("close", null, () -> protocol.close(this, reason));
    call("farewell", null, () -> protocol.awaitPeerClose(this, Unpooled.EMPTY_BUFFER));
  }

  /** Calls the protocol; what it throws refuses the peer if it may throw that. */
  private void call(String method, @Nullable GuardedBuf bytes, Runnable body) {
    ProtocolException thrown = null;
    ledger.enter(bytes);
    try {
      body.run();
    } catch (ProtocolException e) {
      thrown = e;
    } catch (Throwable t) {
      ledger.expectNoFault();
      throw new Violation(method + ": threw " + t + at(t) + " (expected: ProtocolException)", t);
    } finally {
      ledger.leave();
    }
    ledger.expectNoFault();
    if (thrown != null) {
      if (method.equals("close")) {
        throw new Violation("close: threw " + thrown + " (expected: returns)", thrown);
      }
      refuse(thrown);
    }
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

  // Packing.

  /** Packs a message as the framework does; the bytes join those that were sent. */
  void pack(O message) {
    if (!connected) {
      throw new Violation("pack: not ready (expected: ProtocolContext.ready was called)");
    }
    ReferenceCounted mine = null;
    O given = message;
    if (message instanceof ByteBuf buffer) {
      given = sameType(copy(buffer));
      mine = (ReferenceCounted) given;
    } else if (message instanceof ReferenceCounted counted) {
      mine = counted.retain();
    }
    ByteBuf out = ledger.buffer(64);
    try {
      out.writeBytes(new byte[] {FILL, FILL, FILL});
      packInto(out, given);
    } finally {
      out.release();
      if (mine != null) {
        mine.release();
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
    if (out.writerIndex() < start || out.getUnsignedMedium(0) != 0xa5a5a5) {
      throw new Violation("pack: changed earlier bytes of out (expected: appends)");
    }
    if (out.readerIndex() != 0 || !indices.equals(indices(message))) {
      throw new Violation("pack: changed indices (expected: those of out and message are left)");
    }
    sent.writeBytes(ByteBufUtil.getBytes(out, start, out.writerIndex() - start));
    if (tail != null) {
      sent.writeBytes(ByteBufUtil.getBytes(tail));
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

  // The protocol's line to its peer.

  @Override
  public void ready() {
    readyDue = true;
  }

  @Override
  public boolean isReady() {
    return connected;
  }

  @Override
  public void write(ByteBuf bytes) {
    sent.writeBytes(ByteBufUtil.getBytes(bytes));
    bytes.release();
  }

  /** Time stands still. */
  @Override
  public void closeNow(CloseReason reason) {
    closeDue = reason;
  }

  @Override
  public DeadlineWheel deadlineWheel(Duration span) {
    return wheel;
  }

  @Override
  public long readingSince() {
    return wheel.now();
  }

  @Override
  public ScheduledTask runAfter(Duration delay, Runnable task) {
    return () -> {};
  }

  @Override
  public void close(CloseReason reason) {
    closeDue = reason;
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
