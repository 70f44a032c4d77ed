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
 * Blocks, on threads where it may. Each client gets its answers in order; as many clients as there
 * are workers are served at the same time.
 */
@Command(name = "worker-pool", description = "Lines back, each after some work that blocks.")
final class WorkerPool implements Callable<Integer>, Handler<String, String> {

  @Mixin private ServerOptions options = new ServerOptions(5008);

  @Option(names = "--workers", description = "Number of threads (default: ${DEFAULT-VALUE}).")
  private int workers = 16;

  @Option(names = "--work-ms", description = "Time for each line (default: ${DEFAULT-VALUE}).")
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
      Thread.sleep(workMillis); // a database would make it wait like this
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    connection.send(line + ", by " + Thread.currentThread().getName());
  }
}
