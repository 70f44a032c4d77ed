package dev.jev.benchmarks.capacity;

import io.netty.util.internal.PlatformDependent;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryMXBean;

/** The bytes of live heap and of Netty's direct memory in this JVM, after full collections. */
final class LiveMemory {

  /** The serial collector counts some dead objects as used, except in every fourth collection. */
  private static final int COLLECTIONS = 4;

  private LiveMemory() {}

  static long read() {
    MemoryMXBean memory = ManagementFactory.getMemoryMXBean();
    for (int i = 0; i < COLLECTIONS; i++) {
      memory.gc();
    }
    return memory.getHeapMemoryUsage().getUsed() + PlatformDependent.usedDirectMemory();
  }
}
