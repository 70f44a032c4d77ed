package dev.jev.benchmarks.shared;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * The child processes of an experiment. Closing this object ends them, and so does the exit of the
 * JVM.
 *
 * <p>A child inherits the standard error of this process unless a file is given.
 */
public final class ChildProcesses implements AutoCloseable {

  private static final long STOP_SECONDS = 10;

  private final Thread atExit = new Thread(this::stopAll, "stop children");

  // Guarded by this.
  private final List<Process> processes = new ArrayList<>();
  private boolean closed;

  /** Creates an object without processes. */
  public ChildProcesses() {
    Runtime.getRuntime().addShutdownHook(atExit);
  }

  /** Starts a process that inherits the standard error of this one. */
  public Process start(List<String> command) {
    return start(command, ProcessBuilder.Redirect.INHERIT);
  }

  /** Starts a process and redirects its standard error to a file. */
  public Process start(List<String> command, Path errors) {
    return start(command, ProcessBuilder.Redirect.to(errors.toFile()));
  }

  private synchronized Process start(List<String> command, ProcessBuilder.Redirect errors) {
    if (closed) {
      throw new IllegalStateException("child processes already closed; create a new object");
    }
    try {
      Process process = new ProcessBuilder(command).redirectError(errors).start();
      processes.add(process);
      return process;
    } catch (IOException e) {
      throw new BenchmarkException(
          "command: " + e.getMessage() + " (expected: an installed program)");
    }
  }

  /**
   * Runs a command to its end and returns its standard output, which has to fit into a pipe buffer.
   */
  public String run(List<String> command, Duration limit) {
    Process process = start(command);
    try {
      if (!process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS)) {
        throw new BenchmarkException(
            String.join(" ", command) + ": still running (expected: exit within " + limit + ")");
      }
      String output = new String(process.getInputStream().readAllBytes(), UTF_8);
      if (process.exitValue() != 0) {
        throw new BenchmarkException(
            "%s: exit status %d (expected: 0) %s"
                .formatted(String.join(" ", command), process.exitValue(), output.strip()));
      }
      return output;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new BenchmarkException("interrupted while waiting for " + command);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } finally {
      stop(process);
    }
  }

  /**
   * Returns the first line of the standard output of {@code process}. Later lines are discarded.
   */
  public static String firstLine(Process process, String name, Duration limit) {
    CompletableFuture<String> first = new CompletableFuture<>();
    Thread reader =
        new Thread(
            () -> {
              try (BufferedReader lines = process.inputReader()) {
                for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                  first.complete(line);
                }
                first.completeExceptionally(new IOException("process ended"));
              } catch (IOException e) {
                first.completeExceptionally(e);
              }
            },
            "output of " + process.pid());
    reader.setDaemon(true);
    reader.start();
    try {
      return first.get(limit.toMillis(), TimeUnit.MILLISECONDS);
    } catch (ExecutionException ended) {
      throw new BenchmarkException(
          name + ": ended before its first line (expected: a line within " + limit + ")");
    } catch (TimeoutException silent) {
      throw new BenchmarkException(name + ": no output (expected: a line within " + limit + ")");
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new BenchmarkException("interrupted while waiting for process " + process.pid());
    }
  }

  /** Ends the process with SIGTERM, and with SIGKILL if it is still alive 10 s later. */
  public void stop(Process process) {
    process.destroy();
    try {
      if (!process.waitFor(STOP_SECONDS, TimeUnit.SECONDS)) {
        process.destroyForcibly().waitFor();
      }
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
    synchronized (this) {
      processes.remove(process);
    }
  }

  @Override
  public void close() {
    stopAll();
    try {
      Runtime.getRuntime().removeShutdownHook(atExit);
    } catch (IllegalStateException exiting) {
      // The hook is already running and finds nothing left to stop.
      return;
    }
  }

  private void stopAll() {
    List<Process> left;
    synchronized (this) {
      closed = true;
      left = List.copyOf(processes);
    }
    left.forEach(Process::destroy);
    left.forEach(this::stop);
  }
}
