package dev.jev.samples;

import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.Server;
import dev.jev.codec.Protocols;
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
    Handler<ByteBuf, ByteBuf> handler = offload ? new Offloaded() : Connection::send;
    return options.serve(Server.builder(Protocols::lengthPrefixed, handler));
  }

  /**
   * Answers on worker threads, where a handler may block.
   *
   * <p>A connection is not read from while a worker has one of its messages. That keeps its replies
   * in order, and lets no more work queue up than there are connections.
   */
  private static final class Offloaded implements Handler<ByteBuf, ByteBuf> {

    private final ExecutorService workers =
        Executors.newFixedThreadPool(Runtime.getRuntime().availableProcessors());

    @Override
    public void onMessage(Connection<ByteBuf> connection, ByteBuf payload) {
      payload.retain(); // for the worker, who gives it away by sending it
      connection.pauseReading();
      workers.execute(
          () -> {
            connection.send(payload);
            connection.resumeReading();
          });
    }
  }
}
