package dev.jev.benchmarks.codecs;

import io.netty.util.concurrent.DefaultThreadFactory;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/**
 * An executor for JMH whose threads are of the same kind as those of event loops. On other threads
 * Netty does not recycle buffers in the way that matters.
 */
public final class EventLoopThreads extends ThreadPoolExecutor {

  /** Creates the executor. Called by JMH. */
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
