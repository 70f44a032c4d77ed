package dev.jev.benchmarks.torturing;

import dev.jev.benchmarks.shared.WebSocketHandshake;
import java.io.EOFException;
import java.io.IOException;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** A client that reads what the torture server sends, in a process that can be stopped. */
@Command(name = "torture-reader", hidden = true, description = "A client that can be stopped.")
public final class TortureReader implements Callable<Integer> {

  @Option(names = "--port", required = true)
  private int port;

  @Option(names = "--websocket", description = "uses WebSocket and subscribes to a topic")
  private boolean webSocket;

  @Override
  public Integer call() throws IOException {
    try (Peer peer = Peer.connect(port)) {
      if (webSocket) {
        peer.upgrade(WebSocketHandshake.MINIMAL);
      }
      peer.send(webSocket ? "!subscribe" : "!feed");
      System.out.println("reading");
      System.out.flush();
      while (true) {
        peer.receiveBytes();
      }
    } catch (EOFException e) {
      return 0;
    }
  }
}
