package dev.jev.benchmarks.comparing;

import dev.jev.benchmarks.shared.ChildProcesses;
import dev.jev.benchmarks.shared.JavaCommandLine;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** A load by {@link LoadCommand}, in a process of its own. */
final class MessageLoad implements Load {

  private static final List<String> JVM_FLAGS = List.of("-Xms256m", "-Xmx256m", "-XX:+UseSerialGC");

  private final LoadProtocol protocol;
  private final int size;
  private final int connections;
  private final int depth;
  private final ExperimentOptions options;
  private final ChildProcesses children;

  MessageLoad(
      LoadProtocol protocol,
      int size,
      int connections,
      int depth,
      ExperimentOptions options,
      ChildProcesses children) {
    this.protocol = protocol;
    this.size = size;
    this.connections = connections;
    this.depth = depth;
    this.options = options;
    this.children = children;
  }

  /** No preparation: each run checks every byte. */
  @Override
  public void prepare(ServerProcess server) {}

  @Override
  public Sample run(ServerProcess server, double warmupSeconds, double seconds) {
    List<String> command = new ArrayList<>(options.onLoadCore());
    command.addAll(JavaCommandLine.ofThisProgram(JVM_FLAGS));
    command.add("load");
    command.add("--protocol=" + protocol);
    command.add("--port=" + server.port());
    command.add("--size=" + size);
    command.add("--connections=" + connections);
    command.add("--depth=" + depth);
    command.add("--warmup-seconds=" + warmupSeconds);
    command.add("--seconds=" + seconds);
    command.add("--server-pid=" + server.pid());
    Duration limit = Duration.ofMillis((long) ((warmupSeconds + seconds + 30) * 1000));
    return Sample.parse(children.run(command, limit));
  }
}
