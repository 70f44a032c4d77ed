package dev.jev.plugin;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.jev.Plugin;
import dev.jev.ProtocolException;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.handler.ssl.SniCompletionEvent;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.IntSupplier;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * A plugin that reads the bytes of a connection, as a fuzzer sees it.
 *
 * <p>An input is the bytes that arrive, and where it is split follows from the bytes. For any input
 * only a {@link ProtocolException} is thrown, all buffers are released, and memory is limited.
 */
final class FuzzedPlugin {

  /** A chunk of transformed input, and what Netty adds to short buffers. */
  private static final long HELD_BYTES = StreamTransformHandler.CHUNK_BYTES + 8 * 1024;

  private static final long HELD_BYTES_PER_BYTE = 8; // of a buffer that grows

  private static final long ALLOCATED_BYTES = 256 * 1024;
  private static final long ALLOCATED_BYTES_PER_READ = 1024;
  private static final long ALLOCATED_BYTES_PER_BYTE =
      System.getProperty("JAZZER_FUZZ") == null ? 256 : 4096; // tracing allocates, too
  private static final long ALLOCATED_BYTES_PER_OUTPUT_BYTE = 8; // copies of this class

  private static final String ZSTD = "zstd: ";

  private static final int DECODED_BYTES = 8 * 1024;

  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  private final Plugin plugin;
  private final Predicate<EmbeddedLink> done;

  /**
   * The result of an input.
   *
   * @param received the bytes that reached the connection, one character per byte
   * @param events the addresses and attributes of the connection, and the end of the input
   * @param refusal the message of the exception, or null
   * @param sent the bytes that were sent to the peer, one character per byte
   */
  record Outcome(String received, List<Object> events, @Nullable String refusal, String sent) {

    /**
     * Returns whether the connection could not tell the outcomes apart, except that less output
     * before a fault may have reached it. The zstd library does not see all faults, such as a wrong
     * content size, if a frame arrives in several reads.
     */
    private boolean agreesWith(Outcome other) {
      boolean both = refusal != null && other.refusal != null;
      boolean empty = received.isEmpty() && other.received.isEmpty();
      boolean zstd = ZSTD.equals(refusal) || ZSTD.equals(other.refusal);
      if (zstd || (both && !empty)) {
        return received.startsWith(other.received) || other.received.startsWith(received);
      }
      return equals(other);
    }

    /**
     * Checks that another decoder has the same output as far as both continue, and no more if the
     * input was accepted.
     */
    void checkOutput(byte[] input, Decoder decoder) {
      String expected = decode(input, decoder);
      boolean agrees =
          received.startsWith(expected) || (refusal != null && expected.startsWith(received));
      assertThat(agrees).as("output: %s (expected: %s)", this, expected).isTrue();
    }
  }

  /** Another implementation of a transform. */
  interface Decoder {
    InputStream decode(InputStream in) throws IOException;
  }

  FuzzedPlugin(Plugin plugin) {
    this(plugin, link -> false);
  }

  /**
   * Creates the checks of a plugin.
   *
   * @param done returns whether the plugin has done its work, after which the outcome is only that
   */
  FuzzedPlugin(Plugin plugin, Predicate<EmbeddedLink> done) {
    this.plugin = plugin;
    this.done = done;
  }

  /**
   * Checks that the input has the same outcome in one read, byte by byte and in pieces, and if the
   * connection pauses after each read.
   *
   * @return that outcome
   */
  Outcome checkSplits(byte[] input) {
    Outcome whole = read(input, () -> input.length, /* pausing= */ false);
    expectSame("byte by byte", read(input, () -> 1, /* pausing= */ false), whole);
    expectSame("in pieces", read(input, pieces(input), /* pausing= */ false), whole);
    expectSame("with pauses", read(input, pieces(input), /* pausing= */ true), whole);
    return whole;
  }

  private static void expectSame(String what, Outcome outcome, Outcome expected) {
    if (!outcome.agreesWith(expected)) {
      throw new AssertionError(what + ": " + outcome + " (expected: " + expected + ")");
    }
  }

  /**
   * Checks that bytes that are written in pieces, each of which is flushed, are the same after they
   * were read, by the plugin and by another decoder.
   */
  void checkRoundTrip(byte[] bytes, Decoder decoder) {
    EmbeddedLink link = new EmbeddedLink(plugin);
    IntSupplier lengths = pieces(bytes);
    ByteArrayOutputStream sent = new ByteArrayOutputStream();
    for (int from = 0, to; from < bytes.length; from = to) {
      to = Math.min(bytes.length, from + lengths.getAsInt());
      sent.writeBytes(link.write(Arrays.copyOfRange(bytes, from, to)).flush().sent());
    }
    sent.writeBytes(link.end().sent());
    link.channel().finishAndReleaseAll();
    Outcome outcome = read(sent.toByteArray(), sent::size, /* pausing= */ false);
    assertThat(outcome.refusal()).isNull();
    assertThat(outcome.received()).isEqualTo(new String(bytes, ISO_8859_1));
    assertThat(decode(sent.toByteArray(), decoder)).isEqualTo(outcome.received());
  }

  /** Returns the output until the end or a fault, one character per byte. */
  private static String decode(byte[] input, Decoder decoder) {
    StringBuilder output = new StringBuilder();
    byte[] bytes = new byte[DECODED_BYTES];
    try (InputStream in = decoder.decode(new ByteArrayInputStream(input))) {
      for (int length; (length = in.read(bytes)) >= 0; ) {
        output.append(new String(bytes, 0, length, ISO_8859_1));
      }
    } catch (IOException e) {
      // The output ends here.
    }
    return output.toString();
  }

  /** Returns lengths from 1 to 128, always the same for the same input. */
  static IntSupplier pieces(byte[] input) {
    SplittableRandom random = new SplittableRandom(Arrays.hashCode(input));
    return () -> 1 + random.nextInt(1 << random.nextInt(8));
  }

  private Outcome read(byte[] input, IntSupplier lengths, boolean pausing) {
    Run run = new Run(input.length, pausing);
    run.read(input, lengths);
    Outcome outcome = run.end();
    if (run.allocatedBeyond(outcome) > 0) { // once more: classes may have been loaded
      run = new Run(input.length, pausing);
      run.read(input, lengths);
      outcome = run.end();
      assertThat(run.allocatedBeyond(outcome)).as("allocated bytes too many").isNotPositive();
    }
    return outcome;
  }

  /** A connection from its beginning to its end. */
  private final class Run {

    private final UnpooledByteBufAllocator allocator =
        new UnpooledByteBufAllocator(/* preferDirect= */ true, /* disableLeakDetector= */ true);
    private final EmbeddedLink link = new EmbeddedLink(plugin);
    private final int length;
    private final long maxHeldBytes;
    private int reads;
    private long allocated;

    Run(int length, boolean pausing) {
      this.length = length;
      maxHeldBytes = HELD_BYTES + HELD_BYTES_PER_BYTE * length;
      link.channel().config().setAllocator(allocator);
      link.maxChunksBeforePause = pausing ? 1 : Integer.MAX_VALUE;
      link.channel()
          .pipeline()
          .addBefore(link.channel().pipeline().context(link).name(), null, new Probe());
    }

    /** Measures the memory in use while the connection reads. */
    private final class Probe extends ChannelInboundHandlerAdapter {
      @Override
      public void channelRead(ChannelHandlerContext ctx, Object message) {
        checkHeld();
        ctx.fireChannelRead(message);
      }
    }

    private void checkHeld() {
      if (held() > maxHeldBytes) {
        throw new AssertionError("bytes: " + held() + " (expected: <= " + maxHeldBytes + ")");
      }
    }

    private long held() {
      return allocator.metric().usedDirectMemory() + allocator.metric().usedHeapMemory();
    }

    void read(byte[] input, IntSupplier lengths) {
      long before = THREADS.getCurrentThreadAllocatedBytes();
      for (int from = 0; from < input.length && !isOver(); reads++) {
        int to = Math.min(input.length, from + lengths.getAsInt());
        link.arrive(input, from, to);
        checkHeld();
        resume();
        from = to;
      }
      if (!isOver()) {
        link.channel().pipeline().fireUserEventTriggered(ChannelInputShutdownEvent.INSTANCE);
        resume();
      }
      allocated = THREADS.getCurrentThreadAllocatedBytes() - before;
    }

    long allocatedBeyond(Outcome outcome) {
      return allocated
          - ALLOCATED_BYTES
          - ALLOCATED_BYTES_PER_READ * reads
          - ALLOCATED_BYTES_PER_BYTE * length
          - ALLOCATED_BYTES_PER_OUTPUT_BYTE * outcome.received().length();
    }

    /** Lets the connection read on while it is paused. */
    private void resume() {
      while (!link.channel().config().isAutoRead() && !isOver()) {
        link.maxChunksBeforePause = link.chunks.size() + 1;
        link.channel().config().setAutoRead(true);
        link.channel().runPendingTasks();
      }
    }

    private boolean isOver() {
      return link.reason != null || !link.failures.isEmpty() || done.test(link);
    }

    Outcome end() {
      boolean isDone = done.test(link);
      String received = new String(link.received(), ISO_8859_1);
      String sent = new String(link.sent(), ISO_8859_1);
      link.channel().finishAndReleaseAll();
      assertThat(held()).as("bytes not released").isZero();
      link.events.removeIf(SniCompletionEvent.class::isInstance); // it has the refusal
      return isDone
          ? new Outcome("", List.of("done"), null, "")
          : new Outcome(received, List.copyOf(link.events), refusal(), sent);
    }

    private @Nullable String refusal() {
      Throwable cause = link.reason == null ? null : link.reason.cause();
      cause = cause == null && !link.failures.isEmpty() ? link.failures.get(0) : cause;
      if (cause != null && !(cause instanceof ProtocolException)) {
        throw new AssertionError("plugin failed: " + cause, cause);
      }
      String message = cause == null ? null : cause.getMessage();
      // Which of several faults the library names depends on how much it has at a time.
      return message != null && message.startsWith(ZSTD) ? ZSTD : message;
    }
  }
}
