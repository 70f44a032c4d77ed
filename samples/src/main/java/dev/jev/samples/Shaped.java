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

/** Limits the rate at which it writes to each client. */
@Command(name = "shaped", description = "Echoes bytes, at a limited rate.")
final class Shaped implements Callable<Integer> {

  @Mixin private ServerOptions options = new ServerOptions(5016);

  @Option(
      names = "--bytes-per-second",
      description = "Maximum bytes per second to each client (default: ${DEFAULT-VALUE}).")
  private long bytesPerSecond = 100_000;

  @Override
  public Integer call() throws InterruptedException {
    return options.serve(
        Server.builder(Protocols::bytes, Connection::send)
            .plugin(TrafficShaping.builder().writeBytesPerSecond(bytesPerSecond).build()));
  }
}
