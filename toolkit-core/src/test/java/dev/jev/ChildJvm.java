package dev.jev;

import static java.util.stream.Collectors.joining;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.spi.ToolProvider;
import java.util.stream.Stream;

/** Another JVM, which runs a {@link ChildServer}. */
public final class ChildJvm implements AutoCloseable {

  private final Path errors;
  private final Process process;
  private final BufferedReader out;
  private final String transport;
  private final int port;

  private ChildJvm(Path errors, Process process) throws IOException {
    this.errors = errors;
    this.process = process;
    this.out = process.inputReader();
    this.transport = readLine();
    this.port = Integer.parseInt(readLine());
  }

  /** Starts one with a limit of open files and its classes in jars, as in production. */
  public static ChildJvm withFiles(int limit, Path directory, String... arguments)
      throws IOException {
    return withFiles(limit, packed(classPath(), directory), directory, arguments);
  }

  /**
   * Starts one with a limit of open files, which opens a file for each class that it loads, as an
   * IDE does.
   */
  public static ChildJvm withFilesAndUnpackedClasses(int limit, Path directory, String... arguments)
      throws IOException {
    return withFiles(limit, classPath(), directory, arguments);
  }

  private static ChildJvm withFiles(
      int limit, String classPath, Path directory, String... arguments) throws IOException {
    List<String> command = new ArrayList<>(List.of("sh", "-c"));
    command.add("ulimit -n " + limit + " && exec \"$@\"");
    command.add("sh");
    command.addAll(java(classPath, List.of(), arguments));
    return start(command, directory);
  }

  /** Starts one with a JVM option. */
  public static ChildJvm withOption(String option, Path directory, String... arguments)
      throws IOException {
    return start(java(classPath(), List.of(option), arguments), directory);
  }

  /** Starts one without the jars that contain native code. */
  public static ChildJvm withoutNativeJars(Path directory, String... arguments) throws IOException {
    String classPath = classPath(".*(slf4j|netty-transport-native-(epoll|io_uring|kqueue)).*");
    return start(java(classPath, List.of(), arguments), directory);
  }

  /** Starts one that closes idle connections. */
  public static ChildJvm withIdleTimeout(Duration timeout, Path directory) throws IOException {
    return start(java(classPath(), List.of(), "AUTO", "default", timeout.toString()), directory);
  }

  /** The class path of the tests, without libraries that log by themselves. */
  private static String classPath() {
    return classPath(".*slf4j.*");
  }

  private static String classPath(String without) {
    String all = System.getProperty("java.class.path");
    return Stream.of(all.split(File.pathSeparator, -1))
        .filter(entry -> !entry.matches(without))
        .collect(joining(File.pathSeparator));
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

  private static List<String> java(String classPath, List<String> options, String... arguments) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"));
    command.addAll(options);
    command.addAll(List.of("-cp", classPath, ChildServer.class.getName()));
    command.addAll(List.of(arguments));
    return command;
  }

  private static ChildJvm start(List<String> command, Path directory) throws IOException {
    Path errors = Files.createTempFile(directory, "stderr", ".txt");
    ProcessBuilder builder = new ProcessBuilder(command).redirectError(errors.toFile());
    return new ChildJvm(errors, builder.start());
  }

  private String readLine() throws IOException {
    String line = out.readLine();
    assertThat(line).as(() -> "output, and errors: " + errors()).isNotNull();
    return line;
  }

  /** The name of the server's transport. */
  public String transport() {
    return transport;
  }

  public int port() {
    return port;
  }

  public int connectionCount() throws IOException {
    process.getOutputStream().write('\n');
    process.getOutputStream().flush();
    return Integer.parseInt(readLine());
  }

  /** The lines on standard error that contain a text. */
  public List<String> errors(String part) {
    return errors().stream().filter(line -> line.contains(part)).toList();
  }

  public List<String> errors() {
    try {
      return Files.readAllLines(errors);
    } catch (IOException e) {
      return List.of(e.toString());
    }
  }

  /** Sends it a signal: STOP, or CONT to continue. */
  public void signal(String name) throws Exception {
    String kill = "kill -" + name + " " + process.pid();
    assertThat(new ProcessBuilder("sh", "-c", kill).start().waitFor()).isZero();
  }

  /** Waits, and returns the share of one processor that it used meanwhile. */
  public double load(long millis) throws Exception {
    long ticks = ticks();
    long start = System.nanoTime();
    assertThat(process.waitFor(millis, TimeUnit.MILLISECONDS)).as("has ended").isFalse();
    double seconds = (System.nanoTime() - start) / 1e9;
    return (ticks() - ticks) / 100.0 / seconds;
  }

  /** User and system time in hundredths of a second, see proc(5). */
  private long ticks() throws IOException {
    String stat = Files.readString(Path.of("/proc/" + process.pid() + "/stat"));
    String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
    return Long.parseLong(fields[11]) + Long.parseLong(fields[12]);
  }

  @Override
  public void close() throws IOException {
    process.getOutputStream().close();
    try {
      assertThat(process.waitFor(10, TimeUnit.SECONDS)).as("ends with its input").isTrue();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      process.destroyForcibly();
    }
  }
}
