package dev.jev.samples;

import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.Server;
import dev.jev.codec.Protocols;
import dev.jev.samples.options.ServerOptions;
import io.netty.buffer.ByteBuf;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Echoes frames. The protocol splits the input into frames; the handler sees only payloads. */
@Command(name = "length-prefixed", description = "Echoes frames: a 4-byte length, then a payload.")
final class LengthPrefixed implements Callable<Integer> {

  @Mixin private ServerOptions options = new ServerOptions(5001);

  @Option(
      names = "--offload",
      description = "Handler on worker threads instead of the event loops.")
  private boolean offload;

  @Override
  public Integer call() throws InterruptedException {
    Handler<ByteBuf, ByteBuf> echo = Connection::send;
    if (!offload) {
      return options.serve(Server.builder(Protocols::lengthPrefixed, echo));
    }
    ExecutorService workers =
        Executors.newFixedThreadPool(Runtime.getRuntime().availableProcessors());
    try {
      return options.serve(Server.builder(Protocols::lengthPrefixed, echo.offload(workers)));
    } finally {
      workers.shutdown();
    }
  }
}
