package dev.jev.websocket;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;

import dev.jev.Copyable;
import dev.jev.Sized;
import dev.jev.Topic;
import dev.jev.Unpublishable;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.util.ReferenceCounted;
import org.jspecify.annotations.Nullable;

/**
 * A WebSocket message: a text, binary data, a fragment of either, or a control frame.
 *
 * <p>By default a handler gets {@link Text} and {@link Binary} messages. It gets {@link Fragment}s
 * instead with {@link WebSocketServerBuilder#streaming}, and {@link Ping}s and {@link Pong}s, too,
 * with {@link WebSocketServerBuilder#deliverControlFrames}. A {@link Close} is never delivered: the
 * peer's close code and reason are in {@link WebSocketClose}.
 *
 * <p><b>Ownership.</b> Messages with a {@code ByteBuf} are reference-counted, with the rules of
 * {@link dev.jev.Handler#onMessage} and {@link dev.jev.Connection#send}. A handler that does not
 * keep a message neither retains nor releases it, to however many connections it sends it.
 *
 * <p><b>Threads.</b> Messages may be created and sent by any thread.
 */
public sealed interface WebSocketMessage {

  /** Returns a text message. A text with half a surrogate pair cannot be sent. */
  static Text text(String text) {
    return new Text(requireNonNull(text, "text"), Unpooled.EMPTY_BUFFER);
  }

  /**
   * Returns a text message from UTF-8 bytes, which are not validated.
   *
   * <p><b>Ownership.</b> {@code utf8} belongs to the message.
   */
  static Text text(ByteBuf utf8) {
    return new Text(null, utf8);
  }

  /**
   * Returns a binary message.
   *
   * <p><b>Ownership.</b> {@code bytes} belongs to the message.
   */
  static Binary binary(ByteBuf bytes) {
    return new Binary(bytes);
  }

  /**
   * Returns a binary message.
   *
   * <p><b>Ownership.</b> The array is not copied and must not be changed before the message is
   * sent.
   */
  static Binary binary(byte[] bytes) {
    return new Binary(Unpooled.wrappedBuffer(bytes));
  }

  /**
   * Returns a {@link Ping}.
   *
   * <p><b>Ownership.</b> {@code payload} belongs to the message, and is released if it is too long.
   *
   * @throws IllegalArgumentException if {@code payload} has more than 125 bytes
   */
  static Ping ping(ByteBuf payload) {
    return new Ping(payload);
  }

  /**
   * Returns a {@link Pong}.
   *
   * <p><b>Ownership.</b> {@code payload} belongs to the message, and is released if it is too long.
   *
   * @throws IllegalArgumentException if {@code payload} has more than 125 bytes
   */
  static Pong pong(ByteBuf payload) {
    return new Pong(payload);
  }

  /**
   * Returns a {@link Close}.
   *
   * @throws IllegalArgumentException if {@code code} or the length of {@code reason} is invalid
   */
  static Close close(int code, String reason) {
    return new Close(code, reason);
  }

  /** A message with a buffer. Its reference count is that of the buffer. */
  sealed interface Payload extends ReferenceCounted, Sized, Copyable {

    @Override
    Payload copy();

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

  /** A text message, made from a {@code String} or from UTF-8 bytes. */
  final class Text implements WebSocketMessage, Payload {

    private final ByteBuf content;
    private final boolean string;
    private @Nullable String text; // a benign race: all threads would set an equal string

    private Text(@Nullable String text, ByteBuf content) {
      this.text = text;
      this.string = text != null;
      this.content = content;
    }

    /** Returns the text. UTF-8 bytes are decoded by the first call. */
    public String text() {
      String known = text;
      if (known == null) {
        known = content.toString(UTF_8);
        text = known;
      }
      return known;
    }

    /** Returns the length of the text in UTF-8, in bytes. */
    public int utf8Bytes() {
      return isString() ? ByteBufUtil.utf8Bytes(text()) : content.readableBytes();
    }

    /** Returns whether the text was made from a {@code String}, so that it has no bytes yet. */
    boolean isString() {
      return string;
    }

    /** Returns the UTF-8 bytes, or an empty buffer if the text was made from a {@code String}. */
    @Override
    public ByteBuf content() {
      return content;
    }

    @Override
    public Text copy() {
      return new Text(isString() ? text() : null, content.copy());
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
   * A binary message.
   *
   * @param content the bytes, which belong to the message
   */
  record Binary(ByteBuf content) implements WebSocketMessage, Payload {

    /** Creates a message that owns {@code content}. */
    public Binary {
      requireNonNull(content, "content");
    }

    @Override
    public Binary copy() {
      return new Binary(content.copy());
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
   * A ping, which the peer answers with a {@link Pong} of the same payload (RFC 6455, 5.5.2).
   *
   * <p>A handler gets the peer's pings only with {@link
   * WebSocketServerBuilder#deliverControlFrames}. They are answered automatically in any case. To
   * detect a dead peer and to measure round-trip times, use the {@linkplain
   * WebSocketServerBuilder#heartbeat heartbeat}.
   *
   * @param content the payload of at most 125 bytes, which belongs to the message
   */
  record Ping(ByteBuf content) implements WebSocketMessage, Payload {

    /**
     * Creates a ping that owns {@code content}, which is released if it is too long.
     *
     * @throws IllegalArgumentException if {@code content} has more than 125 bytes
     */
    public Ping {
      checkControl("ping", content);
    }

    @Override
    public Ping copy() {
      return new Ping(content.copy());
    }

    @Override
    public String toString() {
      return "Ping[" + content.readableBytes() + " bytes]";
    }
  }

  /**
   * A pong: the answer to a {@link Ping}, or an unsolicited sign of life (RFC 6455, 5.5.3).
   *
   * <p>A handler gets the peer's pongs only with {@link
   * WebSocketServerBuilder#deliverControlFrames}, and never the answers to the pings of the
   * heartbeat.
   *
   * @param content the payload of at most 125 bytes, which belongs to the message
   */
  record Pong(ByteBuf content) implements WebSocketMessage, Payload {

    /**
     * Creates a pong that owns {@code content}, which is released if it is too long.
     *
     * @throws IllegalArgumentException if {@code content} has more than 125 bytes
     */
    public Pong {
      checkControl("pong", content);
    }

    @Override
    public Pong copy() {
      return new Pong(content.copy());
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
   * A fragment of a message. A handler gets fragments only with {@link
   * WebSocketServerBuilder#streaming}; sending them needs no option.
   *
   * <p>Between the fragments of one message no other text or binary message may be sent; published
   * messages wait until the last fragment was sent. A fragment cannot be published to a {@link
   * dev.jev.Topic}, and must not be dropped by an {@link dev.jev.OverflowPolicy}. A fragment of a
   * text may end within a character.
   *
   * @param content the bytes, which belong to the message; may be empty
   * @param isText true if the message is a text; the same for all fragments of a message
   * @param isFirst true for the first fragment of a message
   * @param isLast true for the last fragment of a message
   */
  record Fragment(ByteBuf content, boolean isText, boolean isFirst, boolean isLast)
      implements WebSocketMessage, Payload, Unpublishable {

    /** Creates a fragment that owns {@code content}. */
    public Fragment {
      requireNonNull(content, "content");
    }

    @Override
    public Fragment copy() {
      return new Fragment(content.copy(), isText, isFirst, isLast);
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
   * A close frame. Sending one closes the connection like {@link dev.jev.Connection#close}, but
   * with this code and reason. Publishing one to a {@link Topic} does so for all subscribers.
   *
   * @param code the close code: 1000..1003, 1007..1014 or 3000..4999 (RFC 6455, 7.4); or 1005 if
   *     the peer's close frame had none, which cannot be sent
   * @param reason the reason in human-readable form, at most 123 bytes in UTF-8
   */
  record Close(int code, String reason) implements WebSocketMessage {

    /**
     * Creates a close frame.
     *
     * @throws IllegalArgumentException if {@code code} is neither sendable nor 1005, or if {@code
     *     reason} has more than 123 bytes in UTF-8 or half a surrogate pair
     */
    public Close {
      if (code != CloseCode.NO_CODE) {
        CloseCode.check("close code", code);
      }
      int bytes = StrictText.utf8Bytes("close reason", reason);
      if (bytes > FrameHeader.MAX_CONTROL_BYTES - 2) {
        throw new IllegalArgumentException("close reason: " + bytes + " bytes (expected: <= 123)");
      }
    }

    /** Creates a close frame with as many characters of a text as fit; null is empty. */
    static Close cut(int code, @Nullable String text) {
      int max = FrameHeader.MAX_CONTROL_BYTES - 2;
      return new Close(code, text == null ? "" : StrictText.start(text, max));
    }
  }
}
