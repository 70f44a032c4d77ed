package dev.jev.websocket;

import dev.jev.Client;
import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.EventLoops;
import dev.jev.Handler;
import dev.jev.websocket.WebSocketMessage.Text;
import java.net.URI;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** Runs the cases of Autobahn's fuzzing server, see docs/websocket-conformance.md. */
public final class AutobahnClient {

  private static final int LONGEST_MESSAGE = 16 * 1024 * 1024;
  private static final int MOST_FRAGMENTS = 128 * 1024;

  private final EventLoops loops;
  private final String server;

  private AutobahnClient(EventLoops loops, String server) {
    this.loops = loops;
    this.server = server;
  }

  /**
   * Runs all cases of the server at the address in the argument, ws://127.0.0.1:9002 for example.
   */
  public static void main(String[] arguments) throws Exception {
    try (EventLoops loops = EventLoops.builder().count(1).start()) {
      AutobahnClient client = new AutobahnClient(loops, arguments[0]);
      int cases = Integer.parseInt(client.visit("/getCaseCount", /* echo= */ false));
      for (int i = 1; i <= cases; i++) {
        client.visit("/runCase?agent=jev&case=" + i, /* echo= */ true);
      }
      client.visit("/updateReports?agent=jev", /* echo= */ false);
    }
  }

  /** Stays connected until the server closes, echoing if {@code echo}; returns the last text. */
  private String visit(String target, boolean echo) throws Exception {
    WebSocketClientBuilder protocol =
        WebSocketProtocol.client(URI.create(server + target))
            .maxMessageBytes(LONGEST_MESSAGE)
            .maxFragments(MOST_FRAGMENTS);
    Visit visit = new Visit(echo);
    Client<WebSocketMessage> client =
        Client.builder(protocol.build(), visit).eventLoops(loops).connect(protocol.address());
    try {
      return visit.end.get(2, TimeUnit.MINUTES);
    } finally {
      client.close();
    }
  }

  private static final class Visit implements Handler<WebSocketMessage, WebSocketMessage> {

    private final CompletableFuture<String> end = new CompletableFuture<>();
    private final boolean echo;
    private String text = "";

    private Visit(boolean echo) {
      this.echo = echo;
    }

    @Override
    public void onMessage(Connection<WebSocketMessage> connection, WebSocketMessage message) {
      if (echo) {
        connection.send(message);
      } else if (message instanceof Text received) {
        text = received.text();
      }
    }

    @Override
    public void onClose(Connection<WebSocketMessage> connection, CloseReason reason) {
      end.complete(text);
    }
  }
}
