package dev.jev.websocket;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;

import dev.jev.CloseReason;
import dev.jev.CloseReason.Kind;
import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import dev.jev.ProtocolException;
import dev.jev.websocket.WebSocketMessage.Binary;
import dev.jev.websocket.WebSocketMessage.Close;
import dev.jev.websocket.WebSocketMessage.Fragment;
import dev.jev.websocket.WebSocketMessage.Ping;
import dev.jev.websocket.WebSocketMessage.Pong;
import dev.jev.websocket.WebSocketMessage.Text;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.net.URI;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The WebSocket protocol (RFC 6455), for one connection.
 *
 * <p><b>Closing handshake.</b> Each side sends one close frame and nothing after it. If the peer's
 * close frame comes first, it is answered with the same code and the connection closes. If this
 * side's comes first, because of {@code close}, a {@link Close} message or an error, the protocol
 * waits for the peer's close frame and drops the data that arrives before it. It does not wait
 * after a fault of the peer: a protocol error, an exceeded limit or a timeout.
 *
 * <pre>
 *   OPENING --handshake--&gt; OPEN --close frame sent or received--&gt; CLOSING
 * </pre>
 */
public final class WebSocketProtocol implements Protocol<WebSocketMessage, WebSocketMessage> {

  /**
   * Maximum number of consecutive pings that are answered one by one. Of further pings in the same
   * read, only the latest is answered.
   */
  private static final int MAX_PONGS = 16;

  private final Role role;
  private final FrameHeader header = new FrameHeader();
  private final MessageReader reader;
  private final ControlPolicy policy;
  private final MessageWriter writer;

  private @Nullable Opening opening; // null after the opening handshake
  private @Nullable ProtocolContext context;
  private @Nullable Heartbeat heartbeat;
  private @Nullable ControlRate controlRate; // null before the first control frame
  private int pings; // since the last message
  private @Nullable ByteBuf pendingPong; // payload of the latest ping, until it is answered
  private @Nullable Close received;
  private @Nullable Close due; // sent when the connection closes, in place of the usual code
  private @Nullable Close sent;
  private boolean compression; // negotiated
  private boolean closeAwaited; // the peer's close frame, after this side's
  private boolean yielded; // the turn, in the latest call of unpack

  WebSocketProtocol(Role role, Opening opening, ControlPolicy policy, MessageReader reader) {
    this.role = role;
    this.opening = opening;
    this.policy = policy;
    this.reader = reader;
    this.writer = new MessageWriter(role);
    WebSocketWarmUp.run();
  }

  /** Creates the protocol of one server connection, with all options at their defaults. */
  public WebSocketProtocol() {
    this(
        Role.SERVER,
        new ServerOpening(ServerPolicy.DEFAULT),
        ControlPolicy.SERVER,
        MessageLimits.DEFAULT.newReader());
  }

  /**
   * Returns a builder for the protocol of a server. A builder with all options at their defaults is
   * equivalent to {@code WebSocketProtocol::new}.
   *
   * <pre>
   *   Server.builder(WebSocketProtocol.server().path("/chat").build(), handler)
   * </pre>
   */
  public static WebSocketServerBuilder server() {
    return new WebSocketServerBuilder();
  }

  /**
   * Returns a builder for the protocol of a client.
   *
   * <pre>
   *   var chat = WebSocketProtocol.client(URI.create("ws://localhost:5000/chat"));
   *   Client.builder(chat.build(), handler).connect(chat.address())
   * </pre>
   *
   * @param uri the address, with the scheme ws or wss; with wss the client needs the plugin {@link
   *     dev.jev.plugin.Tls#client}
   * @throws IllegalArgumentException if {@code uri} is not a WebSocket URI (RFC 6455, 3)
   */
  public static WebSocketClientBuilder client(URI uri) {
    return new WebSocketClientBuilder(uri);
  }

  @Override
  public void open(ProtocolContext context) {
    open(context, context::ready);
  }

  /** Opens the connection, and runs {@code ready} after the opening handshake. */
  void open(ProtocolContext context, Runnable ready) {
    this.context = context;
    if (opening != null) {
      opening.begin(context, () -> opened(ready));
    }
  }

  private void opened(Runnable ready) {
    PermessageDeflate agreed = requireNonNull(opening).compression();
    if (agreed != null) {
      compression = true;
      WebSocketObserver observer = Opening.observer(requireNonNull(context));
      reader.decompress(agreed, observer);
      writer.compress(agreed, observer);
    }
    opening = null;
    ProtocolContext context = requireNonNull(this.context);
    if (policy.hasHeartbeat()) {
      heartbeat = new Heartbeat(policy, writer, context);
      heartbeat.begin();
    }
    ready.run();
  }

  @Override
  public @Nullable WebSocketMessage unpack(ProtocolContext context, ByteBuf in) {
    if (opening != null) {
      opening.read(context, in);
      return null;
    }
    if (heartbeat != null) {
      heartbeat.bytesReceived();
    }
    WebSocketMessage message = null;
    try {
      message = received == null ? next(context, in) : null;
      yielded = compression && Zlib.current().isTurnOver();
      if (yielded) {
        context.yieldTurn();
      }
      return message;
    } catch (WebSocketException e) {
      releasePong();
      throw e;
    } finally {
      if (!(message instanceof Ping && in.isReadable())) { // otherwise a later ping may follow
        sendPendingPong(context);
        pings = 0;
      }
    }
  }

  /** Returns whether the latest call of {@link #unpack} has ended the turn of the connection. */
  boolean hasYielded() {
    return yielded;
  }

  @Override
  public int pendingMessages() {
    return opening == null ? reader.pendingMessages() : opening.pendingParts();
  }

  @Override
  public long heldBytes() {
    return reader.heldBytes();
  }

  /** Returns the number of bytes held for the current frame alone: its header, if streaming. */
  long heldFrameBytes() {
    return reader.isInFrame() ? reader.heldBytes() : 0;
  }

  @Override
  public long bufferedBytes() {
    return opening != null ? opening.bufferedBytes() : reader.bufferedBytes();
  }

  @Override
  public boolean isMidInboundMessage() {
    return reader.isMidMessage();
  }

  private @Nullable WebSocketMessage next(ProtocolContext context, ByteBuf in) {
    while (reader.isInFrame() || header.read(in, role.readsMasked(), compression)) {
      if (reader.isInFrame()) {
        WebSocketMessage message = reader.read(in, header.key, role.readsMasked());
        if (message != null || reader.isInFrame()) {
          return message;
        }
      } else if (!header.isControl()) {
        in.skipBytes(header.bytes);
        reader.begin(header);
      } else if (in.readableBytes() < header.bytes + header.payloadBytes) {
        return null;
      } else {
        in.skipBytes(header.bytes);
        WebSocketMessage message = readControl(context, in, (int) header.payloadBytes);
        if (message != null || received != null) {
          return message;
        }
      }
    }
    return null;
  }

  /** Reads the payload of a complete control frame; returns the frame if the handler gets it. */
  private @Nullable WebSocketMessage readControl(ProtocolContext context, ByteBuf in, int length) {
    if (controlRate == null) {
      controlRate = new ControlRate();
    }
    if (controlRate.isExceeded(System.nanoTime())) {
      throw new WebSocketException(
          CloseCode.POLICY_VIOLATION, "control frames: too many (expected: <= 3 per second)");
    }
    int start = in.readerIndex();
    if (role.readsMasked()) {
      Masking.apply(in, start, start + length, header.key, 0);
    }
    in.readerIndex(start + length);
    if (header.opcode == FrameHeader.CLOSE) {
      closeReceived(context, in, start, length);
      return null;
    }
    if (header.opcode == FrameHeader.PING) {
      releasePong();
      boolean now = ++pings <= MAX_PONGS;
      // A slice that is kept would occupy the whole read buffer.
      pendingPong = now ? in.retainedSlice(start, length) : in.copy(start, length);
      if (now) {
        sendPendingPong(context);
      }
      return policy.delivered() ? new Ping(in.retainedSlice(start, length)) : null;
    }
    boolean isOwn = heartbeat != null && heartbeat.acceptPong(in, start, length);
    return isOwn || !policy.delivered() ? null : new Pong(in.retainedSlice(start, length));
  }

  /** Answers the latest ping, if it has no pong yet (RFC 6455, 5.5.3). */
  private void sendPendingPong(ProtocolContext context) {
    ByteBuf payload = pendingPong;
    pendingPong = null;
    if (payload != null) {
      context.write(writer.frame(FrameHeader.PONG, payload));
      payload.release();
    }
  }

  private void releasePong() {
    if (pendingPong != null) {
      pendingPong.release();
      pendingPong = null;
    }
  }

  // Closing handshake.

  private void closeReceived(ProtocolContext context, ByteBuf in, int start, int length) {
    received = parseClose(in, start, length);
    closeWith(received);
    setCloseAttribute(context);
    context.close(CloseReason.of(Kind.PEER_CLOSED));
  }

  /** Parses the payload of a close frame (RFC 6455, 5.5.1 and 7.4). */
  private static Close parseClose(ByteBuf in, int start, int length) {
    if (length == 0) {
      return new Close(CloseCode.NO_CODE, "");
    }
    if (length == 1) {
      throw new WebSocketException(
          CloseCode.PROTOCOL_ERROR, "close frame: 1 byte (expected: 0 or 2..125)");
    }
    int code = in.getUnsignedShort(start);
    if (!CloseCode.isSendable(code)) {
      throw new WebSocketException(
          CloseCode.PROTOCOL_ERROR, CloseCode.unsendable("close code", code));
    }
    Utf8Validator utf8 = new Utf8Validator();
    if (utf8.accept(in, start + 2, start + length) >= 0 || !utf8.isComplete()) {
      throw new WebSocketException(
          CloseCode.INVALID_PAYLOAD, "close reason: not UTF-8 (RFC 6455, 5.5.1)");
    }
    return new Close(code, in.toString(start + 2, length - 2, UTF_8));
  }

  /**
   * Sets the close frame to send. It is sent by {@link #close}, after everything that was sent or
   * published before.
   */
  private void closeWith(Close close) {
    releasePong();
    if (due == null) {
      due = close;
    }
  }

  private ByteBuf closeFrame(Close close) {
    ByteBuf payload = Unpooled.buffer(FrameHeader.MAX_CONTROL_BYTES);
    if (close.code() != CloseCode.NO_CODE) {
      ByteBufUtil.writeUtf8(payload.writeShort(close.code()), close.reason());
    }
    return writer.frame(FrameHeader.CLOSE, payload);
  }

  private void setCloseAttribute(ProtocolContext context) {
    context.attribute(WebSocketClose.class, new WebSocketClose(received, sent));
  }

  @Override
  public void close(ProtocolContext context, CloseReason reason) {
    releasePong();
    reader.release();
    writer.release();
    if (opening != null) {
      opening.close(context, reason);
      return;
    }
    boolean peerGone = false;
    if (heartbeat != null) {
      heartbeat.cancel();
      peerGone = heartbeat.isPeerGone();
    }
    Close close = peerGone ? null : due != null ? due : closeFor(reason);
    if (close != null) {
      if (due == null && reason.kind() == Kind.SERVER_STOPPED) {
        writeStopText(context);
      }
      sent = close;
      setCloseAttribute(context);
      context.write(closeFrame(close));
    }
    closeAwaited = received == null && sent != null && !isPeersFault(reason.kind());
  }

  /** Writes the last text, not compressed, unless a fragmented message has not ended. */
  private void writeStopText(ProtocolContext context) {
    Function<WebSocketHandshake, @Nullable String> texts = policy.stopText();
    WebSocketHandshake handshake = context.attribute(WebSocketHandshake.class);
    if (texts == null || handshake == null || writer.isBetweenFragments()) {
      return;
    }
    String text = texts.apply(handshake);
    if (text != null) {
      ByteBuf utf8 = Unpooled.wrappedBuffer(text.getBytes(UTF_8));
      context.write(writer.frame(FrameHeader.TEXT, utf8));
    }
  }

  private static boolean isPeersFault(Kind kind) {
    return kind == Kind.PROTOCOL_ERROR || kind == Kind.LIMIT || kind == Kind.TIMEOUT;
  }

  /** Returns what to send for a reason; null for no close frame. */
  private @Nullable Close closeFor(CloseReason reason) {
    if (reason.cause() instanceof WebSocketException fault) {
      return Close.cut(fault.code(), fault.reason());
    }
    if (reason.kind() == Kind.TIMEOUT && reason.cause() instanceof ProtocolException slowFrame) {
      return Close.cut(CloseCode.POLICY_VIOLATION, slowFrame.getMessage());
    }
    int code = codeFor(reason.kind());
    return code == 0 ? null : Close.cut(code, reason.text());
  }

  /** Returns the close code to send for a reason (RFC 6455, 7.4.1), or 0 for no close frame. */
  private int codeFor(Kind kind) {
    return switch (kind) {
      case CLOSED -> CloseCode.NORMAL;
      case SERVER_STOPPED -> policy.stopCode();
      case IDLE, TIMEOUT -> CloseCode.GOING_AWAY;
      case PROTOCOL_ERROR -> CloseCode.PROTOCOL_ERROR;
      case LIMIT -> CloseCode.POLICY_VIOLATION;
      case HANDLER_ERROR -> CloseCode.INTERNAL_ERROR;
      case OVERFLOW -> CloseCode.TRY_AGAIN_LATER;
      case PEER_CLOSED, IO_ERROR -> 0;
    };
  }

  @Override
  public boolean awaitPeerClose(ProtocolContext context, ByteBuf in) {
    if (!closeAwaited) {
      return true;
    }
    try {
      skip(context, in);
    } catch (WebSocketException e) {
      return true;
    }
    return received != null;
  }

  /** Drops all frames before the close frame. */
  private void skip(ProtocolContext context, ByteBuf in) {
    while (received == null) {
      reader.skip(in);
      if (reader.isInFrame() || !header.read(in, role.readsMasked(), compression)) {
        return;
      }
      if (header.opcode == FrameHeader.CLOSE) {
        if (in.readableBytes() < header.bytes + header.payloadBytes) {
          return;
        }
        in.skipBytes(header.bytes);
        readControl(context, in, (int) header.payloadBytes);
      } else {
        in.skipBytes(header.bytes);
        reader.beginSkipped(header.payloadBytes);
      }
    }
  }

  // Packing.

  /** Returns the writer of all frames. */
  MessageWriter writer() {
    return writer;
  }

  @Override
  public void pack(WebSocketMessage message, ByteBuf out) {
    if (sent != null) {
      return; // nothing follows a close frame
    }
    writer.mark();
    if (message instanceof Text text) {
      writer.text(text, out);
    } else if (message instanceof Binary binary) {
      writer.binary(binary, out);
    } else if (message instanceof Fragment part) {
      writer.fragment(part, out);
    } else if (message instanceof Close close) {
      packClose(close);
    } else if (message instanceof Ping ping) {
      writer.control(FrameHeader.PING, ping.content(), out);
    } else if (message instanceof Pong answer) {
      writer.control(FrameHeader.PONG, answer.content(), out);
    }
  }

  private void packClose(Close close) {
    CloseCode.check("close code", close.code());
    closeWith(close);
    requireNonNull(context).close();
  }

  @Override
  public boolean closesConnection(WebSocketMessage message) {
    return message instanceof Close;
  }

  @Override
  public boolean isMidOutboundMessage() {
    return writer.isBetweenFragments();
  }

  @Override
  public void undoPack() {
    writer.undo();
  }

  @Override
  public @Nullable ByteBuf zeroCopyTail(WebSocketMessage message) {
    return writer.tail();
  }

  @Override
  public @Nullable Object encodingKey() {
    return writer.encodingKey();
  }
}
