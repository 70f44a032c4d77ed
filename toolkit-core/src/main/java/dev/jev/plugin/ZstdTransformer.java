package dev.jev.plugin;

import com.github.luben.zstd.EndDirective;
import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdCompressCtx;
import com.github.luben.zstd.ZstdDirectBufferDecompressingStreamNoFinalizer;
import dev.jev.ProtocolException;
import io.netty.buffer.ByteBuf;
import java.io.IOException;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * A Zstandard stream in each direction (RFC 8878).
 *
 * <p>The output is one frame. Each flush ends a block of it, so that the peer can decompress all
 * output before the flush.
 *
 * <p>The input may consist of several frames and may end anywhere: zstd does not report whether a
 * block was complete. One native context reads all frames.
 */
final class ZstdTransformer implements StreamTransformHandler.Framed {

  /**
   * RFC 8878, 3.1.1.1.2: decoders should support windows of 8 MiB and need not support larger ones.
   */
  private static final int MAX_WINDOW_LOG = 23;

  /** Enough history for messages; the higher levels use 10 MiB and more by default. */
  private static final int WINDOW_LOG = 17;

  private static final int TABLE_LOG = 16;

  /** Maximum input of one native call: the tables in it are known only afterwards. */
  private static final int PIECE_BYTES = 4 * 1024;

  // RFC 8878, 3.1: the first bytes of Zstandard frames and of skippable frames.
  private static final int FRAME = 0x28;
  private static final int SKIPPABLE_FRAME = 0x50;
  private static final int SKIPPABLE_MASK = 0xf0;

  private static final ByteBuffer EMPTY = ByteBuffer.allocateDirect(0);
  private static final int MIN_ROOM = 512;

  private final int level;
  private final ZstdWindow window = new ZstdWindow();
  private @Nullable Frames frames;
  private final ZstdTables tables = new ZstdTables();
  private int endedFrames;
  private int builtTables;
  private @Nullable ZstdCompressCtx compressor;

  ZstdTransformer(int level) {
    this.level = level;
  }

  /** Loads the native library. */
  static void load() {
    Zstd.maxCompressionLevel();
  }

  // Input.

  @Override
  public void inbound(ByteBuf in, ByteBuf out) {
    ByteBuf direct = direct(in);
    try {
      ByteBuffer source = direct.nioBuffer();
      ByteBuffer target = out.nioBuffer(out.writerIndex(), out.writableBytes());
      decompress(source, target);
      in.readerIndex(in.writerIndex() - source.remaining());
      out.writerIndex(out.writerIndex() + target.position());
    } finally {
      direct.release();
    }
  }

  private void decompress(ByteBuffer source, ByteBuffer target) {
    endedFrames = 0;
    builtTables = 0;
    int end = source.limit();
    try {
      do {
        source.limit(Math.min(end, source.position() + PIECE_BYTES));
        decompressPiece(source, target);
        source.limit(end);
      } while (source.hasRemaining()
          && target.hasRemaining()
          && endedFrames + builtTables < MAX_FRAMES);
    } catch (IOException e) {
      throw new ProtocolException("zstd: " + e.getMessage() + " (expected: RFC 8878)");
    }
  }

  private void decompressPiece(ByteBuffer source, ByteBuffer target) throws IOException {
    int before = source.remaining() + target.remaining();
    int start = source.position();
    if (source.hasRemaining() && window.isAtBeginning()) {
      checkFirst(source.get(start) & 0xff);
    }
    boolean atEnd = frames().read(source, target);
    window.accept(source, start);
    builtTables += tables.accept(source, start);
    if (atEnd && source.remaining() + target.remaining() < before) {
      endedFrames++;
      window.begin();
      tables.begin();
    }
  }

  /**
   * Checks the first byte of a frame. The native library also reads the formats before RFC 8878,
   * which begin differently, and allocates windows of up to 128 MiB for them.
   */
  private static void checkFirst(int octet) {
    if (octet != FRAME && (octet & SKIPPABLE_MASK) != SKIPPABLE_FRAME) {
      throw new ProtocolException(
          "zstd: first byte of a frame: "
              + Integer.toHexString(octet)
              + " (expected: 28 or 50..5f, RFC 8878, 3.1)");
    }
  }

  @Override
  public int endedFrames() {
    return endedFrames;
  }

  @Override
  public int builtTables() {
    return builtTables;
  }

  private Frames frames() throws IOException {
    if (frames == null) {
      frames = new Frames();
    }
    return frames;
  }

  /** Returns the size of the largest window so far, which the native context keeps. */
  @Override
  public long bufferedBytes() {
    return frames == null ? 0 : Math.min(window.bytes(), 1L << MAX_WINDOW_LOG);
  }

  private void closeFrames() {
    if (frames != null) {
      frames.close();
      frames = null;
    }
  }

  /** The decompressing stream, with an input that is set per call. */
  private static final class Frames extends ZstdDirectBufferDecompressingStreamNoFinalizer {

    /** Never read. A frame after which no byte remains would be the last one of the stream. */
    private static final ByteBuffer MORE = ByteBuffer.allocateDirect(1);

    Frames() throws IOException {
      super(EMPTY);
      setLongMax(MAX_WINDOW_LOG);
    }

    @Override
    protected ByteBuffer refill(ByteBuffer toRefill) {
      return MORE;
    }

    /** Decompresses up to the end of a frame; returns whether it was reached. */
    boolean read(ByteBuffer from, ByteBuffer target) throws IOException {
      source = from;
      try {
        read(target);
      } finally {
        source = EMPTY; // keeps no reference to a released buffer
      }
      return !hasRemaining();
    }
  }

  // Output.

  @Override
  public void outbound(ByteBuf in, ByteBuf out) {
    ByteBuf direct = direct(in);
    try {
      ByteBuffer source = direct.nioBuffer();
      while (source.hasRemaining()) {
        compress(source, out, EndDirective.CONTINUE);
      }
    } finally {
      direct.release();
    }
    in.readerIndex(in.writerIndex());
  }

  @Override
  public void flush(ByteBuf out) {
    while (!compress(EMPTY, out, EndDirective.FLUSH)) {
      // There is more output.
    }
  }

  @Override
  public void finish(ByteBuf out) {
    while (compressor != null && !compress(EMPTY, out, EndDirective.END)) {
      // There is more output.
    }
  }

  /** Appends the output of the compressor; returns whether it is complete. */
  private boolean compress(ByteBuffer source, ByteBuf out, EndDirective until) {
    out.ensureWritable(MIN_ROOM);
    ByteBuffer target = out.nioBuffer(out.writerIndex(), out.writableBytes());
    boolean complete = compressor().compressDirectByteBufferStream(target, source, until);
    out.writerIndex(out.writerIndex() + target.position());
    return complete;
  }

  private ZstdCompressCtx compressor() {
    if (compressor == null) {
      compressor =
          new ZstdCompressCtx()
              .setLevel(level)
              .setWindowLog(WINDOW_LOG)
              .setHashLog(TABLE_LOG)
              .setChainLog(TABLE_LOG);
    }
    return compressor;
  }

  /**
   * Returns the bytes of {@code in} in memory that native code can read. The caller releases the
   * buffer.
   */
  private static ByteBuf direct(ByteBuf in) {
    if (in.isDirect() && in.nioBufferCount() == 1) {
      return in.retain();
    }
    ByteBuf copy = in.alloc().directBuffer(Math.max(in.readableBytes(), 1));
    return copy.writeBytes(in, in.readerIndex(), in.readableBytes());
  }

  @Override
  public void close() {
    closeFrames();
    if (compressor != null) {
      compressor.close();
      compressor = null;
    }
  }
}
