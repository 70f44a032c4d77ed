package dev.jev.websocket;

import dev.jev.Connection;
import dev.jev.Server;
import java.net.InetAddress;

/** What Autobahn's fuzzing client talks to, see the pom.xml: the build starts and interrupts it. */
public final class AutobahnServer {

  private static final int LONGEST_MESSAGE = 16 * 1024 * 1024;
  private static final int MOST_FRAGMENTS =
      128 * 1024; // 4 MiB by 64 bytes in cases 9.3.1 and 9.4.1

  private AutobahnServer() {}

  /** Serves until it is interrupted, at the port that is the only argument. */
  public static void main(String[] arguments) throws Exception {
    String host = InetAddress.getLocalHost().getHostAddress(); // where the suite looks for it
    Server server =
        Server.builder(
                WebSocketProtocol.server()
                    .maxMessageBytes(LONGEST_MESSAGE)
                    .maxFragments(MOST_FRAGMENTS)
                    .build(),
                Connection::send)
            .listen("tcp://" + host + ":" + arguments[0])
            .eventLoops(1)
            .start();
    try {
      server.awaitStop();
    } finally {
      server.close();
    }
  }
}
