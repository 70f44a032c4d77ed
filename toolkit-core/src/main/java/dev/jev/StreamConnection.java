package dev.jev;

import static java.util.Objects.requireNonNull;

import dev.jev.CloseReason.Kind;
import dev.jev.Delivery.Outcome;
import io.netty.buffer.ByteBuf;
import io.netty.channel.AdaptiveRecvByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.RecvByteBufAllocator;
import io.netty.channel.local.LocalChannel;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.channel.socket.ChannelOutputShutdownEvent;
import io.netty.channel.socket.SocketChannelConfig;
import io.netty.util.ReferenceCountUtil;
import java.io.IOException;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicIntegerFieldUpdater;
import org.jspecify.annotations.Nullable;

/**
 * A connection over a stream socket: the last handler in its channel's pipeline, and usually the
 * only one. It moves bytes from the socket to the handler and messages from the handler back.
 *
 * <p><b>Turns.</b> A callback may send, pause or close at any point. If every call took effect at
 * once, callbacks would nest and every reply would cost a write. So all work happens in turns of
 * the event loop, see {@link LoopMember}, and flushes and callbacks that become due wait for the
 * end of the turn. There {@link #settle} flushes the packed output, calls {@code onWritable} and
 * {@code onConnect} if they are due, unpacks the bytes that are left over, and begins a close that
 * the protocol has requested. It repeats this until nothing is due, within a limit, and then
 * decides whether to read on. Hence callbacks never nest, and one read batch normally costs one
 * write.
 *
 * <p><b>Back-pressure.</b> The socket is read, and read bytes are unpacked, only while {@code
 * pauses} is 0 and {@code outputBlocked} is false. The user, an offloaded handler, a turn that
 * ended early and each plugin have one bit each in {@code pauses}. {@code outputBlocked} is set
 * when the output exceeds its high watermark, and cleared when a turn ends below the low watermark.
 * So a peer that does not read its replies gets no further requests handled.
 *
 * <p><b>Close.</b> {@link ConnectionLifecycle} has the states, deadlines and the lingering close.
 *
 * <p><b>Plugins.</b> If handlers of plugins stand between the socket and the connection, bytes may
 * arrive at any time, even during a write, and in any buffer. Such a connection is not {@code
 * direct} and relies on neither the loop's read buffer nor Netty's count of pending bytes.
 */
final class StreamConnection<I, O> extends LoopMember
    implements Connection<O>, Offloadable, RecvByteBufAllocator {

  // Bits of pauses: reasons not to read.
  private static final int USER_PAUSE = 1;
  private static final int OFFLOAD_PAUSE = 1 << 1;
  static final int TURN_PAUSE = 1 << 2; // until the other connections have had their turn
  static final int PLUGIN_PAUSE = 1 << 3; // the first plugin's bit

  /** Maximum rounds of due work per turn, so that other connections of the loop get theirs. */
  private static final int MAX_ROUNDS_PER_TURN = 16;

  private static final RecvByteBufAllocator BUFFERS_BEHIND_PLUGINS =
      new AdaptiveRecvByteBufAllocator();

  @SuppressWarnings("rawtypes")
  private static final AtomicIntegerFieldUpdater<StreamConnection> PAUSES =
      AtomicIntegerFieldUpdater.newUpdater(StreamConnection.class, "pauses");

  private final ConnectionConfig<I, O> config;
  private final Channel channel;
  private final ProtocolDriver<I, O> driver;
  private @Nullable Inbound inbound; // created by the first read
  private final Outbound<O> outbound;
  private final ConnectionLifecycle lifecycle = new ConnectionLifecycle(this);
  private final ConnectionObservers observers;

  // Volatile: read by any thread.
  private volatile int pauses;
  private volatile boolean offloaded; // messages are queued or handled on other threads
  private volatile @Nullable Object attachment;
  private volatile Map<Class<?>, Object> attributes = Map.of();

  // The head of the list of subscriptions. Written by the event loop, read by any thread.
  volatile @Nullable SubscriberPort<?> subscribed;

  // Event loop only.
  private @Nullable ChannelHandlerContext context;
  private boolean direct; // no other handler between the socket and this one
  private boolean batches; // no other turn between channelRead and channelReadComplete
  private @Nullable ResetCheck resetCheck; // null if the transport reports every reset
  private boolean connected; // onConnect was called
  private boolean outputBlocked;
  private long readingSince; // when reading last resumed, by the loop's clock
  private final int createdAt; // in tenths of a second of System.nanoTime, to save memory

  StreamConnection(ConnectionConfig<I, O> config, Loop loop, Channel channel) {
    super(loop);
    this.config = config;
    this.channel = channel;
    this.driver = new ProtocolDriver<>(this);
    this.outbound = new Outbound<>(this);
    this.observers = ConnectionObservers.of(this);
    this.createdAt = nowTenths();
  }

  private static int nowTenths() {
    return (int) (System.nanoTime() / 100_000_000);
  }

  /** Returns the time since the connection was accepted or connected. */
  Duration age() {
    return Duration.ofMillis((nowTenths() - createdAt) * 100L);
  }

  // Parts of the connection.

  ConnectionConfig<I, O> config() {
    return config;
  }

  Channel channel() {
    return channel;
  }

  ConnectionLifecycle lifecycle() {
    return lifecycle;
  }

  ConnectionObservers observers() {
    return observers;
  }

  ProtocolDriver<I, O> driver() {
    return driver;
  }

  Outbound<O> outbound() {
    return outbound;
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

  /** Returns whether {@code onConnect} was called. */
  boolean isConnected() {
    return connected;
  }

  /** Returns whether all pending output is in the channel's own buffer. */
  boolean isDirect() {
    return direct;
  }

  /** Returns whether even a fast socket is written to later: io_uring, at the loop's end. */
  boolean isWriteDeferred() {
    return direct && !batches;
  }

  @Override
  ConnectionHost host() {
    return config.host();
  }

  // Reading.

  @Override
  boolean settle() {
    boolean more = true;
    for (int round = 0; more && round < MAX_ROUNDS_PER_TURN; round++) {
      outbound.flush();
      more = unblockOutput();
      if (connectIfReady()) {
        driver.unpackLater();
        more = true;
      }
      if (driver.isUnpackDue() && mayRead()) {
        driver.unpackUnread();
        more = true;
      }
      driver.closeIfDue();
      more |= outbound.isFlushDue(); // an observer has sent in the middle of the flush
    }
    updateReading();
    return more || (driver.isUnpackDue() && mayRead()); // setAutoRead may read at once
  }

  private void updateReading() {
    if (!lifecycle.isClosing()) {
      if (lifecycle.hasInputEnded() && mayRead() && !offloaded && !driver.isUnpackDue()) {
        lifecycle.closeAfterPeer();
      } else {
        setAutoRead(mayRead() && !lifecycle.hasInputEnded());
      }
    }
  }

  @Override
  @SuppressWarnings("deprecation") // the return type of Netty's interface is deprecated
  public Handle newHandle() {
    return direct ? inbound() : BUFFERS_BEHIND_PLUGINS.newHandle();
  }

  /** Returns whether messages may be unpacked and more bytes read. */
  boolean mayRead() {
    return !lifecycle.isClosing() && pauses == 0 && !outputBlocked && !lifecycle.isCloseRequested();
  }

  /** Returns whether messages or bytes of the peer wait to be handled. */
  boolean hasUndelivered() {
    return offloaded || driver.isUnpackDue();
  }

  @Override
  public void pauseReading() {
    pause(USER_PAUSE);
  }

  @Override
  public void resumeReading() {
    resume(USER_PAUSE);
  }

  void pause(int pauseBit) {
    PAUSES.updateAndGet(this, all -> all | pauseBit);
    onLoop(() -> {}); // the end of the turn stops reading
  }

  void resume(int pauseBit) {
    PAUSES.updateAndGet(this, all -> all & ~pauseBit);
    onLoop(() -> {}); // the end of the turn resumes reading
  }

  /** Returns the bytes that were read and not unpacked, or null if there are none. */
  @Nullable ByteBuf unread() {
    return inbound == null ? null : inbound.unread();
  }

  void setAutoRead(boolean on) {
    if (!on) {
      inbound().pause();
    } else if (inbound != null) {
      inbound.resume();
    }
    if (channel.config().isAutoRead() != on) {
      readingSince = loop.nanoTime();
      channel.config().setAutoRead(on);
      if (on && config.host().transport() == Transport.IO_URING) {
        lifecycle.abortIfReset(); // io_uring reports none that came during the pause
      }
    }
  }

  /**
   * Returns the time since which arriving bytes are read, by the loop's clock; the current time if
   * reading is stopped.
   */
  long readingSince() {
    return mayRead() && channel.config().isAutoRead() ? readingSince : loop.nanoTime();
  }

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object message) {
    ByteBuf arrived = (ByteBuf) message;
    if (lifecycle.isClosing()) {
      lifecycle.readAfterClose(arrived);
      return;
    }
    if (driver.mustDefer()) { // re-entrant: a handler of a plugin reads while it writes
      driver.readDeferred(arrived);
      return;
    }
    if (pauses != 0 && direct) { // a paused transport reads only at an error or at the end
      lifecycle.abortIfReset();
    }
    boolean outermost = enter(); // left at channelReadComplete if batches
    observers.received(inbound().lengthOf(arrived));
    try {
      driver.read(arrived, /* now= */ outermost);
    } catch (Throwable t) { // out of memory for a buffer, for example
      lifecycle.abort(new CloseReason(Kind.IO_ERROR, t));
    }
    if (outermost && !batches) {
      loop.turn = null;
      turnSoon();
    }
  }

  @Override
  public void channelReadComplete(ChannelHandlerContext ctx) {
    boolean outermost = (batches && loop.turn == this) || enter();
    if (resetCheck != null) {
      resetCheck.read();
    }
    leave(outermost);
    loop.batchMessages = direct ? 0 : loop.batchMessages; // plugins end a batch where they like
    if (outermost) {
      observers.readComplete();
    }
  }

  /** Delivers a message, which took {@code bytes} of input, to the handler. */
  void dispatch(I message, int bytes) {
    observers.message(bytes);
    if (lifecycle.hasReason()) {
      ReferenceCountUtil.safeRelease(message);
      return;
    }
    loop.ownership().own(message);
    try {
      config.handler().onMessage(this, message);
    } catch (Throwable t) {
      fail(Kind.HANDLER_ERROR, t);
    }
    loop.ownership().release();
  }

  void cancelResetCheck() {
    if (resetCheck != null) {
      resetCheck.cancel();
    }
  }

  // Opening and closing.

  @Override
  boolean isClosed() {
    return lifecycle.isClosed();
  }

  @Override
  public void handlerAdded(ChannelHandlerContext ctx) {
    context = ctx;
    loop.add(this);
    if (config.host().transport() == Transport.IO_URING) {
      resetCheck = new ResetCheck(loop, lifecycle::abortIfReset);
    }
  }

  @Override
  public void channelActive(ChannelHandlerContext ctx) {
    if (driver.isOpened() || lifecycle.isCloseRequested()) {
      return;
    }
    channel.localAddress(); // the channel caches both, for use after the close
    channel.remoteAddress();
    if (config.host().isStopping()) {
      lifecycle.abort(CloseReason.of(Kind.SERVER_STOPPED));
      return;
    }
    direct = channel.pipeline().firstContext() == ctx && !(channel instanceof LocalChannel);
    // With io_uring, turns of other connections come between the reads of one batch.
    batches = direct && config.host().transport() != Transport.IO_URING;
    readingSince = loop.nanoTime();
    boolean outermost = enter();
    driver.open();
    lifecycle.awaitReady();
    leave(outermost);
  }

  /** Calls {@code onConnect} if it is due; returns whether it was. */
  boolean connectIfReady() {
    if (!driver.isReadyDue() || !lifecycle.isOpening() || lifecycle.hasReason()) {
      return false;
    }
    lifecycle.ready();
    connected = true;
    observers.connected();
    config.host().events().connecting();
    try {
      config.handler().onConnect(this);
    } catch (Throwable t) {
      fail(Kind.HANDLER_ERROR, t);
    }
    config.host().events().connected();
    return true;
  }

  @Override
  public boolean isOpen() {
    return lifecycle.isOpen();
  }

  @Override
  public void close(CloseReason reason) {
    requireNonNull(reason, "reason");
    if (context == null) { // called by a plugin during its installation
      lifecycle.requestClose();
      onLoopLater(() -> close(reason));
    } else {
      lifecycle.close(reason);
    }
  }

  @Override
  public void closeNow() {
    closeNow(CloseReason.of(Kind.CLOSED));
  }

  void closeNow(CloseReason reason) {
    lifecycle.requestClose();
    onLoop(() -> lifecycle.abort(reason));
  }

  @Override
  void stop(CloseReason reason) {
    lifecycle.closeBehindPublished(reason);
  }

  @Override
  void abort(CloseReason reason) {
    lifecycle.abort(reason);
  }

  @Override
  void end(CloseReason reason) {
    lifecycle.abortWithoutLoop(reason);
    lifecycle.finish(); // Netty may run no further task on this thread
  }

  @Override
  public void shutdownOutput() {
    lifecycle.shutdownOutput();
  }

  @Override
  public void onHalfClose(Duration timeout, Runnable task) {
    attribute(HalfClose.class, new HalfClose(timeout, task));
  }

  @Override
  public void detach(ChannelHandler successor) {
    lifecycle.detach(requireNonNull(successor, "successor"));
  }

  @Override
  void fail(Kind kind, Throwable cause) {
    if (kind == Kind.HANDLER_ERROR || !(cause instanceof ProtocolException)) {
      config.errors().warning(kind + ": closing connection of " + remoteAddress(), cause);
    }
    lifecycle.closeBehindPublished(new CloseReason(kind, cause));
  }

  @Override
  public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
    if (event instanceof ChannelOutputShutdownEvent) {
      lifecycle.outputShutDown();
    }
    if (event instanceof ChannelInputShutdownEvent && lifecycle.endInput()) {
      if (offloaded) {
        OffloadedHandler.closeIfShutDown(this);
      }
      leave(enter());
    }
    ctx.fireUserEventTriggered(event);
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    if (cause instanceof Inbound.Paused) {
      return;
    }
    boolean network = cause instanceof IOException || cause instanceof OutOfMemoryError;
    if (!network && !(cause instanceof ProtocolException) && !lifecycle.isClosing()) {
      config.errors().warning("closing connection of " + remoteAddress(), cause);
    }
    lifecycle.abort(new CloseReason(network ? Kind.IO_ERROR : Kind.PROTOCOL_ERROR, cause));
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) {
    if (!(channel.config() instanceof SocketChannelConfig) && lifecycle.endInput()) {
      leave(enter()); // such a channel may report no other end, and input may still be due
    }
    lifecycle.finish();
    ctx.fireChannelInactive();
  }

  /** Finishes a channel that was never active, for which Netty fires no channelInactive. */
  @Override
  public void channelUnregistered(ChannelHandlerContext ctx) {
    lifecycle.finish();
    ctx.fireChannelUnregistered();
  }

  // Writing.

  @Override
  public boolean send(O message) {
    return outbound.send(requireNonNull(message, "message"), null) == Outcome.TAKEN;
  }

  @Override
  public Delivery deliver(O message) {
    CompletableFuture<Void> written = new CompletableFuture<>();
    Outcome outcome = outbound.send(requireNonNull(message, "message"), written);
    return new Delivery(outcome, written.minimalCompletionStage());
  }

  @Override
  public void channelWritabilityChanged(ChannelHandlerContext ctx) {
    if (lifecycle.acceptsOutput() && !outbound.isChannelWritable()) {
      blockOutput();
    } else if (outputBlocked) {
      leave(enter());
    }
    ctx.fireChannelWritabilityChanged();
  }

  /** Stops reading until a turn ends with a writable channel and calls {@code onWritable}. */
  void blockOutput() {
    if (!outputBlocked) {
      outputBlocked = true;
      observers.stalled();
    }
  }

  boolean isOutputBlocked() {
    return outputBlocked;
  }

  private boolean unblockOutput() {
    if (!outputBlocked
        || lifecycle.isClosed()
        || !(outbound.isChannelWritable() || !lifecycle.acceptsOutput())) {
      return false;
    }
    outputBlocked = false;
    observers.resumed();
    if (connected && lifecycle.acceptsMessages()) {
      try {
        config.handler().onWritable(this);
      } catch (Throwable t) {
        fail(Kind.HANDLER_ERROR, t);
      }
    }
    config.host().events().writable();
    return true;
  }

  @Override
  public boolean isWritable() {
    return lifecycle.acceptsMessages() && outbound.isWritable();
  }

  @Override
  public long pendingBytes() {
    return outbound.pendingBytes();
  }

  /** Returns the memory that input and output occupy, see {@link Plugin.Link#bufferedBytes}. */
  long bufferedBytes() {
    return pendingBytes()
        + driver.bufferedBytes()
        + observers.bufferedBytes()
        + OffloadedHandler.queuedBytes(this);
  }

  /** Writes published messages in a turn; returns how many were packed without queueing. */
  int publish(List<? extends SharedMessage<O>> messages, SubscriberPort<O> subscriber) {
    boolean outermost = enter();
    try {
      return outbound.publish(messages, subscriber);
    } finally {
      leave(outermost);
    }
  }

  // Other methods of Connection and Offloadable.

  @Override
  public void execute(Runnable task) {
    requireNonNull(task, "task");
    onLoopLater(() -> run(task));
  }

  @Override
  public SocketAddress localAddress() {
    ConnectionObservers.Addresses known = attribute(ConnectionObservers.Addresses.class);
    return known != null ? known.local() : SocketAddresses.local(channel);
  }

  @Override
  public SocketAddress remoteAddress() {
    ConnectionObservers.Addresses known = attribute(ConnectionObservers.Addresses.class);
    return known != null ? known.remote() : UnixAddress.from(channel.remoteAddress());
  }

  @Override
  public SocketAddress listener() {
    return SocketAddresses.listener(channel);
  }

  @Override
  public Connection<O> to(SocketAddress address) {
    throw new UnsupportedOperationException("not a UDP address: " + listener());
  }

  @Override
  public void attach(@Nullable Object attachment) {
    this.attachment = attachment;
  }

  @Override
  public <T> @Nullable T attachment(Class<T> type) {
    return type.cast(attachment);
  }

  @Override
  public <T> @Nullable T attribute(Class<T> type) {
    return type.cast(attributes.get(type));
  }

  @Override
  public synchronized <T> void attribute(Class<T> type, @Nullable T value) {
    attributes = Attributes.with(attributes, type, value);
  }

  @Override
  public int highWatermark() {
    return config.highWatermark();
  }

  @Override
  public int lowWatermark() {
    return config.lowWatermark();
  }

  @Override
  public void pauseForOffload() {
    pause(OFFLOAD_PAUSE);
  }

  @Override
  public void resumeAfterOffload() {
    resume(OFFLOAD_PAUSE);
  }

  @Override
  public void offloaded(boolean busy) {
    offloaded = busy;
  }

  @Override
  public void closeIfPeerClosed() {
    if (lifecycle.hasInputEnded()) {
      onLoop(() -> {}); // the end of the turn closes
    }
  }

  @Override
  public void handlerFailed(Throwable cause) {
    fail(Kind.HANDLER_ERROR, cause);
  }

  @Override
  public void executeOrRun(Runnable task) {
    onLoopLater(() -> run(task), task);
  }
}
