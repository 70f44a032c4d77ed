package dev.jev.benchmarks.comparing;

import dev.jev.Connection;
import dev.jev.Server;
import dev.jev.codec.Protocols;
import dev.jev.plugin.IdleReaper;
import io.netty.buffer.ByteBuf;
import java.time.Duration;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** The Jev echo server, compared with {@code baseline echo --idle-seconds}. */
@Command(name = "jev-echo", description = "A Jev echo server, optionally with an idle reaper.")
public final class JevEchoCommand implements Callable<Integer> {

  @Option(names = "--idle-seconds", description = "adds an idle reaper whose action does nothing")
  private int idleSeconds;

  @Override
  public Integer call() throws InterruptedException {
    Server.Builder<ByteBuf, ByteBuf> builder =
        Server.<ByteBuf, ByteBuf>builder(Protocols::bytes, Connection::send)
            .listen("tcp://127.0.0.1:0")
            .maxConnections(1_000_000)
            .eventLoops(1);
    if (idleSeconds > 0) {
      builder.plugin(IdleReaper.readIdle(Duration.ofSeconds(idleSeconds)).onIdle(connection -> {}));
    }
    Server server = builder.start();
    System.out.println("listening on tcp://127.0.0.1:" + server.port());
    System.out.flush();
    server.awaitStop();
    return 0;
  }
}
