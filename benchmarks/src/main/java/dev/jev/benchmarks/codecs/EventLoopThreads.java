package dev.jev.benchmarks.codecs;

import io.netty.util.concurrent.DefaultThreadFactory;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/**
 * Threads of the kind that event loops are, for JMH: on others Netty's buffers are not recycled in
 * the way that counts.
 */
public final class EventLoopThreads extends ThreadPoolExecutor {

  /** What JMH calls. */
  public EventLoopThreads(int threads, String name) {
    super(
        threads,
        threads,
        0,
        TimeUnit.SECONDS,
        new LinkedBlockingQueue<>(),
        new DefaultThreadFactory(name, /* daemon= */ true));
  }
}
