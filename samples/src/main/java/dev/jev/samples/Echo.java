package dev.jev.samples;

import dev.jev.Connection;
import dev.jev.Server;
import dev.jev.codec.Protocols;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** Sends everything back. A server is a protocol, a handler and an address. */
@Command(name = "echo", description = "Bytes back.")
final class Echo implements Callable<Integer> {

  @Mixin private ServerOptions options = new ServerOptions(5000);

  @Override
  public Integer call() throws InterruptedException {
    return options.serve(Server.builder(Protocols::bytes, Connection::send));
  }
}
