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
import org.jspecify.annotations.Nullable;

/**
 * WebSocket (RFC 6455).
 *
 * <p><b>The close.</b> Each side sends one close frame and nothing after it. If the peer is first,
 * its frame is answered with its own code and the connection closes. If this side is first, by
 * {@code close}, by a {@link Close} message or because of a fault, the peer's answer is waited for;
 * data that arrives meanwhile is dropped. Only after a fault of the peer nothing is waited for.
 *
 * <pre>
 *   OPENING --handshake--&gt; OPEN --a close frame sent or received--&gt; CLOSING
 * </pre>
 */
public final class WebSocketProtocol implements Protocol<WebSocketMessage, WebSocketMessage> {

  private static final int MAX_PONGS = 16; // to what one read brings

  private final Role role;
  private final FrameHeader header = new FrameHeader();
  private final MessageReader messages;
  private final ControlPolicy policy;
  private final MessageWriter writer;

  private @Nullable Opening opening;
  private @Nullable ProtocolContext context;
  private @Nullable Heartbeat heartbeat;
  private @Nullable MessageDeadline deadline; // while a message is incomplete
  private @Nullable ControlRate controls; // from the first control frame on
  private int pings; // answered since the last message
  private @Nullable ByteBuf pong; // the payload of the latest ping, which is not answered yet
  private @Nullable Close received;
  private @Nullable Close sent;
  private boolean compression; // was agreed on
  private boolean answerAwaited; // to our close frame

  WebSocketProtocol(Role role, Opening opening, ControlPolicy policy, MessageReader messages) {
    this.role = role;
    this.opening = opening;
    this.policy = policy;
    this.messages = messages;
    this.writer = new MessageWriter(role);
  }

  /** That of one connection of a server, with all options at their defaults. */
  public WebSocketProtocol() {
    this(
        Role.SERVER,
        new ServerOpening(ServerPolicy.DEFAULT),
        ControlPolicy.SERVER,
        MessageLimits.DEFAULT.newReader());
  }

  /**
   * Begins the configuration of a server's protocol; {@code WebSocketProtocol::new} is one with all
   * options at their defaults.
   *
   * <pre>
   *   Server.builder(WebSocketProtocol.server().path("/chat").build(), handler)
   * </pre>
   */
  public static WebSocketServerBuilder server() {
    return new WebSocketServerBuilder();
  }

  /**
   * Begins the configuration of a client's protocol.
   *
   * <pre>
   *   var chat = WebSocketProtocol.client(URI.create("ws://localhost:5000/chat"));
   *   Client.builder(chat.build(), handler).connect(chat.address())
   * </pre>
   *
   * @param uri of the scheme ws; or of wss, with which the client needs the plugin {@link
   *     dev.jev.plugin.Tls#client}
   * @throws IllegalArgumentException if {@code uri} is no WebSocket's (RFC 6455, 3)
   */
  public static WebSocketClientBuilder client(URI uri) {
    return new WebSocketClientBuilder(uri);
  }

  @Override
  public void open(ProtocolContext context) {
    this.context = context;
    if (opening != null) {
      opening.begin(context, this::opened);
    }
  }

  private void opened() {
    PermessageDeflate agreed = requireNonNull(opening).compression();
    if (agreed != null) {
      compression = true;
      messages.decompress(agreed);
      writer.compress(agreed);
    }
    opening = null;
    ProtocolContext line = requireNonNull(context);
    if (policy.hasHeartbeat()) {
      heartbeat = new Heartbeat(policy, writer, line);
      heartbeat.begin();
    }
    line.ready();
  }

  @Override
  public @Nullable WebSocketMessage unpack(ProtocolContext context, ByteBuf in) {
    if (opening != null) {
      opening.read(context, in);
      return null;
    }
    if (heartbeat != null) {
      heartbeat.heard();
    }
    WebSocketMessage message = null;
    try {
      message = received == null ? next(context, in) : null;
      return message;
    } catch (Violation e) {
      sendClose(context, new Close(e.code(), e.offence()));
      throw new ProtocolException(e.offence());
    } finally {
      if (!(message instanceof Ping && in.isReadable())) { // else there may be a later one
        answerPing(context);
        pings = 0;
      }
      limitTime(context);
    }
  }

  /** Lets the time run that a message may take, or ends it. */
  private void limitTime(ProtocolContext context) {
    if (deadline != null && !messages.isInMessage()) {
      deadline.cancel();
      deadline = null;
    } else if (deadline == null && messages.isInMessage() && sent == null) {
      deadline = new MessageDeadline(messages, context, () -> tooSlow(context));
    }
  }

  private void tooSlow(ProtocolContext context) {
    String offence =
        "message: "
            + messages.receivedBytes()
            + " bytes received (expected: the end within 30 s plus 1 s per KiB)";
    sendClose(context, new Close(CloseCode.POLICY_VIOLATION, offence));
    context.close(new CloseReason(Kind.TIMEOUT, new ProtocolException(offence)));
  }

  @Override
  public int pendingMessages() {
    return messages.held();
  }

  private @Nullable WebSocketMessage next(ProtocolContext context, ByteBuf in) {
    while (messages.isInFrame() || header.read(in, role.readsMasked(), compression)) {
      if (messages.isInFrame()) {
        WebSocketMessage message = messages.read(in, header.key, role.readsMasked());
        if (message != null || messages.isInFrame()) {
          return message;
        }
      } else if (!header.isControl()) {
        in.skipBytes(header.bytes);
        messages.begin(header);
      } else if (in.readableBytes() < header.bytes + header.payloadBytes) {
        return null;
      } else {
        in.skipBytes(header.bytes);
        WebSocketMessage message = control(context, in, (int) header.payloadBytes);
        if (message != null || received != null) {
          return message;
        }
      }
    }
    return null;
  }

  /** Takes a control frame, which is whole; returns it if the handler is to see it. */
  private @Nullable WebSocketMessage control(ProtocolContext context, ByteBuf in, int length) {
    if (controls == null) {
      controls = new ControlRate();
    }
    if (controls.isExceeded(System.nanoTime())) {
      throw new Violation(
          CloseCode.POLICY_VIOLATION, "control frames: too many (expected: <= 3 per second)");
    }
    int start = in.readerIndex();
    if (role.readsMasked()) {
      Masking.apply(in, start, start + length, header.key, 0);
    }
    in.readerIndex(start + length);
    if (header.opcode == FrameHeader.CLOSE) {
      peerCloses(context, in, start, length);
      return null;
    }
    if (header.opcode == FrameHeader.PING) {
      dropPong();
      pong = in.retainedSlice(start, length);
      if (++pings <= MAX_PONGS) {
        answerPing(context);
      }
      return policy.delivered() ? new Ping(in.retainedSlice(start, length)) : null;
    }
    boolean isOwn = heartbeat != null && heartbeat.take(in, start, length);
    return isOwn || !policy.delivered() ? null : new Pong(in.retainedSlice(start, length));
  }

  /** Answers a ping: each of a few that come at once, of more the latest (RFC 6455, 5.5.3). */
  private void answerPing(ProtocolContext context) {
    ByteBuf payload = pong;
    pong = null;
    if (payload != null) {
      context.write(writer.frame(FrameHeader.PONG, payload));
      payload.release();
    }
  }

  private void dropPong() {
    if (pong != null) {
      pong.release();
      pong = null;
    }
  }

  // The close.

  private void peerCloses(ProtocolContext context, ByteBuf in, int start, int length) {
    received = closeOf(in, start, length);
    if (sent == null) {
      sendClose(context, received);
    } else {
      tell(context);
    }
    context.close(CloseReason.of(Kind.PEER_CLOSED));
  }

  /** RFC 6455, 5.5.1 and 7.4. */
  private static Close closeOf(ByteBuf in, int start, int length) {
    if (length == 0) {
      return new Close(CloseCode.NO_CODE, "");
    }
    if (length == 1) {
      throw new Violation(CloseCode.PROTOCOL_ERROR, "close frame: 1 byte (expected: 0 or 2..125)");
    }
    int code = in.getUnsignedShort(start);
    if (!CloseCode.isSendable(code)) {
      throw new Violation(CloseCode.PROTOCOL_ERROR, CloseCode.unsendable("close code", code));
    }
    Utf8Validator utf8 = new Utf8Validator();
    if (utf8.accept(in, start + 2, start + length) >= 0 || !utf8.isComplete()) {
      throw new Violation(CloseCode.INVALID_PAYLOAD, "close reason: not UTF-8 (RFC 6455, 5.5.1)");
    }
    return new Close(code, in.toString(start + 2, length - 2, UTF_8));
  }

  private void sendClose(ProtocolContext context, Close close) {
    if (sent != null) {
      return;
    }
    sent = close;
    dropPong();
    tell(context);
    context.write(closeFrame(close));
  }

  private ByteBuf closeFrame(Close close) {
    ByteBuf payload = Unpooled.buffer(FrameHeader.MAX_CONTROL_BYTES);
    if (close.code() != CloseCode.NO_CODE) {
      ByteBufUtil.writeUtf8(payload.writeShort(close.code()), close.reason());
    }
    return writer.frame(FrameHeader.CLOSE, payload);
  }

  private void tell(ProtocolContext context) {
    context.attribute(WebSocketClose.class, new WebSocketClose(received, sent));
  }

  @Override
  public void close(ProtocolContext context, CloseReason reason) {
    dropPong();
    messages.release();
    writer.release();
    if (opening != null) {
      opening.close(context, reason);
      return;
    }
    if (deadline != null) {
      deadline.cancel();
    }
    int code = codeFor(reason.kind());
    if (heartbeat != null) {
      heartbeat.cancel();
      code = heartbeat.isPeerGone() ? 0 : code;
    }
    if (code != 0) {
      sendClose(context, new Close(code, ""));
    }
    answerAwaited = received == null && sent != null && !isPeersFault(reason.kind());
  }

  private static boolean isPeersFault(Kind kind) {
    return kind == Kind.PROTOCOL_ERROR || kind == Kind.LIMIT || kind == Kind.TIMEOUT;
  }

  /**
   * What a close that is not the user's is told the peer as, or 0 for nothing (RFC 6455, 7.4.1).
   */
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
    if (!answerAwaited) {
      return true;
    }
    try {
      skip(context, in);
    } catch (Violation e) {
      return true;
    }
    return received != null;
  }

  /** Drops frames up to a close frame. */
  private void skip(ProtocolContext context, ByteBuf in) {
    while (received == null) {
      messages.skip(in);
      if (messages.isInFrame() || !header.read(in, role.readsMasked(), compression)) {
        return;
      }
      if (header.opcode == FrameHeader.CLOSE) {
        if (in.readableBytes() < header.bytes + header.payloadBytes) {
          return;
        }
        in.skipBytes(header.bytes);
        control(context, in, (int) header.payloadBytes);
      } else {
        in.skipBytes(header.bytes);
        messages.beginSkipped(header.payloadBytes);
      }
    }
  }

  // Packing.

  @Override
  public void pack(WebSocketMessage message, ByteBuf out) {
    if (sent != null) {
      return; // nothing follows a close frame
    }
    if (message instanceof Text text) {
      writer.text(text, out);
    } else if (message instanceof Binary binary) {
      writer.binary(binary, out);
    } else if (message instanceof Fragment part) {
      writer.fragment(part, out);
    } else if (message instanceof Close close) {
      packClose(close, out);
    } else if (message instanceof Ping ping) {
      writer.control(FrameHeader.PING, ping.content(), out);
    } else if (message instanceof Pong answer) {
      writer.control(FrameHeader.PONG, answer.content(), out);
    }
  }

  private void packClose(Close close, ByteBuf out) {
    CloseCode.check("close code", close.code());
    sent = close;
    ProtocolContext line = requireNonNull(context);
    tell(line);
    ByteBuf frame = closeFrame(close);
    out.writeBytes(frame);
    frame.release();
    line.close();
  }

  @Override
  public @Nullable ByteBuf zeroCopyTail(WebSocketMessage message) {
    return writer.tail();
  }

  /** Nothing follows a close frame. */
  @Override
  public @Nullable Object encodingKey() {
    return sent == null ? writer.representation() : null;
  }
}
