package dev.jev.websocket;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.util.ReferenceCounted;
import org.jspecify.annotations.Nullable;

/**
 * What travels over a WebSocket: a text, bytes, or a frame that controls the connection.
 *
 * <p>A handler gets texts and bytes. How and why the peer closed is told by {@link WebSocketClose}.
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

  /** The end, see {@link Close}. */
  static Close close(int code, String reason) {
    return new Close(code, reason);
  }

  /** A message with a buffer, whose reference count is the buffer's. */
  sealed interface Payload extends ReferenceCounted {

    /** The buffer; it belongs to the message. */
    ByteBuf content();

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
   * The end of a connection. Sending one closes it like {@link dev.jev.Connection#close}, with a
   * code of one's own.
   *
   * @param code why: 1000..1003, 1007..1014 or 3000..4999 (RFC 6455, 7.4); 1005 if the peer gave
   *     none, which cannot be sent
   * @param reason why, for people; at most 123 bytes in UTF-8
   */
  record Close(int code, String reason) implements WebSocketMessage {

    /** RFC 6455, 7.1.5: the peer's close frame had no code. */
    static final int NO_CODE = 1005;

    /** Checks code and reason. */
    public Close {
      if (!isSendable(code) && code != NO_CODE) {
        throw new IllegalArgumentException(
            "close code: " + code + " (expected: 1000..1003, 1007..1014 or 3000..4999)");
      }
      int bytes = ByteBufUtil.utf8Bytes(reason);
      if (bytes > FrameHeader.MAX_CONTROL_BYTES - 2) {
        throw new IllegalArgumentException("close reason: " + bytes + " bytes (expected: <= 123)");
      }
    }

    /** Whether a code may stand in a frame. */
    static boolean isSendable(int code) {
      return (code >= 1000 && code <= 1003)
          || (code >= 1007 && code <= 1014)
          || (code >= 3000 && code <= 4999);
    }
  }
}
