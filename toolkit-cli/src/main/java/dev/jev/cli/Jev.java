package dev.jev.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.util.concurrent.ExecutionException;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/**
 * The command line of Jev.
 *
 * <p>A user's mistake ends the program with one line on standard error and a nonzero exit status: 2
 * for an invalid command line, 1 for a failure after that.
 */
@Command(
    name = "jev",
    description = "Talks to servers, measures them, and tells what this machine has.",
    synopsisSubcommandLabel = "COMMAND",
    commandListHeading = "Commands:%n")
public final class Jev implements Runnable {

  /** Inherited by every command. */
  @SuppressWarnings("unused") // read by picocli
  @Option(
      names = "--help",
      usageHelp = true,
      scope = ScopeType.INHERIT,
      description = "Show this help message and exit.")
  private boolean help;

  @Spec private CommandSpec spec = CommandSpec.create();

  private Jev() {}

  /** Runs a command and ends the process with its status. */
  public static void main(String[] arguments) {
    System.exit(run(System.in, System.out, System.err, arguments));
  }

  /** Runs a command and returns its exit status. */
  static int run(InputStream in, PrintStream out, PrintStream err, String... arguments) {
    CommandLine line =
        new CommandLine(new Jev())
            .addSubcommand(new Doctor(out))
            .addSubcommand(new Cat(in, out, err))
            .addSubcommand(new Bench(out, err))
            .addSubcommand(new CaptureCommand(out, err))
            .addSubcommand(new ReplayCommand(out));
    line.setOut(new PrintWriter(out, /* autoFlush= */ true, UTF_8));
    line.setParameterExceptionHandler(
        (e, ignored) -> {
          print(err, e.getCommandLine(), e);
          return CommandLine.ExitCode.USAGE;
        });
    line.setExecutionExceptionHandler((e, command, ignored) -> failed(err, command, e));
    return line.execute(arguments);
  }

  /** Rejects a command line that names no command. */
  @Override
  public void run() {
    String commands = String.join(", ", spec.subcommands().keySet());
    throw new ParameterException(
        spec.commandLine(), "command: none (expected: one of " + commands + ")");
  }

  private static int failed(PrintStream err, CommandLine command, Exception e) throws Exception {
    if (e instanceof ExecutionException && e.getCause() instanceof Exception cause) {
      return failed(err, command, cause); // from the future of a client
    }
    if (e instanceof IllegalArgumentException) { // of an option: its value is invalid
      print(err, command, e);
      return CommandLine.ExitCode.USAGE;
    }
    if (e instanceof IOException
        || e instanceof UncheckedIOException
        || e instanceof IllegalStateException) {
      print(err, command, e);
      return CommandLine.ExitCode.SOFTWARE;
    }
    throw e; // a bug: keep the stack trace
  }

  private static void print(PrintStream err, CommandLine command, Exception e) {
    String message = e.getMessage() == null ? e.toString() : e.getMessage();
    String name = command.getCommandSpec().qualifiedName();
    err.println(name + ": " + message.replaceAll("\\R", " "));
  }
}
