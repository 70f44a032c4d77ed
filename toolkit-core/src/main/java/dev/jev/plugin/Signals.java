package dev.jev.plugin;

import java.util.stream.Stream;

/**
 * The signals that have arrived since the shutdown of the JVM began.
 *
 * <p>A program is not notified of a second SIGTERM, since the shutdown is already in progress. But
 * OpenJDK starts a thread per signal, {@code SIGTERM handler}, which waits until the shutdown ends.
 * So signals are counted by their threads.
 */
final class Signals {

  private static final int ROOM_FOR_NEW_THREADS = 16;

  private final ThreadGroup rootGroup = root(Thread.currentThread().getThreadGroup());
  private final long initialCount = Math.min(count(), 1);

  /** Returns whether a signal has arrived besides the one that may have begun the shutdown. */
  boolean anotherArrived() {
    return count() > initialCount;
  }

  private long count() {
    Thread[] threads = new Thread[rootGroup.activeCount() + ROOM_FOR_NEW_THREADS];
    return Stream.of(threads)
        .limit(rootGroup.enumerate(threads))
        .filter(thread -> thread.getName().matches("SIG\\w+ handler"))
        .count();
  }

  private static ThreadGroup root(ThreadGroup group) {
    return group.getParent() == null ? group : root(group.getParent());
  }
}
