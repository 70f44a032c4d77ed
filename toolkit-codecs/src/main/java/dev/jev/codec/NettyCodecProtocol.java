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
 * The bridge to Netty's handlers: bytes go in at the head of a pipeline, messages come out at its
 * end, see {@link NettyCodec}.
 *
 * <p><b>Order.</b> A decoder makes all the messages of a read at once, but they are handled one by
 * one, later. What a handler writes meanwhile, say the answer to a ping behind two requests, must
 * not overtake the replies to those, neither on the wire nor in an encoder that remembers to what
 * it replies. So while messages are pending a {@linkplain NettyCodecGate gate} keeps what a handler
 * writes back, and it is written in its turn: {@code pending} has messages, and what happened
 * between them.
 *
 * <p>Event loop only.
 */
final class NettyCodecProtocol<I> implements Protocol<I, Object> {

  /** A codec gets so many bytes at a time: few enough for the pool's fast lane. */
  private static final int FEED_BYTES = 16 * 1024;

  /** A queue that had more entries does not stay. */
  private static final int KEPT_ENTRIES = 64;

  /** What the pipeline threw behind the messages before it. */
  private record Fault(ProtocolException exception) {}

  private enum Stage {
    /** The pipeline is not being called by us. */
    OUTSIDE,
    /** It gets bytes. */
    READING,
    /** It gets a message that is sent. */
    PACKING,
    /** It opens, or runs a task, or writes what was kept back. */
    RUNNING
  }

  private final Class<I> type;
  private final Supplier<? extends List<? extends ChannelHandler>> handlers;

  private @Nullable ProtocolContext context;
  private @Nullable NettyCodecChannel channel;
  private ArrayDeque<Object> pending = new ArrayDeque<>(4); // of messages, Deferred and Fault
  private int peak; // entries in pending since it was made

  private Stage stage = Stage.OUTSIDE;
  private @Nullable ByteBuf out; // while packing
  private @Nullable ProtocolException fault; // to be thrown when the pipeline returns
  private boolean ending; // no message is made any more
  private boolean wakeScheduled;
  private int unproductiveBytes; // bytes since the last message or answer

  NettyCodecProtocol(Class<I> type, Supplier<? extends List<? extends ChannelHandler>> handlers) {
    this.type = type;
    this.handlers = handlers;
  }

  // The framework's side.

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

  @Override
  public void pack(Object message, ByteBuf out) {
    NettyCodecChannel target = channel();
    if (!target.isOpen()) {
      return; // the pipeline has closed, and the connection is about to
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

  /** The pipeline's own reference to a message. */
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
    int length = Math.min(Math.min(in.readableBytes(), FEED_BYTES), limit - unproductiveBytes);
    ByteBuf bytes = in.alloc().directBuffer(length);
    bytes.writeBytes(in, length);
    unproductiveBytes += length;
    Stage outer = enter(Stage.READING);
    try {
      channel().read(bytes);
    } finally {
      leave(outer);
    }
  }

  /** The next message that was made, after what happened before it; null if there is none. */
  private @Nullable I next() {
    for (Object next; (next = pending.poll()) != null; ) {
      if (next instanceof Deferred deferred) {
        run(deferred.action());
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

  // The pipeline's side.

  /** A message has come out of the pipeline's end. */
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
    pending.add(entry);
    peak = Math.max(peak, pending.size());
    if (stage == Stage.OUTSIDE || stage == Stage.PACKING) {
      wake();
    }
  }

  /** An exception has come out of the pipeline's end, or a task has thrown it. */
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

  /** Whether what a handler does now has to wait for the replies to messages before it. */
  boolean defers() {
    return stage == Stage.READING && !pending.isEmpty();
  }

  void defer(Deferred deferred) {
    if (deferred.closes()) {
      ending = true;
    }
    enqueue(deferred);
  }

  /** Bytes have come out of the pipeline's head. */
  void write(ByteBuf bytes) {
    unproductiveBytes = 0;
    if (out != null) {
      out.writeBytes(bytes, bytes.readerIndex(), bytes.readableBytes());
    } else if (bytes.isReadable()) {
      context().write(bytes.retain());
    }
  }

  /** The pipeline has closed the channel; what it still makes of the same bytes is dropped. */
  void closed() {
    ending = true;
    context().close();
  }

  // Tasks.

  /** Makes the framework look, soon, at what came out of the pipeline when nobody asked it. */
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

  /** Calls the pipeline for a reason of its own. */
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

  /** Whether the pipeline is being called by us, who look after its tasks then. */
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

  /** Something that a handler did while messages were pending, to be done in its turn. */
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
