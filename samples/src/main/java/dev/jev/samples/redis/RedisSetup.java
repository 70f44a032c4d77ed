package dev.jev.samples.redis;

import static dev.jev.samples.redis.Arity.MANY;
import static dev.jev.samples.redis.Arity.check;
import static dev.jev.samples.redis.Arity.checkSubcommand;

import dev.jev.Connection;
import dev.jev.codec.RespCommand;
import dev.jev.codec.RespValue;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/** Executes the commands that clients send when they connect. */
final class RedisSetup {

  /** The Redis version that this server claims to be, and whose replies it copies. */
  private static final String VERSION = "7.0.15";

  private static final int MAX_NAME_LENGTH = 1024;

  /** The settings that redis-benchmark reads. */
  private static final Map<String, String> CONFIG = Map.of("save", "", "appendonly", "no");

  RespValue execute(Connection<RespValue> connection, RespCommand command) {
    RedisClient client = RedisClient.of(connection);
    return switch (command.name()) {
      case "HELLO" -> hello(client, command);
      case "AUTH" -> auth(check(command, 2, MANY));
      case "CLIENT" -> client(client, check(command, 2, MANY));
      case "CONFIG" -> client.versioned(config(check(command, 2, MANY)));
      case "COMMAND" -> client.versioned(command(command));
      case "SELECT" -> select(check(command, 2, 2));
      case "INFO" -> client.versioned(info(connection));
      default -> throw RedisError.unknownCommand(command);
    };
  }

  /** Changes the version only if all options are valid, as Redis does. */
  private static RespValue hello(RedisClient client, RespCommand command) {
    int version = command.size() == 1 ? client.version : version(command.argument(1));
    for (int i = 2; i < command.size(); i++) {
      int left = command.size() - i - 1;
      String option = command.keyword(i);
      if (option.equals("AUTH") && left >= 2) {
        authenticate(RedisError.shown(command, i + 1));
        i += 2;
      } else if (option.equals("SETNAME") && left >= 1) {
        client.name = clientName(RedisError.shown(command, i + 1));
        i++;
      } else {
        throw new RedisError(
            "ERR Syntax error in HELLO option '" + RedisError.shown(command, i) + "'");
      }
    }
    client.version = version;
    return client.versioned(
        RespValue.map(
            RespValue.bulk("server"),
            RespValue.bulk("redis"),
            RespValue.bulk("version"),
            RespValue.bulk(VERSION),
            RespValue.bulk("proto"),
            RespValue.integer(version),
            RespValue.bulk("id"),
            RespValue.integer(client.id),
            RespValue.bulk("mode"),
            RespValue.bulk("standalone"),
            RespValue.bulk("role"),
            RespValue.bulk("master"),
            RespValue.bulk("modules"),
            RespValue.EMPTY_ARRAY));
  }

  private static int version(byte[] argument) {
    long version;
    try {
      version = Decimal.parse(argument);
    } catch (RedisError e) {
      throw new RedisError("ERR Protocol version is not an integer or out of range");
    }
    if (version != 2 && version != 3) {
      throw new RedisError("NOPROTO unsupported protocol version");
    }
    return (int) version;
  }

  private static RespValue auth(RespCommand command) {
    if (command.size() > 3) {
      throw new RedisError(RedisError.SYNTAX);
    }
    if (command.size() == 2) {
      throw new RedisError(
          "ERR AUTH <password> called without any password configured for the default user."
              + " Are you sure your configuration is correct?");
    }
    authenticate(RedisError.shown(command, 1));
    return RespValue.OK;
  }

  /** Accepts the user of an unconfigured Redis, "default", with any password. */
  private static void authenticate(String user) {
    if (!user.equals("default")) {
      throw new RedisError("WRONGPASS invalid username-password pair or user is disabled.");
    }
  }

  private static RespValue client(RedisClient client, RespCommand command) {
    switch (command.keyword(1)) {
      case "SETNAME" ->
          client.name = clientName(RedisError.shown(checkSubcommand(command, 3, 3), 2));
      case "SETINFO" -> checkSubcommand(command, 4, 4);
      case "NO-EVICT", "NO-TOUCH" -> checkSubcommand(command, 3, 3);
      case "ID" -> {
        checkSubcommand(command, 2, 2);
        return RespValue.integer(client.id);
      }
      case "GETNAME" -> {
        checkSubcommand(command, 2, 2);
        return client.name.isEmpty() ? client.none() : RespValue.bulk(client.name);
      }
      default -> throw RedisError.unknownSubcommand(command);
    }
    return RespValue.OK;
  }

  private static RespValue config(RespCommand command) {
    if (!command.keyword(1).equals("GET")) {
      throw RedisError.unknownSubcommand(command);
    }
    checkSubcommand(command, 3, MANY);
    // As in Redis, a repeated name keeps its first spelling.
    Map<String, String> settings = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
    for (int i = 2; i < command.size(); i++) {
      String value = CONFIG.get(RedisError.shown(command, i).toLowerCase(Locale.ROOT));
      if (value != null) {
        settings.put(RedisError.shown(command, i), value);
      }
    }
    List<RespValue> namesAndValues = new ArrayList<>();
    settings.forEach(
        (name, value) -> {
          namesAndValues.add(RespValue.bulk(name));
          namesAndValues.add(RespValue.bulk(value));
        });
    return new RespValue.Map(namesAndValues);
  }

  /** Describes no commands, so that redis-cli shows no hints. */
  private static RespValue command(RespCommand command) {
    if (command.size() == 1) {
      return RespValue.EMPTY_ARRAY;
    }
    if (!command.keyword(1).equals("DOCS")) {
      throw RedisError.unknownSubcommand(command);
    }
    return RespValue.map();
  }

  private static RespValue select(RespCommand command) {
    if (Decimal.parse(command.argument(1)) != 0) {
      throw new RedisError("ERR DB index is out of range");
    }
    return RespValue.OK;
  }

  private static RespValue info(Connection<RespValue> connection) {
    return RespValue.verbatim(
        "txt",
        "# Server\r\nredis_version:%s\r\nredis_mode:standalone\r\nprocess_id:%d\r\nlistener:%s\r\n"
            .formatted(VERSION, ProcessHandle.current().pid(), connection.listener()));
  }

  private static String clientName(String name) {
    if (!name.chars().allMatch(c -> c >= '!' && c <= '~')) {
      throw new RedisError(
          "ERR Client names cannot contain spaces, newlines or special characters.");
    }
    if (name.length() > MAX_NAME_LENGTH) {
      throw new RedisError(
          "ERR name: " + name.length() + " characters (expected: <= " + MAX_NAME_LENGTH + ")");
    }
    return name;
  }
}
