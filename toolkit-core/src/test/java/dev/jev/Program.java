package dev.jev;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.concurrent.TimeUnit.MILLISECONDS;
import static java.util.concurrent.TimeUnit.SECONDS;
import static java.util.stream.Collectors.joining;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.opentest4j.TestAbortedException;

/**
 * A process that a test starts: a program of the operating system or another JVM. No other class of
 * the tests starts processes.
 *
 * <p>A test whose program is not installed is skipped; if the environment variable CI is set, it
 * fails. A test that calls a program is marked with {@link CallsPrograms}, and the program is
 * listed in {@code programs.properties} with the Debian package that contains it.
 *
 * <p>Lines of standard output are collected while the process runs. Standard error goes to a file,
 * so what is printed there before a line of output is known when the line is.
 */
public final class Program implements AutoCloseable {

  /** A record of the log that says so: two lines, a stack trace and an empty line. */
  private static final Pattern HELD_UP_LOOP =
      Pattern.compile(
          "(?m)^.* dev\\.jev\\.\\w+ \\w+\\RWARNING: event loop .*\\R"
              + "(?:java\\.lang\\.Throwable: stack of .*\\R(?:\\tat .*\\R)*\\R)?");

  private static final int TIMEOUT_SECONDS = 60;
  private static final String END = "\0end of output";

  private final Path errors = Files.createTempFile("jev", ".stderr");
  private final Process process;
  private final BlockingQueue<String> lines = new LinkedBlockingQueue<>();
  private @Nullable Thread reader;
  private int port;

  private Program(List<String> command) throws IOException {
    process = new ProcessBuilder(command).redirectError(errors.toFile()).start();
  }

  /** Starts a program of the operating system. */
  public static Program start(String... command) throws IOException {
    require(command[0]);
    return new Program(List.of(command)).collectsLines();
  }

  /** Runs a program of the operating system to its end and returns its output. */
  public static byte[] run(byte[] input, String... command) throws Exception {
    require(command[0]);
    try (Program program = new Program(List.of(command))) {
      daemon(() -> program.typesAll(input));
      byte[] output = program.process.getInputStream().readAllBytes();
      assertThat(program.exitStatus()).as("%s: %s", command[0], program.errors()).isZero();
      return output;
    }
  }

  /** Starts another JVM. */
  public static Program java(String... arguments) throws IOException {
    return new Program(javaCommand(arguments)).collectsLines();
  }

  /** Returns the command that starts another JVM. */
  public static List<String> javaCommand(String... arguments) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of(arguments));
    return command;
  }

  /** Returns the class path of the tests. */
  public static String classPath() {
    return System.getProperty("java.class.path");
  }

  /** Returns the class path of the tests without the files whose path contains a pattern. */
  public static String classPathWithout(String pattern) {
    Pattern excluded = Pattern.compile(pattern);
    return Stream.of(classPath().split(File.pathSeparator, -1))
        .filter(file -> !excluded.matcher(file).find())
        .collect(joining(File.pathSeparator));
  }

  // What is installed.

  /** Skips the test, or fails it if the variable CI is not empty, unless programs are installed. */
  public static void require(String... programs) {
    for (String program : programs) {
      String debianPackage = debianPackage(program); // fails for a program that is not listed
      if (!isInstalled(program)) {
        skip(program, debianPackage);
      }
    }
  }

  /**
   * Skips the test, or fails it if the variable CI is not empty, unless a library of a program is
   * installed.
   *
   * @param probe a command that fails without the library
   */
  public static void requireLibrary(String library, String debianPackage, String... probe)
      throws Exception {
    try (Program program = start(probe)) {
      if (program.exitStatus() != 0) {
        skip(library, debianPackage);
      }
    }
  }

  /**
   * Skips the test because a program is not installed, or fails it if the variable CI is not empty.
   */
  public static void skip(String program, String debianPackage) {
    skip(program, debianPackage, System.getenv("CI"));
  }

  static void skip(String program, String debianPackage, @Nullable String ci) {
    String message = program + " is not installed (Debian package: " + debianPackage + ")";
    if (ci == null || ci.isEmpty()) {
      throw new TestAbortedException(message);
    }
    throw new AssertionError(message + ", although CI is set");
  }

  private static boolean isInstalled(String program) {
    return Stream.of(System.getenv().getOrDefault("PATH", "").split(File.pathSeparator, -1))
        .anyMatch(directory -> Path.of(directory).resolve(program).toFile().canExecute());
  }

  static String debianPackage(String program) {
    Properties packages = new Properties();
    try (InputStream in = Program.class.getResourceAsStream("programs.properties")) {
      packages.load(in);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    String name = packages.getProperty(Path.of(program).getFileName().toString());
    assertThat(name).as("%s in programs.properties", program).isNotNull();
    return name;
  }

  // Input, output and the end.

  /** Writes to the program's standard input and closes it. */
  public Program types(String text) {
    typesAll(text.getBytes(UTF_8));
    return this;
  }

  /** Writes to the program's standard input and leaves it open. */
  public Program typesAndWaits(String text) {
    try {
      process.getOutputStream().write(text.getBytes(UTF_8));
      process.getOutputStream().flush();
    } catch (IOException e) {
      // The program has ended early; its exit status and its errors say why.
    }
    return this;
  }

  /** Returns the next line of standard output. */
  public String line() throws InterruptedException {
    String line = lines.poll(TIMEOUT_SECONDS, SECONDS);
    assertThat(line).as("line of output; errors: %s", errors()).isNotNull().isNotEqualTo(END);
    return line;
  }

  /** Reads a line of standard output whose first group is the port that the program listens on. */
  public Program listens(Pattern listening) throws InterruptedException {
    Matcher line = listening.matcher(line());
    assertThat(line.matches()).as("%s; errors: %s", line, errors()).isTrue();
    port = line.group(1) == null ? 0 : Integer.parseInt(line.group(1));
    return this;
  }

  /** Returns the port that the program listens on, see {@link #listens}. */
  public int port() {
    return port;
  }

  public long pid() {
    return process.pid();
  }

  /** Sends SIGTERM. */
  public Program terminate() {
    process.toHandle().destroy(); // Process.destroy() would close the streams
    return this;
  }

  /** Sends SIGKILL. */
  public Program kill() {
    process.toHandle().destroyForcibly();
    return this;
  }

  /** Returns whether the program ends within some time. */
  public boolean endsWithin(long millis) throws InterruptedException {
    return process.waitFor(millis, MILLISECONDS);
  }

  /** Waits for the end of the program and returns its exit status. */
  public int exitStatus() throws InterruptedException {
    assertThat(process.waitFor(TIMEOUT_SECONDS, SECONDS)).as("%s ends", process.info()).isTrue();
    if (reader != null) {
      reader.join(SECONDS.toMillis(TIMEOUT_SECONDS));
    }
    return process.exitValue();
  }

  /** Returns the unread lines of standard output; complete after {@link #exitStatus}. */
  public List<String> output() {
    return lines.stream().filter(line -> !line.equals(END)).toList();
  }

  /**
   * Returns the lines of standard error, without the reports on event loops that a loaded machine
   * has held up.
   */
  public List<String> errors() {
    try {
      String text = new String(Files.readAllBytes(errors), UTF_8);
      return HELD_UP_LOOP.matcher(text).replaceAll("").lines().toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void close() throws IOException {
    process.destroyForcibly().onExit().join(); // Windows deletes no file that a process has open
    Files.deleteIfExists(errors);
  }

  private Program collectsLines() {
    reader = daemon(this::collectLines);
    return this;
  }

  private void collectLines() {
    try (BufferedReader output = process.inputReader(UTF_8)) {
      output.lines().forEach(lines::add);
    } catch (IOException | UncheckedIOException e) {
      lines.add(e.toString());
    }
    lines.add(END); // ends a wait for another line
  }

  private void typesAll(byte[] input) {
    try (OutputStream stream = process.getOutputStream()) {
      stream.write(input);
    } catch (IOException e) {
      // The program has ended early; its exit status and its errors say why.
    }
  }

  private static Thread daemon(Runnable task) {
    Thread thread = new Thread(task, "stream of a program");
    thread.setDaemon(true);
    thread.start();
    return thread;
  }
}
