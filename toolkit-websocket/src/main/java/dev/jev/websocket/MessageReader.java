package dev.jev.websocket;

import static java.util.Objects.requireNonNull;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.List;
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

  /** What is decompressed at once; longer messages are put together at their end. */
  private static final int PART_BYTES = 64 * 1024;

  private static final int MIN_PART_BYTES = 512;

  /** RFC 7692 has no limit: beyond the first MiB so many times as long as on the wire. */
  private static final int MAX_RATIO = 100;

  private static final int UNCHECKED_BYTES = 1 << 20;

  private final int maxMessageBytes;
  private final int maxFragments;
  private final boolean streaming; // messages are not put together
  private final Utf8Validator utf8 = new Utf8Validator();

  private @Nullable MessageInflater inflater; // null if nothing may be compressed

  // The message that is being read.
  private boolean open; // its last frame has not begun
  private boolean delivered; // some part of it, see streaming
  private boolean isText;
  private boolean isCompressed;
  private int fragments;
  private long length; // of the frames that have begun
  private @Nullable ByteBuf gathered; // of a compressed one: the last part
  private List<ByteBuf> parts = List.of(); // of a compressed one: those before it
  private long deflated; // of a compressed one: bytes taken
  private long inflated; // of a compressed one: bytes they became
  private boolean pending; // of a compressed one: the inflater has more than was taken

  // The frame that is being read.
  private boolean begun;
  private long left; // bytes of its payload that are not taken off yet
  private long offset; // of these bytes in the payload
  private int seen; // so many of the unread ones are unmasked and checked

  MessageReader(int maxMessageBytes, int maxFragments, boolean streaming) {
    this.maxMessageBytes = maxMessageBytes;
    this.maxFragments = maxFragments;
    this.streaming = streaming;
  }

  /** Expects compressed messages, too. */
  void decompress(PermessageDeflate agreed) {
    inflater = new MessageInflater(agreed);
  }

  /** How many messages can be had without more bytes. */
  int held() {
    return pending ? 1 : 0;
  }

  /** Whether a frame has begun, so that what comes next is its payload and no header. */
  boolean isInFrame() {
    return begun;
  }

  /** Whether a message has begun and not ended. */
  boolean isInMessage() {
    return open || begun;
  }

  /** How many bytes of the message that is being read have come. */
  long receivedBytes() {
    return length - left + seen;
  }

  /** Begins a frame, whose header has been taken off. */
  void begin(FrameHeader header) {
    boolean first = header.opcode != FrameHeader.CONTINUATION;
    if (first == open) {
      throw new Violation(
          CloseCode.PROTOCOL_ERROR,
          first
              ? "data frame: a new message (expected: a continuation)"
              : "data frame: a continuation (expected: a new message)");
    }
    if (first) {
      isText = header.opcode == FrameHeader.TEXT;
      isCompressed = header.isCompressed;
      fragments = 0;
      length = 0;
      inflated = 0;
      deflated = 0;
    }
    open = !header.isFinal;
    if (streaming && header.payloadBytes > 0) {
      fragments = 0; // only empty ones count
    }
    if (++fragments > maxFragments) {
      throw new Violation(
          CloseCode.POLICY_VIOLATION,
          "fragments: more than " + maxFragments + " (expected: <= " + maxFragments + ")");
    }
    length += header.payloadBytes;
    // What cannot be compressed becomes a little longer.
    long most = isCompressed ? 2L * maxMessageBytes + 1024 : maxMessageBytes;
    if (!streaming) {
      checkLength(most);
    }
    begun = true;
    left = header.payloadBytes;
    offset = 0;
    seen = 0;
  }

  private void checkLength(long most) {
    if (length > most || length < 0) {
      throw tooLong(length < 0 ? "more than 2^63" : String.valueOf(length), most);
    }
  }

  private static Violation tooLong(String actual, long most) {
    return new Violation(
        CloseCode.TOO_BIG, "message: " + actual + " bytes (expected: <= " + most + ")");
  }

  /** Takes what is there of the frame's payload; returns the message if that is its end. */
  @Nullable WebSocketMessage read(ByteBuf in, int key, boolean masked) {
    int readable = (int) Math.min(left, in.readableBytes());
    int from = in.readerIndex() + seen;
    int to = in.readerIndex() + readable;
    boolean ascii = masked && Masking.apply(in, from, to, key, offset + seen);
    seen = readable;
    if (isCompressed) {
      return readCompressed(in, readable);
    }
    if (!ascii || !utf8.isComplete()) {
      check(in, from, to);
    }
    return streaming ? readPart(in, readable) : readPlain(in, readable);
  }

  /** Checks what has come of a text. */
  private void check(ByteBuf bytes, int from, int to) {
    if (isText && utf8.accept(bytes, from, to) >= 0) {
      throw new Violation(CloseCode.INVALID_PAYLOAD, "text: not UTF-8 (RFC 6455, 8.1)");
    }
  }

  private @Nullable WebSocketMessage readPlain(ByteBuf in, int readable) {
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
    return message(end(in, readable));
  }

  private @Nullable WebSocketMessage readPart(ByteBuf in, int readable) {
    boolean last = !open && readable == left;
    ByteBuf part = readable == 0 ? Unpooled.EMPTY_BUFFER : in.readRetainedSlice(readable);
    took(readable);
    begun = left > 0;
    return fragment(part, last);
  }

  /** A part of a message, or null if it is nothing. */
  private @Nullable WebSocketMessage fragment(ByteBuf part, boolean last) {
    if (!part.isReadable() && !last) {
      part.release();
      return null;
    }
    checkEnd(part, last);
    boolean first = !delivered;
    delivered = !last;
    return new WebSocketMessage.Fragment(part, isText, first, last);
  }

  private void gather(ByteBuf in, int length) {
    if (length > 0) {
      ByteBuf all = gathered;
      if (all == null) {
        all = in.alloc().directBuffer((int) Math.min(left, 2L * length));
        gathered = all;
      }
      all.writeBytes(in, length);
    }
    took(length);
  }

  /** Notes that so many bytes were taken off. */
  private void took(int length) {
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
    checkEnd(payload, /* last= */ true);
    return isText ? WebSocketMessage.text(payload) : WebSocketMessage.binary(payload);
  }

  private void checkEnd(ByteBuf payload, boolean last) {
    if (last && isText && !utf8.isComplete()) {
      payload.release();
      throw new Violation(CloseCode.INVALID_PAYLOAD, "text: not UTF-8 at its end (RFC 6455, 8.1)");
    }
  }

  // Compressed messages.

  private @Nullable WebSocketMessage readCompressed(ByteBuf in, int readable) {
    MessageInflater inflater = requireNonNull(this.inflater);
    int end = in.readerIndex() + readable;
    boolean last = !open && readable == left;
    boolean isPart;
    do {
      int start = in.readerIndex();
      ByteBuf part = part(end - start);
      int before = part.writerIndex();
      pending = !inflater.inflate(in, end - start, last, part);
      took(in.readerIndex() - start);
      deflated += in.readerIndex() - start;
      inflated += part.writerIndex() - before;
      checkInflated();
      check(part, before, part.writerIndex());
      isPart = streaming && part.writerIndex() == PART_BYTES;
    } while (pending && !isPart);
    begun = left > 0 || pending;
    boolean ended = last && !pending;
    if (ended) {
      inflater.end();
    }
    return streaming ? fragment(takeGathered(), ended) : ended ? message(whole()) : null;
  }

  private void checkInflated() {
    if (!streaming && inflated > maxMessageBytes) {
      throw tooLong("more than " + maxMessageBytes, maxMessageBytes);
    }
    if (streaming && inflated - UNCHECKED_BYTES > MAX_RATIO * deflated) {
      throw new Violation(
          CloseCode.TOO_BIG,
          "message: more than 100 times its compressed size (expected: less beyond 1 MiB)");
    }
  }

  private ByteBuf takeGathered() {
    ByteBuf part = requireNonNull(gathered);
    gathered = null;
    return part;
  }

  /** A buffer with room for what so many bytes mean, or the beginning of it. */
  private ByteBuf part(int bytes) {
    ByteBuf part = gathered;
    if (part != null && part.isWritable()) {
      return part;
    }
    if (part != null && part.capacity() < PART_BYTES) {
      return part.capacity(Math.min(2 * part.capacity(), PART_BYTES));
    }
    int capacity = PART_BYTES;
    if (part != null) {
      if (parts.isEmpty()) {
        parts = new ArrayList<>();
      }
      parts.add(part);
    } else {
      capacity = (int) Math.min(Math.max(4L * bytes, MIN_PART_BYTES), PART_BYTES);
    }
    part = PooledByteBufAllocator.DEFAULT.directBuffer(capacity);
    gathered = part;
    return part;
  }

  /** All that was decompressed. */
  private ByteBuf whole() {
    ByteBuf part = takeGathered();
    if (parts.isEmpty()) {
      return part;
    }
    ByteBuf all = part.alloc().directBuffer((int) inflated);
    parts.add(part);
    for (ByteBuf each : parts) {
      all.writeBytes(each);
      each.release();
    }
    parts = List.of();
    return all;
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

  /** Releases what it holds. */
  void release() {
    if (gathered != null) {
      gathered.release();
      gathered = null;
    }
    parts.forEach(ByteBuf::release);
    parts = List.of();
    begun &= left > 0;
    pending = false;
    if (inflater != null) {
      inflater.release();
    }
  }
}
