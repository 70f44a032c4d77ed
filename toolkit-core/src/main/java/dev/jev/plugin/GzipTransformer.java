package dev.jev.plugin;

import dev.jev.ProtocolException;
import io.netty.buffer.ByteBuf;
import java.nio.ByteBuffer;
import java.util.zip.CRC32;
import java.util.zip.DataFormatException;
import java.util.zip.Deflater;
import java.util.zip.Inflater;
import org.jspecify.annotations.Nullable;

/**
 * A gzip stream in each direction (RFC 1952).
 *
 * <p>The output is one member. Each flush ends a block of it, so that the peer can inflate all
 * output before the flush.
 *
 * <p>The input may consist of several members. Input that ends after a flush, rather than at the
 * end of a member, is complete: it ends with the four bytes that a flush writes.
 */
final class GzipTransformer implements StreamTransform.Transformer {

  private static final ByteBuffer EMPTY = ByteBuffer.allocate(0);

  /**
   * Minimum writable bytes for a flush: with 6 bytes or fewer zlib would write its marker again.
   */
  private static final int MIN_ROOM = 512;

  /** Empty stored block, with which a flush ends (RFC 1951, 3.2.4). */
  private static final int FLUSH_MARK = 0x0000ffff;

  /** Magic number, deflate, no flags, no time, no compression hint, unknown operating system. */
  private static final byte[] HEADER = {0x1f, (byte) 0x8b, 8, 0, 0, 0, 0, 0, 0, (byte) 0xff};

  private static final int TRAILER_BYTES = 8;

  /** RFC 1951, 3.2.5: the largest distance, and so the size of the window of an inflater. */
  private static final int WINDOW_BYTES = 32 * 1024;

  private final int level;

  private @Nullable Inflater inflater;
  private final CRC32 crcIn = new CRC32();
  private GzipHeader header = new GzipHeader();
  private boolean inBody;
  private int trailerBytes; // still to come
  private long trailer;
  private int lastBytes; // the last four bytes of the input

  private @Nullable Deflater deflater;
  private final CRC32 crcOut = new CRC32();

  GzipTransformer(int level) {
    this.level = level;
  }

  // Input.

  @Override
  public void inbound(ByteBuf in, ByteBuf out) {
    int start = in.readerIndex();
    while (in.isReadable() || inBody) {
      if (inBody) {
        inflate(in, out);
        if (inBody) {
          break; // no more input, or no more space
        }
      } else if (trailerBytes > 0) {
        readTrailer(in);
      } else if (header.read(in)) {
        header = new GzipHeader();
        inBody = true;
      }
    }
    rememberLastBytes(in, start);
  }

  private void inflate(ByteBuf in, ByteBuf out) {
    Inflater member = inflater();
    ByteBuffer source = in.nioBuffer();
    ByteBuffer target = out.nioBuffer(out.writerIndex(), out.writableBytes());
    member.setInput(source);
    try {
      member.inflate(target);
    } catch (DataFormatException e) {
      throw new ProtocolException("gzip: " + e.getMessage() + " (expected: RFC 1951)");
    } finally {
      member.setInput(EMPTY); // keeps no reference to a released buffer
    }
    in.readerIndex(in.writerIndex() - source.remaining());
    crcIn.update(target.flip());
    out.writerIndex(out.writerIndex() + target.limit());
    if (member.finished()) {
      inBody = false;
      trailerBytes = TRAILER_BYTES;
    }
  }

  private Inflater inflater() {
    if (inflater == null) {
      inflater = new Inflater(/* nowrap= */ true);
    }
    return inflater;
  }

  private void readTrailer(ByteBuf in) {
    while (trailerBytes > 0 && in.isReadable()) {
      trailer = trailer >>> 8 | (long) in.readUnsignedByte() << 56; // little-endian
      trailerBytes--;
    }
    if (trailerBytes == 0) {
      Inflater member = inflater();
      check("CRC-32", (int) trailer, (int) crcIn.getValue());
      check("length", (int) (trailer >>> 32), (int) member.getBytesWritten());
      member.reset();
      crcIn.reset();
    }
  }

  /** Returns the size of the window, which the inflater keeps from one member to the next. */
  @Override
  public long bufferedBytes() {
    return inflater == null ? 0 : WINDOW_BYTES;
  }

  private static void check(String what, int expected, int actual) {
    if (expected != actual) {
      throw new ProtocolException(
          "gzip "
              + what
              + ": "
              + Integer.toHexString(actual)
              + " (expected: "
              + Integer.toHexString(expected)
              + ", from the trailer)");
    }
  }

  private void rememberLastBytes(ByteBuf in, int start) {
    for (int i = Math.max(start, in.readerIndex() - 4); i < in.readerIndex(); i++) {
      lastBytes = lastBytes << 8 | in.getUnsignedByte(i);
    }
  }

  @Override
  public void inputEnded() {
    boolean betweenMembers = !inBody && trailerBytes == 0 && header.isEmpty();
    if (!betweenMembers && !(inBody && lastBytes == FLUSH_MARK)) {
      throw new ProtocolException("gzip input ended before the end of a member or of a flush");
    }
  }

  // Output.

  @Override
  public void outbound(ByteBuf in, ByteBuf out) {
    Deflater stream = deflater(out);
    ByteBuffer source = in.nioBuffer();
    crcOut.update(source.duplicate());
    stream.setInput(source);
    while (!stream.needsInput()) {
      deflate(stream, out, Deflater.NO_FLUSH);
    }
    stream.setInput(EMPTY);
    in.readerIndex(in.writerIndex());
  }

  private Deflater deflater(ByteBuf out) {
    if (deflater == null) {
      deflater = new Deflater(level, /* nowrap= */ true);
      out.writeBytes(HEADER);
    }
    return deflater;
  }

  /** Appends the output of the deflater; returns whether it filled the available space. */
  private static boolean deflate(Deflater stream, ByteBuf out, int flush) {
    out.ensureWritable(MIN_ROOM);
    ByteBuffer target = out.nioBuffer(out.writerIndex(), out.writableBytes());
    int length = stream.deflate(target, flush);
    out.writerIndex(out.writerIndex() + length);
    return !target.hasRemaining();
  }

  @Override
  public void flush(ByteBuf out) {
    Deflater stream = deflater(out);
    while (deflate(stream, out, Deflater.SYNC_FLUSH)) {
      // There may be more output.
    }
  }

  @Override
  public void finish(ByteBuf out) {
    Deflater stream = deflater;
    if (stream == null) {
      return;
    }
    stream.finish();
    while (!stream.finished()) {
      deflate(stream, out, Deflater.NO_FLUSH);
    }
    out.writeIntLE((int) crcOut.getValue());
    out.writeIntLE((int) stream.getBytesRead());
  }

  @Override
  public void close() {
    if (inflater != null) {
      inflater.end();
      inflater = null;
    }
    if (deflater != null) {
      deflater.end();
      deflater = null;
    }
  }
}
