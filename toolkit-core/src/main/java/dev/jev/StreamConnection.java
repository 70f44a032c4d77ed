package dev.jev;

import static java.util.Objects.requireNonNull;

import dev.jev.CloseReason.Kind;
import io.netty.buffer.ByteBuf;
import io.netty.channel.AdaptiveRecvByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.RecvByteBufAllocator;
import io.netty.channel.local.LocalChannel;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.channel.socket.SocketChannelConfig;
import io.netty.util.ReferenceCountUtil;
import java.io.IOException;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicIntegerFieldUpdater;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A connection: the handler at the end of its channel's pipeline, and nearly always the only one,
 * which runs the whole loop from bytes to messages and back.
 *
 * <p><b>Turns.</b> Everything happens in turns of the event loop: a batch of reads, a task, a
 * timer. {@link #enter} opens a turn and {@link #leave} ends it: it flushes what was packed, then
 * does what became due meanwhile, and only then decides whether to go on reading. So a callback
 * never runs inside another one, however they call each other.
 *
 * <p><b>Life.</b> From the first handshake to the last byte: see {@link ConnectionLifecycle}.
 *
 * <p><b>Back-pressure.</b> Reading, and unpacking what was read, stops while somebody pauses it or
 * {@code outputBlocked} is set. The latter is set when the output passes its high mark, and cleared
 * when a turn ends with less than the low mark.
 *
 * <p><b>Plugins.</b> Where the bytes pass through handlers of plugins, they may come at any time
 * and in any buffer. The connection is not {@code direct} then, and relies on less.
 */
final class StreamConnection<I, O> extends ChannelInboundHandlerAdapter
    implements Connection<O>, RecvByteBufAllocator {

  // Bits of pauses: who stops the reading.
  private static final int USER_PAUSE = 1;
  static final int OFFLOAD_PAUSE = 1 << 1;
  static final int PLUGIN_PAUSE = 1 << 2; // of the first plugin

  /** After so many rounds of things to do the other connections of the loop get their turn. */
  private static final int ROUNDS_A_TURN = 16;

  private static final RecvByteBufAllocator BUFFERS_BEHIND_PLUGINS =
      new AdaptiveRecvByteBufAllocator();

  @SuppressWarnings("rawtypes")
  private static final AtomicIntegerFieldUpdater<StreamConnection> PAUSES =
      AtomicIntegerFieldUpdater.newUpdater(StreamConnection.class, "pauses");

  private final ConnectionConfig<I, O> config;
  private final Loop loop;
  private final Channel channel;
  private final ProtocolDriver<I, O> driver;
  private @Nullable Inbound inbound; // from the first read on
  private final Outbound<O> outbound;
  private final ConnectionLifecycle lifecycle = new ConnectionLifecycle(this);
  private final ConnectionObservers observers;

  // Volatile: read by any thread.
  private volatile int pauses;
  private volatile boolean offloaded; // somebody else works on a message
  private volatile @Nullable Object attachment;
  private volatile Map<Class<?>, Object> attributes = Map.of();
  private volatile @Nullable LoopTimers timers;

  // Event loop only: neighbours in the loop's list.
  @Nullable StreamConnection<?, ?> next;
  @Nullable StreamConnection<?, ?> previous;

  // Event loop only: the first of the topics that it is subscribed to.
  @Nullable TopicSubscriber<?> subscribed;

  // Event loop only.
  private @Nullable ChannelHandlerContext context;

  private boolean direct; // nobody stands between the socket and this handler
  private boolean batches; // channelReadComplete follows each channelRead, on the spot
  private boolean flushQueued;
  private boolean connected; // onConnect was called
  private boolean outputBlocked;
  private long readingSince; // when reading went on last

  StreamConnection(ConnectionConfig<I, O> config, Loop loop, Channel channel) {
    this.config = config;
    this.loop = loop;
    this.channel = channel;
    this.driver = new ProtocolDriver<>(this);
    this.outbound = new Outbound<>(this);
    this.observers = ConnectionObservers.of(this);
  }

  // What the other parts of the connection ask for.

  ConnectionConfig<I, O> config() {
    return config;
  }

  Loop loop() {
    return loop;
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

  boolean inEventLoop() {
    return loop.inEventLoop();
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
  boolean isWrittenLater() {
    return direct && !batches;
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
    boolean more = false;
    try {
      more = settle();
    } catch (Throwable t) { // no memory for a buffer, for example
      lifecycle.abort(new CloseReason(Kind.IO_ERROR, t));
    } finally {
      loop.turn = null;
    }
    if (more) {
      flushSoon();
    }
  }

  /** Does what is due, up to a limit; returns whether something is left. */
  private boolean settle() {
    boolean more = true;
    for (int round = 0; more && round < ROUNDS_A_TURN; round++) {
      outbound.flush();
      more = unblockOutput();
      if (connectIfReady()) {
        driver.unpackLater();
        more = true;
      }
      if (driver.isUnpackDue() && readsOn()) {
        driver.unpackKept();
        more = true;
      }
      driver.closeIfDue();
    }
    goOnReading();
    return more || (driver.isUnpackDue() && readsOn()); // a channel may read on the spot
  }

  private void goOnReading() {
    if (!lifecycle.isClosing()) {
      if (lifecycle.hasInputEnded() && readsOn() && !offloaded && !driver.isUnpackDue()) {
        lifecycle.startClose(CloseReason.of(Kind.PEER_CLOSED));
      } else {
        read(readsOn() && !lifecycle.hasInputEnded());
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
    return direct ? inbound() : BUFFERS_BEHIND_PLUGINS.newHandle();
  }

  /** Whether messages may be unpacked, and more be read. */
  boolean readsOn() {
    return !lifecycle.isClosing() && pauses == 0 && !outputBlocked && !lifecycle.isCloseRequested();
  }

  void read(boolean on) {
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
    return readsOn() && channel.config().isAutoRead() ? readingSince : loop.nanoTime();
  }

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object message) {
    ByteBuf arrived = (ByteBuf) message;
    if (lifecycle.isClosing()) {
      lifecycle.dropInput(arrived);
      return;
    }
    if (driver.isBehind()) { // a plugin reads while it writes
      driver.readEarly(arrived);
      return;
    }
    if (pauses != 0 && direct) { // the transport reads only because of an error, or of an end
      abortIfReset();
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
      flushSoon();
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

  // Opening.

  /** What is to be put into the channel's pipeline: this, or what installs the plugins first. */
  ChannelHandler installer() {
    if (observers == ConnectionObservers.NONE) {
      return this;
    }
    return new ChannelInitializer<>() {
      @Override
      protected void initChannel(Channel child) {
        install();
      }
    };
  }

  private void install() {
    lifecycle.awaitReady();
    Throwable failure = null;
    try {
      observers.install();
    } catch (Throwable t) {
      failure = t;
    }
    channel.pipeline().addLast(this);
    if (failure != null) {
      fail(Kind.HANDLER_ERROR, failure);
    }
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
    if (config.endpoint().isStopping()) {
      lifecycle.abort(CloseReason.of(Kind.SERVER_STOPPED));
      return;
    }
    direct = channel.pipeline().firstContext() == ctx && !(channel instanceof LocalChannel);
    // With io_uring other connections have their turns between the reads of one batch.
    batches = direct && config.endpoint().eventLoops().transport() != Transport.IO_URING;
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
    config.endpoint().owner().connecting();
    try {
      config.handler().onConnect(this);
    } catch (Throwable t) {
      fail(Kind.HANDLER_ERROR, t);
    }
    config.endpoint().owner().connected();
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

  /** A message was refused because too much is pending. */
  void overflow() {
    if (config.overflow() == OverflowPolicy.CLOSE) {
      closeNow(CloseReason.of(Kind.OVERFLOW));
    }
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
    config.endpoint().owner().writable();
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

  // Closing.

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
  public void shutdownOutput() {
    lifecycle.shutdownOutput();
  }

  @Override
  public void detach(ChannelHandler successor) {
    lifecycle.detach(requireNonNull(successor, "successor"));
  }

  /** Closes because something threw. */
  void fail(Kind kind, Throwable cause) {
    if (kind == Kind.HANDLER_ERROR || !(cause instanceof ProtocolException)) {
      config.errors().warning(kind + ": connection of " + remoteAddress() + " closes", cause);
    }
    lifecycle.startClose(new CloseReason(kind, cause));
  }

  @Override
  public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
    if (event instanceof ChannelInputShutdownEvent && lifecycle.endInput()) {
      if (!readsOn()) {
        abortIfReset();
      }
      leave(enter());
    }
    ctx.fireUserEventTriggered(event);
  }

  /** A reset behind a FIN reads as an end like any other, which a paused connection waits at. */
  private void abortIfReset() {
    if (Transport.isReset(channel)) {
      IOException cause = new IOException("connection reset by peer, after its end");
      lifecycle.abort(new CloseReason(Kind.IO_ERROR, cause));
    }
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

  /** Ends its timers and leaves the loop's list and the counts. */
  void leaveLoop() {
    LoopTimers mine = timers;
    if (mine != null) {
      mine.end();
    }
    loop.remove(this);
    loop.unassign();
    config.endpoint().unadmit();
  }

  /** The socket is closed: releases everything and tells everybody. */
  void closed(CloseReason reason) {
    outbound.release();
    driver.stopWaiting();
    Object outer = loop.turn;
    loop.turn = this; // what this does to other connections happens afterwards
    try {
      tellClosed(reason);
    } finally {
      loop.turn = outer;
    }
  }

  private void tellClosed(CloseReason reason) {
    TopicSubscriber.leaveAll(this);
    if (connected) {
      try {
        config.handler().onClose(this, reason);
      } catch (Throwable t) {
        config.errors().warning("handler failed in onClose of " + remoteAddress(), t);
      }
    }
    observers.closed(reason);
    config.endpoint().owner().disconnected(reason);
  }

  // Pausing.

  @Override
  public void pauseReading() {
    pause(USER_PAUSE);
  }

  @Override
  public void resumeReading() {
    resume(USER_PAUSE);
  }

  void pause(int who) {
    PAUSES.updateAndGet(this, all -> all | who);
    onLoop(() -> {}); // its end stops reading
  }

  void resume(int who) {
    PAUSES.updateAndGet(this, all -> all & ~who);
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

  /**
   * Says whether other threads have messages of this connection, which then does not close because
   * its peer has.
   */
  void offloaded(boolean busy) {
    offloaded = busy;
  }

  /** Does what had to wait until no other thread has messages. */
  void closeIfPeerHas() {
    if (lifecycle.hasInputEnded()) {
      onLoop(() -> {}); // its end closes
    }
  }

  // Timers.

  @Override
  public ScheduledTask runAfter(Duration delay, Runnable task) {
    return timers().runAfter(loop, delay, task, this::run);
  }

  @Override
  public ScheduledTask runEvery(Duration period, Runnable task) {
    return timers().runEvery(loop, period, task, this::run);
  }

  @Override
  public ScheduledTask runTicker(Supplier<Duration> ticker) {
    return timers().runTicker(loop, ticker, this::run);
  }

  LoopTimers timers() {
    LoopTimers mine = timers;
    if (mine == null) {
      synchronized (this) {
        mine = timers;
        if (mine == null) {
          mine = new LoopTimers();
          timers = mine;
        }
      }
    }
    if (lifecycle.isClosed()) {
      mine.end();
    }
    return mine;
  }

  // Topics.

  /** Gives published messages to the peer, in a turn; returns how many have left at once. */
  int publish(List<TopicMessage<O>> messages, TopicSubscriber<O> subscriber) {
    boolean outermost = enter();
    int left = 0;
    try {
      outbound.packMail(); // what was sent before
      for (int i = 0; i < messages.size() && lifecycle.acceptsMessages(); i++) {
        left += outbound.publish(messages.get(i), subscriber) ? 1 : 0;
      }
    } catch (Throwable t) { // no memory for a buffer, for example
      lifecycle.abort(new CloseReason(Kind.IO_ERROR, t));
    }
    leave(outermost);
    return left;
  }

  /** Takes it off all topics, whose listeners are told soon. */
  void unsubscribe() {
    if (subscribed != null) {
      TopicSubscriber.forgetAll(this);
      onLoopLater(
          () -> {
            if (subscribed != null) {
              run(() -> TopicSubscriber.leaveAll(this));
            }
          });
    }
  }

  /** Tells the listeners now, between two turns. */
  void leaveTopics() {
    Object outer = loop.turn;
    loop.turn = this;
    try {
      TopicSubscriber.leaveAll(this);
    } finally {
      loop.turn = outer;
    }
  }

  // The rest of Connection.

  @Override
  public void execute(Runnable task) {
    requireNonNull(task, "task");
    onLoopLater(() -> run(task));
  }

  /** Runs a task in a turn; returns whether it went well. */
  boolean run(Runnable task) {
    return run(task, Kind.HANDLER_ERROR);
  }

  boolean run(Runnable task, Kind fault) {
    boolean outermost = enter();
    boolean done = false;
    try {
      task.run();
      done = true;
    } catch (Throwable t) {
      fail(fault, t);
    }
    leave(outermost);
    return done;
  }

  @Override
  public SocketAddress localAddress() {
    ConnectionObservers.Addresses known = attribute(ConnectionObservers.Addresses.class);
    if (known != null) {
      return known.local();
    }
    SocketAddress own = UnixAddress.from(channel.localAddress());
    return own instanceof UnixAddress && channel.parent() != null ? listener() : own;
  }

  @Override
  public SocketAddress remoteAddress() {
    ConnectionObservers.Addresses known = attribute(ConnectionObservers.Addresses.class);
    return known != null ? known.remote() : UnixAddress.from(channel.remoteAddress());
  }

  @Override
  public SocketAddress listener() {
    Channel parent = channel.parent();
    return parent == null
        ? UnixAddress.from(channel.localAddress())
        : ServerSockets.address(parent);
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

  /** Runs {@code action}, and a turn after it: at once if this is the event loop, else later. */
  void onLoop(Runnable action) {
    if (loop.inEventLoop()) {
      boolean outermost = enter();
      action.run();
      leave(outermost);
    } else {
      onLoopLater(() -> onLoop(action));
    }
  }

  void onLoopLater(Runnable action) {
    try {
      loop.executor().execute(action);
    } catch (RejectedExecutionException e) {
      // The server has stopped, and with it this connection.
    }
  }
}
