package dev.jev.samples.http;

import dev.jev.Server;
import dev.jev.codec.NettyCodec;
import dev.jev.samples.options.SelfSigned;
import dev.jev.samples.options.ServerOptions;
import io.netty.handler.codec.http.HttpObject;
import io.netty.handler.codec.http.HttpServerCodec;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Serves HTTP/1.1 with Netty's codec: the same text for every GET. */
@Command(name = "http", description = "Answers every GET with \"Hello, World!\".")
public final class Http implements Callable<Integer> {

  @Mixin private ServerOptions options = new ServerOptions(8080);

  @Option(names = "--tls", description = "TLS with a self-signed certificate.")
  private boolean tls;

  @Override
  public Integer call() throws InterruptedException {
    Server.Builder<HttpObject, Object> builder =
        Server.builder(
            NettyCodec.of(HttpObject.class, () -> List.of(new HttpServerCodec())),
            new HttpHandler());
    if (tls) {
      builder.plugin(SelfSigned.tls());
    }
    return options.serve(builder);
  }
}
