package dev.jev.redis;

import dev.jev.nodes.Backplane.RefusedException;
import io.lettuce.core.RedisCommandExecutionException;
import java.util.concurrent.CompletionException;
import org.jspecify.annotations.Nullable;

/** The failures of commands, by what they mean for the engine. */
enum RedisError {
  /** The command was not executed, since another master has its keys, or soon will. */
  MOVED("MOVED ASK TRYAGAIN CLUSTERDOWN CROSSSLOT"),
  /** The command was not executed, since the server cannot, or is no master any more. */
  UNFIT("READONLY LOADING MASTERDOWN NOREPLICAS MISCONF FENCED BUSY"),
  /** The command was not executed, since the server has lost its scripts. */
  NOSCRIPT("NOSCRIPT"),
  /** The command was not executed, and to repeat it is useless. */
  REFUSED("OOM NOPERM WRONGTYPE"),
  /** The user name or the password is wrong or missing. */
  AUTHENTICATION("WRONGPASS NOAUTH"),
  /** The command failed in another way, or it is not known what became of it. */
  OTHER("");

  private final String codes; // each between blanks

  RedisError(String codes) {
    this.codes = " " + codes + " ";
  }

  static RedisError of(Throwable failure) {
    String answer = answer(failure);
    if (answer == null) {
      return OTHER;
    }
    String code = " " + answer.split(" ", 2)[0] + " ";
    for (RedisError each : values()) {
      if (each.codes.contains(code)) {
        return each;
      }
    }
    return OTHER;
  }

  /** Returns the error that Redis has answered, or null. */
  private static @Nullable String answer(Throwable failure) {
    for (Throwable each = failure; each != null; each = each.getCause()) {
      if (each instanceof RedisCommandExecutionException) {
        return each.getMessage();
      }
    }
    return null;
  }

  /** Returns the failure that a caller of the engine sees. */
  static RuntimeException seen(Throwable failure) {
    Throwable cause =
        failure instanceof CompletionException && failure.getCause() != null
            ? failure.getCause()
            : failure;
    String answer = answer(failure);
    String message = answer != null ? answer : messageOf(cause);
    return switch (of(failure)) {
      case MOVED, UNFIT, NOSCRIPT -> RefusedException.forNow(message);
      case REFUSED -> new RefusedException(message);
      case AUTHENTICATION, OTHER -> new EngineException(message, cause);
    };
  }

  private static String messageOf(Throwable cause) {
    String message = cause.getMessage();
    return message == null ? cause.toString() : message;
  }

  /** The failure of a call whose effect is not known, or that may be repeated. */
  static final class EngineException extends RuntimeException {

    private static final long serialVersionUID = 1;

    EngineException(String message, @Nullable Throwable cause) {
      super(message, cause, false, false);
    }
  }
}
