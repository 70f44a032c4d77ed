package dev.jev;

import static java.util.Objects.requireNonNull;

import dev.jev.CloseReason.Kind;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelPromise;
import io.netty.channel.RecvByteBufAllocator;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.channel.socket.DuplexChannel;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.ScheduledFuture;
import java.io.IOException;
import java.net.SocketAddress;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A connection: the one handler in its channel's pipeline, which runs the whole loop from bytes to
 * messages and back.
 *
 * <p><b>Turns.</b> Everything happens in turns of the event loop: a batch of reads, a task, a
 * timer. {@link #enter} opens a turn and {@link #leave} ends it: it flushes what was packed, then
 * does what became due meanwhile, and only then decides whether to go on reading. So a callback
 * never runs inside another one, however they call each other.
 *
 * <p><b>Life.</b>
 *
 * <pre>
 *   OPENING --ready--&gt; OPEN --close--&gt; CLOSING --socket closed--&gt; CLOSED
 * </pre>
 *
 * In {@code CLOSING} output is flushed, then the socket's output is shut down, then input is read
 * and dropped until the peer closes too, so that the kernel has no reason to send a reset that
 * would destroy what the peer has not read (RFC 9112, 9.6). Both waits have a deadline.
 *
 * <p><b>Back-pressure.</b> Reading, and unpacking what was read, stops while {@code userPaused} or
 * {@code outputBlocked} is set. The latter is set when the channel's output passes its high mark,
 * and cleared when a turn ends with less than the low mark.
 */
final class NettyConnection<I, O> extends ChannelInboundHandlerAdapter
    implements Connection<O>, Wire, RecvByteBufAllocator {

  private static final byte OPENING = 0;
  private static final byte OPEN = 1;
  private static final byte CLOSING = 2;
  private static final byte CLOSED = 3;

  /** How long, and for how many bytes, input is dropped after the output was shut down. */
  private static final long LINGER_NANOS = TimeUnit.SECONDS.toNanos(2);

  private static final int LINGER_BYTES = 256 * 1024;

  private final Settings<I, O> settings;
  private final Loop loop;
  private final Channel channel;
  private final Protocol<I, O> protocol;
  private @Nullable Inbound inbound; // from the first read on
  private final Outbound<O> outbound;

  // Volatile: read by any thread.
  private volatile byte state;
  private volatile boolean closeRequested;
  private volatile boolean outputEndRequested;
  private volatile boolean userPaused;
  private volatile @Nullable Object attachment;

  // Event loop only: neighbours in the loop's list.
  @Nullable NettyConnection<?, ?> next;
  @Nullable NettyConnection<?, ?> previous;

  // Event loop only.
  private @Nullable ChannelHandlerContext context;
  private @Nullable CloseReason reason;
  private @Nullable ScheduledFuture<?> deadline; // of the handshake, the last flush or the linger
  private int lingered;

  private boolean flushQueued;
  private boolean inProtocol; // one of its methods is running
  private boolean readyDue;
  private boolean closeDue;
  private boolean opened; // the protocol's open was called
  private boolean connected; // onConnect was called
  private boolean unpackDue; // there are unread bytes that nobody looks at unless asked to

  private boolean outputBlocked;
  private boolean inputEnded;
  private boolean outputEnded; // nothing may be packed any more
  private boolean lingering;

  NettyConnection(Settings<I, O> settings, Loop loop, Channel channel) {
    this.settings = settings;
    this.loop = loop;
    this.channel = channel;
    this.protocol = requireNonNull(settings.protocols().get(), "protocol");
    this.outbound = new Outbound<>(this);
  }

  // What Outbound and Loop ask for.

  Settings<I, O> settings() {
    return settings;
  }

  /** Packs a message; returns the tail that is still to be written, or null. */
  @Nullable ByteBuf pack(O message, ByteBuf out) {
    inProtocol = true;
    try {
      protocol.pack(message, out);
      return protocol.tail(message);
    } finally {
      inProtocol = false;
      if (closeDue) {
        flushSoon();
      }
    }
  }

  Loop loop() {
    return loop;
  }

  Channel channel() {
    return channel;
  }

  Inbound inbound() {
    if (inbound == null) {
      inbound = new Inbound(loop);
    }
    return inbound;
  }

  ChannelHandlerContext context() {
    return requireNonNull(context);
  }

  boolean inEventLoop() {
    return loop.inEventLoop();
  }

  /** Whether a message may be sent; from any thread. */
  boolean acceptsMessages() {
    return state == OPEN && !closeRequested && !outputEndRequested;
  }

  /** Whether output can still be packed: what was sent before a close still is. */
  boolean acceptsOutput() {
    return !outputEnded;
  }

  // Turns.

  /**
   * Opens a turn; returns whether this is the outermost one, which {@link #leave} wants to know.
   *
   * <p>If another connection of the loop is having a turn, this one gets its own a little later.
   */
  boolean enter() {
    if (loop.turn == null) {
      loop.turn = this;
      return true;
    }
    flushSoon();
    return false;
  }

  /** Ends a turn if it is the outermost one. */
  void leave(boolean outermost) {
    if (!outermost) {
      return;
    }
    try {
      settle();
    } catch (Throwable t) { // no memory for a buffer, for example
      abort(new CloseReason(Kind.IO_ERROR, t));
    } finally {
      loop.turn = null;
    }
  }

  private void settle() {
    boolean more;
    do {
      outbound.flush();
      more = unblockOutput();
      if (unpackDue && readsOn()) {
        unpackKept();
        more = true;
      }
      if (closeDue) {
        startClose(CloseReason.of(Kind.CLOSED));
      }
    } while (more);
    if (state <= OPEN) {
      if (inputEnded && readsOn()) {
        startClose(CloseReason.of(Kind.PEER_CLOSED));
      } else {
        read(readsOn() && !inputEnded);
      }
    }
  }

  /** Flushes at the end of this turn, or of the loop's if this connection is not having one. */
  void flushSoon() {
    if (loop.turn != this && !flushQueued) {
      flushQueued = true;
      loop.flushLater(this);
    }
  }

  void flushDue() {
    flushQueued = false;
    leave(enter());
  }

  // Reading.

  @Override
  @SuppressWarnings("deprecation") // Netty's own interface has a deprecated type in it
  public Handle newHandle() {
    return inbound();
  }

  private boolean readsOn() {
    return state <= OPEN && !userPaused && !outputBlocked && !closeRequested;
  }

  private void read(boolean on) {
    if (!on) {
      inbound().pause();
    } else if (inbound != null) {
      inbound.resume();
    }
    if (channel.config().isAutoRead() != on) {
      channel.config().setAutoRead(on);
    }
  }

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object message) {
    ByteBuf arrived = (ByteBuf) message;
    if (state >= CLOSING) {
      dropInput(arrived);
      return;
    }
    enter(); // until channelReadComplete
    try {
      ByteBuf bytes = inbound().add(arrived);
      unpack(bytes);
      keep(bytes);
    } catch (Throwable t) { // no memory for a buffer, for example
      abort(new CloseReason(Kind.IO_ERROR, t));
    }
  }

  @Override
  public void channelReadComplete(ChannelHandlerContext ctx) {
    leave(true);
  }

  private void unpackKept() {
    unpackDue = false;
    ByteBuf bytes = inbound().unread();
    if (bytes != null) {
      unpack(bytes);
      keep(bytes);
    }
  }

  private void keep(ByteBuf bytes) {
    inbound().keep(bytes);
    if (state >= CLOSING) {
      inbound().release();
    }
  }

  private void dropInput(ByteBuf bytes) {
    lingered += lingering ? bytes.readableBytes() : 0;
    bytes.release();
    if (lingered > LINGER_BYTES) {
      channel.close();
    }
  }

  /** Unpacks and delivers messages until bytes run out or reading is stopped. */
  private void unpack(ByteBuf bytes) {
    while (bytes.isReadable()) {
      if (!readsOn()) {
        unpackDue = true;
        inbound().pause();
        return;
      }
      int start = bytes.readerIndex();
      I message = unpackOne(bytes);
      boolean becameReady = connectIfReady();
      if (message != null) {
        if (bytes.readerIndex() == start) {
          ReferenceCountUtil.safeRelease(message);
          fail(Kind.PROTOCOL_ERROR, new IllegalStateException(misbehaviour("took no byte off it")));
        } else if (!connected) {
          ReferenceCountUtil.safeRelease(message);
          fail(Kind.PROTOCOL_ERROR, new IllegalStateException(misbehaviour("was not ready")));
        } else {
          dispatch(message);
        }
      }
      if (closeDue) {
        startClose(CloseReason.of(Kind.CLOSED));
      }
      if (message == null && !becameReady) {
        refuseTooLong(bytes);
        return;
      }
    }
  }

  private @Nullable I unpackOne(ByteBuf bytes) {
    inProtocol = true;
    try {
      return protocol.unpack(this, bytes);
    } catch (Throwable t) {
      fail(Kind.PROTOCOL_ERROR, t);
      return null;
    } finally {
      inProtocol = false;
    }
  }

  private String misbehaviour(String what) {
    return "protocol " + protocol.getClass().getName() + " returned a message but " + what;
  }

  private void refuseTooLong(ByteBuf bytes) {
    if (bytes.readableBytes() > settings.maxFrameBytes() && state <= OPEN) {
      String frame = "frame: more than " + bytes.readableBytes() + " bytes";
      fail(
          Kind.PROTOCOL_ERROR,
          new ProtocolException(frame + " (expected: <= " + settings.maxFrameBytes() + ")"));
    }
  }

  private void dispatch(I message) {
    if (state != OPEN) {
      ReferenceCountUtil.safeRelease(message);
      return;
    }
    loop.own(message);
    try {
      settings.handler().onMessage(this, message);
    } catch (Throwable t) {
      fail(Kind.HANDLER_ERROR, t);
    }
    loop.releaseOwned();
  }

  // Opening.

  @Override
  public void handlerAdded(ChannelHandlerContext ctx) {
    context = ctx;
  }

  @Override
  public void channelActive(ChannelHandlerContext ctx) {
    loop.add(this);
    channel.localAddress(); // the channel remembers both addresses
    channel.remoteAddress();
    if (loop.isStopping()) {
      abort(CloseReason.of(Kind.SERVER_STOPPED));
      return;
    }
    boolean outermost = enter();
    opened = true;
    inProtocol = true;
    try {
      protocol.open(this);
    } catch (Throwable t) {
      fail(Kind.PROTOCOL_ERROR, t);
    } finally {
      inProtocol = false;
    }
    connectIfReady();
    if (closeDue) {
      startClose(CloseReason.of(Kind.CLOSED));
    } else if (state == OPENING) {
      expire(settings.handshakeTimeoutNanos(), () -> startClose(CloseReason.of(Kind.TIMEOUT)));
    }
    leave(outermost);
  }

  @Override
  public void ready() {
    if (!loop.inEventLoop()) {
      onLoopLater(this::ready);
      return;
    }
    readyDue = true;
    if (!inProtocol) {
      boolean outermost = enter();
      if (connectIfReady()) {
        unpackDue = true;
      }
      leave(outermost);
    }
  }

  @Override
  public boolean isReady() {
    return state != OPENING;
  }

  private boolean connectIfReady() {
    if (!readyDue || state != OPENING) {
      return false;
    }
    state = OPEN;
    cancelDeadline();
    connected = true;
    try {
      settings.handler().onConnect(this);
    } catch (Throwable t) {
      fail(Kind.HANDLER_ERROR, t);
    }
    return true;
  }

  // Writing.

  @Override
  public boolean send(O message) {
    return outbound.send(requireNonNull(message, "message"), null) == Delivery.Outcome.TAKEN;
  }

  @Override
  public Delivery deliver(O message) {
    CompletableFuture<Void> written = new CompletableFuture<>();
    Delivery.Outcome outcome = outbound.send(requireNonNull(message, "message"), written);
    return new Delivery(outcome, written.minimalCompletionStage());
  }

  @Override
  public void write(ByteBuf bytes) {
    if (acceptsOutput()) {
      outbound.add(bytes);
    } else {
      bytes.release();
    }
  }

  /** A message was refused because too much is pending. */
  void overflow() {
    if (settings.overflow() == OverflowPolicy.CLOSE) {
      closeRequested = true;
      onLoop(() -> abort(CloseReason.of(Kind.OVERFLOW)));
    }
  }

  @Override
  public void channelWritabilityChanged(ChannelHandlerContext ctx) {
    if (!outputEnded && !channel.isWritable()) {
      blockOutput();
    } else if (outputBlocked) {
      leave(enter());
    }
    ctx.fireChannelWritabilityChanged();
  }

  /** Stops reading until a turn ends with a writable channel, which then calls onWritable. */
  void blockOutput() {
    outputBlocked = true;
  }

  boolean isOutputBlocked() {
    return outputBlocked;
  }

  private boolean unblockOutput() {
    if (!outputBlocked || !(channel.isWritable() || outputEnded)) {
      return false;
    }
    outputBlocked = false;
    if (connected && acceptsMessages()) {
      try {
        settings.handler().onWritable(this);
      } catch (Throwable t) {
        fail(Kind.HANDLER_ERROR, t);
      }
    }
    return true;
  }

  @Override
  public boolean isWritable() {
    return acceptsMessages() && outbound.isWritable();
  }

  @Override
  public long pendingBytes() {
    return outbound.pendingBytes();
  }

  // Closing.

  @Override
  public boolean isOpen() {
    return state == OPEN && !closeRequested;
  }

  @Override
  public int maxFrameBytes() {
    return settings.maxFrameBytes();
  }

  @Override
  public void close() {
    if (loop.inEventLoop() && inProtocol) {
      closeDue = true; // the protocol closes its wire: after its call has returned
      return;
    }
    closeRequested = true;
    onLoop(() -> startClose(CloseReason.of(Kind.CLOSED)));
  }

  @Override
  public void closeNow() {
    closeRequested = true;
    onLoop(() -> abort(CloseReason.of(Kind.CLOSED)));
  }

  /** Closes because something threw. */
  void fail(Kind kind, Throwable cause) {
    if (kind == Kind.HANDLER_ERROR || !(cause instanceof ProtocolException)) {
      settings.errors().warning(kind + ": connection of " + remoteAddress() + " closes", cause);
    }
    startClose(new CloseReason(kind, cause));
  }

  /** Closes after everything sent so far has been written, unless a close has begun already. */
  void startClose(CloseReason why) {
    closeRequested = true;
    closeDue = false;
    if (reason != null) {
      return;
    }
    boolean outermost = enter();
    outbound.packMail();
    if (begin(why)) {
      outputEnded = true;
      ChannelPromise flushed = context().newPromise();
      outbound.flushAll(flushed);
      if (!flushed.isDone()) {
        expire(settings.closeTimeoutNanos(), channel::close);
      }
      flushed.addListener(done -> linger());
      read(true);
    }
    leave(outermost);
  }

  /** Closes and drops what has not been written. */
  void abort(CloseReason why) {
    if (state == CLOSED) {
      return; // or detached: the channel is somebody else's
    }
    closeRequested = true;
    begin(why);
    outputEnded = true;
    channel.close();
  }

  /** Sets the reason, once, and lets the protocol say goodbye. */
  private boolean begin(CloseReason why) {
    if (reason != null) {
      return false;
    }
    reason = why;
    state = CLOSING;
    cancelDeadline();
    if (opened) {
      inProtocol = true;
      try {
        protocol.close(this, why);
      } catch (Throwable t) {
        settings.errors().warning("protocol failed to close", t);
      } finally {
        inProtocol = false;
      }
    }
    return true;
  }

  /** Tells the peer that nothing more comes, and waits for it to say the same. */
  private void linger() {
    cancelDeadline();
    if (inputEnded || !channel.isActive() || !(channel instanceof DuplexChannel duplex)) {
      channel.close();
      return;
    }
    lingering = true;
    if (!duplex.isOutputShutdown()) {
      duplex.shutdownOutput();
    }
    expire(LINGER_NANOS, channel::close);
  }

  @Override
  public void shutdownOutput() {
    outputEndRequested = true;
    onLoop(
        () -> {
          if (outputEnded || !(channel instanceof DuplexChannel duplex)) {
            return;
          }
          outbound.packMail();
          outputEnded = true;
          outbound.flushAll(context().newPromise().addListener(done -> duplex.shutdownOutput()));
        });
  }

  @Override
  public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
    if (event instanceof ChannelInputShutdownEvent) {
      inputEnded = true;
      if (lingering) {
        channel.close();
      } else {
        leave(enter());
      }
    }
    ctx.fireUserEventTriggered(event);
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    if (cause instanceof Inbound.Paused) {
      return;
    }
    boolean network = cause instanceof IOException || cause instanceof OutOfMemoryError;
    if (!network && reason == null) {
      settings.errors().warning("connection of " + remoteAddress() + " closes", cause);
    }
    abort(new CloseReason(network ? Kind.IO_ERROR : Kind.PROTOCOL_ERROR, cause));
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) {
    begin(CloseReason.of(whyClosed()));
    finish();
    ctx.fireChannelInactive();
  }

  /** Why Netty has closed the channel of its own accord. */
  private Kind whyClosed() {
    boolean stopping = loop.executor().isShuttingDown();
    return stopping ? Kind.SERVER_STOPPED : inputEnded ? Kind.PEER_CLOSED : Kind.IO_ERROR;
  }

  /** Lets go of everything and calls onClose; does nothing if that is done. */
  void finish() {
    if (state == CLOSED) {
      return;
    }
    outputEnded = true;
    leaveServer();
    outbound.release();
    if (inbound != null) {
      inbound.release();
    }
    if (connected) {
      try {
        settings.handler().onClose(this, requireNonNull(reason));
      } catch (Throwable t) {
        settings.errors().warning("handler failed in onClose of " + remoteAddress(), t);
      }
    }
  }

  private void leaveServer() {
    state = CLOSED;
    cancelDeadline();
    loop.remove(this);
    loop.unassign();
  }

  private void expire(long nanos, Runnable action) {
    deadline =
        loop.executor()
            .schedule(
                () -> {
                  deadline = null;
                  action.run();
                },
                nanos,
                TimeUnit.NANOSECONDS);
  }

  private void cancelDeadline() {
    if (deadline != null) {
      deadline.cancel(false);
      deadline = null;
    }
  }

  // Handing over.

  @Override
  public void detach(ChannelHandler successor) {
    requireNonNull(successor, "successor");
    closeRequested = true;
    onLoop(
        () -> {
          if (reason != null || outputEnded) {
            return;
          }
          outbound.packMail();
          outputEnded = true;
          ChannelPromise flushed = context().newPromise();
          outbound.flushAll(flushed);
          expire(settings.closeTimeoutNanos(), () -> startClose(CloseReason.of(Kind.CLOSED)));
          // Later: this may be a callback, with bytes that are not kept yet.
          flushed.addListener(done -> onLoopLater(() -> handOver(successor)));
        });
  }

  private void handOver(ChannelHandler successor) {
    if (reason != null) {
      return;
    }
    ChannelHandlerContext here = context();
    try {
      here.pipeline().addAfter(here.name(), null, successor);
    } catch (Throwable t) {
      fail(Kind.HANDLER_ERROR, t);
      return;
    }
    begin(CloseReason.of(Kind.CLOSED));
    leaveServer();
    ByteBuf unread = inbound().detach();
    if (unread != null) {
      here.fireChannelRead(unread);
      here.fireChannelReadComplete();
    }
    if (inputEnded) {
      here.fireUserEventTriggered(ChannelInputShutdownEvent.INSTANCE);
    }
    here.pipeline().remove(this);
    channel.config().setAutoRead(true);
  }

  // The rest of Connection.

  @Override
  public void pauseReading() {
    userPaused = true;
    onLoop(() -> {}); // its end stops reading
  }

  @Override
  public void resumeReading() {
    userPaused = false;
    onLoop(() -> {}); // its end goes on reading
  }

  @Override
  public void execute(Runnable task) {
    requireNonNull(task, "task");
    onLoopLater(
        () -> {
          boolean outermost = enter();
          try {
            task.run();
          } catch (Throwable t) {
            fail(Kind.HANDLER_ERROR, t);
          }
          leave(outermost);
        });
  }

  @Override
  public SocketAddress localAddress() {
    return channel.localAddress();
  }

  @Override
  public SocketAddress remoteAddress() {
    return channel.remoteAddress();
  }

  @Override
  public SocketAddress listener() {
    return channel.parent().localAddress();
  }

  @Override
  public void attach(@Nullable Object attachment) {
    this.attachment = attachment;
  }

  @Override
  public <T> @Nullable T attachment(Class<T> type) {
    return type.cast(attachment);
  }

  /** Runs {@code action}, and a turn after it: at once if this is the event loop, else later. */
  private void onLoop(Runnable action) {
    if (loop.inEventLoop()) {
      boolean outermost = enter();
      action.run();
      leave(outermost);
    } else {
      onLoopLater(() -> onLoop(action));
    }
  }

  private void onLoopLater(Runnable action) {
    try {
      loop.executor().execute(action);
    } catch (RejectedExecutionException e) {
      // The server has stopped, and with it this connection.
    }
  }
}
