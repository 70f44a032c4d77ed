package dev.jev.benchmarks.capacity;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.jev.benchmarks.shared.BenchmarkException;
import dev.jev.benchmarks.shared.ChildProcesses;
import dev.jev.benchmarks.shared.JavaCommandLine;
import dev.jev.benchmarks.shared.ProcFs;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The process of a {@link TopicNodeCommand}, on the core of the servers. */
final class TopicNode {

  private static final Pattern LISTENING =
      Pattern.compile("listening on tcp://127\\.0\\.0\\.1:(\\d+)");

  private final Process process;
  private final BufferedReader lines;
  private final int port;

  TopicNode(ChildProcesses children, String core, String redis) {
    List<String> command = new ArrayList<>(List.of("taskset", "-c", core));
    command.addAll(JavaCommandLine.ofThisProgram(List.of("-Xmx1g", "-XX:+UseSerialGC")));
    command.addAll(List.of("topic-node", "--redis", redis));
    process = children.start(command);
    lines = process.inputReader();
    Matcher listening = LISTENING.matcher(line());
    if (!listening.matches()) {
      throw new BenchmarkException("node: does not listen (expected: " + LISTENING + ")");
    }
    port = Integer.parseInt(listening.group(1));
  }

  InetSocketAddress address() {
    return new InetSocketAddress(InetAddress.getLoopbackAddress(), port);
  }

  double processorSeconds() {
    return ProcFs.processorSeconds(process.pid());
  }

  /** Returns the {@link LiveMemory} of the process, in bytes. */
  long liveMemory() {
    OutputStream input = process.getOutputStream();
    try {
      input.write("memory\n".getBytes(UTF_8));
      input.flush();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return Long.parseLong(line());
  }

  private String line() {
    try {
      String line = lines.readLine();
      if (line == null) {
        throw new BenchmarkException("node: has ended (expected: an answer)");
      }
      return line;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
