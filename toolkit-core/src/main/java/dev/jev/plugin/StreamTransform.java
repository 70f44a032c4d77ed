package dev.jev.plugin;

import static java.util.Objects.requireNonNull;

import dev.jev.Plugin;
import io.netty.buffer.ByteBuf;
import java.util.function.Supplier;

/**
 * Transforms the bytes between the socket and the protocol: compression, or any other encoding.
 *
 * <p>Both directions are streams: the encoding of a message depends on the messages before it. The
 * {@link Transformer#flush transformer is flushed} whenever the connection is flushed, so that the
 * peer can decode a message as soon as it is sent.
 *
 * <p><b>Limits.</b> Input is transformed in chunks of 32 KiB, the next one only if the connection
 * still reads after the previous one. So a few bytes that expand to many need no more memory than
 * the server's {@code maxFrameBytes} plus 64 KiB. They still cost CPU time, which is limited in two
 * ways. After about 128 KiB of input and output, the other connections of the event loop have their
 * turn. And {@link #gzip} and {@link #zstd} close a connection with {@link
 * dev.jev.CloseReason.Kind#LIMIT} when their output exceeds 1 MiB and is more than 100 times the
 * input, measured over about the last MiB of input. The end of a zstd frame, and each table of
 * codes in it, counts as 1 KiB of output, since frames and blocks may be empty.
 *
 * <p><b>Errors.</b> Input that cannot be transformed, or that ends too early, closes the connection
 * with {@link dev.jev.CloseReason.Kind#PROTOCOL_ERROR}.
 */
public final class StreamTransform implements Plugin {

  /**
   * A transform of one connection, which keeps its state in fields.
   *
   * <p><b>Threads.</b> Event loop of the connection only.
   *
   * <p><b>Errors.</b> An exception closes the connection.
   *
   * <p><b>Ownership.</b> Buffers are valid during the call and belong to the caller.
   */
  public interface Transformer {

    /**
     * Consumes bytes of the socket from {@code in} and appends bytes for the protocol to {@code
     * out}.
     *
     * <p>Called until {@code in} is empty and {@code out} is not full. At the beginning of a call,
     * {@code in} has at most 32 KiB, and {@code out} is empty and has room for 32 KiB; output that
     * does not fit should be left for the next call. A call that neither consumes nor appends
     * anything is an error.
     *
     * @throws dev.jev.ProtocolException if the bytes are malformed
     */
    void inbound(ByteBuf in, ByteBuf out);

    /**
     * Consumes all bytes of the protocol from {@code in} and appends bytes for the socket to {@code
     * out}, or keeps them until {@link #flush}.
     */
    void outbound(ByteBuf in, ByteBuf out);

    /**
     * Appends all bytes that were kept, so that the peer can decode everything that was passed to
     * {@link #outbound}.
     */
    default void flush(ByteBuf out) {}

    /** Appends the end of the stream, if the format has one. Nothing follows it. */
    default void finish(ByteBuf out) {}

    /**
     * Called when the peer has ended its output.
     *
     * @throws dev.jev.ProtocolException if the input is incomplete
     */
    default void inputEnded() {}

    /**
     * Returns the number of bytes of memory that input of the peer occupies in this transformer, as
     * in {@link dev.jev.Protocol#bufferedBytes}; 0 by default.
     */
    default long bufferedBytes() {
      return 0;
    }

    /** Releases all resources. No method is called afterwards. */
    default void close() {}
  }

  private static final int MAX_RATIO = 100;
  private static final int GZIP_LEVEL = 6;
  private static final int ZSTD_LEVEL = 3;

  private final Supplier<? extends Transformer> transformers;
  private final int maxRatio;

  private StreamTransform(Supplier<? extends Transformer> transformers, int maxRatio) {
    this.transformers = requireNonNull(transformers, "transformers");
    this.maxRatio = maxRatio;
  }

  /**
   * Returns a transform with a transformer of your own, without a maximum ratio.
   *
   * @param transformers a factory, called once per connection
   */
  public static StreamTransform of(Supplier<? extends Transformer> transformers) {
    return new StreamTransform(transformers, Integer.MAX_VALUE);
  }

  /** Returns {@link #gzip(int, int)} with level 6 and a maximum ratio of 100. */
  public static StreamTransform gzip() {
    return gzip(GZIP_LEVEL, MAX_RATIO);
  }

  /**
   * Returns a transform to gzip streams (RFC 1952), one per direction for the whole connection.
   *
   * <p>A connection that has received something uses about 45 KiB of native memory, one that has
   * sent something about 280 KiB. The peer may end its output after a flush, without a trailer.
   *
   * @param level the compression level, from 1, the fastest, to 9, the smallest output
   * @param maxRatio the maximum number of bytes that one received byte may expand to
   */
  public static StreamTransform gzip(int level, int maxRatio) {
    Checks.inRange("level", level, 1, 9);
    Checks.inRange("maxRatio", maxRatio, 1, Integer.MAX_VALUE);
    return new StreamTransform(() -> new GzipTransformer(level), maxRatio);
  }

  /** Returns {@link #zstd(int, int)} with level 3 and a maximum ratio of 100. */
  public static StreamTransform zstd() {
    return zstd(ZSTD_LEVEL, MAX_RATIO);
  }

  /**
   * Returns a transform to Zstandard streams (RFC 8878), one frame per direction for the whole
   * connection.
   *
   * <p>The peer may send several frames, which should have content: see the limits above. A
   * connection that has sent something uses up to 900 KiB of native memory. One that has received
   * something uses about 200 KiB, or what the peer's window requires, up to 8 MiB; a larger window
   * is an error. Input that ends too early is not detected.
   *
   * @param level the compression level, from 1, the fastest, to 19, the smallest output
   * @param maxRatio the maximum number of bytes that one received byte may expand to
   * @throws IllegalStateException if {@code com.github.luben:zstd-jni}, which is not a dependency
   *     of Jev, is not on the class path
   */
  public static StreamTransform zstd(int level, int maxRatio) {
    Checks.inRange("level", level, 1, 19);
    Checks.inRange("maxRatio", maxRatio, 1, Integer.MAX_VALUE);
    try {
      ZstdTransformer.load();
    } catch (LinkageError e) {
      throw new IllegalStateException(
          "zstd is not available; add com.github.luben:zstd-jni to the class path", e);
    }
    return new StreamTransform(() -> new ZstdTransformer(level), maxRatio);
  }

  @Override
  public Stage stage() {
    return Stage.TRANSFORM;
  }

  @Override
  public Observer install(Link link) {
    Transformer transformer = requireNonNull(transformers.get(), "transformer");
    StreamTransformHandler handler = new StreamTransformHandler(link, transformer, maxRatio);
    link.pipeline().addLast(handler);
    return handler;
  }
}
