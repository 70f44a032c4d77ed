package dev.jev.metrics;

import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The answers to scrapes.
 *
 * <p>A scrape may take the event loop as long as thousands of other requests, and few short
 * requests ask for many. So scrapes may take half of the time, and a quarter of a second more.
 * Beyond that the last answer is used again. The first scrape is free, since it also loads classes.
 *
 * <p><b>Threads.</b> Any. Scrapes run concurrently, outside the monitor.
 */
final class Scrapes {

  private static final long MAX_CREDIT_NANOS = TimeUnit.MILLISECONDS.toNanos(250);

  /** Maximum time that scrapes may owe: an answer is used for twice as long at most. */
  private static final long MAX_DEBT_NANOS = TimeUnit.SECONDS.toNanos(1);

  /** The part of the time that scrapes may take: 1/2. */
  private static final int DIVISOR = 2;

  private final Supplier<byte[]> scrape;
  private final LongSupplier nanoClock;

  // Guarded by this.
  private long creditNanos = MAX_CREDIT_NANOS;
  private long creditedAt;
  private byte @Nullable [] last;

  Scrapes(Supplier<byte[]> scrape, LongSupplier nanoClock) {
    this.scrape = scrape;
    this.nanoClock = nanoClock;
    this.creditedAt = nanoClock.getAsLong();
  }

  /** Returns the metrics of this moment, or the last answer if scrapes have taken too long. */
  byte[] answer() {
    long start = nanoClock.getAsLong();
    byte[] known = lastWithoutCredit(start);
    if (known != null) {
      return known;
    }
    byte[] fresh = scrape.get();
    pay(start, fresh);
    return fresh;
  }

  private synchronized byte @Nullable [] lastWithoutCredit(long now) {
    earn(now);
    return creditNanos > 0 ? null : last;
  }

  private synchronized void pay(long start, byte[] fresh) {
    long now = nanoClock.getAsLong();
    earn(now);
    long cost = last == null ? 0 : now - start;
    creditNanos = Math.max(-MAX_DEBT_NANOS, creditNanos - cost);
    last = fresh;
  }

  private void earn(long now) {
    long earned = Math.max(0, now - creditedAt) / DIVISOR;
    creditNanos = Math.min(MAX_CREDIT_NANOS, creditNanos + earned);
    creditedAt += earned * DIVISOR;
  }
}
