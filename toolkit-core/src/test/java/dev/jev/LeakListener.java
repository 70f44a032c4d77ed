package dev.jev;

import static java.util.stream.Collectors.joining;

import io.netty.util.ResourceLeakDetector;
import io.netty.util.ResourceLeakDetectorFactory;
import java.lang.ref.PhantomReference;
import java.lang.ref.ReferenceQueue;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.regex.Pattern;
import org.junit.platform.launcher.LauncherSession;
import org.junit.platform.launcher.LauncherSessionListener;

/**
 * Fails a run of tests that leaked a reference-counted object of Netty.
 *
 * <p>Netty finds a leak only if the object was collected and another one is allocated afterwards.
 * So this listener replaces Netty's detectors before the first test, collects garbage after the
 * last one, and then makes each detector check again.
 *
 * <p>Its exception then ends the run: the leaks are on standard error, and the build fails.
 */
public final class LeakListener implements LauncherSessionListener {
  private static final int ROUNDS = 3;

  private static final Pattern RUNNER_FRAME =
      Pattern.compile("\\s+(java.base/|org.junit.|org.apache.maven.)");

  private final List<Detector<?>> detectors = new CopyOnWriteArrayList<>();
  private final Queue<String> leaks = new ConcurrentLinkedQueue<>();

  @Override
  public void launcherSessionOpened(LauncherSession session) {
    ResourceLeakDetectorFactory.setResourceLeakDetectorFactory(new Factory());
  }

  @Override
  public void launcherSessionClosed(LauncherSession session) {
    for (int round = 0; round < ROUNDS; round++) {
      collectGarbage();
      detectors.forEach(Detector::look);
    }
    if (!leaks.isEmpty()) {
      leaks.forEach(System.err::println);
      throw new AssertionError("leaks: " + leaks.size() + " (expected: 0), listed above");
    }
  }

  /** Returns when a garbage collection has run and has queued its references. */
  private static void collectGarbage() {
    ReferenceQueue<Object> collected = new ReferenceQueue<>();
    PhantomReference<Object> sentinel = new PhantomReference<>(new Object(), collected);
    try {
      do {
        System.gc();
      } while (collected.remove(/* timeout= */ 100) != sentinel);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private final class Factory extends ResourceLeakDetectorFactory {
    @Override
    @SuppressWarnings("deprecation") // Netty still declares it abstract.
    public <T> ResourceLeakDetector<T> newResourceLeakDetector(
        Class<T> resource, int samplingInterval, long maxActive) {
      return newResourceLeakDetector(resource, samplingInterval);
    }

    @Override
    public <T> ResourceLeakDetector<T> newResourceLeakDetector(
        Class<T> resource, int samplingInterval) {
      Detector<T> detector = new Detector<>(resource, samplingInterval, leaks);
      detectors.add(detector);
      return detector;
    }
  }

  private static final class Detector<T> extends ResourceLeakDetector<T> {
    private final Queue<String> leaks;

    Detector(Class<T> resource, int samplingInterval, Queue<String> leaks) {
      super(resource, samplingInterval);
      this.leaks = leaks;
    }

    @Override
    protected boolean needReport() {
      return true;
    }

    @Override
    protected void reportTracedLeak(String resourceType, String records) {
      leaks.add(
          records
              .lines()
              .filter(line -> !RUNNER_FRAME.matcher(line).lookingAt())
              .collect(joining("\n", "LEAK: " + resourceType + " was not released", "\n")));
    }

    @Override
    protected void reportUntracedLeak(String resourceType) {
      leaks.add("LEAK: " + resourceType + " was not released");
    }

    /** Reports collected objects: Netty checks its queue when it tracks an object. */
    void look() {
      @SuppressWarnings("unchecked") // A detector never uses the objects that it tracks.
      T probe = (T) new Object();
      trackForcibly(probe).close(probe);
    }
  }
}
