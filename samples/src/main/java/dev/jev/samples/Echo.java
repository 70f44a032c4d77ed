package dev.jev.samples;

import dev.jev.Connection;
import dev.jev.Server;
import dev.jev.codec.Protocols;
import dev.jev.samples.options.SelfSigned;
import dev.jev.samples.options.ServerOptions;
import io.netty.buffer.ByteBuf;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Echoes all bytes. A server consists of a protocol, a handler and an address. */
@Command(name = "echo", description = "Echoes bytes over TCP, TLS, UDP or a Unix socket.")
final class Echo implements Callable<Integer> {

  @Mixin private ServerOptions options = new ServerOptions(5000);

  @ArgGroup private Network network = new Network();

  /** Alternatives to plain TCP. */
  private static final class Network {
    @Option(names = "--udp", description = "UDP datagrams instead of TCP.")
    private boolean udp;

    @Option(
        names = "--unix",
        description = "Path of a Unix socket to listen on instead of TCP.",
        paramLabel = "PATH")
    private @Nullable Path unix;

    @Option(names = "--tls", description = "TLS with a self-signed certificate.")
    private boolean tls;
  }

  @Override
  public Integer call() throws InterruptedException {
    Server.Builder<ByteBuf, ByteBuf> builder = Server.builder(Protocols::bytes, Connection::send);
    if (network.tls) {
      builder.plugin(SelfSigned.tls());
    }
    if (network.unix != null) {
      return options.serve(builder, "unix://" + network.unix.toAbsolutePath());
    }
    return options.serve(builder, options.uri(network.udp ? "udp" : "tcp"));
  }
}
