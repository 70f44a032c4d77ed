package dev.jev.test;

import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import io.netty.buffer.ByteBuf;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** Checks of the cost of a protocol that is idle, or reads one byte at a time. */
final class CostChecks<I, O> {

  /** The number of times that each byte may be read if bytes arrive one at a time. */
  private static final int READS_PER_BYTE = 64;

  private static final int DRIP_BYTES = 4096;
  private static final int INSTANCES = 2000;
  private static final int MEASUREMENTS = 3;

  /** The serial collector leaves dead objects in place, except in every fourth collection. */
  private static final int COLLECTIONS = 4;

  private static final byte[] FILLERS = {'A', '1', ' ', 0x01};

  private final ContractOptions<I, O> options;
  private final TrialRunner<I, O> runner;

  CostChecks(ContractOptions<I, O> options) {
    this.options = options;
    this.runner = new TrialRunner<>(options);
  }

  TrialRunner<I, O> runner() {
    return runner;
  }

  void linearTime() {
    for (Script script : runner.scripts()) {
      drip(Arrays.copyOf(script.bytes(), Math.min(script.bytes().length, 8 * DRIP_BYTES)));
      int frame = script.bytes().length - script.opening();
      for (int length : new int[] {0, 1, 4, 8, frame / 2, frame - 1}) {
        for (byte filler : FILLERS) {
          drip(filled(script, Math.min(length, frame), filler));
        }
      }
    }
  }

  private byte[] filled(Script script, int length, byte filler) {
    int start = script.opening() + Math.max(length, 0);
    int fill = Math.min(DRIP_BYTES, options.maxFrameBytes);
    byte[] bytes = Arrays.copyOf(script.bytes(), start + fill);
    Arrays.fill(bytes, start, bytes.length, filler);
    return bytes;
  }

  private void drip(byte[] bytes) {
    runner.feed(
        runner.trial(options.maxFrameBytes).directOnly(),
        bytes,
        trial -> {
          long bound = READS_PER_BYTE * (trial.inputBytes() + 64L);
          if (trial.bytesRead() > bound) {
            throw new Violation(
                "read: "
                    + trial.bytesRead()
                    + " bytes when "
                    + trial.inputBytes()
                    + " arrived one at a time (expected: <= "
                    + bound
                    + "), so the time is not linear");
          }
        },
        IntStream.range(1, bytes.length).toArray());
  }

  void idleMemory() {
    Script script = runner.scripts().get(0);
    long best = Long.MAX_VALUE;
    for (int i = 0; i < MEASUREMENTS && best > options.maxIdleBytes; i++) {
      long bare = idleBytes(Nothing::new, new byte[0]);
      best = Math.min(best, Math.max(0, idleBytes(options.protocols, script.bytes()) - bare));
    }
    if (best > options.maxIdleBytes) {
      throw new Violation(
          "idle instance: "
              + best
              + " bytes (expected: <= "
              + options.maxIdleBytes
              + "), after this input");
    }
  }

  /** Returns the size of an instance in bytes after it has read messages, with its buffers. */
  private long idleBytes(Supplier<? extends Protocol<I, O>> protocols, byte[] bytes) {
    List<Trial<I, O>> idle = new ArrayList<>(INSTANCES);
    Random random = new Random(options.seed);
    ManualClock clock = new ManualClock(); // the connections of one event loop
    long before = used();
    long buffers = 0;
    try {
      for (int i = 0; i < INSTANCES; i++) {
        Trial<I, O> trial =
            new Trial<>(protocols.get(), options.key, options.maxFrameBytes, random, clock)
                .unframed();
        idle.add(trial);
        runner.guarded(
            trial,
            bytes,
            new int[0],
            () -> {
              trial.open();
              if (bytes.length > 0) {
                trial.read(bytes, 0, bytes.length);
              }
              trial.forget();
            });
        buffers += trial.bufferBytes();
      }
      return (used() - before) / INSTANCES + buffers / INSTANCES;
    } finally {
      idle.forEach(Trial::abandon);
    }
  }

  private static long used() {
    Runtime runtime = Runtime.getRuntime();
    long least = Long.MAX_VALUE;
    for (int i = 0; i < COLLECTIONS; i++) {
      System.gc();
      least = Math.min(least, runtime.totalMemory() - runtime.freeMemory());
    }
    return least;
  }

  /** A protocol that takes no memory, to measure the trial itself. */
  private static final class Nothing<I, O> implements Protocol<I, O> {
    @Override
    public @Nullable I unpack(ProtocolContext context, ByteBuf in) {
      return null;
    }

    @Override
    public void pack(O message, ByteBuf out) {}
  }
}
