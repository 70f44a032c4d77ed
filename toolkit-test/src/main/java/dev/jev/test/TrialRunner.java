package dev.jev.test;

import dev.jev.Protocol;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Creates and runs the trials of one contract, and describes their failures. */
final class TrialRunner<I, O> {

  /** The maximum length of a dump. */
  private static final int DUMP_BYTES = 256;

  private static final int MAX_SPLITS_SHOWN = 16;

  private final ContractOptions<I, O> options;
  private final Random random;

  TrialRunner(ContractOptions<I, O> options) {
    this.options = options;
    this.random = new Random(options.seed);
  }

  Random random() {
    return random;
  }

  Trial<I, O> trial(int maxFrameBytes) {
    Trial<I, O> trial =
        new Trial<>(options.protocols.get(), options.key, maxFrameBytes, random, new ManualClock());
    return options.stream ? trial.unframed() : trial;
  }

  // Scripts.

  /** Returns one script per sample, and one of all samples together. */
  List<Script> scripts() {
    List<Script> scripts = new ArrayList<>();
    for (I message : options.messages) {
      scripts.add(packed(List.of(message)));
    }
    for (ContractOptions.WireSample sample : options.wires) {
      scripts.add(wire(sample));
    }
    if (scripts.size() > 1) {
      scripts.add(joined(scripts, 1));
    }
    if (scripts.isEmpty()) {
      throw new Violation("samples: none (expected: a message or a wire sample)");
    }
    return scripts;
  }

  /** Returns a script that repeats the samples on one connection. */
  Script repeated(int times) {
    List<Script> once = scripts();
    return joined(once.size() > 1 ? once.subList(0, once.size() - 1) : once, times);
  }

  private Script joined(List<Script> scripts, int times) {
    List<Script> parts = new ArrayList<>();
    List<I> messages = new ArrayList<>();
    for (int i = 0; i < times; i++) {
      messages.addAll(options.messages);
    }
    if (!messages.isEmpty()) {
      parts.add(packed(messages));
    }
    List<Script> wires = scripts.stream().filter(script -> !script.packed()).toList();
    for (int i = 0; i < times; i++) {
      parts.addAll(wires);
    }
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    List<@Nullable Object> expected = new ArrayList<>();
    for (Script part : parts) {
      int skipped = bytes.size() == 0 ? 0 : part.opening();
      bytes.write(part.bytes(), skipped, part.bytes().length - skipped);
      expected.addAll(part.expected());
    }
    int opening = parts.get(0).opening();
    return new Script(bytes.toByteArray(), opening, expected, wires.isEmpty());
  }

  private Script wire(ContractOptions.WireSample sample) {
    byte[] opening = opening();
    byte[] bytes = concat(opening, sample.bytes());
    return new Script(bytes, opening.length, sample.expected(), /* packed= */ false);
  }

  /** Returns the bytes that a peer sends before its first message. */
  byte[] opening() {
    return options.opening.length > 0 || options.messages.isEmpty()
        ? options.opening
        : opening(packed(List.of(options.messages.get(0))));
  }

  private static byte[] opening(Script script) {
    return Arrays.copyOf(script.bytes(), script.opening());
  }

  static byte[] concat(byte[] first, byte[] second) {
    byte[] both = Arrays.copyOf(first, first.length + second.length);
    System.arraycopy(second, 0, both, first.length, second.length);
    return both;
  }

  /** Packs messages on one connection, after the handshake if there is one. */
  private Script packed(List<I> messages) {
    Trial<?, I> packer = packer();
    try {
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      packer.open();
      if (options.opening.length > 0) {
        bytes.writeBytes(options.opening);
        packer.read(options.opening, 0, options.opening.length);
        packer.takeOutput();
      } else {
        handshake(packer, bytes);
      }
      int opening = bytes.size();
      messages.forEach(packer::pack);
      bytes.writeBytes(packer.takeOutput());
      packer.end();
      List<@Nullable Object> expected = new ArrayList<>();
      messages.forEach(message -> expected.add(Snapshot.of(options.key.apply(message))));
      return new Script(bytes.toByteArray(), opening, expected, /* packed= */ true);
    } catch (Violation v) {
      packer.abandon();
      throw new Violation(
          "packing samples: " + v.getMessage() + System.lineSeparator() + explain(), v);
    }
  }

  @SuppressWarnings("unchecked") // without a counterpart both directions have the same messages
  private Trial<?, I> packer() {
    Supplier<? extends Protocol<O, I>> counterpart = options.counterpart;
    Protocol<O, I> protocol =
        counterpart == null ? (Protocol<O, I>) options.protocols.get() : counterpart.get();
    return new Trial<>(
            protocol, message -> message, options.maxFrameBytes, random, new ManualClock())
        .unframed();
  }

  /** Runs the handshake between the packer and a protocol under test, until neither writes. */
  private void handshake(Trial<?, I> packer, ByteArrayOutputStream bytes) {
    Trial<I, O> other = trial(options.maxFrameBytes);
    try {
      other.open();
      byte[] answer;
      do {
        byte[] request = packer.takeOutput();
        bytes.writeBytes(request);
        other.read(request, 0, request.length);
        answer = other.takeOutput();
        packer.read(answer, 0, answer.length);
      } while (!packer.isReady() && answer.length > 0);
    } finally {
      other.abandon();
    }
  }

  // Trials.

  /** Reads a script in pieces and expects its messages. */
  void expect(Script script, int... splits) {
    feed(script.bytes(), trial -> expect(script.expected(), trial), splits);
  }

  /** Reads bytes in pieces, checks the result, and ends the connection. */
  void feed(byte[] bytes, Consumer<Trial<I, O>> check, int... splits) {
    feed(trial(options.maxFrameBytes), bytes, check, splits);
  }

  void feed(Trial<I, O> trial, byte[] bytes, Consumer<Trial<I, O>> check, int... splits) {
    guarded(
        trial,
        bytes,
        splits,
        () -> {
          trial.open();
          int start = 0;
          for (int split : splits) {
            trial.read(bytes, start, split);
            start = split;
          }
          trial.read(bytes, start, bytes.length);
          check.accept(trial);
          trial.end();
        });
  }

  /** Runs a part of a trial; the bytes are added to the message of a violation. */
  void guarded(Trial<I, O> trial, byte[] bytes, int[] splits, Runnable body) {
    LazyInput input = new LazyInput(bytes, splits);
    busy = input;
    try {
      body.run();
    } catch (Violation v) {
      trial.abandon();
      throw new Violation(v.getMessage() + System.lineSeparator() + explain(input), v);
    } catch (Throwable t) {
      trial.abandon();
      throw t;
    }
  }

  private volatile LazyInput busy = new LazyInput(new byte[0], new int[0]);

  @SuppressWarnings("ArrayRecordComponent") // of one trial, never compared
  private record LazyInput(byte[] bytes, int[] splits) {}

  String explain() {
    return explain(busy);
  }

  private String explain(LazyInput input) {
    byte[] bytes = input.bytes();
    String line = System.lineSeparator();
    StringBuilder text = new StringBuilder();
    text.append("  protocol: ").append(options.name()).append(line);
    text.append("  seed: ").append(options.seed).append(line);
    text.append("  input: ").append(bytes.length).append(" bytes, in reads of ");
    text.append(reads(input)).append(line);
    int shown = Math.min(bytes.length, DUMP_BYTES);
    text.append(Hex.dumpPart(bytes, 0, shown, input.splits()).indent(4));
    if (bytes.length > shown) {
      text.append("    ... ").append(bytes.length - shown).append(" more bytes").append(line);
    }
    return text.toString().stripTrailing();
  }

  private static String reads(LazyInput input) {
    List<String> lengths = new ArrayList<>();
    int start = 0;
    for (int split : input.splits()) {
      lengths.add(Integer.toString(split - start));
      start = split;
      if (lengths.size() == MAX_SPLITS_SHOWN) {
        return String.join(", ", lengths)
            + ", ... bytes ("
            + (input.splits().length + 1)
            + " reads)";
      }
    }
    lengths.add(Integer.toString(input.bytes().length - start));
    return String.join(", ", lengths) + " bytes";
  }

  // Comparing.

  void expect(List<@Nullable Object> expected, Trial<I, O> trial) {
    if (options.stream) {
      expectSame(joined(expected), joined(trial.messages()), "bytes of all messages");
    } else {
      expectEach(expected, trial);
    }
    if (trial.refusal() != null) {
      throw new Violation("refused: " + trial.refusal().getMessage() + " (expected: accepted)");
    }
  }

  private void expectEach(List<@Nullable Object> expected, Trial<I, O> trial) {
    List<@Nullable Object> actual = trial.messages();
    for (int i = 0; i < Math.min(expected.size(), actual.size()); i++) {
      expectSame(expected.get(i), actual.get(i), "message " + (i + 1));
    }
    if (expected.size() != actual.size()) {
      String next =
          actual.size() > expected.size()
              ? "not expected: " + Snapshot.print(actual.get(expected.size()))
              : "missing: " + Snapshot.print(expected.get(actual.size()));
      String refusal = trial.refusal() == null ? "" : ", refused: " + trial.refusal().getMessage();
      throw new Violation(
          "messages: " + actual.size() + " (expected: " + expected.size() + "), " + next + refusal);
    }
  }

  private static void expectSame(@Nullable Object expected, @Nullable Object actual, String what) {
    if (!Objects.equals(expected, actual)) {
      throw new Violation(
          what + ": " + Snapshot.print(actual) + " (expected: " + Snapshot.print(expected) + ")");
    }
  }

  /** Returns the bytes of all messages of a stream. */
  static Snapshot.Content joined(List<@Nullable Object> messages) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (Object message : messages) {
      if (!(message instanceof Snapshot.Content content)) {
        throw new Violation("stream: has other messages than bytes: " + Snapshot.print(message));
      }
      bytes.writeBytes(content.bytes());
    }
    return new Snapshot.Content("", bytes.toByteArray());
  }
}
