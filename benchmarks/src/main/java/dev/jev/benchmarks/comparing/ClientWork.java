package dev.jev.benchmarks.comparing;

import dev.jev.benchmarks.shared.BenchmarkException;

/** The work of a client that is measured: messages to a server, and their answers. */
interface ClientWork extends AutoCloseable {

  /** Works for a while, checks all answers, and returns their number. */
  long run(long millis) throws Exception;

  @Override
  void close();

  static boolean needsRedis(String kind) {
    return kind.endsWith("-get") || kind.endsWith("-set");
  }

  /** Connects a client of the named kind, see {@link RequestsCommand}. */
  static ClientWork connect(String kind, int port) throws Exception {
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
