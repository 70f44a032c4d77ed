package dev.jev.websocket;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;

import dev.jev.CloseReason;
import dev.jev.CloseReason.Kind;
import dev.jev.Protocol;
import dev.jev.ProtocolException;
import dev.jev.Wire;
import dev.jev.websocket.WebSocketMessage.Binary;
import dev.jev.websocket.WebSocketMessage.Close;
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

  private final Role role;
  private final FrameHeader header = new FrameHeader();
  private final MessageReader messages;
  private final ControlRate controls = new ControlRate();

  private @Nullable Opening opening;
  private @Nullable Wire wire;
  private @Nullable ByteBuf pong; // the payload of the latest ping
  private @Nullable Close received;
  private @Nullable Close sent;
  private boolean answerAwaited; // to our close frame

  private WebSocketProtocol(Role role, Opening opening, int maxMessageBytes, int maxFragments) {
    this.role = role;
    this.opening = opening;
    this.messages = new MessageReader(maxMessageBytes, maxFragments);
  }

  /** That of one connection of a server, with all options at their defaults. */
  public WebSocketProtocol() {
    this(
        Role.SERVER,
        new ServerOpening(ServerPolicy.DEFAULT),
        WebSocketServerBuilder.MAX_MESSAGE_BYTES,
        WebSocketServerBuilder.MAX_FRAGMENTS);
  }

  static WebSocketProtocol of(Role role, Opening opening, int maxMessageBytes, int maxFragments) {
    return new WebSocketProtocol(role, opening, maxMessageBytes, maxFragments);
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
  public void open(Wire wire) {
    this.wire = wire;
    if (opening != null) {
      opening.begin(wire, this::opened);
    }
  }

  private void opened() {
    opening = null;
    requireNonNull(wire).ready();
  }

  @Override
  public @Nullable WebSocketMessage unpack(Wire wire, ByteBuf in) {
    if (opening != null) {
      opening.read(wire, in);
      return null;
    }
    try {
      return received == null ? next(wire, in) : null;
    } catch (Violation e) {
      sendClose(wire, new Close(e.code(), e.offence()));
      throw new ProtocolException(e.offence());
    } finally {
      answerPing(wire);
    }
  }

  private @Nullable WebSocketMessage next(Wire wire, ByteBuf in) {
    while (messages.isInFrame() || header.read(in, role.readsMasked(), /* compression= */ false)) {
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
        control(wire, in, (int) header.payloadBytes);
        if (received != null) {
          return null;
        }
      }
    }
    return null;
  }

  /** Takes a control frame, which is whole. */
  private void control(Wire wire, ByteBuf in, int length) {
    if (controls.isExceeded(System.nanoTime())) {
      throw new Violation(Violation.POLICY, "control frames: too many (expected: <= 3 a second)");
    }
    int start = in.readerIndex();
    if (role.readsMasked()) {
      Masking.apply(in, start, start + length, header.key, 0);
    }
    if (header.opcode == FrameHeader.CLOSE) {
      peerCloses(wire, in, length);
    } else if (header.opcode == FrameHeader.PING) {
      dropPong();
      pong = in.retainedSlice(start, length);
    }
    in.readerIndex(start + length);
  }

  /** Answers the latest ping, which is enough (RFC 6455, 5.5.3). */
  private void answerPing(Wire wire) {
    ByteBuf payload = pong;
    pong = null;
    if (payload != null) {
      wire.write(frame(FrameHeader.PONG, payload));
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

  private void peerCloses(Wire wire, ByteBuf in, int length) {
    received = closeOf(in, in.readerIndex(), length);
    dropPong();
    if (sent == null) {
      sendClose(wire, received);
    } else {
      tell(wire);
    }
    wire.close(CloseReason.of(Kind.PEER_CLOSED));
  }

  /** RFC 6455, 5.5.1 and 7.4. */
  private static Close closeOf(ByteBuf in, int start, int length) {
    if (length == 0) {
      return new Close(Close.NO_CODE, "");
    }
    if (length == 1) {
      throw new Violation(Violation.PROTOCOL_ERROR, "close frame: 1 byte (expected: 0 or 2..125)");
    }
    int code = in.getUnsignedShort(start);
    if (!Close.isSendable(code)) {
      throw new Violation(
          Violation.PROTOCOL_ERROR,
          "close code: " + code + " (expected: 1000..1003, 1007..1014 or 3000..4999)");
    }
    Utf8Validator utf8 = new Utf8Validator();
    if (utf8.accept(in, start + 2, start + length) >= 0 || !utf8.isComplete()) {
      throw new Violation(Violation.INVALID_PAYLOAD, "close reason: not UTF-8 (RFC 6455, 5.5.1)");
    }
    return new Close(code, in.toString(start + 2, length - 2, UTF_8));
  }

  private void sendClose(Wire wire, Close close) {
    if (sent != null) {
      return;
    }
    sent = close;
    tell(wire);
    ByteBuf payload = Unpooled.buffer(FrameHeader.MAX_CONTROL_BYTES);
    writeClose(close, payload);
    wire.write(frame(FrameHeader.CLOSE, payload));
    payload.release();
  }

  private static void writeClose(Close close, ByteBuf out) {
    if (close.code() != Close.NO_CODE) {
      out.writeShort(close.code());
      ByteBufUtil.writeUtf8(out, close.reason());
    }
  }

  private void tell(Wire wire) {
    wire.attribute(WebSocketClose.class, new WebSocketClose(received, sent));
  }

  @Override
  public void close(Wire wire, CloseReason reason) {
    dropPong();
    messages.release();
    if (opening != null) {
      opening.close(wire, reason);
      return;
    }
    int code = codeFor(reason.kind());
    if (code != 0) {
      sendClose(wire, new Close(code, ""));
    }
    answerAwaited = received == null && sent != null && reason.kind() != Kind.PROTOCOL_ERROR;
  }

  /**
   * What a close that is not the user's is told the peer as, or 0 for nothing (RFC 6455, 7.4.1).
   */
  private static int codeFor(Kind kind) {
    return switch (kind) {
      case CLOSED -> 1000;
      case SERVER_STOPPED, IDLE, TIMEOUT -> 1001;
      case PROTOCOL_ERROR -> Violation.PROTOCOL_ERROR;
      case LIMIT -> Violation.POLICY;
      case HANDLER_ERROR -> 1011;
      case OVERFLOW -> 1013;
      case PEER_CLOSED, IO_ERROR -> 0;
    };
  }

  @Override
  public boolean farewell(Wire wire, ByteBuf in) {
    if (!answerAwaited) {
      return true;
    }
    try {
      skip(wire, in);
    } catch (Violation e) {
      return true;
    }
    return received != null;
  }

  /** Drops frames up to a close frame. */
  private void skip(Wire wire, ByteBuf in) {
    while (received == null) {
      messages.skip(in);
      if (messages.isInFrame() || !header.read(in, role.readsMasked(), /* compression= */ false)) {
        return;
      }
      if (header.opcode == FrameHeader.CLOSE) {
        if (in.readableBytes() < header.bytes + header.payloadBytes) {
          return;
        }
        in.skipBytes(header.bytes);
        control(wire, in, (int) header.payloadBytes);
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
      packText(text, out);
    } else if (message instanceof Binary binary) {
      packData(FrameHeader.BINARY, binary.content(), out);
    } else if (message instanceof Close close) {
      packClose(close, out);
    }
  }

  private void packText(Text text, ByteBuf out) {
    if (!text.isString()) {
      packData(FrameHeader.TEXT, text.content(), out);
      return;
    }
    int length = text.utf8Bytes();
    int key = begin(FrameHeader.TEXT, length, out);
    ByteBufUtil.reserveAndWriteUtf8(out, text.text(), length);
    mask(out, length, key);
  }

  /** A server's payload is the tail, which may leave without a copy. */
  private void packData(int opcode, ByteBuf payload, ByteBuf out) {
    int length = payload.readableBytes();
    int key = begin(opcode, length, out);
    if (role.writesMasked()) {
      out.writeBytes(payload, payload.readerIndex(), length);
      mask(out, length, key);
    }
  }

  private void packClose(Close close, ByteBuf out) {
    if (!Close.isSendable(close.code())) {
      throw new IllegalArgumentException("close code: 1005 (expected: one that can be sent)");
    }
    sent = close;
    Wire line = requireNonNull(wire);
    tell(line);
    int length = 2 + ByteBufUtil.utf8Bytes(close.reason());
    int key = begin(FrameHeader.CLOSE, length, out);
    writeClose(close, out);
    mask(out, length, key);
    line.close();
  }

  @Override
  public @Nullable ByteBuf tail(WebSocketMessage message) {
    boolean isTail = sent == null && !role.writesMasked();
    if (isTail && message instanceof Text text) {
      return text.isString() ? null : text.content();
    }
    return isTail && message instanceof Binary binary ? binary.content() : null;
  }

  private ByteBuf frame(int opcode, ByteBuf payload) {
    int length = payload.readableBytes();
    ByteBuf frame = payload.alloc().directBuffer(FrameHeader.MAX_BYTES + length);
    int key = begin(opcode, length, frame);
    frame.writeBytes(payload, payload.readerIndex(), length);
    mask(frame, length, key);
    return frame;
  }

  /** Writes the header of a whole frame; returns the key of its mask. */
  private int begin(int opcode, int length, ByteBuf out) {
    FrameHeader.write(out, FrameHeader.B0_FIN | opcode, length, role.writesMasked());
    int key = role.writesMasked() ? Masking.newKey() : 0;
    if (role.writesMasked()) {
      out.writeInt(key);
    }
    return key;
  }

  private void mask(ByteBuf out, int length, int key) {
    if (key != 0) {
      Masking.apply(out, out.writerIndex() - length, out.writerIndex(), key, 0);
    }
  }
}
