package dev.jev.samples.redis;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.jev.codec.RespValue;
import dev.jev.samples.redis.RedisStore.Condition;
import dev.jev.samples.redis.RedisStore.End;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class RedisStoreTest {

  private final AtomicLong clock = new AtomicLong(Long.MAX_VALUE - 5);
  private final RedisStore store = new RedisStore(clock::get);

  @Test
  void expiryOutlivesAnOverflowOfTheClock() {
    store.set(bytes("a"), bytes("1"), /* nanosToLive= */ 10, Condition.ANY);
    clock.addAndGet(9);
    assertThat(store.exists(bytes("a"))).isTrue();
    clock.addAndGet(1);
    assertThat(store.exists(bytes("a"))).isFalse();
  }

  @Test
  void expiredStringIsForgottenWhenItsKeyIsAskedFor() {
    store.set(bytes("a"), bytes("1"), /* nanosToLive= */ 1, Condition.ANY);
    clock.addAndGet(1);
    assertThat(store.size()).isEqualTo(1);
    assertThat(store.get(bytes("a"))).isNull();
    assertThat(store.size()).isZero();
  }

  @Test
  void expiredStringCannotBeDeleted() {
    store.set(bytes("a"), bytes("1"), /* nanosToLive= */ 1, Condition.ANY);
    clock.addAndGet(1);
    assertThat(store.delete(bytes("a"))).isFalse();
  }

  @Test
  void expiredStringIsNotInTheWayOfAList() {
    store.set(bytes("a"), bytes("1"), /* nanosToLive= */ 1, Condition.ANY);
    assertThatExceptionOfType(RedisError.class)
        .isThrownBy(() -> store.push(bytes("a"), End.LEFT, List.of(bytes("x"))))
        .withMessage(RedisError.WRONG_TYPE);
    clock.addAndGet(1);
    assertThat(store.pop(bytes("a"), End.LEFT, /* count= */ 1)).isNull();
    assertThat(store.push(bytes("a"), End.LEFT, List.of(bytes("x")))).isEqualTo(1);
  }

  @Test
  void failedAdditionChangesNothing() {
    store.set(bytes("a"), bytes("x"), RedisStore.FOREVER, Condition.ANY);
    assertThatExceptionOfType(RedisError.class)
        .isThrownBy(() -> store.add(bytes("a"), /* delta= */ 1))
        .withMessage(RedisError.NOT_AN_INTEGER);
    assertThat(store.get(bytes("a"))).isEqualTo(RespValue.bulk("x"));
  }

  @Test
  void keysWithEqualHashesAreDifferentKeys() {
    for (String key : List.of("Aa", "BB")) {
      store.set(bytes(key), bytes(key), RedisStore.FOREVER, Condition.ANY);
    }
    assertThat(store.get(bytes("Aa"))).isEqualTo(RespValue.bulk("Aa"));
    assertThat(store.get(bytes("BB"))).isEqualTo(RespValue.bulk("BB"));
  }

  @Test
  @Timeout(20)
  void keysMadeToHaveEqualHashesAreFoundQuickly() {
    int count = 1 << 17; // a linear search would take minutes
    ByteBuffer key = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    for (long i = 0; i < count; i++) {
      long wanted = i << 32 | i; // both halves cancel out: the hash is 0
      key.putLong(0, unmix(unmix(wanted)) ^ Long.BYTES);
      store.set(key.array().clone(), bytes("x"), RedisStore.FOREVER, Condition.ANY);
    }
    assertThat(store.size()).isEqualTo(count);
  }

  /** Inverts one round of the store's hash function. */
  private static long unmix(long mixed) {
    long factor = 0x9E3779B97F4A7C15L;
    long inverse = factor;
    for (int i = 0; i < 5; i++) { // Newton: each round doubles the number of correct bits
      inverse *= 2 - factor * inverse;
    }
    return (mixed ^ mixed >>> 32) * inverse;
  }

  @Test
  void countingFromSeveralThreadsMissesNothing() throws Exception {
    inParallel(() -> store.add(bytes("counter"), /* delta= */ 1));
    assertThat(store.get(bytes("counter"))).isEqualTo(RespValue.bulk("40000"));
  }

  @Test
  void listUsedBySeveralThreadsLosesNothing() throws Exception {
    inParallel(
        () -> {
          store.push(bytes("list"), End.LEFT, List.of(bytes("a"), bytes("b")));
          store.range(bytes("list"), 0, 10);
          store.pop(bytes("list"), End.RIGHT, /* count= */ 1);
        });
    assertThat(store.length(bytes("list"))).isEqualTo(40_000);
  }

  private static void inParallel(Runnable action) throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(4);
    List<Future<?>> runs = new ArrayList<>();
    for (int thread = 0; thread < 4; thread++) {
      runs.add(
          threads.submit(
              () -> {
                for (int i = 0; i < 10_000; i++) {
                  action.run();
                }
              }));
    }
    for (Future<?> run : runs) {
      run.get(50, SECONDS);
    }
    threads.shutdown();
  }

  private static byte[] bytes(String text) {
    return text.getBytes(US_ASCII);
  }
}
