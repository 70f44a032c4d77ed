package dev.jev.samples;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.jev.Client;
import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.codec.Protocols;
import dev.jev.samples.options.ServerOptions;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.util.Scanner;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Sends each line of standard input as a frame and prints the replies until all have arrived. */
@Command(
    name = "length-prefixed-client",
    description = "Sends lines as frames and prints the replies.")
final class LengthPrefixedClient implements Callable<Integer>, Handler<ByteBuf, ByteBuf> {

  @Option(names = "--host", description = "Server address (default: ${DEFAULT-VALUE}).")
  private String host = "127.0.0.1";

  @Option(names = "--port", description = "Server port (default: ${DEFAULT-VALUE}).")
  private int port = 5001;

  private final CompletableFuture<CloseReason> closed = new CompletableFuture<>();

  @Override
  public Integer call() throws Exception {
    String uri = "tcp://" + ServerOptions.bracketed(host) + ":" + port;
    try (Client<ByteBuf> client = Client.builder(Protocols::lengthPrefixed, this).connect(uri);
        Scanner lines = new Scanner(System.in, UTF_8)) {
      Connection<ByteBuf> connection = client.connected().toCompletableFuture().get();
      while (connection.isOpen() && lines.hasNextLine()) {
        ByteBuf frame = Unpooled.copiedBuffer(lines.nextLine(), UTF_8);
        // Back-pressure: waits until the frame is written.
        connection.deliver(frame).written().toCompletableFuture().get();
      }
      connection.shutdownOutput(); // the server answers all frames, then closes
      CloseReason reason = closed.get();
      if (reason.kind() != CloseReason.Kind.PEER_CLOSED) {
        throw new IOException("connection to " + uri + " closed: " + reason);
      }
    }
    return 0;
  }

  @Override
  public void onMessage(Connection<ByteBuf> connection, ByteBuf answer) {
    System.out.println(answer.toString(UTF_8));
  }

  @Override
  public void onClose(Connection<ByteBuf> connection, CloseReason reason) {
    closed.complete(reason);
  }
}
