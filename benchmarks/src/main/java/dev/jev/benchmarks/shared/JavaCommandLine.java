package dev.jev.benchmarks.shared;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Command lines that start programs of the JDK that runs this one. */
public final class JavaCommandLine {

  /** The main class, by name: the processes of the program do not depend on its command line. */
  private static final String MAIN_CLASS = "dev.jev.benchmarks.Benchmarks";

  private JavaCommandLine() {}

  /** The start of a command line that runs this program in a JVM of its own. */
  public static List<String> ofThisProgram(List<String> jvmFlags) {
    List<String> command = new ArrayList<>();
    command.add(jdkTool("java"));
    command.addAll(jvmFlags);
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), MAIN_CLASS));
    return command;
  }

  /** The path of a tool of the JDK, such as {@code jcmd}. */
  public static String jdkTool(String name) {
    return Path.of(System.getProperty("java.home"), "bin", name).toString();
  }
}
