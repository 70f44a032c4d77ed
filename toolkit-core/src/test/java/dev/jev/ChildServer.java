package dev.jev;

import dev.jev.plugin.IdleReaper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.SocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;

/**
 * An echo server that a {@link ChildJvm} runs in its own process.
 *
 * <p>Its arguments are a transport, a limit of connections or "default", and optionally the idle
 * timeout. It prints its transport and its port, and ends with its standard input.
 */
final class ChildServer {

  private ChildServer() {}

  public static void main(String[] args) throws IOException {
    Server.Builder<String, String> builder =
        Server.<String, String>builder(Texts::new, Handler.replying(text -> text))
            .listen("tcp://127.0.0.1:0")
            .eventLoops(2)
            .plugin(new AcceptPauses())
            .transport(Transport.valueOf(args[0]));
    if (!args[1].equals("default")) {
      builder.maxConnections(Integer.parseInt(args[1]));
    }
    if (args.length > 2) {
      builder.plugin(IdleReaper.readIdle(Duration.parse(args[2])));
    }
    try (Server server = builder.start();
        BufferedReader in =
            new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
      System.out.println(server.transport());
      System.out.println(server.port());
      while (in.readLine() != null) {
        System.out.println(server.connectionCount());
      }
    }
  }

  /** Prints when accepting pauses and resumes. */
  private static final class AcceptPauses implements Plugin {

    @Override
    public void acceptPaused(PluginHost host, SocketAddress listener, Throwable cause) {
      System.err.println("paused: " + listener);
    }

    @Override
    public void acceptResumed(PluginHost host, SocketAddress listener) {
      System.err.println("resumed: " + listener);
    }
  }
}
