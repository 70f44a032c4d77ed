package dev.jev.samples;

import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.Server;
import dev.jev.codec.Protocols;
import dev.jev.samples.options.ServerOptions;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * Answers later. A result from another thread returns to the connection's event loop with {@code
 * execute}. There the handler may use the connection's state without a lock, even after the close.
 */
@Command(name = "wake", description = "Answers the line \"exec\" after a delay, others at once.")
final class Wake implements Callable<Integer>, Handler<String, String> {

  @Mixin private ServerOptions options = new ServerOptions(5002);

  @Option(
      names = "--delay-ms",
      description = "Delay of the answer to \"exec\", in milliseconds (default: ${DEFAULT-VALUE}).")
  private int delayMillis = 1000;

  private final AtomicInteger jobs = new AtomicInteger();

  @Override
  public Integer call() throws InterruptedException {
    return options.serve(Server.builder(Protocols::lines, this));
  }

  @Override
  public void onMessage(Connection<String> connection, String line) {
    if (line.equals("exec")) {
      int job = jobs.incrementAndGet();
      connection.send("job " + job + " has begun");
      CompletableFuture.delayedExecutor(delayMillis, TimeUnit.MILLISECONDS)
          .execute(() -> connection.execute(() -> connection.send("job " + job + " is done")));
    } else {
      connection.send("not a command: " + line);
    }
  }
}
