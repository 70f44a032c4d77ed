package dev.jev.websocket;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import org.jspecify.annotations.Nullable;

/**
 * Makes messages of the frames that carry data.
 *
 * <p>A frame that has arrived whole is a slice of what was read: nothing is copied. The fragments
 * of a message, and the parts of a long frame, are gathered in one buffer that doubles as bytes
 * arrive, never because a length was announced. Bytes are unmasked where they lie and text is
 * checked, both once and as soon as they are there.
 *
 * <p>Event loop only.
 */
final class MessageReader {

  /** A frame that is not longer waits until it is whole, which spares a copy. */
  private static final int MAX_WAITING_BYTES = 16 * 1024;

  private final int maxMessageBytes;
  private final int maxFragments;
  private final Utf8Validator utf8 = new Utf8Validator();

  // The message that is being read.
  private boolean open; // its last frame has not begun
  private boolean isText;
  private int fragments;
  private @Nullable ByteBuf gathered;

  // The frame that is being read.
  private boolean begun;
  private long left; // bytes of its payload that are not taken off yet
  private long offset; // of these bytes in the payload
  private int seen; // so many of the unread ones are unmasked and checked

  MessageReader(int maxMessageBytes, int maxFragments) {
    this.maxMessageBytes = maxMessageBytes;
    this.maxFragments = maxFragments;
  }

  /** Whether a frame has begun, so that what comes next is its payload and no header. */
  boolean isInFrame() {
    return begun;
  }

  /** Begins a frame, whose header has been taken off. */
  void begin(FrameHeader header) {
    boolean first = header.opcode != FrameHeader.CONTINUATION;
    if (first == open) {
      throw new Violation(
          Violation.PROTOCOL_ERROR,
          first
              ? "data frame: a new message (expected: continuation of the last one)"
              : "data frame: a continuation (expected: the beginning of a message)");
    }
    if (first) {
      isText = header.opcode == FrameHeader.TEXT;
      fragments = 0;
    }
    open = !header.isFinal;
    if (++fragments > maxFragments) {
      throw new Violation(
          Violation.POLICY,
          "fragments: more than " + maxFragments + " (expected: <= " + maxFragments + ")");
    }
    long length = gatheredBytes() + header.payloadBytes;
    if (length > maxMessageBytes || length < 0) {
      throw new Violation(
          Violation.TOO_BIG,
          "message: "
              + (length < 0 ? "more than 2^63" : length)
              + " bytes (expected: <= "
              + maxMessageBytes
              + ")");
    }
    begun = true;
    left = header.payloadBytes;
    offset = 0;
    seen = 0;
  }

  /** Takes what is there of the frame's payload; returns the message if that is its end. */
  @Nullable WebSocketMessage read(ByteBuf in, int key, boolean masked) {
    int readable = (int) Math.min(left, in.readableBytes());
    look(in, readable, key, masked);
    if (readable < left) {
      if (left > MAX_WAITING_BYTES || gathered != null) {
        gather(in, readable);
      }
      return null;
    }
    begun = false;
    if (open) {
      gather(in, readable);
      return null;
    }
    if (isText && !utf8.isComplete()) {
      throw new Violation(Violation.INVALID_PAYLOAD, "text: not UTF-8 at its end (RFC 6455, 8.1)");
    }
    return message(end(in, readable));
  }

  /** Unmasks and checks what has arrived since the last look. */
  private void look(ByteBuf in, int readable, int key, boolean masked) {
    int from = in.readerIndex() + seen;
    int to = in.readerIndex() + readable;
    if (masked && key != 0) {
      Masking.apply(in, from, to, key, offset + seen);
    }
    if (isText && utf8.accept(in, from, to) >= 0) {
      throw new Violation(Violation.INVALID_PAYLOAD, "text: not UTF-8 (RFC 6455, 8.1)");
    }
    seen = readable;
  }

  private void gather(ByteBuf in, int length) {
    if (length > 0) {
      ByteBuf all = gathered;
      if (all == null) {
        all = in.alloc().directBuffer(length);
        gathered = all;
      }
      all.writeBytes(in, length);
    }
    left -= length;
    offset += length;
    seen -= length;
  }

  private ByteBuf end(ByteBuf in, int length) {
    ByteBuf all = gathered;
    if (all == null) {
      return length == 0 ? Unpooled.EMPTY_BUFFER : in.readRetainedSlice(length);
    }
    gather(in, length);
    gathered = null;
    return all;
  }

  private WebSocketMessage message(ByteBuf payload) {
    return isText ? WebSocketMessage.text(payload) : WebSocketMessage.binary(payload);
  }

  /** Begins a frame that nobody wants. */
  void beginSkipped(long payloadBytes) {
    begun = true;
    left = payloadBytes;
  }

  /** Drops what is there of the frame that has begun. */
  void skip(ByteBuf in) {
    if (begun) {
      int length = (int) Math.min(left, in.readableBytes());
      in.skipBytes(length);
      left -= length;
      begun = left > 0;
    }
  }

  private long gatheredBytes() {
    return gathered == null ? 0 : gathered.readableBytes();
  }

  /** Releases what it holds. */
  void release() {
    if (gathered != null) {
      gathered.release();
      gathered = null;
    }
  }
}
