package dev.jev;

import static java.util.Objects.requireNonNull;

import dev.jev.CloseReason.Kind;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.channel.socket.DuplexChannel;
import io.netty.util.concurrent.ScheduledFuture;
import java.io.IOException;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The lifecycle of a connection: its state, its deadlines and the steps of its close.
 *
 * <pre>
 *   OPENING --ready--&gt; OPEN --close--&gt; CLOSING --socket closed--&gt; CLOSED
 * </pre>
 *
 * <p><b>Problem.</b> If a TCP socket is closed while input is unread, or if input arrives later,
 * the kernel sends a reset. A reset makes the peer's kernel discard data that the peer has not
 * read, for example the reply that was just sent. So a close has to linger: it ends the output
 * first and keeps reading until the peer closes too (RFC 9112, 9.6).
 *
 * <p><b>States.</b>
 *
 * <ul>
 *   <li>{@code OPENING}: the handshakes of the plugins and the protocol are in progress, for at
 *       most the {@code handshakeTimeout}.
 *   <li>{@code OPEN}: messages flow.
 *   <li>{@code CLOSING}: no message is delivered or accepted. The steps of the lingering close are:
 *       <ol>
 *         <li>The protocol packs its last bytes, such as a close frame, and all output is flushed.
 *         <li>A protocol with a close handshake waits for the peer's close, see {@link
 *             Protocol#awaitPeerClose}.
 *         <li>The plugins end their output, for example with TLS's close_notify.
 *         <li>The socket's output is shut down. Input is read and dropped until the peer closes,
 *             within a limit of time and bytes.
 *       </ol>
 *   <li>{@code CLOSED}: the socket is closed, or handed over by {@link #detach}.
 * </ul>
 *
 * <p>The {@code closeTimeout} bounds the first three steps together, the {@code
 * lingeringCloseTimeout} bounds the fourth. If the peer's close does not arrive in time, the
 * plugins get the {@code lingeringCloseTimeout} to end their output. {@link #abort} skips all
 * steps.
 *
 * <p><b>Order.</b> Messages reach a connection in two ways: those that are sent, in its {@link
 * Outbound}, and those that are published, in a queue of the event loop. A close, a {@link
 * #shutdownOutput} and a {@link #detach} of a connection with subscriptions are put into that queue
 * too, so that they come after what their thread has published before. The {@code closeTimeout}
 * includes this wait.
 *
 * <p><b>Invariants.</b> The first close reason is kept. Every wait has a deadline. {@code onClose}
 * is called exactly once if {@code onConnect} was called and the connection was not detached.
 *
 * <p>Event loop only, unless stated otherwise.
 */
final class ConnectionLifecycle {

  private static final byte OPENING = 0;
  private static final byte OPEN = 1;
  private static final byte CLOSING = 2;
  private static final byte CLOSED = 3;

  /** Maximum bytes of input that are dropped after the output was shut down. */
  private static final int MAX_LINGER_BYTES = 256 * 1024;

  private final StreamConnection<?, ?> connection;

  // Volatile: read by any thread.
  private volatile byte state;
  private volatile boolean closeRequested;
  private volatile boolean outputEndRequested;
  private volatile boolean inputEnded;

  // Volatile: read by any thread. Written while holding this.
  private volatile @Nullable SubscriberPort<?> joining; // subscriptions that wait to join

  // Event loop only.
  private @Nullable CloseReason reason;
  private @Nullable ScheduledFuture<?> deadline; // of the handshake or the close
  private int lingeredBytes;
  private boolean outputEnded; // nothing more may be packed
  private boolean outputShutDown; // nothing more can be written
  private boolean awaitingPeerClose; // all output is flushed already
  private boolean lingering; // the output is shut down
  private boolean finished; // the last callback was called

  ConnectionLifecycle(StreamConnection<?, ?> connection) {
    this.connection = connection;
  }

  // State; any thread.

  /** Returns whether {@link #ready} has not been called and no close has begun. */
  boolean isOpening() {
    return state == OPENING;
  }

  boolean isOpen() {
    return state == OPEN && !closeRequested;
  }

  boolean isClosed() {
    return state == CLOSED;
  }

  /** Returns whether a close has begun on the event loop. */
  boolean isClosing() {
    return state >= CLOSING;
  }

  boolean isCloseRequested() {
    return closeRequested;
  }

  /** Returns whether a message may be sent. */
  boolean acceptsMessages() {
    return state == OPEN && !closeRequested && !outputEndRequested;
  }

  /**
   * Returns whether published messages are delivered: those published before a close still are,
   * until the close begins.
   */
  boolean acceptsPublished() {
    return state == OPEN && !outputEnded;
  }

  /** Returns whether the peer has ended its output. */
  boolean hasInputEnded() {
    return inputEnded;
  }

  /** Returns whether a close was called or has begun. Event loop only. */
  boolean hasReason() {
    return reason != null;
  }

  /** Returns whether output may be packed; messages sent before a close still are. */
  boolean acceptsOutput() {
    return !outputEnded;
  }

  // Opening.

  /** Starts the handshake timeout at the first call, unless the handshake is over. */
  void awaitReady() {
    if (state == OPENING && deadline == null) {
      startDeadline(
          connection.config().handshakeTimeoutNanos(),
          () -> closeBehindPublished(CloseReason.of(Kind.TIMEOUT)));
    }
  }

  /** Notes that the handshakes are over and messages may flow. */
  void ready() {
    state = OPEN;
    cancelDeadline();
  }

  // Closing.

  /** Stops the delivery and acceptance of messages; the close itself follows. Any thread. */
  void requestClose() {
    closeRequested = true;
  }

  /** Closes after everything that this thread has sent or published. Any thread. */
  void close(CloseReason why) {
    closeRequested = true;
    if (connection.inEventLoop()) {
      connection.onLoop(() -> closeBehindPublished(why));
    } else if (runBehindPublished(() -> beginClose(why))) {
      connection.onLoop(() -> awaitPublished(why));
    } else { // not behind what is published after this call
      connection.onLoop(() -> beginFirstClose(why));
    }
  }

  /** Closes after everything that has reached this connection, unless a close has begun. */
  private void beginFirstClose(CloseReason why) {
    if (reason == null) {
      beginClose(why);
    }
  }

  /** Closes after everything that was sent or published so far, unless a close has begun. */
  void closeBehindPublished(CloseReason why) {
    closeRequested = true;
    if (reason == null && runBehindPublished(() -> beginClose(why))) {
      awaitPublished(why);
    } else {
      beginFirstClose(why);
    }
  }

  /**
   * Runs an action in a turn, behind everything that was published to this connection before;
   * returns false, and does nothing, if no published message waits. Any thread.
   */
  private boolean runBehindPublished(Runnable action) {
    return (connection.subscribed != null || joining != null)
        && connection.loop().runBehindServices(() -> connection.onLoop(action));
  }

  /** Sets the reason and the deadline of a close that waits for published messages. */
  private void awaitPublished(CloseReason why) {
    if (reason == null) {
      reason = why;
      startDeadline(connection.config().closeTimeoutNanos(), this::closeTimedOut);
    }
  }

  /** Closes after everything that has reached this connection, whatever is still published. */
  void beginClose(CloseReason why) {
    setReason(why); // first: a message that cannot be packed would begin another close in this
    if (connection.outbound().postpones(() -> beginClose(why))) {
      return;
    }
    boolean outermost = connection.enter();
    try {
      connection.outbound().packMailbox();
      if (begin(why, /* mayWait= */ true)) {
        flush(this::awaitPeerClose);
        if (!lingering && channel().isOpen() && deadline == null) {
          startDeadline(connection.config().closeTimeoutNanos(), this::closeTimedOut);
        }
        connection.setAutoRead(true);
      }
    } catch (Throwable t) { // out of memory, for example
      abort(new CloseReason(Kind.IO_ERROR, t));
    } finally {
      connection.leave(outermost);
    }
  }

  /** Closes at once and drops unwritten output. */
  void abort(CloseReason why) {
    abort(why, this::closeSocket);
  }

  /** Closes at once, as the last task of an event loop. */
  void abortWithoutLoop(CloseReason why) {
    abort(why, () -> Transport.closeWithoutLoop(channel()));
  }

  private void abort(CloseReason why, Runnable closing) {
    if (state == CLOSED) {
      return; // if detached, the channel belongs to the successor
    }
    closeRequested = true;
    try {
      begin(why, /* mayWait= */ false);
    } finally {
      outputEnded = true;
      closing.run();
    }
  }

  /**
   * Begins to close, once: sets the reason unless it is known, and closes the protocol, which then
   * awaits the peer's close if it {@code mayWait}.
   */
  private boolean begin(CloseReason why, boolean mayWait) {
    if (isClosing()) {
      return false;
    }
    setReason(why);
    state = CLOSING;
    unsubscribe();
    if (mayWait) {
      connection.outbound().packSendQueue();
    }
    connection.driver().closeProtocol(requireNonNull(reason), mayWait);
    return true;
  }

  /** Sets the reason unless it is known. */
  private void setReason(CloseReason why) {
    if (reason == null) {
      reason = why;
      cancelDeadline(); // of the handshake
    }
  }

  /** Writes all pending output, then runs {@code then}. */
  private void flush(Runnable then) {
    outputEnded = true;
    if (!connection.driver().isOpened()) { // so nothing was sent
      then.run();
      return;
    }
    ChannelPromise flushed = connection.context().newPromise();
    connection.outbound().flushAll(flushed);
    flushed.addListener(done -> then.run());
  }

  /** Waits for the peer's close if the protocol has a close handshake. */
  private void awaitPeerClose() {
    awaitingPeerClose = true;
    if (inputEnded || !connection.driver().isAwaitingPeerClose()) {
      endPeerCloseWait();
    }
  }

  /** Ends the wait for the peer's close, if any; the plugins then end their output. */
  void endPeerCloseWait() {
    if (awaitingPeerClose) {
      awaitingPeerClose = false;
      connection.observers().endOutput(this::linger);
    }
  }

  private void closeTimedOut() {
    if (!awaitingPeerClose) {
      abort(requireNonNull(reason));
      return;
    }
    // The plugins may take some time to end their output.
    startDeadline(connection.config().lingeringCloseNanos(), this::closeSocket);
    connection.driver().stopAwaitingPeerClose();
    endPeerCloseWait();
  }

  /** Shuts the output down and waits for the peer to close. */
  private void linger() {
    if (state == CLOSED) {
      return;
    }
    cancelDeadline();
    long nanos = connection.config().lingeringCloseNanos();
    if (inputEnded
        || nanos == 0
        || !channel().isActive()
        || !(channel() instanceof DuplexChannel duplex)) {
      closeSocket();
      return;
    }
    lingering = true;
    if (!duplex.isOutputShutdown()) {
      duplex.shutdownOutput();
    }
    startDeadline(nanos, this::closeSocket);
  }

  /** Handles input that arrives after the close has begun: reads the peer's close or drops it. */
  void readAfterClose(ByteBuf bytes) {
    if (connection.driver().isAwaitingPeerClose()) {
      connection.driver().readPeerClose(bytes);
      return;
    }
    lingeredBytes += lingering ? bytes.readableBytes() : 0;
    bytes.release();
    if (lingeredBytes > MAX_LINGER_BYTES) {
      closeSocket();
    }
  }

  /** Notes the peer's end of output; returns whether the connection has to handle it. */
  boolean endInput() {
    boolean first = !inputEnded;
    inputEnded = true;
    if (awaitingPeerClose) {
      endPeerCloseWait();
    } else if (lingering) {
      closeSocket();
    } else {
      if (first && !connection.mayRead() && hasReadFin()) {
        abortIfReset();
      }
      return true;
    }
    return false;
  }

  /** Notes that nothing more can be written: the output is shut down, or has ended with TLS 1.2. */
  void outputShutDown() {
    outputShutDown = true;
  }

  /** Closes, or keeps the output open, when everything was handled that came before the end. */
  void closeAfterPeer() {
    HalfClose halfClose = connection.attribute(HalfClose.class);
    if (halfClose == null || outputShutDown || !channel().isActive()) {
      closeBehindPublished(CloseReason.of(Kind.PEER_CLOSED));
    } else if (halfClose.begin()) {
      CloseReason why = CloseReason.of(Kind.TIMEOUT, "half-closed for " + halfClose.timeout());
      startDeadline(halfClose.timeout().toNanos(), () -> closeBehindPublished(why));
      connection.execute(halfClose.task());
    }
  }

  /**
   * Aborts if the peer has sent a reset.
   *
   * <p>After a FIN it reads like any end of input, which a paused connection handles only after it
   * has resumed. With io_uring, one that comes during a pause is not read at all.
   */
  void abortIfReset() {
    if (Transport.isReset(channel())) {
      IOException cause = new IOException("connection reset by peer");
      abort(new CloseReason(Kind.IO_ERROR, cause));
    }
  }

  /** Returns false if a plugin has found the end of the input before the FIN, as TLS does. */
  private boolean hasReadFin() {
    return channel() instanceof DuplexChannel duplex && duplex.isInputShutdown();
  }

  /** Closes the socket, bypassing the plugins' handlers, which have ended their output. */
  private void closeSocket() {
    ChannelHandlerContext nextToSocket = channel().pipeline().firstContext();
    if (nextToSocket == null) {
      channel().close();
    } else {
      nextToSocket.close();
    }
  }

  /** Shuts the output down after all messages sent so far are written. Any thread. */
  void shutdownOutput() {
    outputEndRequested = true;
    if (!runBehindPublished(this::endOutput)) {
      connection.onLoop(this::endOutput);
    }
  }

  private void endOutput() {
    if (connection.outbound().postpones(this::endOutput)) {
      return;
    }
    unsubscribe();
    if (!outputEnded && channel() instanceof DuplexChannel duplex) {
      connection.outbound().packMailbox();
      flush(() -> connection.observers().endOutput(() -> shutDown(duplex)));
    }
  }

  private void shutDown(DuplexChannel duplex) {
    duplex.shutdownOutput();
    if (inputEnded) {
      connection.onLoop(() -> {}); // the end of the turn closes
    }
  }

  /** Releases everything and calls the callbacks, once, after the channel was closed. */
  void finish() {
    attempt(() -> begin(unpromptedReason(), /* mayWait= */ false));
    if (state == CLOSED) {
      return;
    }
    outputEnded = true;
    deregister();
    attempt(() -> connection.outbound().release());
    attempt(() -> connection.driver().stopAwaitingPeerClose());
    CloseReason why = requireNonNull(reason);
    runAsTurn(() -> callbacks(why));
    host().forget();
  }

  private void callbacks(CloseReason why) {
    connection.loop().completions().run();
    attempt(this::leaveTopics);
    attempt(this::forgetJoining);
    if (connection.isConnected()) {
      attempt(() -> callOnClose(connection, why));
    }
    attempt(this::runCloseTasks);
    attempt(() -> connection.observers().closed(why));
    attempt(() -> host().events().disconnected(why));
  }

  /** Runs a step of the end. A failure is logged, since the steps that follow must be run. */
  private void attempt(Runnable step) {
    try {
      step.run();
    } catch (Throwable t) { // out of memory, for example
      errors().warning("a step of closing a connection failed", t);
    }
  }

  private void runCloseTasks() {
    CloseTasks.runAll(connection, errors());
    finished = true;
  }

  private static <I, O> void callOnClose(StreamConnection<I, O> connection, CloseReason why) {
    ConnectionConfig<I, O> config = connection.config();
    try {
      config.handler().onClose(connection, why);
    } catch (Throwable t) {
      config.errors().warning("handler failed in onClose of " + connection.remoteAddress(), t);
    }
  }

  /** Runs an action as a turn of this connection; other connections have theirs after it. */
  private void runAsTurn(Runnable action) {
    Loop loop = connection.loop();
    LoopMember outer = loop.turn;
    loop.turn = connection;
    loop.turns++;
    try {
      action.run();
    } finally {
      loop.turn = outer;
      loop.completions().runLater();
    }
  }

  /** Ends all subscriptions; the observers of the topics are notified in a later task. */
  private void unsubscribe() {
    if (connection.subscribed == null) {
      return;
    }
    for (SubscriberPort<?> s = connection.subscribed; s != null; s = s.next) {
      s.forget();
    }
    connection.onLoopLater(
        () -> {
          if (connection.subscribed != null) {
            connection.run(this::leaveTopics);
          }
        });
  }

  /** Ends the subscriptions that wait to join; none is added after the close. */
  private void forgetJoining() {
    for (SubscriberPort<?> s = joining; s != null; s = s.next) {
      s.forget();
    }
  }

  private void leaveTopics() {
    for (SubscriberPort<?> s; (s = connection.subscribed) != null; ) {
      s.leave();
    }
  }

  /** Returns the reason of a close that Netty has begun unprompted. */
  private CloseReason unpromptedReason() {
    if (connection.loop().isEnding()) {
      return CloseReason.of(Kind.SERVER_STOPPED);
    }
    boolean orderly = inputEnded && !connection.hasUndelivered();
    return CloseReason.of(orderly ? Kind.PEER_CLOSED : Kind.IO_ERROR);
  }

  /** Adds a subscription that waits to join, unless the connection is closing. Any thread. */
  synchronized boolean addJoining(SubscriberPort<?> subscriber) {
    if (!acceptsMessages()) {
      return false;
    }
    joining = subscriber.linkBefore(joining);
    return true;
  }

  /** Removes a subscription that has joined, or that cannot join. Any thread. */
  synchronized void removeJoining(SubscriberPort<?> subscriber) {
    joining = subscriber.unlinkFrom(joining);
  }

  private void deregister() {
    synchronized (this) { // a subscription that is added now is forgotten before onClose
      state = CLOSED;
    }
    connection.loop().remove(connection);
    connection.loop().unassign();
    host().unadmit();
    attempt(this::cancelDeadline);
    attempt(connection::cancelResetCheck);
    attempt(connection::endTimers);
  }

  private void startDeadline(long nanos, Runnable action) {
    cancelDeadline();
    Runnable task =
        () -> {
          deadline = null;
          action.run();
        };
    try {
      deadline = connection.loop().executor().schedule(task, nanos, TimeUnit.NANOSECONDS);
    } catch (RejectedExecutionException e) {
      // The event loop ends, and this connection with it.
    }
  }

  private void cancelDeadline() {
    if (deadline != null) {
      deadline.cancel(false);
      deadline = null;
    }
  }

  // Tasks for the close.

  /** Runs a task after {@code onClose}, or soon if that is over. Any thread. */
  void onClose(Runnable task) {
    requireNonNull(task, "task");
    if (connection.inEventLoop() && !finished) {
      CloseTasks.add(connection, task);
      return;
    }
    try {
      connection.loop().executor().execute(() -> addOrRun(task));
    } catch (RejectedExecutionException e) { // the event loop has ended, and with it the connection
      CloseTasks.run(connection, task, errors());
    }
  }

  private void addOrRun(Runnable task) {
    if (finished) {
      CloseTasks.run(connection, task, errors());
    } else {
      CloseTasks.add(connection, task);
    }
  }

  private RateLimitedLog errors() {
    return connection.config().errors();
  }

  // Detaching.

  /** Hands the channel over to {@code successor} after all pending output. Any thread. */
  void detach(ChannelHandler successor) {
    closeRequested = true;
    if (!runBehindPublished(() -> startDetach(successor))) {
      connection.onLoop(() -> startDetach(successor));
    }
  }

  private void startDetach(ChannelHandler successor) {
    if (connection.outbound().postpones(() -> startDetach(successor))) {
      return;
    }
    if (reason == null && !outputEnded) {
      connection.outbound().packMailbox(); // a message that cannot be packed may begin a close
    }
    if (reason != null) {
      return;
    }
    outputEnded = true;
    ChannelPromise flushed = connection.context().newPromise();
    connection.outbound().flushAll(flushed);
    startDeadline(
        connection.config().closeTimeoutNanos(),
        () -> closeBehindPublished(CloseReason.of(Kind.CLOSED)));
    // Later, since this may be a callback during which unread bytes are not stored yet.
    flushed.addListener(done -> connection.onLoopLater(() -> handOver(successor)));
  }

  private void handOver(ChannelHandler successor) {
    if (reason != null) {
      return;
    }
    ChannelHandlerContext here = connection.context();
    try {
      here.pipeline().addAfter(here.name(), null, successor);
    } catch (Throwable t) {
      connection.fail(Kind.HANDLER_ERROR, t);
      return;
    }
    CloseReason why = CloseReason.of(Kind.CLOSED);
    begin(why, /* mayWait= */ false);
    deregister();
    attempt(() -> connection.outbound().release()); // what is held behind an unfinished message
    runAsTurn(
        () -> {
          leaveTopics();
          runCloseTasks();
        });
    connection.observers().closed(why);
    host().events().detached();
    host().forget();
    ByteBuf unread = connection.inbound().detach();
    if (unread != null) {
      here.fireChannelRead(unread);
    }
    connection.driver().handOver(here::fireChannelRead);
    here.fireChannelReadComplete();
    if (inputEnded) {
      here.fireUserEventTriggered(ChannelInputShutdownEvent.INSTANCE);
    }
    here.pipeline().remove(connection);
    channel().config().setAutoRead(true);
  }

  private ConnectionHost host() {
    return connection.config().host();
  }

  private Channel channel() {
    return connection.channel();
  }
}
