package dev.jev.websocket;

import dev.jev.Connection;
import dev.jev.Server;
import java.net.InetAddress;

/** The server for Autobahn's fuzzing client. The build starts and interrupts it, see pom.xml. */
public final class AutobahnServer {

  private static final int LONGEST_MESSAGE = 16 * 1024 * 1024;
  private static final int MOST_FRAGMENTS =
      128 * 1024; // cases 9.3.1 and 9.4.1: 4 MiB in frames of 64 bytes

  private AutobahnServer() {}

  /** Serves on the port in the argument until the process is interrupted. */
  public static void main(String[] arguments) throws Exception {
    String host =
        InetAddress.getLocalHost().getHostAddress(); // the address that the suite connects to
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
