package dev.jev.samples.redis;

import static dev.jev.samples.redis.Arity.MANY;
import static dev.jev.samples.redis.Arity.check;

import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.codec.RespCommand;
import dev.jev.codec.RespValue;
import dev.jev.samples.redis.RedisStore.Condition;
import dev.jev.samples.redis.RedisStore.End;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Executes the Redis commands that read or change the store.
 *
 * <p>A command on one key is atomic. MSET sets its keys one by one: a client on another event loop
 * may read some of the new values before the others are set.
 */
public final class RedisHandler implements Handler<RespCommand, RespValue> {

  private final RedisStore store;
  private final RedisSetup setup = new RedisSetup();
  private final AtomicLong clients = new AtomicLong();

  /** Creates a handler with an empty store. */
  public RedisHandler() {
    this(new RedisStore(System::nanoTime));
  }

  RedisHandler(RedisStore store) {
    this.store = store;
  }

  @Override
  public void onConnect(Connection<RespValue> connection) {
    connection.attach(new RedisClient(clients.incrementAndGet()));
  }

  @Override
  public void onMessage(Connection<RespValue> connection, RespCommand command) {
    RespValue reply;
    try {
      reply = execute(connection, command);
    } catch (RedisError e) {
      reply = e.reply();
    }
    connection.send(reply);
    if (command.name().equals("QUIT")) {
      connection.close();
    }
  }

  private RespValue execute(Connection<RespValue> connection, RespCommand command) {
    return switch (command.name()) {
      case "GET" -> get(connection, check(command, 2, 2));
      case "SET" -> set(connection, check(command, 3, MANY));
      case "MGET" -> getAll(connection, check(command, 2, MANY));
      case "MSET" -> setAll(check(command, 3, MANY));
      case "DEL" -> delete(check(command, 2, MANY));
      case "EXISTS" -> exists(check(command, 2, MANY));
      case "INCR" -> add(check(command, 2, 2), 1);
      case "DECR" -> add(check(command, 2, 2), -1);
      case "INCRBY" -> add(check(command, 3, 3), Decimal.parse(command.argument(2)));
      case "LPUSH" -> push(check(command, 3, MANY), End.LEFT);
      case "RPUSH" -> push(check(command, 3, MANY), End.RIGHT);
      case "LPOP" -> pop(connection, check(command, 2, 3), End.LEFT);
      case "RPOP" -> pop(connection, check(command, 2, 3), End.RIGHT);
      case "LRANGE" -> range(check(command, 4, 4));
      case "LLEN" -> RespValue.integer(store.length(check(command, 2, 2).argument(1)));
      case "DBSIZE" -> {
        check(command, 1, 1);
        yield RespValue.integer(store.size());
      }
      case "FLUSHDB", "FLUSHALL" -> clear(command);
      case "PING" -> ping(check(command, 1, 2));
      case "ECHO" -> RespValue.bulk(check(command, 2, 2).argument(1));
      case "QUIT" -> RespValue.OK;
      default -> setup.execute(connection, command);
    };
  }

  private static RespValue ping(RespCommand command) {
    return command.size() == 1 ? RespValue.PONG : RespValue.bulk(command.argument(1));
  }

  private RespValue get(Connection<RespValue> connection, RespCommand command) {
    RespValue string = store.get(command.argument(1));
    return string == null ? RedisClient.of(connection).none() : string;
  }

  private RespValue set(Connection<RespValue> connection, RespCommand command) {
    SetOptions options = SetOptions.of(command);
    byte[] key = command.argument(1);
    return store.set(key, command.argument(2), options.nanosToLive(), options.condition())
        ? RespValue.OK
        : RedisClient.of(connection).none();
  }

  private RespValue getAll(Connection<RespValue> connection, RespCommand command) {
    RespValue none = RedisClient.of(connection).none();
    List<RespValue> strings = new ArrayList<>(command.size() - 1);
    ReplySize size = new ReplySize();
    for (int i = 1; i < command.size(); i++) {
      RespValue string = store.getIfString(command.argument(i));
      byte[] content = string instanceof RespValue.Bulk bulk ? bulk.bytes() : null;
      size.add(content == null ? 0 : content.length);
      strings.add(string == null ? none : string);
    }
    return RespValue.array(strings);
  }

  private RespValue setAll(RespCommand command) {
    if (command.size() % 2 == 0) {
      throw RedisError.wrongNumberOfArguments(command.name());
    }
    for (int i = 1; i < command.size(); i += 2) {
      store.set(command.argument(i), command.argument(i + 1), RedisStore.FOREVER, Condition.ANY);
    }
    return RespValue.OK;
  }

  private RespValue delete(RespCommand command) {
    int deleted = 0;
    for (int i = 1; i < command.size(); i++) {
      deleted += store.delete(command.argument(i)) ? 1 : 0;
    }
    return RespValue.integer(deleted);
  }

  private RespValue exists(RespCommand command) {
    int found = 0;
    for (int i = 1; i < command.size(); i++) {
      found += store.exists(command.argument(i)) ? 1 : 0;
    }
    return RespValue.integer(found);
  }

  private RespValue add(RespCommand command, long delta) {
    return RespValue.integer(store.add(command.argument(1), delta));
  }

  private RespValue push(RespCommand command, End end) {
    List<byte[]> items = new ArrayList<>(command.size() - 2);
    for (int i = 2; i < command.size(); i++) {
      items.add(command.argument(i));
    }
    return RespValue.integer(store.push(command.argument(1), end, items));
  }

  private RespValue pop(Connection<RespValue> connection, RespCommand command, End end) {
    if (command.size() == 2) {
      List<byte[]> popped = store.pop(command.argument(1), end, /* count= */ 1);
      return popped == null ? RedisClient.of(connection).none() : RespValue.bulk(popped.get(0));
    }
    List<byte[]> popped = store.pop(command.argument(1), end, count(command.argument(2)));
    return popped == null ? RedisClient.of(connection).noList() : RespValue.array(bulks(popped));
  }

  private static long count(byte[] argument) {
    long count = -1;
    try {
      count = Decimal.parse(argument);
    } catch (RedisError e) {
      // Redis has a separate message for counts, see below.
    }
    if (count < 0) {
      throw new RedisError("ERR value is out of range, must be positive");
    }
    return count;
  }

  private RespValue range(RespCommand command) {
    long first = Decimal.parse(command.argument(2));
    long last = Decimal.parse(command.argument(3));
    return RespValue.array(bulks(store.range(command.argument(1), first, last)));
  }

  private RespValue clear(RespCommand command) {
    String mode = command.size() == 1 ? "SYNC" : command.keyword(1);
    if (command.size() > 2 || !(mode.equals("SYNC") || mode.equals("ASYNC"))) {
      throw new RedisError(RedisError.SYNTAX);
    }
    store.clear();
    return RespValue.OK;
  }

  private static List<RespValue> bulks(List<byte[]> items) {
    List<RespValue> values = new ArrayList<>(items.size());
    for (byte[] item : items) {
      values.add(RespValue.bulk(item));
    }
    return values;
  }
}
