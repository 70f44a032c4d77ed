package dev.jev.benchmarks.capacity;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;

import dev.jev.benchmarks.shared.BenchmarkException;
import dev.jev.benchmarks.shared.ChildProcesses;
import dev.jev.benchmarks.shared.JavaCommandLine;
import dev.jev.benchmarks.shared.ProcFs;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * A million users with a topic each, on two nodes and a cluster of three Redis masters. Each gets a
 * message. Then one node is killed, its users are sent another message, and return to the other
 * node, each with the position behind the first message. Each has to get the second one once.
 */
@Command(
    name = "million",
    description = "Kills a node with half of a million users, which return to the other node.")
public final class MillionCommand implements Callable<Integer> {

  @Option(names = "--users", description = "default: 1000000")
  private int users = 1_000_000;

  @Option(names = "--return-seconds", description = "time of the return (default: 60)")
  private int returnSeconds = 60;

  @Option(names = "--heap", description = "of a node (default: 8g)")
  private String heap = "8g";

  private double redisSeconds;
  private @Nullable RedisServers redis;

  @Override
  public Integer call() throws IOException {
    TopicNodeCommand.prepareRedis();
    Path directory = Files.createTempDirectory("million");
    try (ChildProcesses children = new ChildProcesses()) {
      RedisServers servers = RedisServers.cluster(children, "0", 3, directory);
      redis = servers;
      Crowd killed = new Crowd(children, "0", servers.uri());
      Crowd other = new Crowd(children, "1", servers.uri());
      int half = users / 2;
      long empty = servers.usedMemory();
      long emptyNode = other.tell("memory").answer();
      redisSeconds = servers.processorSeconds();

      killed.tell("subscribe 0 " + half);
      other.tell("subscribe " + half + " " + users);
      report("%,d users have subscribed after %.1f s", users, seconds(killed, other));
      report(
          "of these, %,d could not begin at once",
          killed.tell("retries").answer() + other.tell("retries").answer());
      reportRedis(users, "subscription", servers.usedMemory() - empty);

      try (Publisher publisher = new Publisher(servers.uri())) {
        long start = System.nanoTime();
        List<String> positions = publisher.publishAll(MillionCommand::topic, 0, users);
        killed.tell("receive " + half).answer();
        other.tell("receive " + (users - half)).answer();
        report("%,d messages have arrived after %.1f s", users, (System.nanoTime() - start) / 1e9);
        reportRedis(users, "message", servers.usedMemory() - empty);
        Path file = directory.resolve("positions");
        write(positions.subList(0, half), file);

        killed.kill();
        double redisBefore = servers.processorSeconds();
        double nodeBefore = other.processorSeconds();
        long kill = System.nanoTime();
        other.tell("resume 0 " + half + " " + returnSeconds + " " + file);
        publisher.publishAll(MillionCommand::topic, 0, half);
        report("%,d messages are published after %.1f s", half, (System.nanoTime() - kill) / 1e9);
        other.answer();
        report("%,d users have returned after %.1f s", half, (System.nanoTime() - kill) / 1e9);
        other.tell("receive " + users).answer();
        report("%,d messages have arrived, each once: 0 lost", half);
        report(
            "processor time meanwhile: Redis %.1f s, node and users %.1f s",
            servers.processorSeconds() - redisBefore, other.processorSeconds() - nodeBefore);
        report(
            "live memory of the node, with both ends: %,d bytes a user",
            (other.tell("memory").answer() - emptyNode) / users);
      }
    }
    return 0;
  }

  private static String topic(int user) {
    return "log:" + user;
  }

  private static double seconds(Crowd one, Crowd two) throws IOException {
    return Math.max(one.answer(), two.answer()) / 1e3;
  }

  private void reportRedis(int count, String what, long bytes) {
    RedisServers servers = requireNonNull(redis);
    double now = servers.processorSeconds();
    report(
        "Redis: %.1f µs a %s, and %,d bytes in all a user",
        (now - redisSeconds) * 1e6 / count, what, bytes / count);
    redisSeconds = now;
  }

  private static void report(String format, Object... values) {
    System.out.printf(Locale.ROOT, format + "%n", values);
  }

  private static void write(List<String> lines, Path file) throws IOException {
    try (BufferedWriter out = Files.newBufferedWriter(file)) {
      for (String line : lines) {
        out.write(line);
        out.newLine();
      }
    }
  }

  /** The process of a {@link CrowdCommand}. */
  private final class Crowd {

    private final Process process;
    private final BufferedReader answers;
    private final Writer commands;

    Crowd(ChildProcesses children, String core, String uri) throws IOException {
      List<String> command = new ArrayList<>(List.of("taskset", "-c", core));
      command.addAll(
          JavaCommandLine.ofThisProgram(List.of("-Xmx" + heap, "-Xmn300m", "-XX:+UseSerialGC")));
      command.addAll(List.of("crowd", "--redis", uri));
      process = children.start(command);
      answers = process.inputReader();
      commands = process.outputWriter(UTF_8);
      line();
    }

    Crowd tell(String command) throws IOException {
      commands.write(command + "\n");
      commands.flush();
      return this;
    }

    long answer() throws IOException {
      return Long.parseLong(line());
    }

    private String line() throws IOException {
      String line = answers.readLine();
      if (line == null) {
        throw new BenchmarkException("node: has ended (expected: an answer)");
      }
      return line;
    }

    double processorSeconds() {
      return ProcFs.processorSeconds(process.pid());
    }

    void kill() {
      process.destroyForcibly().onExit().join();
    }
  }
}
