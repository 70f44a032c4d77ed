package dev.jev.samples;

import dev.jev.Connection;
import dev.jev.Server;
import dev.jev.samples.options.SelfSigned;
import dev.jev.samples.options.ServerOptions;
import dev.jev.websocket.WebSocketMessage;
import dev.jev.websocket.WebSocketProtocol;
import dev.jev.websocket.WebSocketServerBuilder;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Echoes text and binary messages, on any path and for pages of any origin. */
@Command(name = "ws-echo", description = "Echoes WebSocket messages.")
final class WsEcho implements Callable<Integer> {

  /** Minimum average length of the fragments of a long message, in bytes. */
  private static final int FRAGMENT_BYTES = 64;

  /** Number of fragments that is always allowed. */
  private static final int MIN_FRAGMENTS = 1024;

  @Mixin private ServerOptions options = new ServerOptions(9001);

  @Option(
      names = "--max-message-bytes",
      description = "Maximum message length, in bytes (default: ${DEFAULT-VALUE}).")
  private int maxMessageBytes = 64 * 1024;

  @Option(names = "--compression", description = "Compression, for clients that offer it.")
  private boolean compression;

  @Option(names = "--tls", description = "TLS with a self-signed certificate.")
  private boolean tls;

  @Override
  public Integer call() throws InterruptedException {
    WebSocketServerBuilder webSocket =
        WebSocketProtocol.server()
            .allowAnyOrigin()
            .maxMessageBytes(maxMessageBytes)
            .maxFragments(Math.max(MIN_FRAGMENTS, maxMessageBytes / FRAGMENT_BYTES));
    if (compression) {
      webSocket.compression();
    }
    Server.Builder<WebSocketMessage, WebSocketMessage> builder =
        Server.builder(webSocket.build(), Connection::send);
    if (tls) {
      builder.plugin(SelfSigned.tls());
    }
    return options.serve(builder);
  }
}
