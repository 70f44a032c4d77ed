package dev.jev.samples;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** A program in a process of its own. Its output is collected while it runs. */
public final class Program implements AutoCloseable {

  private static final int TIMEOUT_SECONDS = 60;
  private static final Pattern LISTENING =
      Pattern.compile("listening on (?:(?:tcp|udp)://(?:.+):(\\d+)|unix://.+)");
  private static final String END = "\0end of output";

  private final Process process;
  private final BlockingQueue<String> output = new LinkedBlockingQueue<>();
  private final BlockingQueue<String> errors = new LinkedBlockingQueue<>();
  private final Thread outputReader;
  private final Thread errorReader;
  private int port;

  private Program(List<String> command) throws IOException {
    process = new ProcessBuilder(command).start();
    outputReader = reader(process.getInputStream(), output);
    errorReader = reader(process.getErrorStream(), errors);
  }

  /** Starts the samples' jar, as a user would. */
  public static Program sample(String... arguments) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add("-Dio.netty.leakDetection.level=paranoid");
    command.add("-jar");
    command.add(System.getProperty("samples.jar", "target/samples.jar"));
    command.addAll(List.of(arguments));
    return new Program(command);
  }

  /** Starts a server of the samples' jar and waits until it listens. */
  public static Program server(String... arguments) throws Exception {
    Program program = sample(arguments);
    try {
      Matcher listening = LISTENING.matcher(program.line());
      assertThat(listening.matches()).as("listening line").isTrue();
      program.port = listening.group(1) == null ? 0 : Integer.parseInt(listening.group(1));
      return program;
    } catch (Throwable e) {
      program.close();
      throw e;
    }
  }

  /** Starts a program of the operating system. */
  public static Program tool(String... command) throws IOException {
    return new Program(List.of(command));
  }

  /** Returns whether a tool is installed. Fails if not and the environment variable CI is set. */
  public static boolean isInstalled(String tool) {
    boolean installed = isOnPath(tool);
    if (System.getenv("CI") != null) {
      assertThat(installed).as("%s is installed", tool).isTrue();
    }
    return installed;
  }

  public static boolean isOnPath(String tool) {
    return Stream.of(System.getenv().getOrDefault("PATH", "").split(File.pathSeparator, -1))
        .anyMatch(directory -> Path.of(directory, tool).toFile().canExecute());
  }

  public int port() {
    return port;
  }

  /** Writes to the program's standard input and closes it. */
  public Program types(String text) throws IOException {
    typesAndWaits(text);
    process.getOutputStream().close();
    return this;
  }

  /** Writes to the program's standard input and leaves it open. */
  public Program typesAndWaits(String text) throws IOException {
    process.getOutputStream().write(text.getBytes(UTF_8));
    process.getOutputStream().flush();
    return this;
  }

  /** Returns the next line of standard output. */
  public String line() throws InterruptedException {
    @Nullable String line = output.poll(TIMEOUT_SECONDS, SECONDS);
    assertThat(line).as("line of output; errors: %s", errors).isNotNull();
    return line;
  }

  /** Sends SIGTERM. */
  public Program terminate() {
    process.toHandle().destroy(); // Process.destroy() would close the streams
    return this;
  }

  /** Waits for the end of the program and returns its exit status. */
  public int exitStatus() throws InterruptedException {
    assertThat(process.waitFor(TIMEOUT_SECONDS, SECONDS)).as("%s ends", process.info()).isTrue();
    outputReader.join(SECONDS.toMillis(TIMEOUT_SECONDS));
    errorReader.join(SECONDS.toMillis(TIMEOUT_SECONDS));
    return process.exitValue();
  }

  /** Returns the unread lines of standard output; complete after {@link #exitStatus}. */
  public List<String> output() {
    return lines(output);
  }

  /** Returns the lines of standard error; complete after {@link #exitStatus}. */
  public List<String> errors() {
    return lines(errors);
  }

  @Override
  public void close() {
    process.destroyForcibly();
  }

  private static List<String> lines(BlockingQueue<String> queue) {
    return queue.stream().filter(line -> !line.equals(END)).toList();
  }

  private static Thread reader(InputStream stream, BlockingQueue<String> lines) {
    Thread thread =
        new Thread(
            () -> {
              try (BufferedReader reader =
                  new BufferedReader(new InputStreamReader(stream, UTF_8))) {
                reader.lines().forEach(lines::add);
              } catch (IOException | UncheckedIOException e) {
                lines.add(e.toString());
              }
              lines.add(END); // ends a wait for another line
            },
            "output of a program");
    thread.setDaemon(true);
    thread.start();
    return thread;
  }
}
