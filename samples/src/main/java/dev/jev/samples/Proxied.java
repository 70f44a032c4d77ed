package dev.jev.samples;

import dev.jev.Connection;
import dev.jev.Server;
import dev.jev.codec.Protocols;
import dev.jev.plugin.ProxyProtocol;
import dev.jev.samples.options.ServerOptions;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Learns the addresses of its clients from a proxy such as HAProxy, by the PROXY protocol. */
@Command(name = "proxied", description = "Sends each client its address, also behind a proxy.")
final class Proxied implements Callable<Integer> {

  @Mixin private ServerOptions options = new ServerOptions(5013);

  @Option(
      names = "--trust",
      description = "Addresses of trusted proxies (default: ${DEFAULT-VALUE}).")
  private String[] trusted = {"127.0.0.1"};

  @Override
  public Integer call() throws InterruptedException {
    return options.serve(
        Server.builder(Protocols::lines, Proxied::answer).plugin(ProxyProtocol.optional(trusted)));
  }

  private static void answer(Connection<String> connection, String line) {
    connection.send(connection.remoteAddress() + " says: " + line);
  }
}
