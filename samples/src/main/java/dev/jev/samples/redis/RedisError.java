package dev.jev.samples.redis;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.jev.codec.RespCommand;
import dev.jev.codec.RespValue;
import java.util.Locale;

/** Ends a command with an error reply. The texts are those of Redis 7.0. */
final class RedisError extends RuntimeException {

  static final String NOT_AN_INTEGER = "ERR value is not an integer or out of range";
  static final String SYNTAX = "ERR syntax error";
  static final String WRONG_TYPE =
      "WRONGTYPE Operation against a key holding the wrong kind of value";

  private static final long serialVersionUID = 1L;

  /** Maximum number of characters of an unknown command in its error reply. */
  private static final int MAX_REPEATED_CHARS = 128;

  private final transient RespValue reply;

  RedisError(String text) {
    super(text, null, false, false); // no stack trace: client errors are frequent
    this.reply = RespValue.error(text);
  }

  RespValue reply() {
    return reply;
  }

  /** Returns the error for a command with too few or too many arguments. */
  static RedisError wrongNumberOfArguments(String command) {
    String name = command.toLowerCase(Locale.ROOT);
    return new RedisError("ERR wrong number of arguments for '" + name + "' command");
  }

  static RedisError unknownCommand(RespCommand command) {
    StringBuilder arguments = new StringBuilder();
    for (int i = 1; i < command.size() && arguments.length() < MAX_REPEATED_CHARS; i++) {
      int left = MAX_REPEATED_CHARS - arguments.length();
      arguments.append('\'').append(beginning(shown(command, i), left)).append("' ");
    }
    String name = beginning(shown(command, 0), MAX_REPEATED_CHARS);
    return new RedisError(
        "ERR unknown command '" + name + "', with args beginning with: " + arguments);
  }

  static RedisError unknownSubcommand(RespCommand command) {
    String subcommand = beginning(shown(command, 1), MAX_REPEATED_CHARS);
    return new RedisError(
        "ERR unknown subcommand '" + subcommand + "'. Try " + command.name() + " HELP.");
  }

  /** Returns an argument for a reply to be read by humans: what is not UTF-8 is replaced. */
  static String shown(RespCommand command, int index) {
    return new String(command.argument(index), UTF_8);
  }

  /** Returns up to {@code maxChars} characters of {@code text}, which ends at a NUL, as in C. */
  private static String beginning(String text, int maxChars) {
    int zero = text.indexOf('\0');
    return text.substring(0, Math.min(maxChars, zero < 0 ? text.length() : zero));
  }
}
