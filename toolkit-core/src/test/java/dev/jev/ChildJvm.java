package dev.jev;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.spi.ToolProvider;

/** Another JVM, which runs a {@link ChildServer}. */
public final class ChildJvm implements AutoCloseable {

  /** The class path of the tests, without libraries that log by themselves. */
  private static final String CLASS_PATH = Program.classPathWithout("slf4j");

  private final Program program;
  private final String transport;
  private final int port;

  private ChildJvm(Program program) throws InterruptedException {
    this.program = program;
    this.transport = program.line();
    this.port = Integer.parseInt(program.line());
  }

  /** Starts one with a limit of open files and its classes in jars, as in production. */
  public static ChildJvm withFiles(int limit, Path directory, String... arguments)
      throws Exception {
    return withFiles(limit, packed(CLASS_PATH, directory), arguments);
  }

  /**
   * Starts one with a limit of open files, which opens a file for each class that it loads, as an
   * IDE does.
   */
  public static ChildJvm withFilesAndUnpackedClasses(int limit, String... arguments)
      throws Exception {
    return withFiles(limit, CLASS_PATH, arguments);
  }

  private static ChildJvm withFiles(int limit, String classPath, String... arguments)
      throws Exception {
    List<String> command = new ArrayList<>(List.of("sh", "-c"));
    command.add("ulimit -n " + limit + " && exec \"$@\"");
    command.add("sh");
    command.addAll(Program.javaCommand(options(classPath, List.of(), arguments)));
    return new ChildJvm(Program.start(command.toArray(String[]::new)));
  }

  /** Starts one with a JVM option. */
  public static ChildJvm withOption(String option, String... arguments) throws Exception {
    return start(CLASS_PATH, List.of(option), arguments);
  }

  /** Starts one without the jars that contain native code. */
  public static ChildJvm withoutNativeJars(String... arguments) throws Exception {
    String classPath =
        Program.classPathWithout("slf4j|netty-transport-native-(epoll|io_uring|kqueue)");
    return start(classPath, List.of(), arguments);
  }

  /** Starts one that closes idle connections. */
  public static ChildJvm withIdleTimeout(Duration timeout) throws Exception {
    return start(CLASS_PATH, List.of(), "AUTO", "default", timeout.toString());
  }

  private static ChildJvm start(String classPath, List<String> options, String... arguments)
      throws Exception {
    return new ChildJvm(Program.java(options(classPath, options, arguments)));
  }

  private static String[] options(String classPath, List<String> options, String... arguments) {
    List<String> all = new ArrayList<>();
    all.addAll(List.of("-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"));
    all.addAll(options);
    all.addAll(List.of("-cp", classPath, ChildServer.class.getName()));
    all.addAll(List.of(arguments));
    return all.toArray(String[]::new);
  }

  private static String packed(String classPath, Path directory) {
    ToolProvider jar = ToolProvider.findFirst("jar").orElseThrow();
    List<String> entries = new ArrayList<>();
    for (String entry : classPath.split(File.pathSeparator, -1)) {
      if (Files.isDirectory(Path.of(entry))) {
        String packed = directory.resolve(entries.size() + ".jar").toString();
        assertThat(jar.run(System.out, System.err, "cf", packed, "-C", entry, ".")).isZero();
        entries.add(packed);
      } else {
        entries.add(entry);
      }
    }
    return String.join(File.pathSeparator, entries);
  }

  /** The name of the server's transport. */
  public String transport() {
    return transport;
  }

  public int port() {
    return port;
  }

  public int connectionCount() throws Exception {
    return Integer.parseInt(program.typesAndWaits("\n").line());
  }

  /** The lines on standard error that contain a text. */
  public List<String> errors(String part) {
    return errors().stream().filter(line -> line.contains(part)).toList();
  }

  public List<String> errors() {
    return program.errors();
  }

  /** Sends it a signal: STOP, or CONT to continue. */
  public void signal(String name) throws Exception {
    Program.run(new byte[0], "sh", "-c", "kill -" + name + " " + program.pid());
  }

  /** Waits, and returns the share of one processor that it used meanwhile. */
  public double load(long millis) throws Exception {
    long ticks = ticks();
    long start = System.nanoTime();
    assertThat(program.endsWithin(millis)).as("has ended").isFalse();
    double seconds = (System.nanoTime() - start) / 1e9;
    return (ticks() - ticks) / 100.0 / seconds;
  }

  /** User and system time in hundredths of a second, see proc(5). */
  private long ticks() throws IOException {
    String stat = Files.readString(Path.of("/proc/" + program.pid() + "/stat"));
    String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
    return Long.parseLong(fields[11]) + Long.parseLong(fields[12]);
  }

  @Override
  public void close() throws IOException {
    try (program) {
      program.types("");
      assertThat(program.endsWithin(10_000)).as("ends with its input").isTrue();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }
}
