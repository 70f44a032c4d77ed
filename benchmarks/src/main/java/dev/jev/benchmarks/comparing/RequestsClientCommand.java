package dev.jev.benchmarks.comparing;

import com.sun.management.OperatingSystemMXBean;
import dev.jev.benchmarks.shared.BenchmarkException;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/**
 * A client that works for as many milliseconds as each line of its standard input says, and then
 * prints the number of messages and its CPU time in nanoseconds.
 */
@Command(name = "requests-client", description = "A client of the command requests.")
public final class RequestsClientCommand implements Callable<Integer> {

  @Parameters(paramLabel = "KIND", description = "send, in-order, by-id, jev-get, lettuce-get, ...")
  private String kind = "";

  @Option(names = "--port", required = true)
  private int port;

  @Override
  public Integer call() throws Exception {
    OperatingSystemMXBean system =
        (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    BufferedReader slices =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
    try (ClientWork work = connect(kind, port)) {
      for (String line; (line = slices.readLine()) != null; ) {
        long before = system.getProcessCpuTime();
        long messages = work.run(Long.parseLong(line));
        System.out.println(messages + " " + (system.getProcessCpuTime() - before));
        System.out.flush();
      }
    }
    return 0;
  }

  static boolean needsRedis(String kind) {
    return kind.endsWith("-get") || kind.endsWith("-set");
  }

  private static ClientWork connect(String kind, int port) throws Exception {
    return switch (kind) {
      case "send", "in-order", "by-id" -> EchoWork.connect(kind, port);
      case "jev-get", "jev-set" -> RedisWork.ofJev(port, kind.endsWith("get"));
      case "lettuce-get", "lettuce-set" -> RedisWork.ofLettuce(port, kind.endsWith("get"));
      default ->
          throw new BenchmarkException(
              "kind: "
                  + kind
                  + " (expected: send, in-order, by-id, or jev or lettuce with -get or -set)");
    };
  }
}
