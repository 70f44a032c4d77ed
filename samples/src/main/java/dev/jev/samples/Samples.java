package dev.jev.samples;

import dev.jev.samples.chat.Chat;
import dev.jev.samples.chat.JsonChat;
import dev.jev.samples.http.Http;
import dev.jev.samples.mqtt.Mqtt;
import dev.jev.samples.push.Push;
import dev.jev.samples.redis.Redis;
import dev.jev.samples.redis.RedisAsk;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.concurrent.ExecutionException;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;
import picocli.CommandLine.UnmatchedArgumentException;

/**
 * Runs the sample that its first argument names.
 *
 * <p>A user's mistake ends the program with one line on standard error and a nonzero exit status: 2
 * for an invalid command line, 1 for a failure after that.
 */
@Command(
    name = "samples",
    description = "Runs one of the sample programs of Jev.",
    synopsisSubcommandLabel = "PROGRAM",
    commandListHeading = "Programs:%n",
    subcommands = {
      Echo.class,
      LengthPrefixed.class,
      LengthPrefixedClient.class,
      Redis.class,
      RedisAsk.class,
      Http.class,
      WsEcho.class,
      WsBroadcast.class,
      Push.class,
      Chat.class,
      Topics.class,
      Mqtt.class,
      Wake.class,
      MaxConnections.class,
      TimedPush.class,
      TickerPush.class,
      BufferLength.class,
      SendAsync.class,
      WorkerPool.class,
      MagicNumber.class,
      MagicNumberClient.class,
      Protobuf.class,
      ProtobufClient.class,
      JsonChat.class,
      Multiplexed.class,
      Tunneled.class,
      Bridge.class,
      Proxy.class,
      Counted.class,
      Idle.class,
      Limited.class,
      Proxied.class,
      Compressed.class,
      Traced.class,
      Shaped.class,
      Drained.class
    })
public final class Samples implements Runnable {

  /** Inherited by every program. */
  @SuppressWarnings("unused") // read by picocli
  @Option(
      names = "--help",
      usageHelp = true,
      scope = ScopeType.INHERIT,
      description = "Show this help message and exit.")
  private boolean help;

  @Spec private CommandSpec spec = CommandSpec.create();

  private Samples() {}

  /** Runs a sample and ends the process with its status. */
  public static void main(String[] arguments) {
    CommandLine line = new CommandLine(new Samples());
    line.setParameterExceptionHandler((e, ignored) -> reportUsage(line, e));
    line.setExecutionExceptionHandler((e, command, ignored) -> report(command, e));
    System.exit(line.execute(arguments));
  }

  /** Rejects a command line that names no program. */
  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), unknown("none", spec.commandLine()));
  }

  private static int reportUsage(CommandLine top, ParameterException e) {
    String problem = message(e);
    if (e.getCommandLine() == top
        && e instanceof UnmatchedArgumentException unmatched
        && !unmatched.isUnknownOption()) {
      problem = unknown(unmatched.getUnmatched().get(0), top);
    }
    print(e.getCommandLine(), problem);
    return CommandLine.ExitCode.USAGE;
  }

  private static int report(CommandLine command, Exception e) throws Exception {
    if (e instanceof ExecutionException && e.getCause() instanceof IOException cause) {
      return report(command, cause); // from the future of a client
    }
    if (e instanceof IOException
        || e instanceof UncheckedIOException
        || e instanceof IllegalArgumentException
        || e instanceof IllegalStateException) {
      print(command, message(e));
      return CommandLine.ExitCode.SOFTWARE;
    }
    throw e; // a bug: keep the stack trace
  }

  private static String message(Exception e) {
    String message = e.getMessage();
    return message == null ? e.toString() : message;
  }

  private static String unknown(String program, CommandLine top) {
    String programs = String.join(", ", top.getSubcommands().keySet());
    return "program: " + program + " (expected: one of " + programs + ")";
  }

  private static void print(CommandLine command, String problem) {
    String name = command.getCommandSpec().qualifiedName();
    System.err.println(name + ": " + problem.replaceAll("\\R", " "));
  }
}
