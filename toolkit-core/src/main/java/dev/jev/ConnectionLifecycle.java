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
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The life of a connection: its state, its deadlines and its end.
 *
 * <pre>
 *   OPENING --ready--&gt; OPEN --close--&gt; CLOSING --socket closed--&gt; CLOSED
 * </pre>
 *
 * In {@code CLOSING} output is flushed, then the socket's output is shut down, then input is read
 * and dropped until the peer closes too, so that the kernel has no reason to send a reset that
 * would destroy what the peer has not read (RFC 9112, 9.6). Between the two a protocol may wait for
 * the peer's goodbye. All waits have a deadline.
 *
 * <p>Event loop only, except where it says otherwise.
 */
final class ConnectionLifecycle {

  private static final byte OPENING = 0;
  private static final byte OPEN = 1;
  private static final byte CLOSING = 2;
  private static final byte CLOSED = 3;

  /** For how many bytes input is dropped after the output was shut down. */
  private static final int MAX_LINGER_BYTES = 256 * 1024;

  private final StreamConnection<?, ?> connection;

  // Volatile: read by any thread.
  private volatile byte state;
  private volatile boolean closeRequested;
  private volatile boolean outputEndRequested;
  private volatile boolean inputEnded;

  // Event loop only.
  private @Nullable CloseReason reason;
  private @Nullable ScheduledFuture<?> deadline; // of the handshake, the last flush or the linger
  private int lingeredBytes;
  private boolean outputEnded; // nothing may be packed any more
  private boolean awaitingPeerClose; // its goodbye; everything was flushed
  private boolean lingering;

  ConnectionLifecycle(StreamConnection<?, ?> connection) {
    this.connection = connection;
  }

  // What others ask; any thread.

  /** Whether {@link #ready} has not been called and no close has begun. */
  boolean isOpening() {
    return state == OPENING;
  }

  boolean isOpen() {
    return state == OPEN && !closeRequested;
  }

  boolean isClosed() {
    return state == CLOSED;
  }

  /** Whether a close has begun, on the event loop. */
  boolean isClosing() {
    return state >= CLOSING;
  }

  boolean isCloseRequested() {
    return closeRequested;
  }

  /** Whether a message may be sent. */
  boolean acceptsMessages() {
    return state == OPEN && !closeRequested && !outputEndRequested;
  }

  /** Whether the peer has ended its output. */
  boolean hasInputEnded() {
    return inputEnded;
  }

  /** Whether output can still be packed: what was sent before a close still is. */
  boolean acceptsOutput() {
    return !outputEnded;
  }

  // Beginning.

  /** Gives the handshake its time, counted from the first call, unless it is over. */
  void awaitReady() {
    if (state == OPENING && deadline == null) {
      startDeadline(
          connection.config().handshakeTimeoutNanos(),
          () -> startClose(CloseReason.of(Kind.TIMEOUT)));
    }
  }

  /** Messages may flow. */
  void ready() {
    state = OPEN;
    cancelDeadline();
  }

  // Closing.

  /** Says that no message is delivered or taken any more; the close itself follows. Any thread. */
  void requestClose() {
    closeRequested = true;
  }

  /** Closes after everything sent so far has been written, unless a close has begun already. */
  void startClose(CloseReason why) {
    closeRequested = true;
    if (reason != null) {
      return;
    }
    boolean outermost = connection.enter();
    connection.outbound().packMailbox();
    if (begin(why, /* mayWait= */ true)) {
      flush(this::awaitPeerClose);
      if (!lingering && channel().isOpen()) {
        startDeadline(connection.config().closeTimeoutNanos(), this::closeTimedOut);
      }
      connection.setAutoRead(true);
    }
    connection.leave(outermost);
  }

  /** Closes and drops what has not been written. */
  void abort(CloseReason why) {
    if (state == CLOSED) {
      return; // or detached: the channel is somebody else's
    }
    closeRequested = true;
    begin(why, /* mayWait= */ false);
    outputEnded = true;
    closeSocket();
  }

  /** Sets the reason, once, and lets the protocol say goodbye, perhaps to wait for the peer's. */
  private boolean begin(CloseReason why, boolean mayWait) {
    if (reason != null) {
      return false;
    }
    reason = why;
    state = CLOSING;
    cancelDeadline();
    unsubscribe();
    if (mayWait) {
      connection.outbound().packSendQueue();
    }
    connection.driver().closeProtocol(why, mayWait);
    return true;
  }

  /** Writes everything, and then goes on. */
  private void flush(Runnable then) {
    outputEnded = true;
    if (!connection.driver().isOpened()) { // nothing can have been sent
      then.run();
      return;
    }
    ChannelPromise flushed = connection.context().newPromise();
    connection.outbound().flushAll(flushed);
    flushed.addListener(done -> then.run());
  }

  /** Waits for the peer's goodbye, if the protocol has one. */
  private void awaitPeerClose() {
    awaitingPeerClose = true;
    if (inputEnded || !connection.driver().isAwaitingPeerClose()) {
      endPeerCloseWait();
    }
  }

  /** Nothing more of the peer is waited for: lets the plugins add what they have to. */
  void endPeerCloseWait() {
    if (awaitingPeerClose) {
      awaitingPeerClose = false;
      connection.observers().endOutput(this::linger);
    }
  }

  private void closeTimedOut() {
    if (!awaitingPeerClose) {
      closeSocket();
      return;
    }
    startDeadline(
        connection.config().lingeringCloseNanos(), this::closeSocket); // if the plugins take longer
    connection.driver().stopAwaitingPeerClose();
    endPeerCloseWait();
  }

  /** Tells the peer that nothing more comes, and waits for it to say the same. */
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

  /** Takes what comes in after the close has begun, which only a protocol's goodbye is found in. */
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

  /** The peer has ended its output; returns whether the connection takes notice of it. */
  boolean endInput() {
    inputEnded = true;
    if (awaitingPeerClose) {
      endPeerCloseWait();
    } else if (lingering) {
      closeSocket();
    } else {
      return true;
    }
    return false;
  }

  /** A reset behind a FIN reads as an end like any other, which a paused connection waits at. */
  void abortIfReset() {
    if (Transport.isReset(channel())) {
      IOException cause = new IOException("connection reset by peer after its FIN");
      abort(new CloseReason(Kind.IO_ERROR, cause));
    }
  }

  /** Closes the socket without asking the plugins' handlers, which have had their say. */
  private void closeSocket() {
    ChannelHandlerContext nextToSocket = channel().pipeline().firstContext();
    if (nextToSocket == null) {
      channel().close();
    } else {
      nextToSocket.close();
    }
  }

  /** Shuts the output down after everything sent so far. */
  void shutdownOutput() {
    outputEndRequested = true;
    connection.onLoop(
        () -> {
          unsubscribe();
          if (outputEnded || !(channel() instanceof DuplexChannel duplex)) {
            return;
          }
          connection.outbound().packMailbox();
          flush(() -> connection.observers().endOutput(duplex::shutdownOutput));
        });
  }

  /** Lets go of everything and tells everybody, after the channel was closed; once. */
  void finish() {
    begin(CloseReason.of(kindOfUnpromptedClose()), /* mayWait= */ false);
    if (state == CLOSED) {
      return;
    }
    outputEnded = true;
    deregister();
    connection.outbound().release();
    connection.driver().stopAwaitingPeerClose();
    CloseReason why = requireNonNull(reason);
    runAsTurn(() -> callbacks(why));
    host().forget();
  }

  private void callbacks(CloseReason why) {
    leaveTopics();
    if (connection.isConnected()) {
      callOnClose(connection, why);
    }
    connection.observers().closed(why);
    host().events().disconnected(why);
  }

  private static <I, O> void callOnClose(StreamConnection<I, O> connection, CloseReason why) {
    ConnectionConfig<I, O> config = connection.config();
    try {
      config.handler().onClose(connection, why);
    } catch (Throwable t) {
      config.errors().warning("handler failed in onClose of " + connection.remoteAddress(), t);
    }
  }

  /** Runs an action whose effects on other connections follow after it. */
  private void runAsTurn(Runnable action) {
    Loop loop = connection.loop();
    LoopMember outer = loop.turn;
    loop.turn = connection;
    try {
      action.run();
    } finally {
      loop.turn = outer;
    }
  }

  /** Ends all subscriptions; the topics' observers are notified soon. */
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

  private void leaveTopics() {
    for (SubscriberPort<?> s; (s = connection.subscribed) != null; ) {
      s.leave();
    }
  }

  /** Why Netty has closed the channel of its own accord. */
  private Kind kindOfUnpromptedClose() {
    boolean stopping = connection.loop().isEnding();
    return stopping ? Kind.SERVER_STOPPED : inputEnded ? Kind.PEER_CLOSED : Kind.IO_ERROR;
  }

  private void deregister() {
    state = CLOSED;
    cancelDeadline();
    connection.endTimers();
    connection.loop().remove(connection);
    connection.loop().unassign();
    host().unadmit();
  }

  private void startDeadline(long nanos, Runnable action) {
    cancelDeadline();
    deadline =
        connection
            .loop()
            .executor()
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

  /** Gives the channel to {@code successor} after everything sent so far. */
  void detach(ChannelHandler successor) {
    closeRequested = true;
    connection.onLoop(
        () -> {
          if (reason != null) {
            return;
          }
          if (!outputEnded) {
            connection.outbound().packMailbox();
          }
          outputEnded = true;
          ChannelPromise flushed = connection.context().newPromise();
          connection.outbound().flushAll(flushed);
          startDeadline(
              connection.config().closeTimeoutNanos(),
              () -> startClose(CloseReason.of(Kind.CLOSED)));
          // Later: this may be a callback, with bytes that are not kept yet.
          flushed.addListener(done -> connection.onLoopLater(() -> handOver(successor)));
        });
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
    runAsTurn(this::leaveTopics);
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
