package dev.jev.samples.push;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.jev.samples.Samples;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.IntFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Runs nodes of the sample that share a Redis, each as a process of its own. A node may ask to kill
 * one, which starts again after some seconds.
 *
 * <p>All state belongs to one thread.
 */
final class PushNodes {

  private static final int RESTART_SECONDS = 5;
  private static final int STOP_SECONDS = 15;

  private final ScheduledExecutorService thread = Executors.newSingleThreadScheduledExecutor();
  private final CompletableFuture<Integer> failed = new CompletableFuture<>();
  private final List<Node> nodes;
  private volatile boolean stopping;

  /**
   * Creates nodes.
   *
   * @param options the options of the node with a number, from 1 on
   */
  PushNodes(int count, IntFunction<List<String>> options) {
    this.nodes =
        IntStream.rangeClosed(1, count)
            .mapToObj(number -> new Node(number, options.apply(number)))
            .toList();
  }

  /** Returns ports: the given one and those that follow, or free ones if it is 0. */
  static List<Integer> ports(int first, int count) throws IOException {
    List<Integer> ports = new ArrayList<>();
    List<ServerSocket> open = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      if (first > 0) {
        ports.add(first + i);
      } else {
        ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
        open.add(socket);
        ports.add(socket.getLocalPort());
      }
    }
    for (ServerSocket socket : open) {
      socket.close();
    }
    return ports;
  }

  /**
   * Runs the nodes until this process receives SIGTERM or Ctrl-C, or one of them cannot start.
   *
   * @return the exit status of the node that cannot start
   */
  int run() {
    Runtime.getRuntime().addShutdownHook(new Thread(this::stop, "stop"));
    nodes.forEach(node -> thread.execute(node::start));
    return failed.join();
  }

  private void stop() {
    stopping = true;
    thread.shutdownNow();
    nodes.forEach(Node::stop);
    nodes.forEach(Node::awaitEnd);
    Runtime.getRuntime().halt(failed.getNow(0));
  }

  private void line(String line) {
    String[] words = line.split(" ", -1);
    if (words.length == 2 && words[0].equals(PushNode.KILL)) {
      nodes.get(Integer.parseInt(words[1]) - 1).kill();
    } else {
      System.out.println(line);
    }
  }

  /** Tells all nodes which of them are up. */
  private void tell() {
    String up =
        nodes.stream()
            .filter(node -> node.up)
            .map(node -> Integer.toString(node.number))
            .collect(Collectors.joining(" "));
    nodes.forEach(node -> node.tell(up));
  }

  private final class Node {

    private final int number;
    private final List<String> options;
    private boolean up;
    private boolean wasUp;
    private volatile @Nullable Process process;

    Node(int number, List<String> options) {
      this.number = number;
      this.options = options;
    }

    private List<String> command() {
      List<String> command = new ArrayList<>();
      command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
      command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
      command.addAll(List.of("-cp", System.getProperty("java.class.path")));
      command.addAll(List.of(Samples.class.getName(), "push"));
      command.addAll(options);
      return command;
    }

    void start() {
      try {
        Process started =
            new ProcessBuilder(command()).redirectError(ProcessBuilder.Redirect.INHERIT).start();
        process = started;
        new Thread(() -> read(started), "node " + number).start();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    private void read(Process started) {
      try (BufferedReader lines = started.inputReader(UTF_8)) {
        for (String line; (line = lines.readLine()) != null; ) {
          String next = line;
          inThread(() -> line(next));
          if (next.startsWith("listening on ")) {
            inThread(() -> change(/* isUp= */ true));
          }
        }
      } catch (IOException e) {
        // The process has ended.
      }
      started.onExit().thenAccept(ended -> inThread(() -> ended(ended.exitValue())));
    }

    private void inThread(Runnable task) {
      if (!stopping) {
        thread.execute(task);
      }
    }

    private void change(boolean isUp) {
      up = isUp;
      wasUp |= isUp;
      PushNodes.this.tell();
    }

    private void ended(int status) {
      if (!wasUp) {
        failed.complete(status);
        return;
      }
      System.out.printf(
          "node %d has ended with status %d and starts again in %d s%n",
          number, status, RESTART_SECONDS);
      change(/* isUp= */ false);
      thread.schedule(this::start, RESTART_SECONDS, TimeUnit.SECONDS);
    }

    void tell(String up) {
      Process running = process;
      if (running != null && this.up) {
        try {
          Writer in = running.outputWriter(UTF_8);
          in.write(up + "\n");
          in.flush();
        } catch (IOException e) {
          // The process has ended, which is noticed elsewhere.
        }
      }
    }

    void kill() {
      Process running = process;
      if (running != null) {
        running.destroyForcibly(); // SIGKILL
      }
    }

    void stop() {
      Process running = process;
      if (running != null) {
        running.destroy(); // SIGTERM
      }
    }

    void awaitEnd() {
      Process running = process;
      try {
        if (running != null && !running.waitFor(STOP_SECONDS, TimeUnit.SECONDS)) {
          running.destroyForcibly();
        }
      } catch (InterruptedException e) {
        running.destroyForcibly();
      }
    }
  }
}
