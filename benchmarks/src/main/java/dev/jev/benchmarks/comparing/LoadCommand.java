package dev.jev.benchmarks.comparing;

import dev.jev.benchmarks.shared.BenchmarkException;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Loads one server from one thread, checks every reply, and prints one line of JSON. */
@Command(name = "load", description = "Loads an echo server and prints one line of JSON.")
public final class LoadCommand implements Callable<Integer> {

  @Option(names = "--host", description = "default: 127.0.0.1")
  private String host = "127.0.0.1";

  @Option(names = "--port", required = true)
  private int port;

  @Option(
      names = "--protocol",
      description = "echo (default), length-prefixed, ws-text, ws-binary or ws-deflate")
  private String protocol = "echo";

  @Option(names = "--size", description = "payload bytes of a message, at least 8 (default: 64)")
  private int size = 64;

  @Option(names = "--connections", description = "default: 50")
  private int connections = 50;

  @Option(names = "--depth", description = "messages in flight per connection (default: 1)")
  private int depth = 1;

  @Option(
      names = "--warmup-seconds",
      description = "warm-up before the measured window (default: 3)")
  private double warmupSeconds = 3;

  @Option(names = "--seconds", description = "length of the measured window (default: 10)")
  private double seconds = 10;

  @Option(names = "--server-pid", description = "server process whose CPU time is read")
  private long serverPid;

  @Override
  public Integer call() throws IOException {
    if (size < LoadProtocol.NUMBER_BYTES) {
      throw new BenchmarkException(
          "size: " + size + " bytes (expected: >= " + LoadProtocol.NUMBER_BYTES + ")");
    }
    if (connections < 1 || depth < 1) {
      throw new BenchmarkException(
          "connections and depth: " + connections + ", " + depth + " (expected: >= 1)");
    }
    InetSocketAddress server = new InetSocketAddress(host, port);
    try (ClosedLoop loop =
        new ClosedLoop(server, LoadProtocol.of(protocol), size, connections, depth)) {
      System.out.println(loop.run(warmupSeconds, seconds, serverPid).toJson());
    }
    return 0;
  }
}
