package dev.jev.samples;

import dev.jev.Connection;
import dev.jev.Server;
import dev.jev.codec.Protocols;
import dev.jev.samples.options.ServerOptions;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Serves a few clients at a time: a further one is closed as soon as it is accepted. */
@Command(name = "max-connections", description = "Bytes back, to a few clients at a time.")
final class MaxConnections implements Callable<Integer> {

  @Mixin private ServerOptions options = new ServerOptions(5003);

  @Option(names = "--max", description = "How many clients at a time (default: ${DEFAULT-VALUE}).")
  private int max = 2;

  @Override
  public Integer call() throws InterruptedException {
    return options.serve(Server.builder(Protocols::bytes, Connection::send).maxConnections(max));
  }
}
