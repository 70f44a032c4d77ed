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

/** Sends every frame back: the protocol finds the frames, the handler sees payloads only. */
@Command(
    name = "length-prefixed",
    description = "Frames of a 4-byte length and a payload, back in the same form.")
final class LengthPrefixed implements Callable<Integer> {

  @Mixin private ServerOptions options = new ServerOptions(5001);

  @Option(names = "--offload", description = "Run the handler on threads of its own.")
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
