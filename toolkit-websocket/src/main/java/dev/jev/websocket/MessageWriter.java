package dev.jev.websocket;

import dev.jev.websocket.WebSocketMessage.Binary;
import dev.jev.websocket.WebSocketMessage.Fragment;
import dev.jev.websocket.WebSocketMessage.Text;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * Writes messages as frames.
 *
 * <p>Called per message: must not allocate. Event loop only.
 */
final class MessageWriter {

  private final Role role;
  private @Nullable MessageDeflater deflater;
  private boolean open; // a fragmented message has begun and not ended
  private boolean openBefore; // the same before the latest message
  private boolean openCompressed; // that message is compressed
  private @Nullable ByteBuf tail; // of the latest message

  MessageWriter(Role role) {
    this.role = role;
  }

  /** Enables compression with the negotiated parameters. */
  void compress(PermessageDeflate agreed, WebSocketObserver observer) {
    deflater = new MessageDeflater(agreed, observer);
  }

  /** Marks the present state as the one before the next message. */
  void mark() {
    openBefore = open;
  }

  /** Undoes the latest message, whose bytes are not sent. */
  void undo() {
    open = openBefore;
    tail = null;
    if (deflater != null) {
      deflater.forget();
    }
  }

  void text(Text text, ByteBuf out) {
    checkOrder(/* isFirst= */ true);
    if (!text.isString()) {
      data(FrameHeader.TEXT, text.content(), out);
      return;
    }
    int length = StrictText.utf8Bytes("text", text.text());
    if (isCompressed(length)) {
      compressString(text.text(), length, out);
      return;
    }
    int key = begin(FrameHeader.B0_FIN | FrameHeader.TEXT, length, out);
    ByteBufUtil.reserveAndWriteUtf8(out, text.text(), length);
    mask(out, length, key);
  }

  private boolean isCompressed(int length) {
    return deflater != null && deflater.isWorthwhile(length);
  }

  private void compressString(String text, int length, ByteBuf out) {
    boolean isShort = length <= Zlib.SCRATCH_BYTES;
    ByteBuf utf8 = isShort ? Zlib.current().scratch() : out.alloc().directBuffer(length);
    try {
      ByteBufUtil.reserveAndWriteUtf8(utf8, text, length);
      compressOrCopy(FrameHeader.TEXT, utf8, length, out);
    } finally {
      if (!isShort) {
        utf8.release();
      }
    }
  }

  private void compressOrCopy(int opcode, ByteBuf payload, int length, ByteBuf out) {
    if (!compress(opcode, payload.internalNioBuffer(0, length), out)) {
      int key = begin(FrameHeader.B0_FIN | opcode, length, out);
      payload.getBytes(0, out.ensureWritable(length), length);
      mask(out, length, key);
    }
  }

  void binary(Binary binary, ByteBuf out) {
    checkOrder(/* isFirst= */ true);
    data(FrameHeader.BINARY, binary.content(), out);
  }

  private void checkOrder(boolean isFirst) {
    if (isFirst == open) {
      throw new IllegalArgumentException(
          open
              ? "message: a new one within a fragmented message (expected: the next fragment)"
              : "fragment: not the first (expected: the first of a message)");
    }
  }

  private void data(int opcode, ByteBuf payload, ByteBuf out) {
    int length = payload.readableBytes();
    if (isCompressed(length) && compress(opcode, bytes(payload, length), out)) {
      return;
    }
    plain(FrameHeader.B0_FIN | opcode, payload, out);
  }

  private void plain(int first, ByteBuf payload, ByteBuf out) {
    int length = payload.readableBytes();
    int key = begin(first, length, out);
    if (role.writesMasked()) {
      payload.getBytes(payload.readerIndex(), out.ensureWritable(length), length);
      mask(out, length, key);
    } else {
      tail = payload; // may be sent without a copy
    }
  }

  /**
   * Makes a binary message of the output from {@code start} on and of {@code rest}, or none if both
   * are empty.
   */
  void wrap(int start, @Nullable ByteBuf rest, ByteBuf out) {
    int length = out.writerIndex() - start + (rest == null ? 0 : rest.readableBytes());
    boolean compressed = isCompressed(length);
    if (rest != null && (compressed || role.writesMasked())) {
      int tailLength = rest.readableBytes();
      rest.getBytes(rest.readerIndex(), out.ensureWritable(tailLength), tailLength);
      rest = null;
    }
    if (length > 0 && compressed) {
      compressFrom(start, length, out);
    } else if (length > 0) {
      prefixHeader(start, length, out);
      tail = rest;
    }
  }

  private void compressFrom(int start, int length, ByteBuf out) {
    boolean isShort = length <= Zlib.SCRATCH_BYTES;
    ByteBuf payload = isShort ? Zlib.current().scratch() : out.alloc().directBuffer(length);
    try {
      out.getBytes(start, payload, length);
      compressOrCopy(FrameHeader.BINARY, payload, length, out.writerIndex(start));
    } finally {
      if (!isShort) {
        payload.release();
      }
    }
  }

  /** Moves the output from {@code start} on, and writes the header in front of it. */
  private void prefixHeader(int start, int length, ByteBuf out) {
    int room = FrameHeader.bytes(length, role.writesMasked());
    int packed = out.writerIndex() - start;
    out.getBytes(start, out.ensureWritable(room), start + room, packed);
    int key = begin(FrameHeader.B0_FIN | FrameHeader.BINARY, length, out.writerIndex(start));
    out.writerIndex(start + room + packed);
    mask(out, packed, key);
  }

  void fragment(Fragment part, ByteBuf out) {
    checkOrder(part.isFirst());
    ByteBuf payload = part.content();
    int length = payload.readableBytes();
    MessageDeflater deflater = this.deflater;
    if (part.isFirst()) {
      openCompressed = deflater != null && (!part.isLast() || deflater.isWorthwhile(length));
    }
    open = !part.isLast();
    int opcode = part.isText() ? FrameHeader.TEXT : FrameHeader.BINARY;
    int first =
        (part.isLast() ? FrameHeader.B0_FIN : 0)
            | (part.isFirst() ? opcode : FrameHeader.CONTINUATION)
            | (part.isFirst() && openCompressed ? FrameHeader.B0_RSV1 : 0);
    if (deflater == null || !openCompressed) {
      plain(first, payload, out);
      return;
    }
    int start = out.writerIndex();
    int room = reserve(length, out);
    deflater.deflatePart(bytes(payload, length), part.isLast(), out);
    finish(first, start, room, out);
  }

  /** Returns a payload as input for zlib. Copying a short one costs less than creating a view. */
  private static ByteBuffer bytes(ByteBuf payload, int length) {
    int start = payload.readerIndex();
    if (length > Zlib.SCRATCH_BYTES) {
      return payload.nioBuffer(start, length);
    }
    ByteBuf copy = Zlib.current().scratch();
    payload.getBytes(start, copy, length);
    return copy.internalNioBuffer(0, length);
  }

  private boolean compress(int opcode, ByteBuffer payload, ByteBuf out) {
    int start = out.writerIndex();
    int room = reserve(payload.remaining(), out);
    MessageDeflater deflater = this.deflater;
    if (deflater == null || !deflater.deflate(payload, out)) {
      out.writerIndex(start);
      return false;
    }
    finish(FrameHeader.B0_FIN | FrameHeader.B0_RSV1 | opcode, start, room, out);
    return true;
  }

  /** Leaves room for the header of a payload to be compressed; returns the size of the room. */
  private int reserve(int length, ByteBuf out) {
    int room = FrameHeader.bytes(MessageDeflater.bound(length), role.writesMasked());
    out.ensureWritable(room).writerIndex(out.writerIndex() + room);
    return room;
  }

  /** Writes the header in front of a compressed payload, and moves the payload up to it. */
  private void finish(int first, int start, int room, ByteBuf out) {
    int length = out.writerIndex() - start - room;
    int header = FrameHeader.bytes(length, role.writesMasked());
    if (header < room) {
      out.getBytes(start + room, out, start + header, length);
    }
    int key = begin(first, length, out.writerIndex(start));
    out.writerIndex(start + header + length);
    mask(out, length, key);
  }

  /**
   * Returns the payload of the latest message if it was not written to the output, otherwise null.
   * A second call returns null.
   */
  @Nullable ByteBuf tail() {
    ByteBuf taken = tail;
    tail = null;
    return taken;
  }

  /** Returns whether a fragmented message has begun and not ended. */
  boolean isBetweenFragments() {
    return open;
  }

  /**
   * Returns the {@link dev.jev.Protocol#encodingKey}, or null if the bytes of a message differ each
   * time: a client masks each frame with a new key (RFC 6455, 5.3).
   */
  @Nullable Object encodingKey() {
    if (role.writesMasked() || open) {
      return null;
    }
    return deflater == null ? MessageWriter.class : deflater.encodingKey();
  }

  /** Writes a control frame (RFC 6455, 5.5). */
  void control(int opcode, ByteBuf payload, ByteBuf out) {
    int length = payload.readableBytes();
    int key = begin(FrameHeader.B0_FIN | opcode, length, out);
    payload.getBytes(payload.readerIndex(), out.ensureWritable(length), length);
    mask(out, length, key);
  }

  /** Returns a control frame, or a message that is not compressed, in a new buffer. */
  ByteBuf frame(int opcode, ByteBuf payload) {
    ByteBuf frame = payload.alloc().directBuffer(FrameHeader.MAX_BYTES + payload.readableBytes());
    control(opcode, payload, frame);
    return frame;
  }

  /** Writes the header of a frame; returns its masking key, or 0 for a server. */
  private int begin(int first, int length, ByteBuf out) {
    FrameHeader.write(out, first, length, role.writesMasked());
    int key = role.writesMasked() ? Masking.newKey() : 0;
    if (role.writesMasked()) {
      out.writeInt(key);
    }
    return key;
  }

  private static void mask(ByteBuf out, int length, int key) {
    if (key != 0) {
      Masking.apply(out, out.writerIndex() - length, out.writerIndex(), key, 0);
    }
  }

  /** Releases the deflater. */
  void release() {
    if (deflater != null) {
      deflater.end();
    }
  }
}
