package dev.jev.test;

import static java.util.Objects.requireNonNull;

import dev.jev.CloseReason;
import dev.jev.CloseReason.Kind;
import dev.jev.Protocol;
import dev.jev.ProtocolException;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.util.ReferenceCountUtil;
import java.io.ByteArrayOutputStream;
import java.util.function.Consumer;
import java.util.function.IntSupplier;
import org.jspecify.annotations.Nullable;

/**
 * A connection that consists of a {@link Protocol} only: calls it as the framework does, without a
 * network.
 *
 * <pre>
 *   List&lt;String&gt; messages = new ArrayList&lt;&gt;();
 *   try (var loop = new UnpackLoop&lt;&gt;(new ShortTexts(), new TestContext(), messages::add)) {
 *     loop.open().read(Hex.bytes("05 6865")).read(Hex.bytes("6c6c6f"));
 *   }
 *   assertEquals(List.of("hello"), messages);
 * </pre>
 *
 * <p><b>Reading.</b> {@code unpack} is called until it returns null, and before the protocol is
 * ready until it consumes nothing. Unread bytes stay in front of the next ones. Messages are
 * delivered after the protocol is ready. A {@link ProtocolException} and a frame longer than {@link
 * TestContext#maxFrameBytes} close the connection with {@link Kind#PROTOCOL_ERROR}; so does a
 * failure of the protocol, see {@link #refusal}.
 *
 * <p><b>Closing.</b> {@code close} of the protocol is called once. Then bytes go to {@code
 * awaitPeerClose} until it returns true; later ones are dropped. Timers still run, until {@link
 * #close()} ends the connection.
 *
 * <p><b>Ownership.</b> A message is released after its consumer has returned; a consumer that needs
 * it longer retains it.
 *
 * <p><b>Threads.</b> For one thread.
 *
 * @param <I> the messages that come in
 * @param <O> the messages that go out
 */
public final class UnpackLoop<I, O> implements AutoCloseable {

  private final Protocol<I, O> protocol;
  private final TestContext context;
  private final Consumer<? super I> messages;
  private final Probe probe;

  private @Nullable UnpooledByteBufAllocator allocator; // created when it is needed
  private ByteBuf unread = Unpooled.EMPTY_BUFFER;
  private long allocatedBytes;
  private boolean opened;
  private boolean inTurn;
  private boolean unpacking;
  private boolean unpackDue;
  private boolean awaitingPeerClose;
  private @Nullable ProtocolException refusal;
  private @Nullable Throwable failure;

  /** The buffers of the input, and checks around each call of the protocol. */
  interface Probe {

    /** Adds bytes behind the unread ones; returns the buffer that has all of them. */
    ByteBuf add(ByteBuf unread, byte[] bytes, int from, int to);

    /** Called before a method of the protocol. */
    default void before(String method, ByteBuf in) {}

    /** Called after a method of the protocol, with the exception that it has thrown. */
    default void after(String method, ByteBuf in, @Nullable Throwable thrown) {}
  }

  /** The turns of the connection. */
  private final class LoopTurns implements TestContext.Turns {

    @Override
    public void requested() {
      if (!inTurn) {
        turn(() -> {});
      }
    }

    @Override
    public void yielded() {
      unpackDue = true;
    }

    @Override
    public void run(Runnable task) {
      turn(
          () -> {
            try {
              task.run();
              unpackDue |= pendingMessages() > 0;
            } catch (Throwable t) {
              fail(t);
            }
          });
    }
  }

  /**
   * Creates the connection of a protocol; {@link #open} is to be called next.
   *
   * @param messages the consumer of the messages that come in; an exception that it throws is not
   *     caught
   */
  public UnpackLoop(Protocol<I, O> protocol, TestContext context, Consumer<? super I> messages) {
    this(protocol, context, messages, null);
  }

  /** Creates a connection whose calls are checked. */
  UnpackLoop(
      Protocol<I, O> protocol,
      TestContext context,
      Consumer<? super I> messages,
      @Nullable Probe probe) {
    this.protocol = requireNonNull(protocol, "protocol");
    this.context = requireNonNull(context, "context");
    this.messages = requireNonNull(messages, "messages");
    this.probe = probe == null ? this::add : probe;
    context.turns(new LoopTurns());
  }

  // For the test.

  /** Opens the connection: calls {@link Protocol#open}. */
  public UnpackLoop<I, O> open() {
    if (opened) {
      throw new IllegalStateException("loop already opened; create a new one");
    }
    opened = true;
    turn(
        () -> {
          Throwable thrown = call("open", Unpooled.EMPTY_BUFFER, () -> protocol.open(context));
          if (thrown != null) {
            fail(thrown);
          }
          unpackDue |= context.becomeReady();
          closeIfDue();
        });
    return this;
  }

  /** Reads bytes as they may arrive in one read of the socket. */
  public UnpackLoop<I, O> read(byte[] bytes) {
    return read(bytes, 0, bytes.length);
  }

  /** Reads the bytes from index {@code from} to before {@code to}, in one read. */
  public UnpackLoop<I, O> read(byte[] bytes, int from, int to) {
    if (!opened || unpacking) {
      String when = opened ? "while a message is delivered" : "before open";
      throw new IllegalStateException("read called " + when);
    }
    if (!context.isClosing() || awaitingPeerClose) {
      unread = probe.add(unread, bytes, from, to);
      turn(context.isClosing() ? this::readAfterClose : this::unpack);
    }
    return this;
  }

  /**
   * Reads bytes in pieces, one read per piece, until the connection closes.
   *
   * @param lengths supplies the length of each piece; at least 1 byte is read
   */
  public UnpackLoop<I, O> read(byte[] bytes, IntSupplier lengths) {
    int from = 0;
    while (from < bytes.length && (!context.isClosing() || awaitingPeerClose)) {
      int to = from + Math.min(bytes.length - from, Math.max(1, lengths.getAsInt()));
      read(bytes, from, to);
      from = to;
    }
    return this;
  }

  /**
   * Sends a message: returns its bytes as {@link Protocol#pack} and {@link Protocol#zeroCopyTail}
   * make them, or none if the connection is closed.
   *
   * <p><b>Ownership.</b> A reference-counted message is consumed.
   *
   * @throws IllegalStateException if the protocol is not ready
   */
  public byte[] pack(O message) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    ByteBuf out = allocator().buffer();
    try {
      if (!context.isReady()) {
        throw new IllegalStateException("pack: not ready (expected: ready was called)");
      }
      if (!context.isClosing()) {
        turn(() -> pack(message, out, bytes));
      }
    } finally {
      out.release();
      ReferenceCountUtil.release(message);
    }
    return bytes.toByteArray();
  }

  private void pack(O message, ByteBuf out, ByteArrayOutputStream bytes) {
    protocol.pack(message, out);
    ByteBuf tail = protocol.zeroCopyTail(message);
    bytes.writeBytes(ByteBufUtil.getBytes(out));
    if (tail != null) {
      bytes.writeBytes(ByteBufUtil.getBytes(tail));
    }
  }

  /** Closes the connection for a reason, unless a close has begun. */
  public void close(CloseReason reason) {
    turn(() -> startClose(reason, /* lost= */ false));
  }

  /** Closes the connection as one that is lost: the protocol's last bytes are dropped. */
  public void closeNow(CloseReason reason) {
    turn(() -> startClose(reason, /* lost= */ true));
  }

  /**
   * Ends the connection, with {@link Kind#PEER_CLOSED} unless a close has begun.
   *
   * @throws AssertionError if the protocol has failed, or buffers of {@code in.alloc()} are not
   *     released, or messages that refer to {@code in}
   */
  @Override
  public void close() {
    close(CloseReason.of(Kind.PEER_CLOSED));
    end();
    refusal();
    expectReleased("direct", allocator().metric().usedDirectMemory());
    expectReleased("heap", allocator().metric().usedHeapMemory());
  }

  private UnpooledByteBufAllocator allocator() {
    UnpooledByteBufAllocator created = allocator;
    if (created == null) {
      created =
          new UnpooledByteBufAllocator(/* preferDirect= */ true, /* disableLeakDetector= */ true);
      allocator = created;
    }
    return created;
  }

  private static void expectReleased(String kind, long bytes) {
    if (bytes != 0) {
      throw new Violation(kind + " bytes not released: " + bytes + " (expected: 0)");
    }
  }

  /**
   * Returns the exception with which the peer was refused, or null.
   *
   * @throws AssertionError if the protocol has failed: it threw another exception than a {@link
   *     ProtocolException}, or any in {@code close}; or it returned a message before it was ready,
   *     or without consuming a byte
   */
  public @Nullable ProtocolException refusal() {
    if (failure != null) {
      throw new Violation("protocol failed: " + failure, failure);
    }
    return refusal;
  }

  /** Returns whether a close has begun, and the peer's part of it is awaited. */
  public boolean isAwaitingPeerClose() {
    return awaitingPeerClose;
  }

  /** Returns the number of bytes that were read and not consumed. */
  public int unreadBytes() {
    return unread.readableBytes();
  }

  /**
   * Returns the number of bytes that the calls of {@code unpack} have allocated on the heap; 0 if
   * the JVM does not count them.
   */
  public long allocatedBytes() {
    return allocatedBytes;
  }

  /** Returns the size of the buffers of {@code in.alloc()}, and of the unread bytes. */
  public long bufferBytes() {
    return allocator().metric().usedDirectMemory() + allocator().metric().usedHeapMemory();
  }

  // For the contract of protocols.

  /** Returns the buffer of the unread bytes, which stays the loop's. */
  ByteBuf unread() {
    return unread;
  }

  /** Drops the unread bytes. */
  void drop() {
    unread.release();
    unread = Unpooled.EMPTY_BUFFER;
  }

  /** Ends the connection, as the socket's end does: cancels the timers, too. */
  void end() {
    awaitingPeerClose = false;
    drop();
    context.end();
  }

  // Turns.

  /** Runs a part of a turn; requests take effect at the end of the outermost one. */
  private void turn(Runnable body) {
    if (inTurn) {
      body.run();
      return;
    }
    inTurn = true;
    try {
      body.run();
      settle();
    } finally {
      inTurn = false;
    }
  }

  private void settle() {
    boolean more = true;
    while (more) {
      unpackDue |= context.becomeReady();
      more = unpackDue && !context.isClosing();
      unpackDue = false;
      if (more) {
        unpack();
      }
      closeIfDue();
    }
  }

  private void closeIfDue() {
    CloseReason due = context.takeCloseDue();
    if (due != null) {
      startClose(due, context.isClosedNow());
    }
  }

  private @Nullable Throwable call(String method, ByteBuf in, Runnable body) {
    Throwable thrown = null;
    probe.before(method, in);
    try {
      body.run();
    } catch (Throwable t) {
      thrown = t;
    }
    probe.after(method, in, thrown);
    return thrown;
  }

  // Reading, as the framework's ProtocolDriver does.

  /** Adds bytes where there is room; else all unread bytes move to another buffer. */
  private ByteBuf add(ByteBuf unread, byte[] bytes, int from, int to) {
    int length = to - from;
    if (unread.isReadable() && unread.isWritable(length)) {
      return unread.writeBytes(bytes, from, length);
    }
    ByteBuf larger = allocator().buffer(Math.max(16, 2 * unread.readableBytes() + length));
    larger.writeBytes(unread).writeBytes(bytes, from, length);
    unread.release();
    return larger;
  }

  private void unpack() {
    unpacking = true;
    try {
      while (!context.isClosing()
          && (unread.isReadable() || pendingMessages() > 0)
          && unpackNext()) {
        // The next message.
      }
    } finally {
      unpacking = false;
    }
    if (context.isClosing()) {
      readAfterClose();
    } else if (!unread.isReadable()) {
      drop();
    }
  }

  /** Unpacks and delivers one message; returns whether there may be another one. */
  private boolean unpackNext() {
    int start = unread.readerIndex();
    int pending = pendingMessages();
    I message = unpackOne();
    boolean becameReady = context.becomeReady();
    if (message != null) {
      if (unread.readerIndex() == start && pendingMessages() >= pending) {
        refuse(message, "returned a message but consumed no bytes");
      } else if (!context.isReady()) {
        refuse(message, "returned a message before it was ready");
      } else {
        deliver(message);
      }
    }
    closeIfDue();
    if (message == null
        && !becameReady
        && pendingMessages() >= pending
        && (context.isReady() || unread.readerIndex() == start)) {
      refuseTooLong();
      return false;
    }
    return true;
  }

  private @Nullable I unpackOne() {
    I message = null;
    Throwable thrown = null;
    probe.before("unpack", unread);
    long before = Allocation.ofThisThread();
    try {
      message = protocol.unpack(context, unread);
    } catch (Throwable t) {
      thrown = t;
    }
    allocatedBytes += Allocation.ofThisThread() - before;
    probe.after("unpack", unread, thrown);
    if (thrown != null) {
      fail(thrown);
    }
    return message;
  }

  private int pendingMessages() {
    try {
      return Math.max(protocol.pendingMessages(), 0);
    } catch (Throwable t) {
      fail(t);
      return 0;
    }
  }

  private void deliver(I message) {
    try {
      if (!context.isClosing()) {
        messages.accept(message);
      }
    } finally {
      ReferenceCountUtil.safeRelease(message);
    }
  }

  private void refuse(I message, String fault) {
    ReferenceCountUtil.safeRelease(message);
    fail(new IllegalStateException("protocol " + protocol.getClass().getName() + " " + fault));
  }

  private void refuseTooLong() {
    int limit = context.maxFrameBytes();
    if (unread.readableBytes() > limit && !context.isClosing()) {
      String frame = "frame: more than " + unread.readableBytes() + " bytes";
      fail(new ProtocolException(frame + " (expected: <= " + limit + ")"));
    }
  }

  private void fail(Throwable thrown) {
    if (thrown instanceof ProtocolException offence) {
      refusal = refusal == null ? offence : refusal;
    } else {
      failed(thrown);
    }
    startClose(new CloseReason(Kind.PROTOCOL_ERROR, thrown), /* lost= */ false);
  }

  private void failed(Throwable thrown) {
    failure = failure == null ? thrown : failure;
  }

  // Closing, as the framework's ConnectionLifecycle does.

  private void startClose(CloseReason reason, boolean lost) {
    if (context.beginClose(reason)) {
      closeProtocol(reason, lost);
    }
    if (lost) {
      awaitingPeerClose = false;
      context.end();
      if (!unpacking) {
        drop();
      }
    }
  }

  private void closeProtocol(CloseReason reason, boolean lost) {
    if (lost) {
      context.endOutput();
    }
    if (opened) {
      Throwable thrown =
          call("close", Unpooled.EMPTY_BUFFER, () -> protocol.close(context, reason));
      if (thrown != null) {
        failed(thrown);
      }
      awaitingPeerClose = !lost && !hasPeerClosed(Unpooled.EMPTY_BUFFER);
    }
    if (!unpacking && unread.isReadable()) {
      readAfterClose();
    }
    context.endOutput();
  }

  private void readAfterClose() {
    if (awaitingPeerClose) {
      awaitingPeerClose =
          !hasPeerClosed(unread) && unread.readableBytes() <= context.maxFrameBytes();
    }
    if (!awaitingPeerClose) {
      drop();
    }
  }

  private boolean hasPeerClosed(ByteBuf in) {
    boolean[] closed = {true};
    Throwable thrown =
        call("awaitPeerClose", in, () -> closed[0] = protocol.awaitPeerClose(context, in));
    if (thrown != null && !(thrown instanceof ProtocolException)) {
      failed(thrown);
    }
    return closed[0];
  }
}
