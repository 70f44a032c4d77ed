package dev.jev.redis;

import java.util.ArrayDeque;
import java.util.Deque;

/** Resources of a test, which are closed in the reverse order. */
final class Resources {

  private final Deque<AutoCloseable> open = new ArrayDeque<>();

  <T extends AutoCloseable> T closing(T resource) {
    open.push(resource);
    return resource;
  }

  public void close() throws Exception {
    for (AutoCloseable next; (next = open.poll()) != null; ) {
      next.close();
    }
  }
}
