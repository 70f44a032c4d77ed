package dev.jev.websocket;

import static java.util.Objects.requireNonNull;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Assembles messages from data frames.
 *
 * <p>A message in a single frame that has arrived whole is a slice of the read buffer: nothing is
 * copied. The fragments of a message, and the parts of a long frame, are copied to one buffer that
 * doubles as bytes arrive. No buffer is ever sized by a declared length alone. Bytes are unmasked
 * in place and text is validated, both exactly once and as soon as the bytes arrive.
 *
 * <p>Event loop only.
 */
final class MessageReader {

  /** Maximum payload of a frame that stays in the read buffer until it is whole: saves a copy. */
  private static final int MAX_UNCOPIED_BYTES = 16 * 1024;

  /** Size of the buffers for decompressed data. Longer messages are joined at their end. */
  private static final int PART_BYTES = 64 * 1024;

  private static final int MIN_PART_BYTES = 512;

  /** Maximum compression ratio of a streamed message beyond its first MiB. RFC 7692 has none. */
  private static final int MAX_RATIO = 100;

  private static final int UNCHECKED_BYTES = 1 << 20;

  private final int maxMessageBytes;
  private final int maxFragments;
  private final boolean streaming; // messages are delivered in parts
  private final boolean textOnly;
  private final Utf8Validator utf8 = new Utf8Validator();

  private @Nullable MessageInflater inflater; // null without compression

  // The current message.
  private boolean open; // its last frame has not begun
  private boolean delivered; // its first part, if streaming
  private boolean isText;
  private boolean isCompressed;
  private int fragments;
  private long length; // of the frames that have begun
  private @Nullable ByteBuf gathered; // if compressed: the last part
  private List<ByteBuf> parts = List.of(); // if compressed: the parts before the last one
  private long deflated; // if compressed: bytes consumed
  private long inflated; // if compressed: bytes produced
  private boolean pending; // if compressed: the inflater has more output

  // The current frame.
  private boolean begun;
  private int headerBytes;
  private long left; // unconsumed bytes of its payload
  private long offset; // of the first unconsumed byte in the payload
  private int seen; // number of unconsumed bytes that are unmasked and validated

  MessageReader(MessageLimits limits) {
    this.maxMessageBytes = limits.maxMessageBytes();
    this.maxFragments = limits.maxFragments();
    this.streaming = limits.streaming();
    this.textOnly = limits.textOnly();
  }

  /** Enables decompression with the negotiated parameters. */
  void decompress(PermessageDeflate agreed, WebSocketObserver observer) {
    inflater = new MessageInflater(agreed, observer);
  }

  /** Returns the number of messages that can be read without further bytes. */
  int pendingMessages() {
    return pending ? 1 : 0;
  }

  /** Returns whether the next bytes are the payload of a frame rather than a header. */
  boolean isInFrame() {
    return begun;
  }

  /**
   * Returns the number of bytes held for a message that has begun and not ended: the latest header,
   * and the payload so far, decompressed, unless it was delivered in parts.
   */
  long heldBytes() {
    if (!open && !begun) {
      return 0;
    }
    return headerBytes + (streaming ? 0 : Math.max(length - left, inflated));
  }

  /**
   * Returns the number of bytes of memory that the current message occupies, and the window that
   * later messages refer to.
   */
  long bufferedBytes() {
    long bytes = (long) PART_BYTES * parts.size() + (gathered == null ? 0 : gathered.capacity());
    return Math.max(bytes, heldBytes()) + (inflater == null ? 0 : inflater.bufferedBytes());
  }

  /** Returns whether a part of the current message was delivered, and not the last one. */
  boolean isMidMessage() {
    return delivered;
  }

  /** Begins a data frame, whose header has been consumed. */
  void begin(FrameHeader header) {
    boolean first = header.opcode != FrameHeader.CONTINUATION;
    if (first == open) {
      throw new WebSocketException(
          CloseCode.PROTOCOL_ERROR,
          first
              ? "data frame: a new message (expected: a continuation)"
              : "data frame: a continuation (expected: a new message)");
    }
    if (first) {
      isText = header.opcode == FrameHeader.TEXT;
      if (textOnly && !isText) {
        throw new WebSocketException(
            CloseCode.UNSUPPORTED_DATA, "message: binary (expected: text)");
      }
      isCompressed = header.isCompressed;
      fragments = 0;
      length = 0;
      inflated = 0;
      deflated = 0;
    }
    open = !header.isFinal;
    if (streaming && header.payloadBytes > 0) {
      fragments = 0; // only empty frames count
    }
    if (++fragments > maxFragments) {
      throw new WebSocketException(
          CloseCode.POLICY_VIOLATION,
          "fragments: more than " + maxFragments + " (expected: <= " + maxFragments + ")");
    }
    length += header.payloadBytes;
    // Incompressible data grows a little. The decompressed size is checked later.
    long limit = isCompressed ? 2L * maxMessageBytes + 1024 : maxMessageBytes;
    if (!streaming) {
      checkLength(limit);
    }
    begun = true;
    headerBytes = header.bytes;
    left = header.payloadBytes;
    offset = 0;
    seen = 0;
  }

  private void checkLength(long limit) {
    if (length > limit || length < 0) {
      throw tooLong(length < 0 ? "more than 2^63" : String.valueOf(length), limit);
    }
  }

  private static WebSocketException tooLong(String actual, long limit) {
    return new WebSocketException(
        CloseCode.TOO_BIG, "message: " + actual + " bytes (expected: <= " + limit + ")");
  }

  /**
   * Reads the available payload of the current frame; returns the message if it is complete or, if
   * streaming, its next part.
   */
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
      validate(in, from, to);
    }
    return streaming ? readPart(in, readable) : readPlain(in, readable);
  }

  /** Validates further bytes of a text. */
  private void validate(ByteBuf bytes, int from, int to) {
    if (isText && utf8.accept(bytes, from, to) >= 0) {
      throw new WebSocketException(CloseCode.INVALID_PAYLOAD, "text: not UTF-8 (RFC 6455, 8.1)");
    }
  }

  private @Nullable WebSocketMessage readPlain(ByteBuf in, int readable) {
    if (readable < left) {
      if (left > MAX_UNCOPIED_BYTES || gathered != null) {
        gather(in, readable);
      }
      return null;
    }
    begun = false;
    if (open) {
      gather(in, readable);
      return null;
    }
    return message(takePayload(in, readable));
  }

  private @Nullable WebSocketMessage readPart(ByteBuf in, int readable) {
    boolean last = !open && readable == left;
    ByteBuf part = readable == 0 ? Unpooled.EMPTY_BUFFER : in.readRetainedSlice(readable);
    consumed(readable);
    begun = left > 0;
    return fragment(part, last);
  }

  /** Returns a part of a message, or null if the part is empty and not the last one. */
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
      in.readBytes(all.ensureWritable(length), length);
    }
    consumed(length);
  }

  /** Notes that bytes of the payload were consumed. */
  private void consumed(int length) {
    left -= length;
    offset += length;
    seen -= length;
  }

  /** Returns the payload of the message, given the last bytes of it. */
  private ByteBuf takePayload(ByteBuf in, int length) {
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
      throw new WebSocketException(
          CloseCode.INVALID_PAYLOAD, "text: not UTF-8 at its end (RFC 6455, 8.1)");
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
      consumed(in.readerIndex() - start);
      deflated += in.readerIndex() - start;
      inflated += part.writerIndex() - before;
      checkInflated();
      validate(part, before, part.writerIndex());
      isPart = streaming && part.writerIndex() == PART_BYTES;
    } while (pending && !isPart);
    begun = left > 0 || pending;
    boolean ended = last && !pending;
    if (ended) {
      inflater.end();
    }
    return streaming ? fragment(takeGathered(), ended) : ended ? message(joinParts()) : null;
  }

  private void checkInflated() {
    if (!streaming && inflated > maxMessageBytes) {
      throw tooLong("more than " + maxMessageBytes, maxMessageBytes);
    }
    if (streaming && inflated - UNCHECKED_BYTES > MAX_RATIO * deflated) {
      throw new WebSocketException(
          CloseCode.TOO_BIG,
          "message: more than 100 times its compressed size (expected: less beyond 1 MiB)");
    }
  }

  private ByteBuf takeGathered() {
    ByteBuf part = requireNonNull(gathered);
    gathered = null;
    return part;
  }

  /** Returns a writable buffer for decompressed data, sized by the compressed bytes available. */
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

  /** Returns the decompressed message. */
  private ByteBuf joinParts() {
    ByteBuf part = takeGathered();
    if (parts.isEmpty()) {
      return part;
    }
    ByteBuf all = part.alloc().directBuffer((int) inflated);
    parts.add(part);
    for (ByteBuf each : parts) {
      int length = each.readableBytes();
      each.readBytes(all.ensureWritable(length), length);
      each.release();
    }
    parts = List.of();
    return all;
  }

  /** Begins a frame whose payload is to be skipped. */
  void beginSkipped(long payloadBytes) {
    begun = true;
    left = payloadBytes;
  }

  /** Drops the available payload of the current frame. */
  void skip(ByteBuf in) {
    if (begun) {
      int length = (int) Math.min(left, in.readableBytes());
      in.skipBytes(length);
      left -= length;
      begun = left > 0;
    }
  }

  /** Releases all buffers and the inflater. */
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
