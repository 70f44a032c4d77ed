package dev.jev.samples;

import static dev.jev.samples.RedisHandler.sized;

import dev.jev.Connection;
import dev.jev.codec.RespCommand;
import dev.jev.codec.RespValue;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;

/** Answers what clients ask when they connect, before they get to work. */
final class RedisSetup {

  /** The version whose replies are copied. */
  private static final String VERSION = "7.0.15";

  /** What redis-benchmark wants to know. */
  private static final Map<String, String> CONFIG = Map.of("save", "", "appendonly", "no");

  private static final int MANY = Integer.MAX_VALUE;

  RespValue execute(Connection<RespValue> connection, RespCommand command) {
    return switch (command.name()) {
      case "HELLO" -> hello(connection, command);
      case "CLIENT" -> client(connection, sized(command, 2, MANY));
      case "CONFIG" -> config(sized(command, 2, MANY));
      case "COMMAND" -> command(command);
      case "SELECT" -> select(sized(command, 2, 2));
      case "INFO" -> info(connection);
      default -> throw RedisError.unknownCommand(command);
    };
  }

  /** Agrees to RESP2 only, as Redis 5 would; clients then fall back to it. */
  private static RespValue hello(Connection<RespValue> connection, RespCommand command) {
    if (command.size() > 1) {
      long version;
      try {
        version = Decimal.parse(command.argument(1));
      } catch (RedisError e) {
        throw new RedisError("ERR Protocol version is not an integer or out of range");
      }
      if (version != 2) {
        throw new RedisError("NOPROTO unsupported protocol version");
      }
    }
    RedisClient client = client(connection);
    for (int i = 2; i < command.size(); i += 2) {
      if (!subcommand(command, i).equals("SETNAME") || i + 1 == command.size()) {
        throw new RedisError("ERR Syntax error in HELLO option '" + command.text(i) + "'");
      }
      client.name = clientName(command.text(i + 1));
    }
    return RespValue.array(
        RespValue.bulk("server"),
        RespValue.bulk("redis"),
        RespValue.bulk("version"),
        RespValue.bulk(VERSION),
        RespValue.bulk("proto"),
        RespValue.integer(2),
        RespValue.bulk("id"),
        RespValue.integer(client.id),
        RespValue.bulk("mode"),
        RespValue.bulk("standalone"),
        RespValue.bulk("role"),
        RespValue.bulk("master"),
        RespValue.bulk("modules"),
        RespValue.EMPTY_ARRAY);
  }

  private static RespValue client(Connection<RespValue> connection, RespCommand command) {
    RedisClient client = client(connection);
    switch (subcommand(command, 1)) {
      case "SETNAME" -> client.name = clientName(withSubcommand(command, 3, 3).text(2));
      case "SETINFO" -> withSubcommand(command, 4, 4);
      case "NO-EVICT", "NO-TOUCH" -> withSubcommand(command, 3, 3);
      case "ID" -> {
        withSubcommand(command, 2, 2);
        return RespValue.integer(client.id);
      }
      case "GETNAME" -> {
        withSubcommand(command, 2, 2);
        return client.name.isEmpty() ? RespValue.NULL_BULK : RespValue.bulk(client.name);
      }
      default -> throw RedisError.unknownSubcommand(command);
    }
    return RespValue.OK;
  }

  private static RespValue config(RespCommand command) {
    if (!subcommand(command, 1).equals("GET")) {
      throw RedisError.unknownSubcommand(command);
    }
    withSubcommand(command, 3, MANY);
    List<RespValue> settings = new ArrayList<>();
    for (int i = 2; i < command.size(); i++) {
      String value = CONFIG.get(command.text(i).toLowerCase(Locale.ROOT));
      if (value != null) {
        settings.add(RespValue.bulk(command.argument(i)));
        settings.add(RespValue.bulk(value));
      }
    }
    return RespValue.array(settings);
  }

  /** Describes no command: redis-cli then offers no hints. */
  private static RespValue command(RespCommand command) {
    if (command.size() > 1 && !subcommand(command, 1).equals("DOCS")) {
      throw RedisError.unknownSubcommand(command);
    }
    return RespValue.EMPTY_ARRAY;
  }

  private static RespValue select(RespCommand command) {
    if (Decimal.parse(command.argument(1)) != 0) {
      throw new RedisError("ERR DB index is out of range");
    }
    return RespValue.OK;
  }

  private static RespValue info(Connection<RespValue> connection) {
    return RespValue.bulk(
        "# Server\r\nredis_version:%s\r\nredis_mode:standalone\r\nprocess_id:%d\r\nlistener:%s\r\n"
            .formatted(VERSION, ProcessHandle.current().pid(), connection.listener()));
  }

  private static RedisClient client(Connection<RespValue> connection) {
    return Objects.requireNonNull(connection.attachment(RedisClient.class), "client");
  }

  private static String clientName(String name) {
    if (!name.chars().allMatch(c -> c >= '!' && c <= '~')) {
      throw new RedisError(
          "ERR Client names cannot contain spaces, newlines or special characters.");
    }
    return name;
  }

  private static String subcommand(RespCommand command, int index) {
    return command.keyword(index);
  }

  private static RespCommand withSubcommand(RespCommand command, int min, int max) {
    if (command.size() < min || command.size() > max) {
      throw RedisError.wrongNumberOfArguments(command.name() + '|' + command.text(1));
    }
    return command;
  }
}
