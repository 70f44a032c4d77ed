package dev.jev.samples;

import dev.jev.Connection;
import dev.jev.Server;
import dev.jev.codec.Protocols;
import dev.jev.plugin.TrafficShaping;
import dev.jev.samples.options.ServerOptions;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Sends no faster than it may, however much its clients want. */
@Command(name = "shaped", description = "Bytes back, so many a second.")
final class Shaped implements Callable<Integer> {

  @Mixin private ServerOptions options = new ServerOptions(5016);

  @Option(names = "--bytes-per-second", description = "To each client (default: ${DEFAULT-VALUE}).")
  private long bytesPerSecond = 100_000;

  @Override
  public Integer call() throws InterruptedException {
    return options.serve(
        Server.builder(Protocols::bytes, Connection::send)
            .plugin(TrafficShaping.builder().writeBytesPerSecond(bytesPerSecond).build()));
  }
}
