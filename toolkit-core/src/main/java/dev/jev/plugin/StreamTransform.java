package dev.jev.plugin;

import static java.util.Objects.requireNonNull;

import dev.jev.Plugin;
import io.netty.buffer.ByteBuf;
import java.util.function.Supplier;

/**
 * Turns the bytes of the wire into those of the protocol and back: compression, or anything else.
 *
 * <p>Both ways are streams: what a message turns into depends on those before it. Output leaves the
 * {@link Transformer#flush transformer} as often as the connection flushes, so that a message that
 * was sent can be read by the peer at once.
 *
 * <p><b>Limits.</b> Input is transformed in pieces of 32 KiB, the next one when the connection
 * still reads after the one before. So a few bytes that turn into many cost no more memory than the
 * server's {@code maxFrameBytes} and 64 KiB. They cost time, though: {@link #gzip} and {@link
 * #zstd} close a connection with {@link dev.jev.CloseReason.Kind#LIMIT} when more than 1 MiB has
 * come out of them and that is more than 100 times as much as came in, about the last MiB of it.
 *
 * <p><b>Errors.</b> Input that cannot be transformed, or ends too early, closes the connection with
 * {@link dev.jev.CloseReason.Kind#PROTOCOL_ERROR}.
 */
public final class StreamTransform implements Plugin {

  /**
   * A transform of one connection, which keeps its state in fields.
   *
   * <p>Called on the connection's event loop. What throws closes the connection.
   *
   * <p><b>Ownership.</b> Buffers are valid during the call and belong to the caller.
   */
  public interface Transformer {

    /**
     * Takes bytes of the wire off {@code in} and appends those of the protocol to {@code out}.
     *
     * <p>Called until {@code in} is empty and {@code out}, which begins empty and with room for 32
     * KiB, is not full. If what is left to append is more than fits, it should be left for the next
     * call. A call that neither takes nor appends anything is an error.
     *
     * @throws dev.jev.ProtocolException if the bytes make no sense
     */
    void inbound(ByteBuf in, ByteBuf out);

    /**
     * Takes all bytes of the protocol off {@code in} and appends those of the wire to {@code out},
     * or keeps them until {@link #flush}.
     */
    void outbound(ByteBuf in, ByteBuf out);

    /** Appends what is left, so that the peer can read all that was given to {@link #outbound}. */
    default void flush(ByteBuf out) {}

    /** Appends what ends the stream, if something does; nothing follows it. */
    default void finish(ByteBuf out) {}

    /**
     * Says that the peer has ended its output.
     *
     * @throws dev.jev.ProtocolException if there should have been more
     */
    default void inputEnded() {}

    /** Lets go of everything; nothing is called afterwards. */
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
   * Returns a transform of the user's, without a limit to its ratio.
   *
   * @param transformers makes the transformer of each connection
   */
  public static StreamTransform of(Supplier<? extends Transformer> transformers) {
    return new StreamTransform(transformers, Integer.MAX_VALUE);
  }

  /** Returns {@link #gzip(int, int)} of level 6, with 100 as its greatest ratio. */
  public static StreamTransform gzip() {
    return gzip(GZIP_LEVEL, MAX_RATIO);
  }

  /**
   * Returns a transform to gzip streams (RFC 1952), one each way that lasts as long as the
   * connection.
   *
   * <p>A connection that has received something has about 45 KiB of native memory for it, one that
   * has sent something about 280 KiB. The peer may end its output behind a flush, without a
   * trailer.
   *
   * @param level 1, the fastest, to 9, the smallest
   * @param maxRatio how many times as many bytes as came in may come out
   */
  public static StreamTransform gzip(int level, int maxRatio) {
    Checks.inRange("level", level, 1, 9);
    Checks.inRange("maxRatio", maxRatio, 1, Integer.MAX_VALUE);
    return new StreamTransform(() -> new GzipTransformer(level), maxRatio);
  }

  /** Returns {@link #zstd(int, int)} of level 3, with 100 as its greatest ratio. */
  public static StreamTransform zstd() {
    return zstd(ZSTD_LEVEL, MAX_RATIO);
  }

  /**
   * Returns a transform to Zstandard streams (RFC 8878), one frame each way that lasts as long as
   * the connection.
   *
   * <p>A connection that has sent something has up to 900 KiB of native memory for it. One that has
   * received something has about 200 KiB, or what the peer's window takes, up to 8 MiB; a larger
   * window is an error. That the input ends too early is not noticed.
   *
   * @param level 1, the fastest, to 19, the smallest
   * @param maxRatio how many times as many bytes as came in may come out
   * @throws IllegalStateException if {@code com.github.luben:zstd-jni}, which Jev does not bring
   *     along, is not there
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
