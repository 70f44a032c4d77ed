package dev.jev.samples;

import dev.jev.Program;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/** Starts the samples' jar, as a user would. */
public final class Sample {

  private static final Pattern LISTENING =
      Pattern.compile("listening on (?:(?:tcp|udp)://(?:.+):(\\d+)|unix://.+)");

  private Sample() {}

  public static Program start(String... arguments) throws Exception {
    List<String> command = new ArrayList<>();
    command.add("-Dio.netty.leakDetection.level=paranoid");
    command.add("-jar");
    command.add(System.getProperty("samples.jar", "target/samples.jar"));
    command.addAll(List.of(arguments));
    return Program.java(command.toArray(String[]::new));
  }

  /** Starts a server and waits until it listens. */
  public static Program server(String... arguments) throws Exception {
    Program program = start(arguments);
    try {
      return program.listens(LISTENING);
    } catch (Throwable e) {
      program.close();
      throw e;
    }
  }
}
