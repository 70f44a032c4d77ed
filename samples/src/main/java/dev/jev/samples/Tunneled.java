package dev.jev.samples;

import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.Server;
import dev.jev.codec.FirstBytes;
import dev.jev.codec.Multiplexer;
import dev.jev.codec.Protocols;
import dev.jev.samples.options.ServerOptions;
import dev.jev.websocket.HttpResponder;
import dev.jev.websocket.HttpResponse;
import dev.jev.websocket.WebSocketProtocol;
import io.netty.buffer.ByteBuf;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** Echoes all bytes on one port, those of plain TCP and those of browsers, with one handler. */
@Command(name = "tunneled", description = "Echoes bytes of nc and of browsers on one port.")
final class Tunneled implements Callable<Integer> {

  private static final HttpResponder PAGE =
      HttpResponder.at("/", () -> HttpResponse.of(200).text("open a WebSocket here\n"));

  @Mixin private ServerOptions options = new ServerOptions(5021);

  @Override
  public Integer call() throws InterruptedException {
    Handler<ByteBuf, ByteBuf> echo = Connection::send;
    Multiplexer port =
        Multiplexer.builder()
            .when(
                FirstBytes.http(),
                WebSocketProtocol.server().http(PAGE).tunnel(Protocols::bytes),
                echo)
            .otherwise(Protocols::bytes, echo)
            .build();
    return options.serve(Server.builder(port::protocol, port.handler()));
  }
}
