package dev.jev.test;

import static java.util.Objects.requireNonNull;

import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import dev.jev.ProtocolException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DynamicTest;

/**
 * What every {@link Protocol} owes its users, checked with samples of its messages.
 *
 * <pre>
 *   ProtocolContract.of(ShortTexts::new)
 *       .message("hello")
 *       .wire("05 68656c6c6f", "hello")
 *       .refused("00", "length: 0")
 *       .check();
 * </pre>
 *
 * <p>The protocol is called as the framework calls it, by reads that end anywhere and with what is
 * left over in front of the next one, each time in another buffer. Every check looks at all buffers
 * too: {@code in} is not released, not written to and not used after its call, its reader index
 * never goes back, messages own a reference each and do not change until it is released, {@code
 * close} is called once, and nothing is left after it. A failure shows the bytes, where they were
 * split, the seed, what was expected and what came.
 *
 * <p>The checks, and what each one proves:
 *
 * <ul>
 *   <li><b>round trip</b>: what is packed is unpacked to equal messages; {@code pack} only appends.
 *   <li><b>whole input</b>: each sample in one read, and all of them in one.
 *   <li><b>one byte at a time</b>, <b>every split in two</b>, <b>random splits</b>: the messages do
 *       not depend on where reads end. Of a sample longer than 1,024 bytes the 256 positions at
 *       each end and 256 others are tried; random splits have up to 9 parts.
 *   <li><b>many in one read</b>: about 2,000 messages, at most 1 MiB unless the samples are longer,
 *       in one read and across reads.
 *   <li><b>independent instances</b>: two connections whose reads come in turn share nothing.
 *   <li><b>truncation</b>: an input that ends early gives the messages that are complete, no other
 *       and no exception.
 *   <li><b>refusals</b>: the {@link #refused} samples are, with their message, when their last byte
 *       is there at the latest.
 *   <li><b>frame limit</b>: a message of more than 1,024 bytes is refused if {@link
 *       ProtocolContext#maxFrameBytes} is one byte less than its wire form and accepted if it is
 *       equal; what goes on without end is never delivered as a frame longer than the limit, and
 *       never buffered beyond twice the limit.
 *   <li><b>garbage</b>, <b>mutated input</b>: bytes from a broken or hostile peer cause messages or
 *       a {@link ProtocolException}, nothing else: no other exception, no loop, no leak, and no
 *       more allocation, on the heap and from {@code in.alloc()}, than 256 KiB and 256 bytes for
 *       each byte that came in.
 *   <li><b>declared lengths</b>: the same for lengths of up to 16 MiB written over the first 24
 *       bytes of each sample, with a frame limit of 64 MiB: nothing is allocated on a promise.
 *   <li><b>linear time</b>: when bytes come one at a time, each is looked at 64 times at most;
 *       counted, not measured, and only while it is in {@code in}. Means little without a message
 *       of some hundred bytes.
 *   <li><b>idle memory</b>: an instance that has seen the first sample takes no more than {@link
 *       #maxIdleBytes}, the buffers that it keeps included.
 * </ul>
 *
 * <p>Datagrams are not checked. Buffers that a protocol gets elsewhere than from {@code in} and
 * {@code in.alloc()} are left to Netty's leak detection.
 *
 * <p>Each check runs on a daemon thread of its own. A contract may be checked again and again.
 *
 * @param <I> the messages that come in
 * @param <O> the messages that go out
 */
public final class ProtocolContract<I, O> {

  private final ContractOptions<I, O> options;

  private ProtocolContract(Supplier<? extends Protocol<I, O>> protocols) {
    this.options = new ContractOptions<>(protocols);
  }

  /**
   * A contract for the protocol of which {@code protocols} makes an instance for each connection.
   */
  public static <I, O> ProtocolContract<I, O> of(Supplier<? extends Protocol<I, O>> protocols) {
    return new ProtocolContract<>(requireNonNull(protocols, "protocols"));
  }

  /**
   * Sets the protocol of the other end, which packs the {@link #message} samples. By default it is
   * the protocol itself, which is right if its messages are the same in both directions.
   */
  public ProtocolContract<I, O> counterpart(Supplier<? extends Protocol<O, I>> counterpart) {
    options.counterpart = requireNonNull(counterpart, "counterpart");
    return this;
  }

  /**
   * Adds a message, to be packed and unpacked again.
   *
   * <p><b>Ownership.</b> A reference-counted message stays the caller's: what is packed is a copy
   * of a {@code ByteBuf}, and anything else retained. It must live until the checks are done.
   */
  public ProtocolContract<I, O> message(I message) {
    options.messages.add(requireNonNull(message, "message"));
    return this;
  }

  /**
   * Adds bytes, as {@link Hex#bytes} reads them, and the messages they give.
   *
   * <p><b>Ownership.</b> The messages stay the caller's; buffers may be released after this call.
   */
  @SafeVarargs
  @SuppressWarnings("varargs") // read as a list, never kept
  public final ProtocolContract<I, O> wire(String hex, I... messages) {
    return add(Hex.bytes(hex), Arrays.asList(messages));
  }

  /** Adds bytes and the messages they give, see {@link #wire(String, Object...)}. */
  @SafeVarargs
  @SuppressWarnings("varargs") // read as a list, never kept
  public final ProtocolContract<I, O> wire(byte[] bytes, I... messages) {
    return add(bytes.clone(), Arrays.asList(messages));
  }

  private ProtocolContract<I, O> add(byte[] bytes, List<I> messages) {
    List<@Nullable Object> snapshots = new ArrayList<>();
    for (I message : messages) {
      snapshots.add(Snapshot.of(options.key.apply(message)));
    }
    options.wires.add(new ContractOptions.WireSample(bytes, snapshots));
    return this;
  }

  /**
   * Adds bytes, as {@link Hex#bytes} reads them, that are refused with a {@link ProtocolException}
   * whose message contains {@code message}.
   */
  public ProtocolContract<I, O> refused(String hex, String message) {
    return refused(Hex.bytes(hex), message);
  }

  /** Adds bytes that are refused, see {@link #refused(String, String)}. */
  public ProtocolContract<I, O> refused(byte[] bytes, String message) {
    options.refusals.add(
        new ContractOptions.Refused(bytes.clone(), requireNonNull(message, "message")));
    return this;
  }

  /**
   * Sets what a peer sends first, once, before every sample: its part of a handshake. Nothing by
   * default, or what the protocol that packs the messages writes when it is opened.
   */
  public ProtocolContract<I, O> opening(byte... bytes) {
    options.opening = bytes.clone();
    return this;
  }

  /**
   * Sets what messages are compared by, for those without an {@code equals} of their own; to be
   * called before the samples are added.
   *
   * <p>By default the bytes of buffers and byte arrays are compared, lists by their elements, and
   * everything else by {@code equals}.
   */
  public ProtocolContract<I, O> comparing(Function<? super I, ?> key) {
    options.key = requireNonNull(key, "key");
    return this;
  }

  /**
   * Says that messages are pieces of a stream, whose borders mean nothing: only their bytes, put
   * together, are compared, and no frame is too long.
   */
  public ProtocolContract<I, O> stream() {
    options.stream = true;
    return this;
  }

  /** Sets what {@link ProtocolContext#maxFrameBytes} returns; 65,536 bytes by default. */
  public ProtocolContract<I, O> maxFrameBytes(int maxFrameBytes) {
    options.maxFrameBytes = positive("maxFrameBytes", maxFrameBytes);
    return this;
  }

  /** Sets how many bytes an idle instance may take, with its buffers; 1,024 by default. */
  public ProtocolContract<I, O> maxIdleBytes(int maxIdleBytes) {
    options.maxIdleBytes = positive("maxIdleBytes", maxIdleBytes);
    return this;
  }

  /**
   * Sets where the random checks begin; 1 by default, so that every run is the same. Failures print
   * it.
   */
  public ProtocolContract<I, O> seed(long seed) {
    options.seed = seed;
    return this;
  }

  /** Sets how many inputs each of the random checks tries; 2,000 by default. */
  public ProtocolContract<I, O> rounds(int rounds) {
    options.rounds = positive("rounds", rounds);
    return this;
  }

  /** Sets how long each check may take before it counts as endless; 60 s by default. */
  public ProtocolContract<I, O> deadline(Duration deadline) {
    if (deadline.isNegative() || deadline.isZero()) {
      throw new IllegalArgumentException("deadline: " + deadline + " (expected: > PT0S)");
    }
    options.deadline = deadline;
    return this;
  }

  private static int positive(String name, int value) {
    if (value < 1) {
      throw new IllegalArgumentException(name + ": " + value + " (expected: >= 1)");
    }
    return value;
  }

  /** The checks as tests, for a method with {@code @TestFactory}; needs JUnit Jupiter. */
  public Stream<DynamicTest> tests() {
    return checks().stream().map(check -> DynamicTest.dynamicTest(check.name(), check.body()::run));
  }

  /**
   * Runs all checks.
   *
   * @throws AssertionError which names every check that failed, and why; each is suppressed in it
   */
  public void check() {
    List<Check> checks = checks();
    List<AssertionError> failures = new ArrayList<>();
    for (Check check : checks) {
      try {
        check.body().run();
      } catch (AssertionError e) {
        failures.add(e);
      }
    }
    if (!failures.isEmpty()) {
      throw failure(failures, checks.size());
    }
  }

  private AssertionError failure(List<AssertionError> failures, int checks) {
    StringBuilder text = new StringBuilder();
    text.append(options.name()).append(": ").append(failures.size()).append(" of ").append(checks);
    text.append(" checks failed");
    for (AssertionError each : failures) {
      text.append(System.lineSeparator()).append("* ").append(each.getMessage());
    }
    AssertionError failure = new AssertionError(text.toString());
    failures.forEach(failure::addSuppressed);
    return failure;
  }

  private List<Check> checks() {
    return Arrays.asList(
        framing("round trip", FramingChecks::roundTrip),
        framing("whole input", FramingChecks::wholeInput),
        framing("one byte at a time", FramingChecks::oneByteAtATime),
        framing("every split in two", FramingChecks::everySplitInTwo),
        framing("random splits", FramingChecks::randomSplits),
        framing("many in one read", FramingChecks::manyInOneRead),
        framing("independent instances", FramingChecks::independentInstances),
        framing("truncation", FramingChecks::truncation),
        abuse("refusals", AbuseChecks::refusals),
        abuse("frame limit", AbuseChecks::limit),
        abuse("garbage", AbuseChecks::garbage),
        abuse("mutated input", AbuseChecks::mutations),
        abuse("declared lengths", AbuseChecks::declaredLengths),
        cost("linear time", CostChecks::linearTime),
        cost("idle memory", CostChecks::idleMemory));
  }

  // Each run begins anew, so that its random inputs do not depend on what ran before.

  private Check framing(String name, Consumer<FramingChecks<I, O>> body) {
    return new Check(
        name,
        () -> {
          FramingChecks<I, O> checks = new FramingChecks<>(options);
          Deadline.run(name, options.deadline, () -> body.accept(checks), checks.runner()::explain);
        });
  }

  private Check abuse(String name, Consumer<AbuseChecks<I, O>> body) {
    return new Check(
        name,
        () -> {
          AbuseChecks<I, O> checks = new AbuseChecks<>(options);
          Deadline.run(name, options.deadline, () -> body.accept(checks), checks.runner()::explain);
        });
  }

  private Check cost(String name, Consumer<CostChecks<I, O>> body) {
    return new Check(
        name,
        () -> {
          CostChecks<I, O> checks = new CostChecks<>(options);
          Deadline.run(name, options.deadline, () -> body.accept(checks), checks.runner()::explain);
        });
  }

  /** One thing that has to hold. */
  private record Check(String name, Runnable body) {}
}
