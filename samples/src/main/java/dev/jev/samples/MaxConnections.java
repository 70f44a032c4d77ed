package dev.jev.samples;

import dev.jev.Connection;
import dev.jev.Server;
import dev.jev.codec.Protocols;
import dev.jev.samples.options.ServerOptions;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Limits the number of connections: further ones are closed as soon as they are accepted. */
@Command(name = "max-connections", description = "Echoes bytes, with a limit on connections.")
final class MaxConnections implements Callable<Integer> {

  @Mixin private ServerOptions options = new ServerOptions(5003);

  @Option(
      names = "--max",
      description = "Maximum number of connections (default: ${DEFAULT-VALUE}).")
  private int max = 2;

  @Override
  public Integer call() throws InterruptedException {
    return options.serve(Server.builder(Protocols::bytes, Connection::send).maxConnections(max));
  }
}
