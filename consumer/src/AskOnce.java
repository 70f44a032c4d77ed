import dev.jev.Client;
import dev.jev.Handler;
import dev.jev.Protocol;
import dev.jev.Requests;
import dev.jev.Server;
import dev.jev.codec.Protocols;
import dev.jev.plugin.Diagnostics;
import dev.jev.plugin.WireLog;
import dev.jev.test.ProtocolContract;
import dev.jev.test.Replay;
import dev.jev.websocket.WebSocketProtocol;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/**
 * Asks questions over TCP and through a WebSocket, of the same handler. What was captured of that
 * tests the protocol, and is replayed to another server.
 */
public final class AskOnce {

  private static final Handler<String, String> LOUD =
      Handler.replyingAsync(
          (String line) -> CompletableFuture.supplyAsync(() -> line.toUpperCase(Locale.ROOT)));

  private AskOnce() {}

  public static void main(String[] args) throws Exception {
    Path capture = Files.createTempFile("ask", ".pcap");
    try {
      try (Server server =
              Server.builder(Protocols::lines, LOUD)
                  .plugin(WireLog.pcap(capture).build())
                  .plugin(Diagnostics.create())
                  .listen("tcp://127.0.0.1:0")
                  .start();
          Server tunnelled =
              Server.builder(WebSocketProtocol.server().tunnel(Protocols::lines), LOUD)
                  .listen("tcp://127.0.0.1:0")
                  .start()) {
        EchoOnce.check("answer", ask(Protocols::lines, "tcp://127.0.0.1:" + server.port()), "HELLO");
        var sockets =
            WebSocketProtocol.client(URI.create("ws://127.0.0.1:" + tunnelled.port() + "/"));
        EchoOnce.check(
            "tunnelled answer", ask(sockets.tunnel(Protocols::lines), sockets.address()), "HELLO");
        EchoOnce.check("messages", String.valueOf(server.stats().messagesReceived()), "1");
      }
      ProtocolContract.of(Protocols::lines).capture(capture).check();
      replay(capture);
    } finally {
      Files.delete(capture);
    }
    EchoOnce.main(args);
  }

  private static String ask(Supplier<? extends Protocol<String, String>> protocols, String uri)
      throws Exception {
    Requests<String, String> lines = Requests.<String, String>inOrder().build();
    try (Client<String> client = Client.builder(protocols, lines.handler()).connect(uri)) {
      client.connected().toCompletableFuture().get(20, TimeUnit.SECONDS);
      return lines.ask(client, "hello").toCompletableFuture().get(20, TimeUnit.SECONDS);
    }
  }

  private static void replay(Path capture) throws Exception {
    try (Server quiet =
        Server.builder(Protocols::lines, Handler.replying((String line) -> line))
            .listen("tcp://127.0.0.1:0")
            .start()) {
      var result = Replay.to("tcp://127.0.0.1:" + quiet.port(), capture).run();
      String different = String.join(", ", result.differences().stream().map(Object::toString).toList());
      EchoOnce.check("replay", different, "connection 1, byte 0: .*");
    }
  }
}
