package dev.jev.samples;

import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.Server;
import dev.jev.codec.Protocols;
import dev.jev.samples.options.ServerOptions;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * Blocks, but on worker threads instead of the event loops. Each client gets its answers in order;
 * as many clients are served concurrently as there are workers.
 */
@Command(name = "worker-pool", description = "Echoes lines, each after some blocking work.")
final class WorkerPool implements Callable<Integer>, Handler<String, String> {

  @Mixin private ServerOptions options = new ServerOptions(5008);

  @Option(
      names = "--workers",
      description = "Number of worker threads (default: ${DEFAULT-VALUE}).")
  private int workers = 16;

  @Option(
      names = "--work-ms",
      description = "Time to work on each line, in milliseconds (default: ${DEFAULT-VALUE}).")
  private int workMillis = 100;

  @Override
  public Integer call() throws InterruptedException {
    ExecutorService pool = Executors.newFixedThreadPool(workers);
    try {
      return options.serve(Server.builder(Protocols::lines, offload(pool)));
    } finally {
      pool.shutdown();
    }
  }

  @Override
  public void onMessage(Connection<String> connection, String line) {
    try {
      Thread.sleep(workMillis); // stands for a blocking call, such as a database query
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    connection.send(line + ", by " + Thread.currentThread().getName());
  }
}
