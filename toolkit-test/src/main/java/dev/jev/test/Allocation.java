package dev.jev.test;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import org.jspecify.annotations.Nullable;

/** The heap allocation of a thread, if the JVM counts it. */
final class Allocation {

  private static final @Nullable ThreadMXBean THREADS = threads();

  private Allocation() {}

  private static @Nullable ThreadMXBean threads() {
    return ManagementFactory.getThreadMXBean() instanceof ThreadMXBean bean
            && bean.isThreadAllocatedMemorySupported()
            && bean.isThreadAllocatedMemoryEnabled()
        ? bean
        : null;
  }

  /** Returns the bytes that the current thread has allocated so far; 0 if that is not known. */
  static long ofThisThread() {
    ThreadMXBean threads = THREADS;
    return threads == null ? 0 : threads.getCurrentThreadAllocatedBytes();
  }
}
