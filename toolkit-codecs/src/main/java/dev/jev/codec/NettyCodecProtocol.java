package dev.jev.codec;

import dev.jev.CloseReason;
import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import dev.jev.ProtocolException;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelPromise;
import io.netty.util.ReferenceCountUtil;
import java.nio.channels.ClosedChannelException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A protocol that passes bytes to the head of a Netty pipeline and takes messages from its end; see
 * {@link NettyCodec}.
 *
 * <p><b>Order.</b> A decoder decodes all messages in its input at once, but they are handled later,
 * one by one. It gets no further input until then. Output that a handler writes meanwhile, such as
 * the answer to a ping after two requests, must not overtake the replies to those requests: neither
 * on the connection, nor in an encoder that remembers which request it replies to. Therefore, while
 * messages are pending, a {@linkplain NettyCodecGate gate} defers what a handler writes until it is
 * its turn: {@code pending} contains the messages and the operations deferred between them.
 *
 * <p><b>Memory.</b> What a codec holds cannot be seen. It may hold all input since its last
 * message, and behind that message the rest of the last input; that is what {@link #bufferedBytes}
 * counts.
 *
 * <p>Event loop only.
 */
final class NettyCodecProtocol<I> implements Protocol<I, Object> {

  /**
   * The maximum number of bytes passed to a codec at a time, if it may have state between decoder
   * and encoder. It bounds how far the codec decodes ahead of the replies, since a decoder cannot
   * be stopped: to 128 requests of HTTP, which have at least 16 bytes, and that is where HTTP's
   * codec gives up.
   */
  private static final int PIECE_BYTES = 2 * 1024;

  /**
   * The maximum number of bytes passed to any other codec at a time. Buffers of this size come from
   * the thread cache of the pool.
   */
  private static final int LONG_PIECE_BYTES = 16 * 1024;

  /** The estimated memory of a pending message, apart from the input that it was made of. */
  private static final int MESSAGE_BYTES = 256;

  /** The maximum length of input, in addition to that of its answer, that an answer stands for. */
  private static final int ANSWERED_BYTES = 16;

  /** The number of entries above which an empty queue is replaced by a small one. */
  private static final int KEPT_ENTRIES = 64;

  /** An exception that the pipeline threw after the messages before it. */
  private record Fault(ProtocolException exception) {}

  /** The kind of call into the pipeline. */
  private enum Stage {
    /** The pipeline is not being called by this protocol. */
    OUTSIDE,
    /** The pipeline gets bytes. */
    READING,
    /** The pipeline gets a message to send. */
    PACKING,
    /** The pipeline opens, runs a task, or writes deferred output. */
    RUNNING
  }

  /** The fate of the input that the codec makes messages of. */
  private enum Input {
    /** No message has shown it yet. */
    UNKNOWN,
    /** It releases all input before the messages are handled. */
    RELEASED,
    /** It keeps input, in the messages or as the beginning of a frame behind them. */
    KEPT
  }

  private final Class<I> type;
  private final Supplier<? extends List<? extends ChannelHandler>> handlers;

  private @Nullable ProtocolContext context;
  private @Nullable NettyCodecChannel channel;
  private ArrayDeque<Object> pending = new ArrayDeque<>(4); // messages, Deferred and Fault
  private int peak; // maximum size of this queue

  private Stage stage = Stage.OUTSIDE;
  private @Nullable ByteBuf out; // while packing
  private @Nullable ProtocolException fault; // thrown when the pipeline returns
  private boolean ending; // further messages are dropped
  private boolean wakeScheduled;
  private boolean runningDeferred; // output that was written before the latest input
  private int unproductiveBytes; // input since the last message or answer
  private long possiblyHeld; // input that the codec, or a message in the queue, may hold
  private int lastFed; // length of the latest input
  private @Nullable ByteBuf fedBefore; // the input before a last byte, which the codec owns
  private Input input = Input.UNKNOWN;
  private boolean productive; // a message was decoded since the queue was last empty

  NettyCodecProtocol(Class<I> type, Supplier<? extends List<? extends ChannelHandler>> handlers) {
    this.type = type;
    this.handlers = handlers;
  }

  // Called by the framework.

  @Override
  public void open(ProtocolContext context) {
    this.context = context;
    NettyCodecChannel opened = new NettyCodecChannel(this);
    channel = opened;
    Stage outer = enter(Stage.RUNNING);
    try {
      opened.open(handlers.get());
    } finally {
      leave(outer);
    }
    throwFault();
    if (opened.isOpen()) {
      context.ready();
    }
  }

  @Override
  public @Nullable I unpack(ProtocolContext context, ByteBuf in) {
    I message = next();
    while (message == null && in.isReadable()) {
      if (!channel().isOpen()) {
        in.skipBytes(in.readableBytes());
        return null;
      }
      feed(in);
      message = next();
    }
    return message;
  }

  @Override
  public int pendingMessages() {
    return pending.size();
  }

  /**
   * Returns the number of bytes from which the codec has made neither a message nor an answer yet,
   * since what it holds cannot be seen.
   */
  @Override
  public long heldBytes() {
    return unproductiveBytes;
  }

  @Override
  public long bufferedBytes() {
    return possiblyHeld + (long) MESSAGE_BYTES * pending.size();
  }

  @Override
  public void pack(Object message, ByteBuf out) {
    NettyCodecChannel target = channel();
    if (!target.isOpen()) {
      return; // the pipeline has closed, and the connection closes next
    }
    ChannelPromise written = target.newPromise();
    this.out = out;
    Stage outer = enter(Stage.PACKING);
    try {
      target.writeAndFlush(retained(message), written);
      target.loop().runTasks();
    } finally {
      leave(outer);
      this.out = null;
    }
    Throwable cause = written.cause();
    if (cause != null) {
      throw new IllegalArgumentException(
          "message: " + message.getClass().getName() + " (expected: one that the codec can encode)",
          cause);
    }
  }

  /** Returns the pipeline's own reference to a message. */
  private static Object retained(Object message) {
    return message instanceof ByteBuf bytes
        ? bytes.retainedDuplicate() // encoders move its indices
        : ReferenceCountUtil.retain(message);
  }

  @Override
  public void close(ProtocolContext context, CloseReason reason) {
    ending = true;
    dropPending();
    if (channel != null) {
      Stage outer = enter(Stage.RUNNING);
      try {
        channel.end();
      } finally {
        leave(outer);
        dropPending();
      }
    }
  }

  // Reading.

  private void feed(ByteBuf in) {
    int limit = context().maxFrameBytes();
    if (unproductiveBytes >= limit) {
      throw new ProtocolException(
          "frame: more than " + limit + " bytes (expected: <= " + limit + ")");
    }
    int longest = channel().isOneWay() ? LONG_PIECE_BYTES : PIECE_BYTES;
    int most = Math.min(Math.min(in.readableBytes(), longest), limit - unproductiveBytes);
    boolean isLast = most == in.readableBytes();
    boolean withoutLastByte = isLast && most > 1 && !showsWhatItHolds();
    int length = withoutLastByte ? most - 1 : most;
    ByteBuf bytes = in.alloc().directBuffer(most); // the decoder may append the last byte
    in.readBytes(bytes, length);
    unproductiveBytes += length;
    boolean heldNothing = possiblyHeld == 0;
    possiblyHeld += length;
    lastFed = length;
    Stage outer = enter(Stage.READING);
    try {
      channel().read(bytes);
    } finally {
      leave(outer);
    }
    // A buffer that was released may be in use again. Then the codec only seems to hold it.
    boolean released = bytes.refCnt() == 0;
    boolean releasedAll = released && (heldNothing || isReleased(fedBefore));
    if (releasedAll) {
      possiblyHeld = 0;
    }
    if (productive && isLast && !withoutLastByte) {
      input = releasedAll && input != Input.KEPT ? Input.RELEASED : Input.KEPT;
    }
    fedBefore = withoutLastByte && heldNothing ? bytes : null;
  }

  /**
   * Returns whether the reference count of the next input will show whether the codec holds some of
   * it.
   *
   * <p>Otherwise the last byte of the input is passed on its own: if nothing comes of it, it
   * belongs to an incomplete frame. This costs a second call of the pipeline.
   */
  private boolean showsWhatItHolds() {
    return input == Input.RELEASED && possiblyHeld == 0 && unproductiveBytes == 0;
  }

  private static boolean isReleased(@Nullable ByteBuf bytes) {
    return bytes != null && bytes.refCnt() == 0;
  }

  /** Returns the next message, after the operations deferred before it; null if there is none. */
  private @Nullable I next() {
    for (Object next; (next = pending.poll()) != null; ) {
      if (next instanceof Deferred deferred) {
        runningDeferred = true;
        try {
          run(deferred.action());
        } finally {
          runningDeferred = false;
        }
        if (!channel().isOpen()) {
          dropPending();
        }
      } else if (next instanceof Fault behind) {
        dropPending();
        throw behind.exception();
      } else {
        return type.cast(next);
      }
    }
    if (productive) {
      productive = false;
      possiblyHeld = Math.min(possiblyHeld, lastFed);
    }
    if (peak > KEPT_ENTRIES) {
      pending = new ArrayDeque<>(4);
      peak = 0;
    }
    return null;
  }

  private void dropPending() {
    for (Object next; (next = pending.poll()) != null; ) {
      if (next instanceof Deferred deferred) {
        deferred.drop();
      } else {
        ReferenceCountUtil.safeRelease(next);
      }
    }
  }

  // Called by the pipeline.

  /** Takes a message that has reached the end of the pipeline. */
  void decoded(Object message) {
    if (ending) {
      ReferenceCountUtil.release(message);
    } else if (!type.isInstance(message)) {
      String name = message.getClass().getName();
      ReferenceCountUtil.release(message);
      failed(new ProtocolException("message: " + name + " (expected: " + type.getName() + ")"));
    } else {
      enqueue(message);
    }
  }

  private void enqueue(Object entry) {
    unproductiveBytes = 0;
    productive = true;
    pending.add(entry);
    peak = Math.max(peak, pending.size());
    if (stage == Stage.OUTSIDE || stage == Stage.PACKING) {
      wake();
    }
  }

  /** Takes an exception that has reached the end of the pipeline or was thrown by a task. */
  void failed(Throwable cause) {
    if (ending) {
      return;
    }
    ProtocolException exception = protocolException(cause);
    ending = true;
    if (stage == Stage.READING) {
      enqueue(new Fault(exception));
      return;
    }
    fault = exception;
    if (stage != Stage.RUNNING) {
      wake();
    }
  }

  private static ProtocolException protocolException(Throwable thrown) {
    for (Throwable t = thrown; t != null; t = t.getCause()) {
      if (t instanceof ProtocolException exception) {
        return exception;
      }
    }
    String message = thrown.getMessage();
    String name = thrown.getClass().getSimpleName();
    String what = message == null ? name : name + ": " + message;
    return new ProtocolException(
        "input: "
            + what.substring(0, Math.min(what.length(), 200))
            + " (expected: bytes that the codec can decode)",
        thrown);
  }

  /** Returns true if an operation of a handler has to wait for replies to earlier messages. */
  boolean defers() {
    return stage == Stage.READING && !pending.isEmpty();
  }

  void defer(Deferred deferred) {
    if (deferred.closes()) {
      ending = true;
    }
    enqueue(deferred);
  }

  /** Takes bytes that have reached the head of the pipeline. */
  void write(ByteBuf bytes) {
    if (stage == Stage.READING) { // the answer to some of the input
      possiblyHeld = Math.max(possiblyHeld - bytes.readableBytes() - ANSWERED_BYTES, 0);
    }
    if (out != null) { // no answer of the codec, but a message of the connection
      int length = bytes.readableBytes();
      bytes.getBytes(bytes.readerIndex(), out.ensureWritable(length), length);
      return;
    }
    if (!runningDeferred) {
      unproductiveBytes = 0;
    }
    if (bytes.isReadable()) {
      context().write(bytes.retain());
    }
  }

  /**
   * Closes the connection because the pipeline has closed the channel. Messages decoded later from
   * the same bytes are dropped.
   */
  void closed() {
    ending = true;
    context().close();
  }

  // Tasks.

  /**
   * Schedules a run of the pipeline, after which the framework takes output and messages that were
   * produced outside of its calls.
   */
  void wake() {
    if (!wakeScheduled) {
      wakeScheduled = true;
      context()
          .runAfter(
              Duration.ZERO,
              () -> {
                wakeScheduled = false;
                run(() -> {});
              });
    }
  }

  /** Runs an action in the pipeline, then the tasks of its event loop. */
  void run(Runnable action) {
    Stage outer = enter(Stage.RUNNING);
    try {
      action.run();
      channel().loop().runTasks();
    } finally {
      leave(outer);
    }
    throwFault();
  }

  private void throwFault() {
    ProtocolException thrown = fault;
    if (thrown != null) {
      fault = null;
      throw thrown;
    }
  }

  /** Returns true during a call of the pipeline, after which its tasks are run. */
  boolean isInPipeline() {
    return stage != Stage.OUTSIDE;
  }

  private Stage enter(Stage inner) {
    Stage outer = stage;
    stage = inner;
    return outer;
  }

  private void leave(Stage outer) {
    stage = outer;
    channel().loop().arm();
  }

  ProtocolContext context() {
    ProtocolContext opened = context;
    if (opened == null) {
      throw new IllegalStateException("codec not opened; call open before anything else");
    }
    return opened;
  }

  private NettyCodecChannel channel() {
    NettyCodecChannel opened = channel;
    if (opened == null) {
      throw new IllegalStateException("codec not opened; call open before anything else");
    }
    return opened;
  }

  /** An operation of a handler that waits for the messages before it. */
  record Deferred(
      Runnable action, boolean closes, @Nullable Object message, ChannelPromise promise) {

    void drop() {
      ReferenceCountUtil.safeRelease(message);
      if (!promise.isVoid()) {
        promise.tryFailure(new ClosedChannelException());
      }
    }
  }
}
