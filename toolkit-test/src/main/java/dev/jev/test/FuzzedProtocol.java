package dev.jev.test;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.util.Objects.requireNonNull;

import dev.jev.Protocol;
import io.netty.buffer.ByteBuf;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Function;
import java.util.function.IntSupplier;
import java.util.function.Supplier;

/**
 * Checks of a {@link Protocol} for the inputs of a fuzzer, of Jazzer for example.
 *
 * <pre>
 *   static final FuzzedProtocol&lt;String, String&gt; TEXTS =
 *       new FuzzedProtocol&lt;&gt;(ShortTexts::new, Function.identity());
 *
 *   &#64;FuzzTest
 *   void textsDoNotDependOnTheSplits(byte[] input) {
 *     TEXTS.checkSplits(input);
 *     TEXTS.checkAllocation(input);
 *   }
 * </pre>
 *
 * <p>An input is the bytes of one connection, and where it is split follows from the bytes. For
 * each input the protocol is called by an {@link UnpackLoop}. It must throw nothing but a {@link
 * dev.jev.ProtocolException} and must release all buffers of {@code in.alloc()}. Timers do not run.
 *
 * @param <I> the messages that come in
 * @param <V> the values by which messages are compared, after their release
 */
public final class FuzzedProtocol<I, V> {

  /** Small, so that a fuzzer easily finds a longer frame. */
  private static final int MAX_FRAME_BYTES = 256;

  /** Large, so that memory for a declared length is noticed. */
  private static final int LARGE_FRAME_BYTES = 1 << 30;

  private static final long ALLOCATED_BYTES = 256 * 1024;
  private static final long ALLOCATED_BYTES_PER_MESSAGE = 2 * 1024;
  private static final long ALLOCATED_BYTES_PER_BYTE =
      isTraced() ? 4096 : 256; // tracing allocates, too

  private final Supplier<? extends Protocol<I, ?>> protocols;
  private final Function<? super I, ? extends V> value;
  private final int maxFrameBytes;

  /**
   * The result of an input.
   *
   * @param messages the values of the messages
   * @param refused true if the peer was refused
   * @param written the bytes that the protocol wrote, one character per byte
   */
  public record Outcome<V>(List<V> messages, boolean refused, String written) {}

  /** Creates the checks of a protocol, with a frame limit of 256 bytes. */
  public FuzzedProtocol(
      Supplier<? extends Protocol<I, ?>> protocols, Function<? super I, ? extends V> value) {
    this(protocols, value, MAX_FRAME_BYTES);
  }

  /**
   * Creates the checks of a protocol.
   *
   * @param value the function that copies what is compared out of a message
   * @param maxFrameBytes the frame limit of all checks but {@link #checkAllocation}
   */
  public FuzzedProtocol(
      Supplier<? extends Protocol<I, ?>> protocols,
      Function<? super I, ? extends V> value,
      int maxFrameBytes) {
    this.protocols = requireNonNull(protocols, "protocols");
    this.value = requireNonNull(value, "value");
    this.maxFrameBytes = maxFrameBytes;
  }

  /** Creates the checks of a protocol of buffers, compared as text with one character per byte. */
  public static FuzzedProtocol<ByteBuf, String> ofBuffers(
      Supplier<? extends Protocol<ByteBuf, ?>> protocols) {
    return new FuzzedProtocol<>(protocols, bytes -> bytes.toString(ISO_8859_1));
  }

  /**
   * Checks that the input has the same outcome in one read, byte by byte and in pieces.
   *
   * @return that outcome
   */
  public Outcome<V> checkSplits(byte[] input) {
    Outcome<V> whole = read(input, () -> input.length);
    expectSame("byte by byte", read(input, () -> 1), whole);
    expectSame("in pieces", read(input, pieces(input)), whole);
    return whole;
  }

  /** Reads the input in pieces of the given lengths; returns the outcome. */
  public Outcome<V> read(byte[] input, IntSupplier lengths) {
    return new Run<>(protocols.get(), maxFrameBytes).read(input, lengths);
  }

  /**
   * Checks that little heap memory is allocated for the input, even if frames may be 1 GiB long: at
   * most 256 KiB, 2 KiB per message, and 256 bytes per byte of input, or 4 KiB while Jazzer traces
   * the code: with {@code JAZZER_FUZZ}, an environment variable or a system property.
   *
   * @return the outcome in one read
   */
  public Outcome<V> checkAllocation(byte[] input) {
    Run<?> run = new Run<>(protocols.get(), LARGE_FRAME_BYTES);
    Outcome<V> outcome = run.read(input, () -> input.length);
    long limit =
        ALLOCATED_BYTES
            + ALLOCATED_BYTES_PER_BYTE * input.length
            + ALLOCATED_BYTES_PER_MESSAGE * outcome.messages().size();
    if (run.loop.allocatedBytes() > limit) { // once more: the first time classes may be loaded
      run = new Run<>(protocols.get(), LARGE_FRAME_BYTES);
      expectSame("once more", run.read(input, () -> input.length), outcome);
      if (run.loop.allocatedBytes() > limit) {
        throw new Violation(
            "allocated bytes: " + run.loop.allocatedBytes() + " (expected: <= " + limit + ")");
      }
    }
    return outcome;
  }

  /**
   * Checks that messages are the same after they were packed and unpacked.
   *
   * @param packer the protocol that packs, of the other end
   * @param message the function that makes the message of a value
   * @return the packed bytes
   */
  public <O> byte[] checkRoundTrip(
      List<V> messages, Protocol<?, O> packer, Function<? super V, O> message) {
    ByteArrayOutputStream packed = new ByteArrayOutputStream();
    try (var loop = new UnpackLoop<>(packer, new TestContext(), any -> {}).open()) {
      messages.forEach(each -> packed.writeBytes(loop.pack(message.apply(each))));
    }
    Outcome<V> again = checkAllocation(packed.toByteArray());
    expectSame("packed messages", again, new Outcome<>(messages, false, again.written()));
    return packed.toByteArray();
  }

  /** Returns lengths from 1 to 128, always the same for the same input. */
  public static IntSupplier pieces(byte[] input) {
    SplittableRandom random = new SplittableRandom(Arrays.hashCode(input));
    return () -> 1 + random.nextInt(1 << random.nextInt(8));
  }

  private static boolean isTraced() {
    return System.getenv("JAZZER_FUZZ") != null || System.getProperty("JAZZER_FUZZ") != null;
  }

  private static void expectSame(String what, Outcome<?> outcome, Outcome<?> expected) {
    if (!outcome.equals(expected)) {
      throw new Violation(what + ": " + outcome + " (expected: " + expected + ")");
    }
  }

  /** A connection from its beginning to its end. */
  private final class Run<O> {

    private final TestContext context = new TestContext();
    private final List<V> messages = new ArrayList<>();
    private final UnpackLoop<I, O> loop;

    Run(Protocol<I, O> protocol, int maxFrameBytes) {
      context.maxFrameBytes(maxFrameBytes);
      loop = new UnpackLoop<>(protocol, context, message -> messages.add(value.apply(message)));
    }

    Outcome<V> read(byte[] input, IntSupplier lengths) {
      loop.open().read(input, lengths).close();
      String written = new String(context.takeWritten(), ISO_8859_1);
      return new Outcome<>(messages, loop.refusal() != null, written);
    }
  }
}
