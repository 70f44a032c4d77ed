package dev.jev.samples;

import dev.jev.Connection;
import dev.jev.Delivery;
import dev.jev.Handler;
import dev.jev.Server;
import dev.jev.codec.Protocols;
import dev.jev.samples.options.ServerOptions;
import java.util.concurrent.Callable;
import java.util.concurrent.ForkJoinPool;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** Sends from other threads and learns the outcome of each message: written or not. */
@Command(name = "send-async", description = "Echoes lines from other threads; prints each outcome.")
final class SendAsync implements Callable<Integer>, Handler<String, String> {

  @Mixin private ServerOptions options = new ServerOptions(5007);

  @Override
  public Integer call() throws InterruptedException {
    return options.serve(Server.builder(Protocols::lines, this));
  }

  @Override
  public void onMessage(Connection<String> connection, String line) {
    if (line.equals("bye")) {
      connection.close();
    }
    ForkJoinPool.commonPool().execute(() -> answer(connection, line));
  }

  private static void answer(Connection<String> connection, String line) {
    Delivery delivery = connection.deliver(line);
    delivery
        .written()
        .whenComplete(
            (nothing, failure) -> {
              String result = failure == null ? "written" : "not written";
              System.out.println(line + ": " + delivery.outcome() + ", " + result);
            });
  }
}
