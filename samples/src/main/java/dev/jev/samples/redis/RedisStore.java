package dev.jev.samples.redis;

import dev.jev.codec.RespValue;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Keys and their values, in memory.
 *
 * <p>An expired value is invisible, but its memory is freed only when its key is read or
 * overwritten.
 *
 * <p><b>Threads.</b> All methods may be called from any thread. A method's effect on one key is
 * atomic.
 *
 * <p><b>Ownership.</b> Arrays are neither copied nor changed.
 */
final class RedisStore {

  /** The time to live of a value that does not expire. */
  static final long FOREVER = Long.MAX_VALUE;

  /** The condition on a key for it to be set. */
  enum Condition {
    ANY,
    ABSENT,
    PRESENT
  }

  /** An end of a list. */
  enum End {
    LEFT,
    RIGHT
  }

  private final ConcurrentHashMap<Key, Value> values = new ConcurrentHashMap<>();
  private final LongSupplier nanoClock;

  RedisStore(LongSupplier nanoClock) {
    this.nanoClock = nanoClock;
  }

  /**
   * Returns the string of {@code key}, or null if it has no value.
   *
   * @throws RedisError if it has a list
   */
  @Nullable RespValue get(byte[] key) {
    Text text = text(find(new Key(key)));
    return text == null ? null : text.reply;
  }

  /** Returns the string of {@code key}, or null if it has no value or a list. */
  @Nullable RespValue getIfString(byte[] key) {
    return find(new Key(key)) instanceof Text text ? text.reply : null;
  }

  /**
   * Replaces the value of {@code key} by a string.
   *
   * @param nanosToLive time to live in nanoseconds, or {@link #FOREVER}
   * @return true if the condition was met
   */
  boolean set(byte[] key, byte[] string, long nanosToLive, Condition condition) {
    Text text =
        nanosToLive == FOREVER
            ? new Text(string)
            : new ExpiringText(string, nanoClock.getAsLong() + nanosToLive);
    if (condition == Condition.ANY) {
      values.put(new Key(key), text);
      return true;
    }
    boolean wanted = condition == Condition.PRESENT;
    Value now =
        values.compute(
            new Key(key), (k, old) -> (unexpired(old) != null) == wanted ? text : unexpired(old));
    return now == text;
  }

  /**
   * Adds to the number that the string of {@code key} represents, or to 0 if it has no value.
   *
   * @throws RedisError if it has no number, or the sum overflows
   */
  long add(byte[] key, long delta) {
    long[] sum = new long[1];
    values.compute(
        new Key(key),
        (k, old) -> {
          Text text = text(unexpired(old));
          sum[0] = sum(text == null ? 0 : Decimal.parse(text.bytes), delta);
          return text == null
              ? new Text(Decimal.format(sum[0]))
              : text.with(Decimal.format(sum[0]));
        });
    return sum[0];
  }

  /** Removes {@code key}; returns true if it had a value. */
  boolean delete(byte[] key) {
    return unexpired(values.remove(new Key(key))) != null;
  }

  boolean exists(byte[] key) {
    return find(new Key(key)) != null;
  }

  long size() {
    return values.mappingCount();
  }

  void clear() {
    values.clear();
  }

  /** Adds items, one by one, to an end of a list; returns its new length. */
  int push(byte[] key, End end, List<byte[]> items) {
    int[] length = new int[1];
    values.compute(
        new Key(key),
        (k, old) -> {
          Items list = items(unexpired(old));
          if (list == null) {
            list = new Items();
          }
          for (byte[] item : items) {
            if (end == End.LEFT) {
              list.items.addFirst(item);
            } else {
              list.items.addLast(item);
            }
          }
          length[0] = list.items.size();
          return list;
        });
    return length[0];
  }

  /**
   * Removes up to {@code count} items from an end of a list; returns null if there is no list.
   *
   * @throws RedisError if they are too many for a reply; the list then keeps them
   */
  @Nullable List<byte[]> pop(byte[] key, End end, long count) {
    List<byte[]> popped = new ArrayList<>();
    boolean[] found = new boolean[1];
    values.computeIfPresent(
        new Key(key),
        (k, old) -> {
          Items list = items(unexpired(old));
          if (list == null) {
            return null;
          }
          found[0] = true;
          list.checkSize(end, count);
          while (popped.size() < count && !list.items.isEmpty()) {
            popped.add(end == End.LEFT ? list.items.removeFirst() : list.items.removeLast());
          }
          return list.items.isEmpty() ? null : list; // Redis has no empty lists
        });
    return found[0] ? popped : null;
  }

  /**
   * Returns the items from {@code first} to {@code last}; negative indices count from the end.
   *
   * @throws RedisError if they are too many for a reply
   */
  List<byte[]> range(byte[] key, long first, long last) {
    List<byte[]> range = new ArrayList<>();
    values.computeIfPresent(
        new Key(key),
        (k, old) -> {
          Items list = items(unexpired(old));
          if (list != null) {
            list.copy(first, last, range);
          }
          return list;
        });
    return range;
  }

  /** Returns the length of a list, or 0 if there is no list. */
  int length(byte[] key) {
    int[] length = new int[1];
    values.computeIfPresent(
        new Key(key),
        (k, old) -> {
          Items list = items(unexpired(old));
          length[0] = list == null ? 0 : list.items.size();
          return list;
        });
    return length[0];
  }

  private @Nullable Value find(Key key) {
    Value value = values.get(key);
    if (value != null && unexpired(value) == null) {
      values.remove(key, value);
      return null;
    }
    return value;
  }

  private @Nullable Value unexpired(@Nullable Value value) {
    // The difference is compared, since nanoTime may overflow.
    return value instanceof ExpiringText text && nanoClock.getAsLong() - text.end >= 0
        ? null
        : value;
  }

  private static long sum(long number, long delta) {
    try {
      return Math.addExact(number, delta);
    } catch (ArithmeticException e) {
      throw new RedisError("ERR increment or decrement would overflow");
    }
  }

  private static @Nullable Text text(@Nullable Value value) {
    if (value == null || value instanceof Text) {
      return (Text) value;
    }
    throw new RedisError(RedisError.WRONG_TYPE);
  }

  private static @Nullable Items items(@Nullable Value value) {
    if (value == null || value instanceof Items) {
      return (Items) value;
    }
    throw new RedisError(RedisError.WRONG_TYPE);
  }

  private sealed interface Value permits Text, Items {}

  /** A string. */
  private static sealed class Text implements Value permits ExpiringText {

    final byte[] bytes;

    /** The reply to GET, created once. */
    final RespValue reply;

    Text(byte[] bytes) {
      this.bytes = bytes;
      this.reply = RespValue.bulk(bytes);
    }

    /** Returns another string with the same expiry. */
    Text with(byte[] bytes) {
      return new Text(bytes);
    }
  }

  /** A string that expires at {@code end}, in nanoseconds of the clock. */
  private static final class ExpiringText extends Text {

    final long end;

    ExpiringText(byte[] bytes, long end) {
      super(bytes);
      this.end = end;
    }

    @Override
    Text with(byte[] bytes) {
      return new ExpiringText(bytes, end);
    }
  }

  /** A list. Guarded by the map, which runs one computation per key at a time. */
  private static final class Items implements Value {

    final Deque<byte[]> items = new ArrayDeque<>();

    void copy(long first, long last, List<byte[]> target) {
      int size = items.size();
      long begin = Math.max(0, first < 0 ? size + first : first);
      long end = Math.min(size - 1, last < 0 ? size + last : last);
      Iterator<byte[]> iterator = items.iterator();
      ReplySize bytes = new ReplySize();
      for (int i = 0; i <= end && iterator.hasNext(); i++) {
        byte[] item = iterator.next();
        if (i >= begin) {
          bytes.add(item.length);
          target.add(item);
        }
      }
    }

    void checkSize(End end, long count) {
      Iterator<byte[]> iterator = end == End.LEFT ? items.iterator() : items.descendingIterator();
      ReplySize bytes = new ReplySize();
      for (long i = 0; i < count && iterator.hasNext(); i++) {
        bytes.add(iterator.next().length);
      }
    }
  }

  /**
   * A key. Comparable, so that the map finds keys quickly even if an attacker has chosen them to
   * have equal hashes.
   */
  private static final class Key implements Comparable<Key> {

    private static final VarHandle LONGS =
        MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private final byte[] bytes;
    private final int hash;

    Key(byte[] bytes) {
      this.bytes = bytes;
      this.hash = hash(bytes);
    }

    /** Reads eight bytes at a time, and is therefore faster than {@code Arrays.hashCode}. */
    private static int hash(byte[] bytes) {
      long hash = bytes.length;
      int i = 0;
      for (; i <= bytes.length - Long.BYTES; i += Long.BYTES) {
        hash = mix(hash ^ (long) LONGS.get(bytes, i));
      }
      long rest = 0;
      for (; i < bytes.length; i++) {
        rest = rest << Byte.SIZE | bytes[i];
      }
      return Long.hashCode(mix(hash ^ rest));
    }

    private static long mix(long hash) {
      long product = hash * 0x9E3779B97F4A7C15L; // Fibonacci hashing
      return product ^ product >>> 32;
    }

    @Override
    public int compareTo(Key other) {
      return Arrays.compareUnsigned(bytes, other.bytes);
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof Key key && hash == key.hash && Arrays.equals(bytes, key.bytes);
    }

    @Override
    public int hashCode() {
      return hash;
    }
  }
}
