package dev.jev.test;

import static java.util.Objects.requireNonNull;

import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import dev.jev.ProtocolException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
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
 * A contract that every {@link Protocol} keeps, checked with samples of its messages.
 *
 * <pre>
 *   ProtocolContract.of(ShortTexts::new)
 *       .message("hello")
 *       .wire("05 68656c6c6f", "hello")
 *       .refused("00", "length: 0")
 *       .check();
 * </pre>
 *
 * <p>The protocol is called as the framework calls it. Reads end anywhere, and unread bytes are in
 * front of the next ones, usually in another buffer. All checks watch the buffers, too: {@code in}
 * is not released, not written to and not used after the call; its reader index never moves back;
 * each message owns a reference and does not change until its release; {@code close} is called
 * once, and no buffer is left after it. A failure shows the bytes, the splits, the seed, the
 * expected and the actual result.
 *
 * <p>The checks:
 *
 * <ul>
 *   <li><b>round trip</b>: packed messages are unpacked to equal messages, and {@code pack} only
 *       appends.
 *   <li><b>whole input</b>: each sample in one read, and all samples in one read.
 *   <li><b>one byte at a time</b>, <b>every split in two</b>, <b>random splits</b>: the messages do
 *       not depend on where reads end. A sample longer than 1,024 bytes is split at the first 256
 *       positions, the last 256 and 256 others. Random splits have up to 9 parts.
 *   <li><b>many in one read</b>: about 2,000 messages, at most 1 MiB unless the samples are longer,
 *       in one read and across reads.
 *   <li><b>independent instances</b>: two connections with alternating reads share nothing.
 *   <li><b>truncation</b>: an input that ends early gives the complete messages, no others and no
 *       exception. The beginning of a message is unread or one of the {@link Protocol#heldBytes},
 *       of which there are none after packed messages.
 *   <li><b>captures</b>: the bytes of each captured connection are accepted, in one read, one byte
 *       at a time and in random splits, with the same messages.
 *   <li><b>refusals</b>: each {@link #refused} sample is refused with its message, with its last
 *       byte at the latest.
 *   <li><b>frame limit</b>: a message of more than 1,024 bytes is refused if {@link
 *       ProtocolContext#maxFrameBytes} is one byte less than its packed length, and accepted if it
 *       is equal. An endless frame is never delivered as a frame longer than the limit, and not
 *       more than twice the limit is buffered for it.
 *   <li><b>garbage</b>, <b>mutated input</b>: bytes of a broken or hostile peer cause messages or a
 *       {@link ProtocolException}, but no other exception, no endless loop and no leak. They cause
 *       no more allocation, on the heap and from {@code in.alloc()}, than 256 KiB and 256 bytes per
 *       byte of input.
 *   <li><b>declared lengths</b>: the same for lengths of up to 16 MiB that are written over the
 *       first 24 bytes of each sample, with a frame limit of 64 MiB. So nothing is allocated for a
 *       length that is only declared.
 *   <li><b>linear time</b>: if bytes arrive one at a time, each is read at most 64 times. Reads are
 *       counted, not measured, and only while a byte is in {@code in}. Needs a message of some
 *       hundred bytes to be meaningful.
 *   <li><b>idle memory</b>: an instance that has read the first sample takes no more than {@link
 *       #maxIdleBytes}, with the buffers that it keeps.
 * </ul>
 *
 * <p>Datagrams are not checked. Buffers from other sources than {@code in} and {@code in.alloc()}
 * are left to Netty's leak detection.
 *
 * <p>Each check runs on a daemon thread of its own. A contract may be checked several times.
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
   * Creates the contract of a protocol.
   *
   * @param protocols the factory of the protocol, called once per connection
   */
  public static <I, O> ProtocolContract<I, O> of(Supplier<? extends Protocol<I, O>> protocols) {
    return new ProtocolContract<>(requireNonNull(protocols, "protocols"));
  }

  /**
   * Sets the protocol of the other end, which packs the {@link #message} samples. The default is
   * the protocol itself, for messages that are the same in both directions.
   */
  public ProtocolContract<I, O> counterpart(Supplier<? extends Protocol<O, I>> counterpart) {
    options.counterpart = requireNonNull(counterpart, "counterpart");
    return this;
  }

  /**
   * Adds a message that is packed and unpacked again.
   *
   * <p><b>Ownership.</b> A reference-counted message stays the caller's, and must not be released
   * before the checks end. A {@code ByteBuf} is copied before it is packed; other messages are
   * retained.
   */
  public ProtocolContract<I, O> message(I message) {
    options.messages.add(requireNonNull(message, "message"));
    return this;
  }

  /**
   * Adds bytes, in the format of {@link Hex#bytes}, and the messages in them.
   *
   * <p><b>Ownership.</b> The messages stay the caller's; buffers may be released after this call.
   */
  @SafeVarargs
  @SuppressWarnings("varargs") // read as a list, never kept
  public final ProtocolContract<I, O> wire(String hex, I... messages) {
    return add(Hex.bytes(hex), Arrays.asList(messages));
  }

  /** Adds bytes and the messages in them, see {@link #wire(String, Object...)}. */
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
   * Adds bytes, in the format of {@link Hex#bytes}, that are refused with a {@link
   * ProtocolException} whose message contains {@code message}.
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
   * Adds what clients have sent, according to a capture of {@code WireLog.pcap}, for the protocol
   * of a server.
   *
   * <p>The bytes of each connection have to be accepted, and its messages must not depend on where
   * reads end. Equal connections are checked once. The capture has to be one of what the protocol
   * sees, behind TLS. Without other samples, only the checks of captures and garbage are made.
   *
   * @throws UncheckedIOException if the file cannot be read, or is no such capture
   */
  public ProtocolContract<I, O> capture(Path path) {
    return capture(path, /* ofClients= */ true);
  }

  /**
   * Adds what servers have sent, for the protocol of a client; otherwise the same as {@link
   * #capture}.
   *
   * @throws UncheckedIOException if the file cannot be read, or is no such capture
   */
  public ProtocolContract<I, O> captureOfServers(Path path) {
    return capture(path, /* ofClients= */ false);
  }

  private ProtocolContract<I, O> capture(Path path, boolean ofClients) {
    try {
      options.captured.addAll(Capture.read(path).contents(ofClients));
      return this;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * Sets the bytes that a peer sends once, before every sample: its part of a handshake. The
   * default is the bytes that the packing protocol writes in its handshake, if any.
   */
  public ProtocolContract<I, O> opening(byte... bytes) {
    options.opening = bytes.clone();
    return this;
  }

  /**
   * Sets the function that returns the value by which a message is compared, for messages without
   * {@code equals}. To be called before the samples are added.
   *
   * <p>By default buffers and byte arrays are compared by their bytes, lists by their elements, and
   * other messages by {@code equals}.
   */
  public ProtocolContract<I, O> comparing(Function<? super I, ?> key) {
    options.key = requireNonNull(key, "key");
    return this;
  }

  /**
   * Declares messages as pieces of a stream without borders: only all their bytes together are
   * compared, and no frame is too long.
   */
  public ProtocolContract<I, O> stream() {
    options.stream = true;
    return this;
  }

  /** Sets {@link ProtocolContext#maxFrameBytes}; 65,536 bytes by default. */
  public ProtocolContract<I, O> maxFrameBytes(int maxFrameBytes) {
    options.maxFrameBytes = positive("maxFrameBytes", maxFrameBytes);
    return this;
  }

  /** Sets the maximum size of an idle instance in bytes, with its buffers; 1,024 by default. */
  public ProtocolContract<I, O> maxIdleBytes(int maxIdleBytes) {
    options.maxIdleBytes = positive("maxIdleBytes", maxIdleBytes);
    return this;
  }

  /**
   * Sets the seed of the random checks; 1 by default, so that every run is the same. Failures print
   * it.
   */
  public ProtocolContract<I, O> seed(long seed) {
    options.seed = seed;
    return this;
  }

  /** Sets the number of inputs of each random check; 2,000 by default. */
  public ProtocolContract<I, O> rounds(int rounds) {
    options.rounds = positive("rounds", rounds);
    return this;
  }

  /** Sets the maximum time of each check, after which it counts as endless; 60 s by default. */
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

  /** Returns the checks as tests, for a {@code @TestFactory} method; needs JUnit Jupiter. */
  @SuppressWarnings("exports") // of an optional module
  public Stream<DynamicTest> tests() {
    return checks().stream().map(check -> DynamicTest.dynamicTest(check.name(), check.body()::run));
  }

  /**
   * Runs all checks.
   *
   * @throws AssertionError if checks fail; it names each of them with its reason, and has their
   *     errors as suppressed ones
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
    if (!options.captured.isEmpty() && options.messages.isEmpty() && options.wires.isEmpty()) {
      return List.of(
          framing("captures", FramingChecks::captures), abuse("garbage", AbuseChecks::garbage));
    }
    return Arrays.asList(
        framing("round trip", FramingChecks::roundTrip),
        framing("whole input", FramingChecks::wholeInput),
        framing("one byte at a time", FramingChecks::oneByteAtATime),
        framing("every split in two", FramingChecks::everySplitInTwo),
        framing("random splits", FramingChecks::randomSplits),
        framing("many in one read", FramingChecks::manyInOneRead),
        framing("independent instances", FramingChecks::independentInstances),
        framing("truncation", FramingChecks::truncation),
        framing("captures", FramingChecks::captures),
        abuse("refusals", AbuseChecks::refusals),
        abuse("frame limit", AbuseChecks::limit),
        abuse("garbage", AbuseChecks::garbage),
        abuse("mutated input", AbuseChecks::mutations),
        abuse("declared lengths", AbuseChecks::declaredLengths),
        cost("linear time", CostChecks::linearTime),
        cost("idle memory", CostChecks::idleMemory));
  }

  // Each run has a new generator, so that its random inputs do not depend on earlier checks.

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

  /** A check with its name. */
  private record Check(String name, Runnable body) {}
}
