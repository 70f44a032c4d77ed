package dev.jev.codec;

import io.netty.buffer.ByteBuf;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The names of common Redis commands, found by their bytes without allocating.
 *
 * <p>A name of up to eight bytes fits a {@code long}, which is its key in a small hash table with
 * open addressing. Clients write a name entirely in upper case or entirely in lower case, so the
 * table contains both; names with other spellings, and all other names, are not found.
 */
final class CommandNames {

  private static final int MAX_NAME_BYTES = Long.BYTES;

  private static final String COMMON =
      """
      APPEND AUTH BLPOP BRPOP CLIENT CLUSTER COMMAND CONFIG COPY DBSIZE DECR DECRBY DEL DISCARD
      ECHO EVAL EVALSHA EXEC EXISTS EXPIRE EXPIREAT FLUSHALL FLUSHDB GET GETDEL GETEX GETRANGE
      GETSET HDEL HELLO HEXISTS HGET HGETALL HINCRBY HKEYS HLEN HMGET HMSET HSCAN HSET HSETNX
      HVALS INCR INCRBY INFO KEYS LINDEX LINSERT LLEN LMOVE LPOP LPUSH LPUSHX LRANGE LREM LSET
      LTRIM MGET MSET MSETNX MULTI PERSIST PEXPIRE PING PSETEX PTTL PUBLISH QUIT RENAME RPOP
      RPUSH RPUSHX SADD SCAN SCARD SELECT SET SETEX SETNX SETRANGE SMEMBERS SPOP SREM STRLEN
      TIME TOUCH TTL TYPE UNLINK WATCH XADD XREAD ZADD ZCARD ZRANGE ZREM ZSCORE\
      """;

  /**
   * The base-2 logarithm of the table's size. At most a third of the slots are used, so most
   * lookups end at the first one.
   */
  private static final int TABLE_BITS = 10;

  private static final @Nullable CommandName[] TABLE = new CommandName[1 << TABLE_BITS];

  static {
    for (String name : Pattern.compile("\\s").splitAsStream(COMMON).toList()) {
      add(name, name);
      add(name, name.toLowerCase(Locale.ROOT));
    }
  }

  private CommandNames() {}

  /** Returns the name in the {@code length} bytes at {@code index}, or null if it is unknown. */
  static @Nullable CommandName find(ByteBuf in, int index, int length) {
    if (length > MAX_NAME_BYTES || length == 0) {
      return null;
    }
    long key;
    if (index + Long.BYTES <= in.writerIndex()) {
      key = in.getLong(index) >>> (Long.SIZE - Byte.SIZE * length);
    } else {
      key = 0;
      for (int i = index; i < index + length; i++) {
        key = key << Byte.SIZE | (in.getByte(i) & 0xff);
      }
    }
    int slot = slot(key);
    for (CommandName name = TABLE[slot]; name != null; name = TABLE[slot]) {
      if (name.key == key && name.spelled.length == length) {
        return name;
      }
      slot = (slot + 1) & (TABLE.length - 1);
    }
    return null;
  }

  private static void add(String name, String spelled) {
    byte[] bytes = spelled.getBytes(StandardCharsets.US_ASCII);
    long key = 0;
    for (byte b : bytes) {
      key = key << Byte.SIZE | b;
    }
    int slot = slot(key);
    while (TABLE[slot] != null) {
      slot = (slot + 1) & (TABLE.length - 1);
    }
    TABLE[slot] = new CommandName(name, bytes, key);
  }

  private static int slot(long key) {
    // Fibonacci hashing: the upper bits of the product depend on all bits of the key.
    return (int) ((key * 0x9E3779B97F4A7C15L) >>> (Long.SIZE - TABLE_BITS));
  }

  /** A spelling of a name. */
  static final class CommandName {

    /** The name in upper case. */
    final String name;

    /** The bytes of this spelling; shared, so they must not be modified. */
    final byte[] spelled;

    private final long key;

    private CommandName(String name, byte[] spelled, long key) {
      this.name = name;
      this.spelled = spelled;
      this.key = key;
    }
  }
}
