package dev.jev.benchmarks;

import dev.jev.benchmarks.capacity.CapacityCommand;
import dev.jev.benchmarks.capacity.CrowdCommand;
import dev.jev.benchmarks.capacity.MillionCommand;
import dev.jev.benchmarks.capacity.StormCommand;
import dev.jev.benchmarks.capacity.TopicNodeCommand;
import dev.jev.benchmarks.codecs.CodecsCommand;
import dev.jev.benchmarks.comparing.BaselineCommand;
import dev.jev.benchmarks.comparing.CompareCommand;
import dev.jev.benchmarks.comparing.HoldCommand;
import dev.jev.benchmarks.comparing.IdleCommand;
import dev.jev.benchmarks.comparing.IdleSweepCommand;
import dev.jev.benchmarks.comparing.JevEchoCommand;
import dev.jev.benchmarks.comparing.JevWebSocketCommand;
import dev.jev.benchmarks.comparing.LoadCommand;
import dev.jev.benchmarks.comparing.LocalSweepCommand;
import dev.jev.benchmarks.comparing.LocalWebSocketCommand;
import dev.jev.benchmarks.comparing.RequestsClientCommand;
import dev.jev.benchmarks.comparing.RequestsCommand;
import dev.jev.benchmarks.comparing.StoppedCommand;
import dev.jev.benchmarks.comparing.SubscriberCommand;
import dev.jev.benchmarks.drawing.DrawCommand;
import dev.jev.benchmarks.shared.BenchmarkException;
import dev.jev.benchmarks.torturing.SoakCommand;
import dev.jev.benchmarks.torturing.SoakServer;
import dev.jev.benchmarks.torturing.TortureCommand;
import dev.jev.benchmarks.torturing.TortureReader;
import dev.jev.benchmarks.torturing.TortureServer;
import dev.jev.benchmarks.working.WorkCommand;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.HelpCommand;

/** The main class: one subcommand per experiment, and one per kind of child process. */
@Command(
    name = "benchmarks",
    description = "Measures servers as whole processes, and codecs alone.",
    subcommands = {
      CompareCommand.class,
      IdleCommand.class,
      BaselineCommand.class,
      LoadCommand.class,
      SubscriberCommand.class,
      RequestsCommand.class,
      RequestsClientCommand.class,
      HoldCommand.class,
      TortureCommand.class,
      TortureServer.class,
      TortureReader.class,
      SoakCommand.class,
      SoakServer.class,
      IdleSweepCommand.class,
      JevEchoCommand.class,
      JevWebSocketCommand.class,
      LocalSweepCommand.class,
      LocalWebSocketCommand.class,
      StoppedCommand.class,
      CodecsCommand.class,
      WorkCommand.class,
      CapacityCommand.class,
      TopicNodeCommand.class,
      MillionCommand.class,
      CrowdCommand.class,
      StormCommand.class,
      DrawCommand.class,
      HelpCommand.class
    })
public final class Benchmarks {

  private Benchmarks() {}

  /** Runs the subcommand named by {@code args} and exits with its status. */
  public static void main(String[] args) {
    CommandLine program = new CommandLine(new Benchmarks());
    program.setCaseInsensitiveEnumValuesAllowed(true);
    program.setExecutionExceptionHandler(
        (failure, command, parsed) -> {
          if (failure instanceof BenchmarkException) {
            command.getErr().println(command.getCommandName() + ": " + failure.getMessage());
          } else {
            failure.printStackTrace(command.getErr());
          }
          return 1;
        });
    System.exit(program.execute(args));
  }
}
