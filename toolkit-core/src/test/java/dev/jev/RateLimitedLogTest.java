package dev.jev;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.lang.System.Logger.Level;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RateLimitedLogTest {

  private static final String NAME = "dev.jev";

  private final PrintStream standardError = System.err;

  @AfterEach
  void restoreStandardError() {
    System.setErr(standardError);
  }

  @Test
  void firstWarningIsLoggedAtOnceWithItsCause() {
    IllegalStateException cause = new IllegalStateException("on purpose");
    try (LogCapture log = new LogCapture(NAME)) {
      new RateLimitedLog().warning("first", cause);
      LogRecord first = log.records().get(0);
      assertThat(first.getMessage()).isEqualTo("first");
      assertThat(first.getThrown()).isSameAs(cause);
      assertThat(first.getLevel()).isEqualTo(java.util.logging.Level.WARNING);
    }
  }

  @Test
  void atMostOneASecondIsLoggedWithACountOfTheRest() {
    RateLimitedLog limited = new RateLimitedLog();
    try (LogCapture log = new LogCapture(NAME)) {
      long start = System.nanoTime();
      limited.warning("number 0", null);
      int calls = 1;
      while (log.records().size() < 2) {
        limited.warning("number " + calls, null);
        calls++;
        Thread.onSpinWait();
      }
      assertThat(System.nanoTime() - start).isGreaterThanOrEqualTo(Duration.ofSeconds(1).toNanos());
      int last = calls - 1;
      int left = calls - 2;
      assertThat(log.messages(""))
          .containsExactly(
              "number 0", "number " + last + " (and " + left + " others since the last line)");
      while (log.records().size() < 3) {
        limited.warning("one more", null);
      }
      assertThat(System.nanoTime() - start).isGreaterThanOrEqualTo(Duration.ofSeconds(2).toNanos());
    }
  }

  @Test
  void severalThreadsLogOneRecordTogether() throws Exception {
    RateLimitedLog limited = new RateLimitedLog(Duration.ofHours(1));
    try (LogCapture log = new LogCapture(NAME)) {
      CountDownLatch go = new CountDownLatch(1);
      Thread[] threads = new Thread[4];
      for (int i = 0; i < threads.length; i++) {
        threads[i] =
            new Thread(
                () -> {
                  try {
                    go.await();
                  } catch (InterruptedException e) {
                    return;
                  }
                  for (int call = 0; call < 100; call++) {
                    limited.warning("hello", null);
                  }
                });
        threads[i].start();
      }
      go.countDown();
      for (Thread thread : threads) {
        thread.join();
      }
      // It counts those that came at the same moment.
      assertThat(log.messages("")).hasSize(1).allMatch(line -> line.startsWith("hello"));
    }
  }

  @Test
  void everyEventOfSeveralThreadsIsALineOrCounted() throws Exception {
    RateLimitedLog limited = new RateLimitedLog(Duration.ofMillis(100));
    try (LogCapture log = new LogCapture(NAME)) {
      Thread[] threads = new Thread[4];
      long[] calls = new long[threads.length];
      for (int i = 0; i < threads.length; i++) {
        int number = i;
        threads[i] =
            new Thread(
                () -> {
                  while (log.records().size() < 3) {
                    limited.warning("hello", null);
                    calls[number]++;
                  }
                });
        threads[i].start();
      }
      long sum = 0;
      for (int i = 0; i < threads.length; i++) {
        threads[i].join();
        sum += calls[i];
      }
      while (log.records().size() < 4) {
        limited.warning("last", null);
        sum++;
      }
      assertThat(log.messages("").stream().mapToLong(RateLimitedLogTest::events).sum())
          .isEqualTo(sum);
    }
  }

  private static long events(String line) {
    Matcher others = Pattern.compile("\\(and ([0-9]+) others").matcher(line);
    return 1 + (others.find() ? Long.parseLong(others.group(1)) : 0);
  }

  @Test
  void eachKindOfEventHasALimitOfItsOwn() {
    try (LogCapture log = new LogCapture(NAME)) {
      new RateLimitedLog().warning("one kind", null);
      new RateLimitedLog().warning("another kind", null);
      assertThat(log.messages("")).containsExactly("one kind", "another kind");
    }
  }

  @Test
  void whatIsWrittenWithoutALimitIsLoggedEveryTime() {
    try (LogCapture log = new LogCapture(NAME)) {
      RateLimitedLog.write(Level.ERROR, "once", null);
      RateLimitedLog.write(Level.ERROR, "twice", null);
      assertThat(log.messages("")).containsExactly("once", "twice");
    }
  }

  @Test
  void bracesInAMessageAreNoPlaceholders() {
    try (LogCapture log = new LogCapture(NAME)) {
      new RateLimitedLog().warning("{0} '{1}'", null);
      LogRecord logged = log.records().get(0);
      assertThat(new java.util.logging.SimpleFormatter().formatMessage(logged))
          .isEqualTo("{0} '{1}'");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"INFO", "FINE", "FINER", "FINEST", "ALL"})
  void warmingUpLogsNothingAtAnyLevel(String level) {
    Logger logger = Logger.getLogger(NAME);
    try (LogCapture log = new LogCapture(NAME)) {
      logger.setLevel(java.util.logging.Level.parse(level));
      RateLimitedLog.warmUp();
      assertThat(log.records()).isEmpty();
    } finally {
      logger.setLevel(null);
    }
  }

  @ParameterizedTest
  @ValueSource(classes = {IllegalStateException.class, NoClassDefFoundError.class})
  void logThatFailsThrowsNothingAndIsReportedOnStandardError(Class<? extends Throwable> type) {
    ByteArrayOutputStream printed = new ByteArrayOutputStream();
    System.setErr(new PrintStream(printed, /* autoFlush= */ true, StandardCharsets.UTF_8));
    try (LogCapture log = new LogCapture(NAME, logged -> fail(type))) {
      new RateLimitedLog().warning("lost", null);
      RateLimitedLog.write(Level.ERROR, "lost too", null);
      assertThat(log.records()).hasSize(2);
    }
    assertThat(printed.toString(StandardCharsets.UTF_8)).contains(type.getName() + ": on purpose");
  }

  @Test
  void standardErrorThatFailsTooIsHarmless() {
    AtomicInteger tried = new AtomicInteger();
    System.setErr(
        new PrintStream(standardError) {
          @Override
          public void println(Object line) {
            tried.incrementAndGet();
            throw new NoClassDefFoundError("on purpose");
          }
        });
    try (LogCapture log = new LogCapture(NAME, logged -> fail(IllegalStateException.class))) {
      new RateLimitedLog().warning("lost", null);
      assertThat(log.records()).hasSize(1);
    }
    assertThat(tried).hasPositiveValue();
  }

  private static void fail(Class<? extends Throwable> type) {
    if (type == IllegalStateException.class) {
      throw new IllegalStateException("on purpose");
    }
    throw new NoClassDefFoundError("on purpose");
  }
}
