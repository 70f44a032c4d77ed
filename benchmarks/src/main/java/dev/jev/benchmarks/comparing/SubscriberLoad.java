package dev.jev.benchmarks.comparing;

import dev.jev.benchmarks.shared.ChildProcesses;
import dev.jev.benchmarks.shared.JavaCommandLine;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** A load by {@link SubscriberCommand}, in a process of its own. */
final class SubscriberLoad implements Load {

  private static final List<String> JVM_FLAGS = List.of("-Xms256m", "-Xmx256m", "-XX:+UseSerialGC");
  private static final int OPEN_SECONDS = 180;

  private final int size;
  private final int connections;
  private final int stopped;
  private final ExperimentOptions options;
  private final ChildProcesses children;

  SubscriberLoad(
      int size, int connections, int stopped, ExperimentOptions options, ChildProcesses children) {
    this.size = size;
    this.connections = connections;
    this.stopped = stopped;
    this.options = options;
    this.children = children;
  }

  /** No preparation: each run checks every message. */
  @Override
  public void prepare(ServerProcess server) {}

  @Override
  public Sample run(ServerProcess server, double warmupSeconds, double seconds) {
    List<String> command = new ArrayList<>(options.onLoadCore());
    command.addAll(JavaCommandLine.ofThisProgram(JVM_FLAGS));
    command.add("subscribe");
    command.add("--port=" + server.port());
    command.add("--size=" + size);
    command.add("--connections=" + connections);
    command.add("--stopped=" + stopped);
    command.add("--warmup-seconds=" + warmupSeconds);
    command.add("--seconds=" + seconds);
    command.add("--server-pid=" + server.pid());
    Duration limit = Duration.ofMillis((long) ((warmupSeconds + seconds + OPEN_SECONDS) * 1000));
    return Sample.parse(children.run(command, limit));
  }
}
