package dev.jev.benchmarks.shared;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Command lines for programs of the JDK that runs this JVM. */
public final class JavaCommandLine {

  /** The name of the main class. A reference to the class would close a dependency cycle. */
  private static final String MAIN_CLASS = "dev.jev.benchmarks.Benchmarks";

  private JavaCommandLine() {}

  /** Returns the start of a command line that runs this program in a JVM of its own. */
  public static List<String> ofThisProgram(List<String> jvmFlags) {
    List<String> command = new ArrayList<>();
    command.add(jdkTool("java"));
    command.addAll(jvmFlags);
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), MAIN_CLASS));
    return command;
  }

  /** Returns the path of a JDK tool, such as {@code jcmd}. */
  public static String jdkTool(String name) {
    return Path.of(System.getProperty("java.home"), "bin", name).toString();
  }
}
