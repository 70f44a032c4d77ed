package dev.jev.websocket;

import static java.util.Objects.requireNonNull;

import dev.jev.CloseReason;
import dev.jev.DeadlineWheel;
import dev.jev.PluginHost;
import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import dev.jev.ScheduledTask;
import dev.jev.websocket.WebSocketMessage.Fragment;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.util.ReferenceCountUtil;
import java.net.SocketAddress;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * A protocol inside WebSocket: its bytes are the payload of binary messages, whose boundaries mean
 * nothing. See {@link WebSocketServerBuilder#tunnel}.
 *
 * <p><b>Input.</b> The WebSocket delivers payload in parts, as it arrives. The inner protocol reads
 * each part where it is. What it leaves unread moves to a buffer of the tunnel, since headers of
 * frames come in between, so an idle connection has no such buffer and none holds a part of the
 * event loop's read buffer.
 *
 * <p><b>Output.</b> The inner protocol packs a message behind the output, and the header is put in
 * front of it. What the inner protocol writes by itself is a message of its own.
 *
 * <p><b>Close.</b> The last bytes of the inner protocol come before the close frame. The peer's
 * close frame ends both protocols.
 *
 * <p>Event loop only.
 */
final class TunneledProtocol<I, O> implements Protocol<I, O> {

  private final WebSocketProtocol socket; // in parts
  private final Protocol<I, O> inner;
  private @Nullable Context context; // null until the opening handshake is over

  // Input.
  private @Nullable ByteBuf rest; // read from the socket and not by the inner protocol
  private boolean starved = true; // the inner protocol needs more than the rest
  private boolean starvedReady; // the connection was ready then
  private int mostPending = Integer.MAX_VALUE; // fewer with each call that consumes nothing

  // Output.
  private @Nullable ByteBuf packing; // the output, while a message is packed
  private int packedFrom; // the beginning of that message in the output
  private @Nullable TunnelKey sharedKey; // the latest encoding key

  TunneledProtocol(WebSocketProtocol socket, Protocol<I, O> inner) {
    this.socket = socket;
    this.inner = inner;
  }

  @Override
  public void open(ProtocolContext context) {
    socket.open(context, () -> openInner(context));
  }

  private void openInner(ProtocolContext outer) {
    Context opened = new Context(outer);
    context = opened;
    inner.open(opened);
  }

  // Input.

  @Override
  public @Nullable I unpack(ProtocolContext outer, ByteBuf in) {
    int start = in.readerIndex();
    I message = hasUntried() ? unpackRest(outer) : null;
    while (message == null && !hasUntried()) {
      WebSocketMessage part = socket.unpack(outer, in);
      if (part == null) {
        break;
      }
      starved = true; // unless the part changes that
      message = unpackPart(outer, (Fragment) part);
      if (!starved || socket.hasYielded()) {
        break;
      }
    }
    mostPending = in.readerIndex() > start ? Integer.MAX_VALUE : mostPending - 1;
    return message;
  }

  private @Nullable I unpackPart(ProtocolContext outer, Fragment part) {
    try {
      if (part.isText()) {
        throw new WebSocketException(
            CloseCode.UNSUPPORTED_DATA, "message: text (expected: binary)");
      }
      return part.content().isReadable() ? unpackBytes(outer, part.content()) : null;
    } finally {
      part.release();
    }
  }

  private @Nullable I unpackBytes(ProtocolContext outer, ByteBuf bytes) {
    if (rest != null) {
      rest = append(rest, bytes);
      return unpackRest(outer);
    }
    I message = unpackInner(outer, bytes);
    if (bytes.isReadable()) {
      rest = copy(bytes, bytes.alloc().directBuffer(bytes.readableBytes()));
    }
    return message;
  }

  private static ByteBuf copy(ByteBuf bytes, ByteBuf target) {
    bytes.readBytes(target, bytes.readableBytes());
    return target;
  }

  /** Appends bytes in place if there is room, since messages may refer to earlier bytes. */
  private static ByteBuf append(ByteBuf rest, ByteBuf bytes) {
    int length = rest.readableBytes();
    if (rest.writableBytes() >= bytes.readableBytes()) {
      return copy(bytes, rest);
    }
    ByteBuf larger = rest.alloc().directBuffer(length + Math.max(length, bytes.readableBytes()));
    copy(rest, larger);
    rest.release();
    return copy(bytes, larger);
  }

  private @Nullable I unpackRest(ProtocolContext outer) {
    ByteBuf bytes = rest;
    I message = unpackInner(outer, bytes == null ? Unpooled.EMPTY_BUFFER : bytes);
    if (bytes != null && !bytes.isReadable()) {
      releaseRest();
    }
    return message;
  }

  private @Nullable I unpackInner(ProtocolContext outer, ByteBuf bytes) {
    int before = bytes.readableBytes();
    int pendingBefore = inner.pendingMessages();
    boolean ready = outer.isReady();
    I message = inner.unpack(requireNonNull(context), bytes);
    boolean advanced = inner.pendingMessages() < pendingBefore;
    boolean consumed = bytes.readableBytes() < before;
    if (message != null && !advanced && !consumed) {
      ReferenceCountUtil.safeRelease(message);
      throw new IllegalStateException(
          "protocol " + inner.getClass().getName() + " returned a message but consumed no bytes");
    }
    starved = message == null && !advanced && (ready || !consumed);
    starvedReady = ready;
    if (starved) {
      checkLength(bytes.readableBytes(), outer.maxFrameBytes());
    }
    return message;
  }

  private void checkLength(int length, int limit) {
    if (length > limit) {
      throw new WebSocketException(
          CloseCode.TOO_BIG, "frame: more than " + length + " bytes (expected: <= " + limit + ")");
    }
  }

  /** Returns whether the inner protocol may have a message without further bytes. */
  private boolean hasUntried() {
    Context opened = context;
    return opened != null
        && (inner.pendingMessages() > 0
            || (rest != null && (!starved || (!starvedReady && opened.isReady()))));
  }

  /** Returns an upper bound, since the messages in the rest cannot be counted. */
  @Override
  public int pendingMessages() {
    if (context == null) {
      return socket.pendingMessages();
    }
    return hasUntried() || socket.pendingMessages() > 0 ? mostPending : 0;
  }

  /** A frame of either protocol has to arrive in time, but not a message of the WebSocket. */
  @Override
  public long heldBytes() {
    if (context == null) {
      return socket.heldBytes();
    }
    long unread = rest == null || hasUntried() ? 0 : rest.readableBytes();
    return unread + inner.heldBytes() + socket.heldFrameBytes();
  }

  @Override
  public long bufferedBytes() {
    return socket.bufferedBytes()
        + (rest == null ? 0 : rest.capacity())
        + (context == null ? 0 : inner.bufferedBytes());
  }

  @Override
  public boolean isMidInboundMessage() {
    return context != null && inner.isMidInboundMessage();
  }

  private void releaseRest() {
    if (rest != null) {
      rest.release();
      rest = null;
    }
  }

  // Output.

  @Override
  @SuppressWarnings("ReferenceEquality") // the very buffer
  public void pack(O message, ByteBuf out) {
    ByteBuf outerOut = packing;
    int outerFrom = packedFrom;
    packing = out;
    packedFrom = out.writerIndex();
    try {
      inner.pack(message, out); // it may call code of the user, which sends: packed in between
      socket.writer().wrap(packedFrom, inner.zeroCopyTail(message), out);
      outerFrom = outerOut == out ? out.writerIndex() : outerFrom;
    } finally {
      packing = outerOut;
      packedFrom = outerFrom;
    }
  }

  @Override
  public @Nullable ByteBuf zeroCopyTail(O message) {
    return socket.writer().tail();
  }

  @Override
  public void undoPack() {
    inner.undoPack();
    socket.undoPack();
  }

  @Override
  public @Nullable Object encodingKey() {
    Object frames = socket.encodingKey();
    Object bytes = frames == null ? null : inner.encodingKey();
    if (frames == null || bytes == null) {
      return null;
    }
    TunnelKey latest = sharedKey;
    if (latest == null || !latest.frames.equals(frames) || !latest.bytes.equals(bytes)) {
      latest = new TunnelKey(frames, bytes);
      sharedKey = latest;
    }
    return latest;
  }

  @Override
  public boolean closesConnection(O message) {
    return inner.closesConnection(message);
  }

  @Override
  public boolean isMidOutboundMessage() {
    return inner.isMidOutboundMessage();
  }

  // Closing.

  @Override
  public void close(ProtocolContext outer, CloseReason reason) {
    try {
      if (context != null) {
        inner.close(context, reason);
      }
    } finally {
      releaseRest();
      socket.close(outer, reason);
    }
  }

  @Override
  public boolean awaitPeerClose(ProtocolContext outer, ByteBuf in) {
    return socket.awaitPeerClose(outer, in);
  }

  /** An encoding key: that of the frames and that of the bytes in them. */
  private record TunnelKey(Object frames, Object bytes) {}

  /** The connection, as the inner protocol sees it: what it writes becomes binary messages. */
  private final class Context implements ProtocolContext {

    private final ProtocolContext outer;

    Context(ProtocolContext outer) {
      this.outer = outer;
    }

    @Override
    public void write(ByteBuf bytes) {
      try {
        if (packing != null) {
          int length = bytes.readableBytes();
          bytes.getBytes(bytes.readerIndex(), packing.ensureWritable(length), length);
        } else if (bytes.isReadable()) {
          outer.write(socket.writer().frame(FrameHeader.BINARY, bytes));
        }
      } finally {
        bytes.release();
      }
    }

    @Override
    public void ready() {
      outer.ready();
    }

    @Override
    public boolean isReady() {
      return outer.isReady();
    }

    @Override
    public void close(CloseReason reason) {
      outer.close(reason);
    }

    @Override
    public void closeNow(CloseReason reason) {
      outer.closeNow(reason);
    }

    @Override
    public void onClose(Runnable task) {
      outer.onClose(task);
    }

    @Override
    public ScheduledTask runAfter(Duration delay, Runnable task) {
      return outer.runAfter(delay, task);
    }

    @Override
    public void yieldTurn() {
      outer.yieldTurn();
    }

    @Override
    public DeadlineWheel deadlineWheel(Duration maxDelay) {
      return outer.deadlineWheel(maxDelay);
    }

    @Override
    public long readingSince() {
      return outer.readingSince();
    }

    @Override
    public <T> void attribute(Class<T> type, @Nullable T value) {
      outer.attribute(type, value);
    }

    @Override
    public <T> @Nullable T attribute(Class<T> type) {
      return outer.attribute(type);
    }

    @Override
    public @Nullable SocketAddress remoteAddress() {
      return outer.remoteAddress();
    }

    @Override
    public @Nullable PluginHost host() {
      return outer.host();
    }

    @Override
    public int maxFrameBytes() {
      return outer.maxFrameBytes();
    }
  }
}
