package dev.jev;

import static java.util.Objects.requireNonNull;

import dev.jev.Delivery.Outcome;
import io.netty.channel.ChannelHandler;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** A remote address that a UDP socket sends to. Created for each inbound datagram. */
final class UdpConnection<O> implements Connection<O>, MessageSink<O> {

  private final UdpSocket<?, O> socket;
  private final InetSocketAddress peer;

  // Event loop only.
  private long allowance; // bytes that may still be sent, including headers

  // Set and read by any thread; null until set, since there is a connection per datagram. The
  // attachment is the attribute of a type that is not public.
  private volatile @Nullable Map<Class<?>, Object> attributes;

  /** The type of the attachment. */
  private record Attachment(Object object) {}

  UdpConnection(UdpSocket<?, O> socket, InetSocketAddress peer, long allowance) {
    this.socket = socket;
    this.peer = peer;
    this.allowance = allowance;
  }

  UdpSocket<?, O> socket() {
    return socket;
  }

  InetSocketAddress peer() {
    return peer;
  }

  /** Subtracts bytes from the allowance; returns false if it is too small. Event loop only. */
  boolean spend(int bytes) {
    if (bytes > allowance) {
      return false;
    }
    allowance -= bytes;
    return true;
  }

  @Override
  public boolean send(O message) {
    return socket.send(this, requireNonNull(message, "message"), null) == Outcome.TAKEN;
  }

  @Override
  public Delivery deliver(O message) {
    CompletableFuture<Void> written = new CompletableFuture<>();
    Outcome outcome = socket.send(this, requireNonNull(message, "message"), written);
    return new Delivery(outcome, written.minimalCompletionStage());
  }

  @Override
  public boolean isWritable() {
    return socket.isWritable();
  }

  @Override
  public long pendingBytes() {
    return socket.pendingBytes();
  }

  @Override
  public boolean isOpen() {
    return socket.isOpen();
  }

  // No effect: the socket is shared by all remote addresses.

  @Override
  public void close(CloseReason reason) {}

  @Override
  public void closeNow() {}

  @Override
  public void shutdownOutput() {}

  @Override
  public void onHalfClose(Duration timeout, Runnable task) {
    Checks.positive("timeout", timeout);
    requireNonNull(task, "task");
  }

  @Override
  public void pauseReading() {}

  @Override
  public void resumeReading() {}

  @Override
  public void detach(ChannelHandler successor) {
    throw new UnsupportedOperationException("a UDP address has no socket of its own to detach");
  }

  @Override
  public Connection<O> to(SocketAddress address) {
    if (address instanceof InetSocketAddress inet && !inet.isUnresolved()) {
      boolean samePeer = inet.getAddress().equals(peer.getAddress());
      return new UdpConnection<>(samePeer ? socket : socket.all(), inet, Long.MAX_VALUE);
    }
    throw new IllegalArgumentException(
        "address: " + address + " (expected: a resolved internet address)");
  }

  @Override
  public void execute(Runnable task) {
    requireNonNull(task, "task");
    socket.onLoopLater(() -> socket.run(task));
  }

  @Override
  public ScheduledTask runAfter(Duration delay, Runnable task) {
    return socket.runAfter(delay, task);
  }

  @Override
  public ScheduledTask runEvery(Duration period, Runnable task) {
    return socket.runEvery(period, task);
  }

  @Override
  public ScheduledTask runTicker(Supplier<Duration> ticker) {
    return socket.runTicker(ticker);
  }

  @Override
  public SocketAddress localAddress() {
    return socket.localAddress();
  }

  @Override
  public SocketAddress remoteAddress() {
    return peer;
  }

  @Override
  public SocketAddress listener() {
    return socket.address();
  }

  @Override
  public <T> @Nullable T attribute(Class<T> type) {
    Map<Class<?>, Object> all = attributes;
    return all == null ? null : type.cast(all.get(type));
  }

  @Override
  public synchronized <T> void attribute(Class<T> type, @Nullable T value) {
    Map<Class<?>, Object> all = attributes;
    attributes = Attributes.with(all == null ? Map.of() : all, type, value);
  }

  @Override
  public void attach(@Nullable Object attachment) {
    attribute(Attachment.class, attachment == null ? null : new Attachment(attachment));
  }

  @Override
  public <T> @Nullable T attachment(Class<T> type) {
    Attachment attached = attribute(Attachment.class);
    return attached == null ? null : type.cast(attached.object());
  }

  // MessageSink, for a client. Messages that the socket cannot take are lost, as on the network.

  @Override
  public Outcome offer(O message, @Nullable CompletableFuture<Void> written) {
    if (!isOpen()) {
      return Outcome.CLOSED;
    }
    Outcome outcome = socket.send(this, message, written);
    return outcome == Outcome.CLOSED ? Outcome.OVER_LIMIT : outcome; // socket.send has dropped it
  }

  @Override
  public boolean isDrainable() {
    return isOpen();
  }

  @Override
  public boolean isBelowLimit() {
    return true;
  }

  @Override
  public void onLoopLater(Runnable action) {
    socket.onLoopLater(action);
  }

  @Override
  public void packingFailed(@Nullable CompletableFuture<Void> written, Throwable cause) {
    socket.packingFailed(this, written, cause);
  }
}
