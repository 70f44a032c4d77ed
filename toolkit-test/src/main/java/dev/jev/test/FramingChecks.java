package dev.jev.test;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** Checks that the messages of a protocol do not depend on where reads end. */
final class FramingChecks<I, O> {

  private static final int ALL_POSITIONS = 1024;
  private static final int EDGE = 256;
  private static final int MOST_SPLITS = 8;
  private static final int MANY_MESSAGES = 2000;
  private static final int MANY_BYTES = 1 << 20;
  private static final int READ_BYTES = 64 * 1024;
  private static final int CAPTURE_SPLITS = 8;

  private final ContractOptions<I, O> options;
  private final TrialRunner<I, O> runner;

  FramingChecks(ContractOptions<I, O> options) {
    this.options = options;
    this.runner = new TrialRunner<>(options);
  }

  TrialRunner<I, O> runner() {
    return runner;
  }

  void roundTrip() {
    if (!options.messages.isEmpty()) {
      Script all = runner.repeated(1);
      runner.expect(all);
    }
  }

  void wholeInput() {
    runner.scripts().forEach(runner::expect);
  }

  void oneByteAtATime() {
    for (Script script : runner.scripts()) {
      runner.expect(script, IntStream.range(1, script.bytes().length).toArray());
    }
  }

  void everySplitInTwo() {
    for (Script script : runner.scripts()) {
      for (int split : positions(script.bytes().length, runner.random())) {
        runner.expect(script, split);
      }
    }
  }

  void randomSplits() {
    List<Script> scripts = runner.scripts();
    for (int round = 0; round < options.rounds; round++) {
      Script script = scripts.get(round % scripts.size());
      runner.expect(script, randomSplits(script.bytes().length, runner.random()));
    }
  }

  void manyInOneRead() {
    Script once = runner.repeated(1);
    int perRun = Math.max(1, Math.max(once.expected().size(), once.bytes().length * 2 / 1024));
    int times = Math.max(2, MANY_MESSAGES / perRun);
    times = Math.min(times, Math.max(2, MANY_BYTES / Math.max(1, once.bytes().length)));
    Script many = runner.repeated(times);
    runner.expect(many);
    int length = many.bytes().length;
    runner.expect(many, IntStream.range(1, length).filter(i -> i % READ_BYTES == 0).toArray());
    runner.expect(many, IntStream.range(1, length).filter(i -> i % 1021 == 0).toArray());
  }

  /** Reads two connections alternately, which must not share any state. */
  void independentInstances() {
    List<Script> scripts = runner.scripts();
    for (Script one : scripts.subList(0, Math.min(scripts.size(), 16))) {
      interleave(one, scripts.get(scripts.size() - 1));
    }
  }

  private void interleave(Script one, Script two) {
    Trial<I, O> first = runner.trial(options.maxFrameBytes);
    Trial<I, O> second = runner.trial(options.maxFrameBytes);
    int[] splits = IntStream.range(1, one.bytes().length).toArray();
    try {
      runner.guarded(
          first,
          one.bytes(),
          splits,
          () -> {
            first.open();
            second.open();
            int longer = Math.max(one.bytes().length, two.bytes().length);
            for (int i = 0; i < longer; i++) {
              readOne(first, one, i);
              readOne(second, two, i);
            }
            runner.expect(one.expected(), first);
            runner.expect(two.expected(), second);
            first.end();
            second.end();
          });
    } finally {
      second.abandon();
    }
  }

  private void readOne(Trial<I, O> trial, Script script, int index) {
    if (index < script.bytes().length) {
      trial.read(script.bytes(), index, index + 1);
    }
  }

  void truncation() {
    for (Script script : runner.scripts()) {
      if (options.stream) {
        truncateStream(script);
      } else {
        truncate(script);
      }
    }
  }

  private void truncate(Script script) {
    List<Integer>[] ends = newHolder();
    int length = script.bytes().length;
    runner.feed(
        script.bytes(),
        trial -> {
          runner.expect(script.expected(), trial);
          ends[0] = trial.ends();
          expectNeedsAll(script, trial.ends());
          expectNothingHeld(script, trial);
        },
        IntStream.range(1, length).toArray());
    for (int cut : positions(length, runner.random())) {
      int complete = (int) ends[0].stream().filter(end -> end <= cut).count();
      byte[] bytes = Arrays.copyOf(script.bytes(), cut);
      runner.feed(
          bytes,
          trial -> {
            runner.expect(script.expected().subList(0, complete), trial);
            expectHeld(script, cut, trial);
          });
    }
  }

  /** Checks that captured bytes are accepted, with messages that do not depend on the reads. */
  void captures() {
    for (byte[] bytes : options.captured) {
      List<@Nullable Object> messages = new ArrayList<>();
      runner.feed(
          bytes,
          trial -> {
            runner.expect(trial.messages(), trial); // not refused
            messages.addAll(trial.messages());
          });
      Script script = new Script(bytes, /* opening= */ 0, messages, /* packed= */ false);
      int step = bytes.length <= READ_BYTES ? 1 : 1021;
      runner.expect(script, IntStream.range(1, bytes.length).filter(i -> i % step == 0).toArray());
      for (int i = 0; i < CAPTURE_SPLITS; i++) {
        runner.expect(script, randomSplits(bytes.length, runner.random()));
      }
    }
  }

  @SuppressWarnings({"unchecked", "rawtypes"}) // of one element
  private static List<Integer>[] newHolder() {
    return new List[1];
  }

  private static void expectNeedsAll(Script script, List<Integer> ends) {
    if (script.packed() && script.expected().size() == 1 && ends.get(0) < script.bytes().length) {
      throw new Violation(
          "message: delivered after "
              + ends.get(0)
              + " bytes (expected: after all "
              + script.bytes().length
              + ")");
    }
  }

  private void expectNothingHeld(Script script, Trial<I, O> trial) {
    if (script.packed() && trial.heldBytes() > 0) {
      throw new Violation(
          "held bytes: " + trial.heldBytes() + " after whole messages (expected: 0)");
    }
  }

  /** Checks that the beginning of a message is unread or held, so that its deadline runs. */
  private void expectHeld(Script script, int length, Trial<I, O> trial) {
    boolean isWithinMessage =
        script.packed() && trial.messages().isEmpty() && length > script.opening();
    if (trial.heldBytes() == 0 && trial.unreadBytes() == 0 && isWithinMessage) {
      throw new Violation(
          "held bytes: 0, and no byte is unread, within a message"
              + " (expected: >= 1, see Protocol.heldBytes)");
    }
  }

  private void truncateStream(Script script) {
    for (int cut : positions(script.bytes().length, runner.random())) {
      byte[] bytes = Arrays.copyOf(script.bytes(), cut);
      byte[] all = TrialRunner.joined(script.expected()).bytes();
      runner.feed(
          bytes,
          trial -> {
            byte[] actual = TrialRunner.joined(trial.messages()).bytes();
            if (actual.length > all.length
                || Arrays.mismatch(actual, Arrays.copyOf(all, actual.length)) >= 0) {
              throw new Violation("bytes of all messages: " + Hex.of(actual));
            }
          });
    }
  }

  /** Returns positions for splits: all, or those near both ends and random ones between. */
  static int[] positions(int length, Random random) {
    if (length <= ALL_POSITIONS) {
      return IntStream.range(1, length).toArray();
    }
    IntStream edges =
        IntStream.concat(IntStream.range(1, EDGE), IntStream.range(length - EDGE, length));
    IntStream between = random.ints(EDGE, EDGE, length - EDGE);
    return IntStream.concat(edges, between).sorted().distinct().toArray();
  }

  static int[] randomSplits(int length, Random random) {
    return length < 2
        ? new int[0]
        : random.ints(1 + random.nextInt(MOST_SPLITS), 1, length).sorted().distinct().toArray();
  }
}
