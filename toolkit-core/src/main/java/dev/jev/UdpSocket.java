package dev.jev;

import static java.util.Objects.requireNonNull;

import dev.jev.CloseReason.Kind;
import dev.jev.Delivery.Outcome;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.socket.DatagramChannel;
import io.netty.channel.socket.DatagramPacket;
import io.netty.util.ReferenceCountUtil;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The handler of a UDP socket, on which each datagram is one message.
 *
 * <p><b>Inbound.</b> One protocol serves all peers of the socket. It unpacks each datagram alone.
 * If it does not make exactly one message of a datagram, it is replaced, since it may wait for
 * bytes that never arrive, or may have kept bytes that belong to no later datagram. So a bad
 * datagram costs only itself.
 *
 * <p><b>Outbound.</b> The datagrams sent in one turn of the loop are flushed together, so that one
 * system call takes many of them. Other threads put messages into the mailbox. {@code
 * maxPendingBytes} bounds the bytes in both places; beyond it messages are dropped, as on the
 * network.
 *
 * <p><b>Addresses.</b> The socket for all addresses of the machine passes a datagram on to the
 * socket of the address that it was sent to, if there is one; see {@link #forwardBy}.
 *
 * <p><b>Spoofing.</b> The source address of a datagram may be forged. A server that replies to
 * short datagrams with long ones can be abused to flood a third party. So replies are limited to a
 * multiple of the bytes received (RFC 9000, 8).
 */
final class UdpSocket<I, O> extends LoopMember
    implements ServerIntake, ChannelFutureListener, Runnable {

  /** RFC 768 and RFC 791: 65,535 bytes less 20 of the IP header and 8 of the UDP header. */
  static final int MAX_PAYLOAD_BYTES = 65507;

  /** Minimum length of the IP and UDP headers of a datagram: 20 and 8 bytes. */
  private static final int HEADER_BYTES = 28;

  /** Size of unflushed output at which it is flushed before the end of the turn. */
  private static final int SPILL_BYTES = 64 * 1024;

  private final ConnectionConfig<I, O> config;
  private final DatagramChannel channel;
  private final int amplification;
  private final int maxBytes; // of an inbound datagram
  private final @Nullable UdpSocket<I, O> all; // the one for all addresses; null if it is this one
  private final Mailbox<AddressedMessage<O>> mailbox;
  private final LongAdder dropped = new LongAdder();
  private final RateLimitedLog receiveErrors = new RateLimitedLog();
  private final RateLimitedLog amplified = new RateLimitedLog();
  private final Context context = new Context();

  // Event loop only.
  private @Nullable Protocol<I, O> protocol; // null until needed, and after a bad datagram
  private volatile LoopTimers tasks = new LoopTimers(); // of the protocol; read by any thread
  private @Nullable ChannelFuture newest; // of the last datagram that was written
  private @Nullable UdpConnection<O> source; // of the datagram that is being unpacked
  private @Nullable Function<InetAddress, @Nullable UdpSocket<I, O>> socketOf; // by its address

  private volatile long taken; // written by the event loop, read by any thread

  /** A message with its address. */
  private record AddressedMessage<O>(UdpConnection<O> to, O message) {}

  UdpSocket(ConnectionConfig<I, O> config, Loop loop, DatagramChannel channel, int amplification) {
    this(config, loop, channel, amplification, /* all= */ null);
  }

  private UdpSocket(
      ConnectionConfig<I, O> config,
      Loop loop,
      DatagramChannel channel,
      int amplification,
      @Nullable UdpSocket<I, O> all) {
    super(loop);
    this.config = config;
    this.channel = channel;
    this.amplification = amplification;
    this.maxBytes = Math.min(config.maxFrameBytes(), MAX_PAYLOAD_BYTES);
    this.all = all;
    this.mailbox = new Mailbox<>(config.highWatermark());
    channel.config().setAllocator(Loop.ALLOCATOR);
    // One byte more than allowed reveals a datagram that is too long, even if the system cuts it.
    config.host().transport().readDatagrams(channel.config(), maxBytes + 1);
  }

  // For a listener on all addresses.

  /** Creates the handler of a socket for one of the addresses that this one is for. */
  UdpSocket<I, O> forAddress(Loop loop, DatagramChannel socket) {
    return new UdpSocket<>(config, loop, socket, amplification, this);
  }

  /**
   * Passes each datagram on to the socket that a function returns for the address that it was sent
   * to, or for the wildcard address if the transport does not tell. The socket is on the same event
   * loop. Called before the first read.
   */
  void forwardBy(Function<InetAddress, @Nullable UdpSocket<I, O>> socketOf) {
    this.socketOf = socketOf;
    config.host().transport().readRecipients(channel.config(), maxBytes + 1);
  }

  DatagramChannel channel() {
    return channel;
  }

  // For the connections; any thread.

  /** Returns the address of the listener. */
  SocketAddress address() {
    return SocketAddresses.of(channel);
  }

  SocketAddress localAddress() {
    return channel.localAddress();
  }

  /**
   * Returns the socket that reaches any address: the one for all addresses, if there is one. With
   * {@code reuseport}, it may be on another event loop.
   */
  UdpSocket<I, O> all() {
    return all == null ? this : all;
  }

  boolean isOpen() {
    return channel.isOpen();
  }

  long pendingBytes() {
    ChannelOutboundBuffer buffer = channel.unsafe().outboundBuffer();
    return mailbox.bytes() + (buffer == null ? 0 : buffer.totalPendingWriteBytes());
  }

  boolean isWritable() {
    return isOpen() && pendingBytes() <= config.highWatermark();
  }

  @Override
  public long taken() {
    return taken;
  }

  /** Returns the number of dropped datagrams, see {@link Server#droppedDatagrams}. */
  long dropped() {
    return dropped.sum();
  }

  // Receiving.

  @Override
  public void pause(Channel socket, boolean pause) {
    socket.config().setAutoRead(!pause);
  }

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object message) {
    DatagramPacket datagram = (DatagramPacket) message;
    try {
      UdpSocket<I, O> other =
          socketOf == null ? null : socketOf.apply(datagram.recipient().getAddress());
      (other == null ? this : other).take(datagram);
    } finally {
      datagram.release();
    }
  }

  @SuppressWarnings("NonAtomicVolatileUpdate") // one thread writes
  private void take(DatagramPacket datagram) {
    taken++;
    boolean outermost = enter();
    try {
      receive(datagram.sender(), datagram.content());
    } finally {
      leave(outermost);
    }
  }

  private void receive(InetSocketAddress sender, ByteBuf bytes) {
    int length = bytes.readableBytes();
    if (length > maxBytes) {
      dropped.increment();
      return;
    }
    long allowance = amplification * (long) (length + HEADER_BYTES);
    UdpConnection<O> connection =
        new UdpConnection<>(this, sender, amplification == 0 ? Long.MAX_VALUE : allowance);
    source = connection;
    I message = unpack(bytes);
    source = null;
    if (message == null) {
      dropped.increment();
      return;
    }
    loop.ownership().own(message);
    try {
      config.handler().onMessage(connection, message);
    } catch (Throwable t) {
      config.errors().warning("handler failed in onMessage of " + sender, t);
    }
    loop.ownership().release();
  }

  /** Returns the message of a datagram, or null if the datagram is not exactly one message. */
  private @Nullable I unpack(ByteBuf bytes) {
    I message = null;
    try {
      message = protocol().unpack(context, bytes);
      if (message != null && !bytes.isReadable() && protocol().pendingMessages() == 0) {
        return message;
      }
    } catch (ProtocolException e) {
      // The peer's fault: only counted.
    } catch (Throwable t) {
      config.errors().warning("protocol failed on a datagram received on " + address(), t);
    }
    ReferenceCountUtil.safeRelease(message);
    replaceProtocol(Kind.PROTOCOL_ERROR);
    return null;
  }

  private Protocol<I, O> protocol() {
    Protocol<I, O> current = protocol;
    if (current == null) {
      current = requireNonNull(config.protocols().get(), "protocol");
      current.open(context);
      protocol = current;
    }
    return current;
  }

  private void replaceProtocol(Kind why) {
    Protocol<I, O> old = protocol;
    protocol = null;
    tasks.end();
    tasks = new LoopTimers();
    if (old == null) {
      return;
    }
    try {
      old.close(context, CloseReason.of(why));
    } catch (Throwable t) {
      config.errors().warning("protocol failed in close", t);
    }
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    receiveErrors.warning("cannot receive on " + address(), cause);
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) {
    endTimers();
    replaceProtocol(Kind.SERVER_STOPPED);
    drop(mailbox);
    ctx.fireChannelInactive();
  }

  // LoopMember.

  @Override
  public void handlerAdded(ChannelHandlerContext ctx) {
    loop.add(this);
  }

  @Override
  public void handlerRemoved(ChannelHandlerContext ctx) {
    loop.remove(this);
  }

  @Override
  ConnectionHost host() {
    return config.host();
  }

  /** Returns false: {@link #takeTurn} flushes once for all datagrams that arrived together. */
  @Override
  boolean settle() {
    return false;
  }

  @Override
  void takeTurn() {
    super.takeTurn();
    channel.flush(); // may complete a future whose continuation sends and requests the next turn
  }

  @Override
  void fail(Kind kind, Throwable cause) {
    config.errors().warning("task failed on " + address(), cause);
  }

  @Override
  boolean isClosed() {
    return !isOpen();
  }

  @Override
  void stop(CloseReason reason) {
    channel.close();
  }

  @Override
  void abort(CloseReason reason) {
    channel.close();
  }

  @Override
  void end(CloseReason reason) {
    Transport.closeWithoutLoop(channel);
  }

  // Sending; any thread.

  Outcome send(UdpConnection<O> to, O message, @Nullable CompletableFuture<Void> written) {
    O owned = MessageOwnership.acquire(message);
    if (!isOpen()) {
      return refuse(owned, written, Outcome.CLOSED);
    }
    if (loop.inEventLoop()) {
      return pack(to, owned, written);
    }
    long bytes = Mailbox.countOf(message);
    Mailbox.Envelope<AddressedMessage<O>> envelope =
        new Mailbox.Envelope<>(new AddressedMessage<>(to, owned), bytes, written);
    mailbox.reserve(envelope);
    if (pendingBytes() - bytes >= config.maxPendingBytes()) {
      mailbox.cancel(envelope);
      return refuse(owned, written, Outcome.OVER_LIMIT);
    }
    if (mailbox.add(envelope)) {
      try {
        loop.executor().execute(this);
      } catch (RejectedExecutionException e) { // the server has stopped
        drop(mailbox);
      }
    }
    return Outcome.TAKEN;
  }

  private void drop(Mailbox<AddressedMessage<O>> box) {
    box.clearWakeup();
    for (Mailbox.Envelope<AddressedMessage<O>> envelope; (envelope = box.poll()) != null; ) {
      refuse(envelope.message().message(), envelope.written(), Outcome.CLOSED);
    }
  }

  /** Drops a message; its future fails later, since it may belong to a message of the mailbox. */
  private Outcome refuse(
      Object message, @Nullable CompletableFuture<Void> written, Outcome outcome) {
    dropped.increment();
    ReferenceCountUtil.safeRelease(message);
    if (written != null) {
      Exception failure = Undelivered.failure(outcome, "datagram dropped: over a limit");
      loop.completions().add(written, failure);
    }
    return outcome;
  }

  // Sending; event loop only.

  /** Packs and flushes the messages of the mailbox. */
  @Override
  public void run() {
    mailbox.clearWakeup();
    for (Mailbox.Envelope<AddressedMessage<O>> envelope; (envelope = mailbox.poll()) != null; ) {
      AddressedMessage<O> addressed = envelope.message();
      try {
        MessageOwnership.requireLive(addressed.message());
        pack(addressed.to(), addressed.message(), envelope.written());
      } catch (Throwable t) {
        packingFailed(addressed.to(), envelope.written(), t);
      }
    }
    channel.flush(); // at once, since the socket may close next
  }

  /**
   * Closes the socket after the datagrams that were sent before are passed to the system, which
   * with io_uring takes an iteration of the loop, or after a second.
   */
  @Override
  public void close(Channel socket) {
    loop.run(
        () -> {
          run();
          ChannelFuture last = newest;
          if (last == null || last.isDone()) {
            socket.close();
          } else {
            last.addListener(ChannelFutureListener.CLOSE);
            socket.eventLoop().schedule(() -> socket.close(), 1, TimeUnit.SECONDS);
          }
        });
  }

  void packingFailed(
      UdpConnection<O> to, @Nullable CompletableFuture<Void> written, Throwable cause) {
    dropped.increment();
    if (written != null) {
      loop.completions().add(written, cause);
    }
    config.errors().warning("datagram for " + to.peer() + " dropped: it cannot be packed", cause);
  }

  private Outcome pack(UdpConnection<O> to, O message, @Nullable CompletableFuture<Void> written) {
    if (!isOpen()) {
      return refuse(message, written, Outcome.CLOSED);
    }
    if (pendingBytes() >= config.maxPendingBytes()) {
      return refuse(message, written, Outcome.OVER_LIMIT);
    }
    ByteBuf datagram;
    try {
      datagram = pack(message);
    } finally {
      ReferenceCountUtil.safeRelease(message);
    }
    return write(to, datagram, written);
  }

  private ByteBuf pack(O message) {
    ByteBuf out = Loop.ALLOCATOR.directBuffer();
    try {
      Protocol<I, O> packer = protocol();
      packer.pack(message, out);
      ByteBuf tail = packer.zeroCopyTail(message);
      int length = out.readableBytes() + (tail == null ? 0 : tail.readableBytes());
      if (length > MAX_PAYLOAD_BYTES) {
        throw new IllegalArgumentException(
            "message length: " + length + " bytes (expected: <= " + MAX_PAYLOAD_BYTES + ")");
      }
      if (tail != null && !out.isReadable()) {
        out.release();
        return tail.retainedSlice();
      }
      if (tail != null) {
        int tailLength = tail.readableBytes();
        tail.getBytes(tail.readerIndex(), out.ensureWritable(tailLength), tailLength);
      }
      return out;
    } catch (Throwable t) {
      out.release();
      throw t;
    }
  }

  /** Writes a datagram, which is consumed. */
  private Outcome write(
      UdpConnection<O> to, ByteBuf datagram, @Nullable CompletableFuture<Void> written) {
    int length = datagram.readableBytes();
    if (length == 0) { // Netty does not send empty datagrams
      return refuse(datagram, written, Outcome.OVER_LIMIT);
    }
    if (!to.spend(length + HEADER_BYTES)) {
      amplified.warning(
          "datagram for "
              + to.peer()
              + " dropped: its answers would exceed "
              + amplification
              + " times the bytes received; see the option amplification of "
              + address());
      return refuse(datagram, written, Outcome.OVER_LIMIT);
    }
    ChannelFuture sent = channel.write(new DatagramPacket(datagram, to.peer())).addListener(this);
    newest = sent;
    if (written != null) {
      sent.addListener(done -> loop.completions().add(written, done.cause()));
    }
    flushSoon();
    return Outcome.TAKEN;
  }

  private void flushSoon() {
    if (pendingBytes() - mailbox.bytes() >= SPILL_BYTES) {
      channel.flush();
    } else {
      requestTurn();
    }
  }

  /** Counts a datagram that the system has not sent. */
  @Override
  public void operationComplete(ChannelFuture sent) {
    if (!sent.isSuccess()) {
      dropped.increment();
    }
  }

  /** The protocol's context: writes to the source of the datagram that is being unpacked. */
  private final class Context implements ProtocolContext {

    @Override
    public void ready() {}

    @Override
    public boolean isReady() {
      return true;
    }

    @Override
    public void write(ByteBuf bytes) {
      UdpConnection<O> to = source;
      if (to == null || !isOpen()) {
        bytes.release();
      } else if (pendingBytes() >= config.maxPendingBytes()
          || bytes.readableBytes() > MAX_PAYLOAD_BYTES) {
        refuse(bytes, null, Outcome.OVER_LIMIT);
      } else {
        UdpSocket.this.write(to, bytes, null);
      }
    }

    @Override
    public void close(CloseReason reason) {}

    @Override
    public void closeNow(CloseReason reason) {}

    @Override
    public void onClose(Runnable task) {}

    @Override
    public DeadlineWheel deadlineWheel(Duration maxDelay) {
      return loop.deadlineWheel(maxDelay);
    }

    @Override
    public long readingSince() {
      return loop.nanoTime();
    }

    @Override
    public ScheduledTask runAfter(Duration delay, Runnable task) {
      return tasks.runAfter(loop, delay, task, UdpSocket.this::run);
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
    public PluginHost host() {
      return config.host().pluginHost();
    }

    @Override
    public int maxFrameBytes() {
      return maxBytes;
    }
  }
}
