package dev.jev.test;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** Checks of a protocol with broken and hostile peers. */
final class AbuseChecks<I, O> {

  /** The allocation that is allowed per trial, besides that per byte of input. */
  private static final int ALLOCATED_BYTES = 256 * 1024;

  private static final int ALLOCATED_BYTES_PER_BYTE = 256;

  /** The length from which a sample is refused if the limit is one byte less. */
  private static final int LONG_BYTES = 1024;

  private static final int MEASUREMENTS = 4;
  private static final int MUTATED_BYTES = 2048;
  private static final int GARBAGE_BYTES = 512;
  private static final int READ_BYTES = 1000;
  private static final int END_BYTES = 8;

  /** The declared lengths, for which a careless protocol allocates memory. */
  private static final long[] DECLARED = {16 << 20, 0xf_0000};

  private static final int DECLARED_LIMIT = 64 << 20;
  private static final int HEADER_BYTES = 24;
  private static final int[] EXTREMES = {0x00, 0x7f, 0x80, 0xff};
  private static final int[] FILLERS = {0x00, '\n', ' ', '0', '1', 'A', 0x7f, 0x80, 0xff};
  private static final byte[] LIKELY = "0123456789-+$*:\r\n ,\"{}[]abAB\0".getBytes(ISO_8859_1);
  private static final Pattern NUMBER = Pattern.compile("[0-9]+");

  private final ContractOptions<I, O> options;
  private final TrialRunner<I, O> runner;
  private final Random random;

  AbuseChecks(ContractOptions<I, O> options) {
    this.options = options;
    this.runner = new TrialRunner<>(options);
    this.random = runner.random();
  }

  TrialRunner<I, O> runner() {
    return runner;
  }

  // Input that is refused.

  void refusals() {
    for (ContractOptions.Refused sample : options.refusals) {
      byte[] bytes = TrialRunner.concat(runner.opening(), sample.bytes());
      expectRefused(bytes, sample.message());
      expectRefused(bytes, sample.message(), IntStream.range(1, bytes.length).toArray());
      expectRefused(bytes, sample.message(), FramingChecks.randomSplits(bytes.length, random));
    }
  }

  private void expectRefused(byte[] bytes, String message, int... splits) {
    runner.feed(
        bytes,
        trial -> {
          Throwable refusal = trial.refusal();
          if (refusal == null) {
            throw new Violation("not refused (expected: " + message + ")");
          } else if (refusal.getMessage() == null || !refusal.getMessage().contains(message)) {
            throw new Violation(
                "refused: " + refusal.getMessage() + " (expected: " + message + ")");
          }
        },
        splits);
  }

  void limit() {
    for (Script script : runner.scripts()) {
      int length = script.bytes().length - script.opening();
      if (script.packed() && script.expected().size() == 1 && length > LONG_BYTES) {
        expectBeyondLimit(script, length - 1);
        runner.feed(
            runner.trial(Math.max(length, script.opening())),
            script.bytes(),
            trial -> runner.expect(script.expected(), trial));
      }
    }
    for (byte[] beginning : beginnings()) {
      for (int filler : FILLERS) {
        endless(beginning, (byte) filler);
      }
    }
  }

  private void expectBeyondLimit(Script script, int limit) {
    if (options.stream || script.opening() > limit) {
      return;
    }
    for (int[] splits : new int[][] {{}, {script.bytes().length - 1}}) {
      runner.feed(
          runner.trial(limit),
          script.bytes(),
          trial -> {
            if (trial.refusal() == null || !trial.messages().isEmpty()) {
              throw new Violation(
                  "frame: "
                      + (limit + 1)
                      + " bytes, accepted (expected: refused, <= "
                      + limit
                      + ", as ProtocolContext.maxFrameBytes says)");
            }
          },
          splits);
    }
  }

  /** Returns the beginnings of a frame, in up to 8 lengths. */
  private List<byte[]> beginnings() {
    Script script = runner.scripts().get(0);
    int frame = script.bytes().length - script.opening();
    return IntStream.of(0, 1, 2, 4, 5, 8, frame / 2, frame - 1)
        .filter(length -> length < frame)
        .distinct()
        .mapToObj(length -> Arrays.copyOf(script.bytes(), script.opening() + length))
        .toList();
  }

  /**
   * Reads a frame that does not end: it is refused, is many messages, or is skipped. If none of
   * these happens within twice the limit, an end must not make it a message.
   */
  private void endless(byte[] beginning, byte filler) {
    Set<@Nullable Object> skipping = new HashSet<>(); // the messages with very little filling
    byte[] little = filled(beginning, filler, 2 * END_BYTES);
    runner.feed(
        runner.trial(options.maxFrameBytes).unframed(),
        little,
        trial -> skipping.addAll(trial.messages()));
    byte[] much = filled(beginning, filler, 2 * options.maxFrameBytes + READ_BYTES);
    runner.feed(
        runner.trial(options.maxFrameBytes).unframed(),
        much,
        trial -> expectBounded(trial, skipping),
        IntStream.range(1, much.length).filter(i -> i % READ_BYTES == 0).toArray());
  }

  private static byte[] filled(byte[] beginning, byte filler, int length) {
    byte[] end = {filler, 0, '\r', '\n', '"', '}', '\n', '\n'};
    byte[] bytes = Arrays.copyOf(beginning, beginning.length + length);
    Arrays.fill(bytes, beginning.length, bytes.length, filler);
    System.arraycopy(end, 0, bytes, bytes.length - END_BYTES, END_BYTES);
    return bytes;
  }

  private void expectBounded(Trial<I, O> trial, Set<@Nullable Object> skipping) {
    for (int i = 0; i < trial.messages().size() && !options.stream; i++) {
      int frame = trial.frames().get(i);
      if (frame > options.maxFrameBytes && !skipping.contains(trial.messages().get(i))) {
        throw new Violation(
            "frame: "
                + frame
                + " bytes, delivered (expected: refused, <= "
                + options.maxFrameBytes
                + ")");
      }
    }
    if (trial.bufferBytes() > 2L * options.maxFrameBytes + ALLOCATED_BYTES) {
      throw new Violation(
          "buffers: "
              + trial.bufferBytes()
              + " bytes for one frame (expected: <= 2 * "
              + options.maxFrameBytes
              + " + "
              + ALLOCATED_BYTES
              + ")");
    }
  }

  // Input that must do no harm.

  void garbage() {
    byte[] opening = runner.opening();
    for (int round = 0; round < options.rounds; round++) {
      byte[] bytes = garbage(1 + random.nextInt(GARBAGE_BYTES), round % 4);
      hostile(round % 8 < 4 ? TrialRunner.concat(opening, bytes) : bytes, options.maxFrameBytes);
    }
  }

  private byte[] garbage(int length, int kind) {
    byte[] bytes = new byte[length];
    random.nextBytes(bytes);
    for (int i = 0; i < length && kind > 0; i++) {
      bytes[i] =
          switch (kind) {
            case 1 -> (byte) EXTREMES[random.nextInt(EXTREMES.length)];
            case 2 -> LIKELY[random.nextInt(LIKELY.length)];
            default -> (byte) random.nextInt(8);
          };
    }
    return bytes;
  }

  void mutations() {
    List<Script> scripts = runner.scripts();
    for (int round = 0; round < options.rounds; round++) {
      byte[] bytes = scripts.get(round % scripts.size()).bytes();
      bytes = Arrays.copyOf(bytes, Math.min(bytes.length, MUTATED_BYTES));
      for (int i = random.nextInt(4); i >= 0; i--) {
        bytes = mutate(bytes);
      }
      hostile(bytes, options.maxFrameBytes);
    }
  }

  private byte[] mutate(byte[] bytes) {
    if (bytes.length == 0) {
      return new byte[] {(byte) random.nextInt()};
    }
    int at = random.nextInt(bytes.length);
    int to = Math.min(bytes.length, at + 1 + random.nextInt(8));
    byte[] part = Arrays.copyOfRange(bytes, at, to);
    return switch (random.nextInt(5)) {
      case 0 -> with(bytes, at, bytes[at] ^ (1 << random.nextInt(8)));
      case 1 -> with(bytes, at, EXTREMES[random.nextInt(EXTREMES.length)]);
      case 2 -> with(bytes, at, LIKELY[random.nextInt(LIKELY.length)]);
      case 3 -> replaced(bytes, at, to, new byte[0]);
      default -> replaced(bytes, at, at, part);
    };
  }

  private static byte[] with(byte[] bytes, int at, int value) {
    byte[] changed = bytes.clone();
    changed[at] = (byte) value;
    return changed;
  }

  /** Returns the bytes with a part of them replaced. */
  private static byte[] replaced(byte[] bytes, int from, int to, byte[] by) {
    byte[] head = TrialRunner.concat(Arrays.copyOf(bytes, from), by);
    return TrialRunner.concat(head, Arrays.copyOfRange(bytes, to, bytes.length));
  }

  /** Reads bytes that may have any result but a fault. */
  private void hostile(byte[] bytes, int maxFrameBytes) {
    int[] splits =
        random.nextBoolean() ? FramingChecks.randomSplits(bytes.length, random) : new int[0];
    long bound = ALLOCATED_BYTES + (long) ALLOCATED_BYTES_PER_BYTE * bytes.length;
    long[] allocated = {Long.MAX_VALUE};
    for (int i = 0; i < MEASUREMENTS && allocated[0] > bound; i++) { // the first loads classes
      boolean last = i == MEASUREMENTS - 1;
      runner.feed(
          runner.trial(maxFrameBytes),
          bytes,
          trial -> {
            allocated[0] = Math.min(allocated[0], trial.allocated());
            if (last && allocated[0] > bound) {
              throw new Violation(
                  "allocated: "
                      + allocated[0]
                      + " bytes for "
                      + trial.inputBytes()
                      + " bytes of input (expected: <= "
                      + bound
                      + ")");
            }
          },
          splits);
    }
  }

  /** Reads headers that declare lengths of megabytes, with little data behind them. */
  void declaredLengths() {
    for (Script script : runner.scripts()) {
      byte[] bytes = Arrays.copyOf(script.bytes(), Math.min(script.bytes().length, 512));
      int last = Math.min(bytes.length, script.opening() + HEADER_BYTES);
      for (int at = Math.min(script.opening(), bytes.length); at < last; at++) {
        for (long length : DECLARED) {
          declare(bytes, at, length);
        }
      }
      NUMBER
          .matcher(new String(bytes, ISO_8859_1))
          .results()
          .limit(8)
          .forEach(
              number -> {
                byte[] digits = Long.toString(DECLARED[0]).getBytes(ISO_8859_1);
                hostile(replaced(bytes, number.start(), number.end(), digits), DECLARED_LIMIT);
              });
    }
  }

  private void declare(byte[] bytes, int at, long length) {
    for (byte[] form : forms(length)) {
      int end = Math.min(bytes.length, at + form.length);
      hostile(replaced(bytes, at, end, form), DECLARED_LIMIT);
    }
  }

  /** Returns a number in the encodings of lengths that are usual in protocols. */
  private static List<byte[]> forms(long number) {
    byte[] big = new byte[8];
    byte[] little = new byte[8];
    byte[] varint = new byte[4];
    for (int i = 0; i < 8; i++) {
      big[7 - i] = (byte) (number >>> (8 * i));
      little[i] = big[7 - i];
    }
    for (int i = 0; i < 4; i++) {
      varint[i] = (byte) (((number >>> (7 * i)) & 0x7f) | (i < 3 ? 0x80 : 0));
    }
    return List.of(
        big,
        Arrays.copyOfRange(big, 4, 8),
        Arrays.copyOfRange(big, 5, 8),
        little,
        Arrays.copyOf(little, 4),
        varint);
  }
}
