package dev.jev.codec;

import static java.util.Objects.requireNonNull;

import dev.jev.CloseReason;
import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import io.netty.buffer.ByteBuf;
import java.nio.charset.Charset;
import org.jspecify.annotations.Nullable;

/** A protocol of strings, each the payload of a frame of another protocol. */
final class StringsProtocol implements Protocol<String, String> {

  private final Protocol<ByteBuf, ByteBuf> frames;
  private final StrictText text;
  private final Charset charset;
  private @Nullable Key key; // of the latest call of encodingKey

  StringsProtocol(Protocol<ByteBuf, ByteBuf> frames, Charset charset) {
    this.frames = requireNonNull(frames, "frames");
    this.text = new StrictText(charset);
    this.charset = charset;
  }

  @Override
  public void open(ProtocolContext context) {
    frames.open(context);
  }

  @Override
  public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
    ByteBuf bytes = frames.unpack(context, in);
    if (bytes == null) {
      return null;
    }
    try {
      return text.decode(bytes, bytes.readerIndex(), bytes.readableBytes());
    } finally {
      bytes.release();
    }
  }

  @Override
  public int pendingMessages() {
    return frames.pendingMessages();
  }

  @Override
  public long heldBytes() {
    return frames.heldBytes();
  }

  @Override
  public long bufferedBytes() {
    return frames.bufferedBytes();
  }

  @Override
  public boolean isMidInboundMessage() {
    return frames.isMidInboundMessage();
  }

  @Override
  public void pack(String message, ByteBuf out) {
    ByteBuf bytes = out.alloc().buffer(message.length());
    try {
      text.encode(message, bytes);
      frames.pack(bytes, out);
      ByteBuf tail = frames.zeroCopyTail(bytes);
      if (tail != null) {
        int length = tail.readableBytes();
        tail.getBytes(tail.readerIndex(), out.ensureWritable(length), length);
      }
    } finally {
      bytes.release();
    }
  }

  @Override
  public @Nullable Object encodingKey() {
    Object inner = frames.encodingKey();
    if (inner == null) {
      return null;
    }
    if (key == null || !key.frames.equals(inner)) {
      key = new Key(inner, charset);
    }
    return key;
  }

  @Override
  public void close(ProtocolContext context, CloseReason reason) {
    frames.close(context, reason);
  }

  @Override
  public boolean awaitPeerClose(ProtocolContext context, ByteBuf in) {
    return frames.awaitPeerClose(context, in);
  }

  /** The encoding key of strings: equal keys produce equal bytes for equal strings. */
  private record Key(Object frames, Charset charset) {}
}
