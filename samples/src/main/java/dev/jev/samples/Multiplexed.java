package dev.jev.samples;

import dev.jev.Handler;
import dev.jev.Server;
import dev.jev.codec.FirstBytes;
import dev.jev.codec.Multiplexer;
import dev.jev.codec.NettyCodec;
import dev.jev.codec.Protocols;
import dev.jev.plugin.ProxyProtocol;
import dev.jev.samples.http.HttpHandler;
import dev.jev.samples.options.SelfSigned;
import dev.jev.samples.options.ServerOptions;
import dev.jev.samples.redis.RedisHandler;
import io.netty.handler.codec.http.HttpObject;
import io.netty.handler.codec.http.HttpServerCodec;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** Serves HTTP, Redis and lines on one port, with TLS and a PROXY header as options. */
@Command(name = "multiplexed", description = "Serves HTTP, Redis and lines on one port.")
final class Multiplexed implements Callable<Integer> {

  @Mixin private ServerOptions options = new ServerOptions(5020);

  @Override
  public Integer call() throws InterruptedException {
    Handler<String, String> echo = Handler.replying(line -> line);
    Multiplexer port =
        Multiplexer.builder()
            .when(
                FirstBytes.http(),
                NettyCodec.of(HttpObject.class, () -> List.of(new HttpServerCodec())),
                new HttpHandler())
            .when(FirstBytes.of("*"), Protocols::resp, new RedisHandler())
            .otherwise(Protocols::lines, echo)
            .build();
    return options.serve(
        Server.builder(port::protocol, port.handler())
            .plugin(ProxyProtocol.optional("127.0.0.1"))
            .plugin(SelfSigned.optionalTls()));
  }
}
