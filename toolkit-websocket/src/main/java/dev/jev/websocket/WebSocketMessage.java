package dev.jev.websocket;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;

import dev.jev.Sized;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.util.ReferenceCounted;
import org.jspecify.annotations.Nullable;

/**
 * What travels over a WebSocket: a text, bytes, or a frame that controls the connection.
 *
 * <p>A handler gets texts and bytes; pings and pongs only if it has {@linkplain
 * WebSocketServerBuilder#deliverControlFrames asked for them}. How and why the peer closed is told
 * by {@link WebSocketClose}.
 *
 * <p><b>Ownership.</b> Texts and bytes may lie in a {@code ByteBuf} and are reference-counted then,
 * with the rules of {@link dev.jev.Handler#onMessage} and {@link dev.jev.Connection#send}: who
 * neither keeps a message nor sends it twice need not care.
 */
public sealed interface WebSocketMessage {

  /** A text. */
  static Text text(String text) {
    return new Text(requireNonNull(text, "text"), Unpooled.EMPTY_BUFFER);
  }

  /**
   * A text that is UTF-8 already, which is not checked.
   *
   * <p><b>Ownership.</b> {@code utf8} belongs to the message.
   */
  static Text text(ByteBuf utf8) {
    return new Text(null, utf8);
  }

  /**
   * Bytes.
   *
   * <p><b>Ownership.</b> {@code bytes} belong to the message.
   */
  static Binary binary(ByteBuf bytes) {
    return new Binary(bytes);
  }

  /**
   * Bytes.
   *
   * <p><b>Ownership.</b> The array is not copied, and must not change until the message was sent.
   */
  static Binary binary(byte[] bytes) {
    return new Binary(Unpooled.wrappedBuffer(bytes));
  }

  /** A ping, see {@link Ping}. */
  static Ping ping(ByteBuf payload) {
    return new Ping(payload);
  }

  /** A pong, see {@link Pong}. */
  static Pong pong(ByteBuf payload) {
    return new Pong(payload);
  }

  /** The end, see {@link Close}. */
  static Close close(int code, String reason) {
    return new Close(code, reason);
  }

  /** A message with a buffer, whose reference count is the buffer's. */
  sealed interface Payload extends ReferenceCounted, Sized {

    /** The buffer; it belongs to the message. */
    ByteBuf content();

    @Override
    default Payload retain() {
      content().retain();
      return this;
    }

    @Override
    default Payload retain(int increment) {
      content().retain(increment);
      return this;
    }

    @Override
    default Payload touch() {
      content().touch();
      return this;
    }

    @Override
    default Payload touch(Object hint) {
      content().touch(hint);
      return this;
    }

    @Override
    default long sizeBytes() {
      return content().readableBytes();
    }

    @Override
    default int refCnt() {
      return content().refCnt();
    }

    @Override
    default boolean release() {
      return content().release();
    }

    @Override
    default boolean release(int decrement) {
      return content().release(decrement);
    }
  }

  /** A text, as a {@code String} or as the UTF-8 that has come in or is to go out. */
  final class Text implements WebSocketMessage, Payload {

    private final ByteBuf content;
    private final boolean string;
    private @Nullable String text; // any thread may set it: all would set the same

    private Text(@Nullable String text, ByteBuf content) {
      this.text = text;
      this.string = text != null;
      this.content = content;
    }

    /** The text; decoded when it is first asked for. */
    public String text() {
      String known = text;
      if (known == null) {
        known = content.toString(UTF_8);
        text = known;
      }
      return known;
    }

    /** How many bytes the text has in UTF-8. */
    public int utf8Bytes() {
      return isString() ? ByteBufUtil.utf8Bytes(text()) : content.readableBytes();
    }

    /** Whether the text was made of a {@code String}, so that there are no bytes yet. */
    boolean isString() {
      return string;
    }

    /** The UTF-8, or nothing if the text was made of a {@code String}. */
    @Override
    public ByteBuf content() {
      return content;
    }

    @Override
    public long sizeBytes() {
      return isString() ? text().length() : content.readableBytes();
    }

    @Override
    public Text retain() {
      content.retain();
      return this;
    }

    @Override
    public Text retain(int increment) {
      content.retain(increment);
      return this;
    }

    @Override
    public Text touch() {
      content.touch();
      return this;
    }

    @Override
    public Text touch(Object hint) {
      content.touch(hint);
      return this;
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof Text that && text().equals(that.text());
    }

    @Override
    public int hashCode() {
      return text().hashCode();
    }

    @Override
    public String toString() {
      return "Text[" + utf8Bytes() + " bytes]";
    }
  }

  /**
   * Bytes.
   *
   * @param content the bytes, which belong to the message
   */
  record Binary(ByteBuf content) implements WebSocketMessage, Payload {

    /** Checks that there are bytes. */
    public Binary {
      requireNonNull(content, "content");
    }

    @Override
    public Binary retain() {
      content.retain();
      return this;
    }

    @Override
    public Binary retain(int increment) {
      content.retain(increment);
      return this;
    }

    @Override
    public Binary touch() {
      content.touch();
      return this;
    }

    @Override
    public Binary touch(Object hint) {
      content.touch(hint);
      return this;
    }

    @Override
    public String toString() {
      return "Binary[" + content.readableBytes() + " bytes]";
    }
  }

  /**
   * A question that the peer answers with a {@link Pong} of the same payload (RFC 6455, 5.5.2).
   *
   * <p>A handler gets those of the peer if it has {@linkplain
   * WebSocketServerBuilder#deliverControlFrames asked for them}; they are answered without it. To
   * find out whether a peer is there, and how far away, is the matter of the {@linkplain
   * WebSocketServerBuilder#heartbeat heartbeat}.
   *
   * @param content the payload, at most 125 bytes, which belong to the message
   */
  record Ping(ByteBuf content) implements WebSocketMessage, Payload {

    /** Checks the length of the payload; one that is too long is released. */
    public Ping {
      checkControl("ping", content);
    }

    @Override
    public String toString() {
      return "Ping[" + content.readableBytes() + " bytes]";
    }
  }

  /**
   * The answer to a {@link Ping}, or a sign of life that nobody has asked for (RFC 6455, 5.5.3).
   *
   * <p>A handler gets those of the peer if it has {@linkplain
   * WebSocketServerBuilder#deliverControlFrames asked for them}, except the answers to the pings of
   * the heartbeat.
   *
   * @param content the payload, at most 125 bytes, which belong to the message
   */
  record Pong(ByteBuf content) implements WebSocketMessage, Payload {

    /** Checks the length of the payload; one that is too long is released. */
    public Pong {
      checkControl("pong", content);
    }

    @Override
    public String toString() {
      return "Pong[" + content.readableBytes() + " bytes]";
    }
  }

  private static void checkControl(String name, ByteBuf payload) {
    int bytes = payload.readableBytes();
    if (bytes > FrameHeader.MAX_CONTROL_BYTES) {
      payload.release();
      throw new IllegalArgumentException(name + " payload: " + bytes + " bytes (expected: <= 125)");
    }
  }

  /**
   * A part of a message that is sent, or was asked for by {@link WebSocketServerBuilder#streaming},
   * as it arrives.
   *
   * <p>Between the parts of one message no other text or binary may be sent, nor may the parts be
   * published to a {@link dev.jev.Topic} or dropped by an {@link dev.jev.OverflowPolicy}. A part of
   * a text may end within a character.
   *
   * @param content the bytes, which belong to the message; may be empty
   * @param isText whether the message is a text; the parts that follow the first one are what that
   *     was
   * @param isFirst whether the message begins
   * @param isLast whether the message ends
   */
  record Fragment(ByteBuf content, boolean isText, boolean isFirst, boolean isLast)
      implements WebSocketMessage, Payload {

    /** Checks that there are bytes. */
    public Fragment {
      requireNonNull(content, "content");
    }

    @Override
    public String toString() {
      return "Fragment["
          + content.readableBytes()
          + " bytes"
          + (isFirst ? ", first" : "")
          + (isLast ? ", last" : "")
          + "]";
    }
  }

  /**
   * The end of a connection. Sending one closes it like {@link dev.jev.Connection#close}, with a
   * code of one's own.
   *
   * @param code why: 1000..1003, 1007..1014 or 3000..4999 (RFC 6455, 7.4); 1005 if the peer gave
   *     none, which cannot be sent
   * @param reason why, for people; at most 123 bytes in UTF-8
   */
  record Close(int code, String reason) implements WebSocketMessage {

    /** Checks code and reason. */
    public Close {
      if (code != CloseCode.NO_CODE) {
        CloseCode.check("close code", code);
      }
      int bytes = ByteBufUtil.utf8Bytes(reason);
      if (bytes > FrameHeader.MAX_CONTROL_BYTES - 2) {
        throw new IllegalArgumentException("close reason: " + bytes + " bytes (expected: <= 123)");
      }
    }
  }
}
