package dev.jev.samples.redis;

import dev.jev.codec.RespCommand;
import dev.jev.samples.redis.RedisStore.Condition;
import java.util.concurrent.TimeUnit;

/**
 * The options after {@code SET key value}: {@code NX}, {@code XX}, {@code EX seconds}, {@code PX
 * milliseconds}.
 *
 * @param condition the condition on the key
 * @param nanosToLive the value's time to live in nanoseconds, or {@link RedisStore#FOREVER}
 */
record SetOptions(Condition condition, long nanosToLive) {

  private static final SetOptions NONE = new SetOptions(Condition.ANY, RedisStore.FOREVER);

  static SetOptions of(RespCommand command) {
    if (command.size() == 3) {
      return NONE;
    }
    Condition condition = Condition.ANY;
    String unit = "";
    byte[] time = {};
    for (int i = 3; i < command.size(); i++) {
      String option = command.keyword(i);
      if (option.equals("NX") && condition != Condition.PRESENT) {
        condition = Condition.ABSENT;
      } else if (option.equals("XX") && condition != Condition.ABSENT) {
        condition = Condition.PRESENT;
      } else if ((option.equals("EX") || option.equals("PX"))
          && (unit.isEmpty() || unit.equals(option))
          && i + 1 < command.size()) {
        unit = option;
        time = command.argument(++i);
      } else {
        throw new RedisError(RedisError.SYNTAX);
      }
    }
    return new SetOptions(condition, unit.isEmpty() ? RedisStore.FOREVER : nanos(time, unit));
  }

  private static long nanos(byte[] time, String unit) {
    long number = Decimal.parse(time);
    long factor = unit.equals("EX") ? 1000 : 1;
    // Redis adds the wall-clock time in milliseconds and refuses a sum that overflows.
    if (number <= 0 || number > (Long.MAX_VALUE - System.currentTimeMillis()) / factor) {
      throw new RedisError("ERR invalid expire time in 'set' command");
    }
    return TimeUnit.MILLISECONDS.toNanos(number * factor);
  }
}
