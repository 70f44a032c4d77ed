package dev.jev.samples.redis;

import dev.jev.codec.RespCommand;

/** Checks the arity of commands: the number of words, the command's name included. */
final class Arity {

  /** No upper limit. */
  static final int MANY = Integer.MAX_VALUE;

  private Arity() {}

  /**
   * Returns the command.
   *
   * @throws RedisError if it has fewer than {@code min} or more than {@code max} words
   */
  static RespCommand check(RespCommand command, int min, int max) {
    if (!isWithin(command, min, max)) {
      throw RedisError.wrongNumberOfArguments(command.name());
    }
    return command;
  }

  /** Returns a command whose second word is a subcommand; otherwise like {@code check}. */
  static RespCommand checkSubcommand(RespCommand command, int min, int max) {
    if (!isWithin(command, min, max)) {
      throw RedisError.wrongNumberOfArguments(command.name() + '|' + RedisError.shown(command, 1));
    }
    return command;
  }

  private static boolean isWithin(RespCommand command, int min, int max) {
    return min <= command.size() && command.size() <= max;
  }
}
