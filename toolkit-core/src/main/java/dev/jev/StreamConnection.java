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
import io.netty.channel.socket.SocketChannelConfig;
import io.netty.util.ReferenceCountUtil;
import java.io.IOException;
import java.net.SocketAddress;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicIntegerFieldUpdater;
import org.jspecify.annotations.Nullable;

/**
 * A connection: the last handler in its channel's pipeline, and nearly always the only one, which
 * runs the whole loop from bytes to messages and back.
 *
 * <p><b>Turns.</b> See {@link LoopMember}. The end of a turn flushes what was packed, then does
 * what became due meanwhile, and only then decides whether to read on.
 *
 * <p><b>Lifecycle.</b> From the first handshake to the last byte: see {@link ConnectionLifecycle}.
 *
 * <p><b>Back-pressure.</b> Reading, and unpacking what was read, stops while a pause is set or
 * {@code outputBlocked} is. The latter is set when the output exceeds its high watermark, and
 * cleared when a turn ends below the low watermark.
 *
 * <p><b>Plugins.</b> Where the bytes pass through handlers of plugins, they may arrive at any time
 * and in any buffer. The connection is not {@code direct} then, and assumes less.
 */
final class StreamConnection<I, O> extends LoopMember
    implements Offloadable<O>, MessageSink<O>, RecvByteBufAllocator {

  // Bits of pauses: the reasons not to read.
  private static final int USER_PAUSE = 1;
  private static final int OFFLOAD_PAUSE = 1 << 1;
  static final int PLUGIN_PAUSE = 1 << 2; // of the first plugin

  /** After so many rounds of things to do the other connections of the loop get their turn. */
  private static final int MAX_ROUNDS_PER_TURN = 16;

  private static final RecvByteBufAllocator BUFFERS_BEHIND_PLUGINS =
      new AdaptiveRecvByteBufAllocator();

  @SuppressWarnings("rawtypes")
  private static final AtomicIntegerFieldUpdater<StreamConnection> PAUSES =
      AtomicIntegerFieldUpdater.newUpdater(StreamConnection.class, "pauses");

  private final ConnectionConfig<I, O> config;
  private final Channel channel;
  private final ProtocolDriver<I, O> driver;
  private @Nullable Inbound inbound; // from the first read on
  private final Outbound<O> outbound;
  private final ConnectionLifecycle lifecycle = new ConnectionLifecycle(this);
  private final ConnectionObservers observers;

  // Volatile: read by any thread.
  private volatile int pauses;
  private volatile boolean offloaded; // other threads have messages
  private volatile @Nullable Object attachment;
  private volatile Map<Class<?>, Object> attributes = Map.of();

  // Event loop only: the first of its subscriptions.
  @Nullable SubscriberPort<?> subscribed;

  // Event loop only.
  private @Nullable ChannelHandlerContext context;

  private boolean direct; // no handler stands between the socket and this one
  private boolean batches; // channelReadComplete follows each channelRead at once
  private boolean connected; // onConnect was called
  private boolean outputBlocked;
  private long readingSince; // when reading was last resumed

  StreamConnection(ConnectionConfig<I, O> config, Loop loop, Channel channel) {
    super(loop);
    this.config = config;
    this.channel = channel;
    this.driver = new ProtocolDriver<>(this);
    this.outbound = new Outbound<>(this);
    this.observers = ConnectionObservers.of(this);
  }

  // Its parts.

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

  /** Whether onConnect was called. */
  boolean isConnected() {
    return connected;
  }

  /** Whether the channel's own buffer is all that waits for the socket. */
  boolean isDirect() {
    return direct;
  }

  /** Whether even a socket that is not slow takes output later: io_uring, at the loop's end. */
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
    }
    updateReading();
    return more || (driver.isUnpackDue() && mayRead()); // a channel may read on the spot
  }

  private void updateReading() {
    if (!lifecycle.isClosing()) {
      if (lifecycle.hasInputEnded() && mayRead() && !offloaded && !driver.isUnpackDue()) {
        lifecycle.startClose(CloseReason.of(Kind.PEER_CLOSED));
      } else {
        setAutoRead(mayRead() && !lifecycle.hasInputEnded());
      }
    }
  }

  @Override
  @SuppressWarnings("deprecation") // Netty's own interface has a deprecated type in it
  public Handle newHandle() {
    return direct ? inbound() : BUFFERS_BEHIND_PLUGINS.newHandle();
  }

  /** Whether messages may be unpacked, and more be read. */
  boolean mayRead() {
    return !lifecycle.isClosing() && pauses == 0 && !outputBlocked && !lifecycle.isCloseRequested();
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
    onLoop(() -> {}); // its end stops reading
  }

  void resume(int pauseBit) {
    PAUSES.updateAndGet(this, all -> all & ~pauseBit);
    onLoop(() -> {}); // its end goes on reading
  }

  /** The bytes that were read and are kept, or null. */
  @Nullable ByteBuf unread() {
    return inbound == null ? null : inbound.unread();
  }

  long unreadBytes() {
    Inbound in = inbound;
    return in == null ? 0 : in.unreadBytes();
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
    }
  }

  /** Since when what arrives is read, by the time of the loop; now, if it is not. */
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
    if (driver.mustDefer()) { // a plugin reads while it writes
      driver.readDeferred(arrived);
      return;
    }
    if (pauses != 0 && direct) { // the transport reads only because of an error, or of an end
      lifecycle.abortIfReset();
    }
    boolean outermost = enter(); // until channelReadComplete, if that follows
    observers.received(arrived.readableBytes());
    try {
      driver.read(arrived, /* now= */ outermost);
    } catch (Throwable t) { // no memory for a buffer, for example
      lifecycle.abort(new CloseReason(Kind.IO_ERROR, t));
    }
    if (outermost && !batches) {
      loop.turn = null;
      turnSoon();
    }
  }

  @Override
  public void channelReadComplete(ChannelHandlerContext ctx) {
    leave((batches && loop.turn == this) || enter());
  }

  /** Gives a message to the handler. */
  void dispatch(I message) {
    observers.message();
    if (lifecycle.isClosing()) {
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

  // Opening and closing.

  @Override
  boolean isClosed() {
    return lifecycle.isClosed();
  }

  @Override
  public void handlerAdded(ChannelHandlerContext ctx) {
    context = ctx;
    loop.add(this);
  }

  @Override
  public void channelActive(ChannelHandlerContext ctx) {
    if (driver.isOpened() || lifecycle.isCloseRequested()) {
      return;
    }
    channel.localAddress(); // the channel remembers both addresses
    channel.remoteAddress();
    if (config.host().isStopping()) {
      lifecycle.abort(CloseReason.of(Kind.SERVER_STOPPED));
      return;
    }
    direct = channel.pipeline().firstContext() == ctx && !(channel instanceof LocalChannel);
    // With io_uring other connections have their turns between the reads of one batch.
    batches = direct && config.host().transport() != Transport.IO_URING;
    readingSince = loop.nanoTime();
    boolean outermost = enter();
    driver.open();
    lifecycle.awaitReady();
    leave(outermost);
  }

  /** Calls onConnect if that is due; returns whether it was. */
  boolean connectIfReady() {
    if (!driver.isReadyDue() || !lifecycle.isOpening()) {
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
  public void close() {
    close(CloseReason.of(Kind.CLOSED));
  }

  void close(CloseReason reason) {
    lifecycle.requestClose();
    if (context == null) { // a plugin that is being installed
      onLoopLater(() -> close(reason));
    } else {
      onLoop(() -> lifecycle.startClose(reason));
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
    lifecycle.startClose(reason);
  }

  @Override
  void abort(CloseReason reason) {
    lifecycle.abort(reason);
  }

  @Override
  void end(CloseReason reason) {
    lifecycle.abort(reason);
    lifecycle.finish(); // Netty may run no further task on this thread
  }

  @Override
  public void shutdownOutput() {
    lifecycle.shutdownOutput();
  }

  @Override
  public void detach(ChannelHandler successor) {
    lifecycle.detach(requireNonNull(successor, "successor"));
  }

  @Override
  void fail(Kind kind, Throwable cause) {
    if (kind == Kind.HANDLER_ERROR || !(cause instanceof ProtocolException)) {
      config.errors().warning(kind + ": connection of " + remoteAddress() + " closes", cause);
    }
    lifecycle.startClose(new CloseReason(kind, cause));
  }

  @Override
  public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
    if (event instanceof ChannelInputShutdownEvent && lifecycle.endInput()) {
      if (!mayRead()) {
        lifecycle.abortIfReset();
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
      config.errors().warning("connection of " + remoteAddress() + " closes", cause);
    }
    lifecycle.abort(new CloseReason(network ? Kind.IO_ERROR : Kind.PROTOCOL_ERROR, cause));
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) {
    if (!(channel.config() instanceof SocketChannelConfig)) {
      lifecycle.endInput(); // it may know no other end
    }
    lifecycle.finish();
    ctx.fireChannelInactive();
  }

  /** A channel that was never active goes without an event of its own. */
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

  /** Stops reading until a turn ends with a writable channel, which then calls onWritable. */
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

  /** Gives published messages to the peer, in a turn; returns how many have left at once. */
  int publish(List<? extends SharedMessage<O>> messages, SubscriberPort<O> subscriber) {
    boolean outermost = enter();
    int left = 0;
    try {
      outbound.packMailbox(); // what was sent before
      for (int i = 0; i < messages.size() && lifecycle.acceptsMessages(); i++) {
        left += outbound.publish(messages.get(i), subscriber) ? 1 : 0;
      }
    } catch (Throwable t) { // no memory for a buffer, for example
      lifecycle.abort(new CloseReason(Kind.IO_ERROR, t));
    }
    leave(outermost);
    return left;
  }

  // The rest of Connection.

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

  // The rest of Offloadable and MessageSink.

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
      onLoop(() -> {}); // its end closes
    }
  }

  @Override
  public void handlerFailed(Throwable cause) {
    fail(Kind.HANDLER_ERROR, cause);
  }

  @Override
  public boolean hasLoopEnded() {
    return loop.hasEnded();
  }

  @Override
  public Outcome offer(O message, @Nullable CompletableFuture<Void> written) {
    return outbound.offer(message, written);
  }

  @Override
  public boolean isDrainable() {
    return isWritable();
  }

  @Override
  public boolean isBelowLimit() {
    return pendingBytes() < config.maxPendingBytes();
  }

  @Override
  public void packingFailed(Throwable cause) {
    fail(Kind.HANDLER_ERROR, cause);
  }
}
