package dev.jev.cli;

import dev.jev.Client;
import dev.jev.EventLoops;
import dev.jev.Plugin;
import dev.jev.PluginHost;
import dev.jev.Server;
import dev.jev.codec.Protocols;
import dev.jev.plugin.Drain;
import dev.jev.plugin.WireLog;
import java.io.PrintStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Stands between clients and a server, and captures their bytes. */
@Command(
    name = "capture",
    description = "Passes the bytes of clients on to a server, and captures them in a file.")
final class CaptureCommand implements Callable<Integer> {

  @Parameters(paramLabel = "FILE", description = "File that Wireshark and jev replay read.")
  private Path file = Path.of("");

  @Option(
      names = "--listen",
      required = true,
      paramLabel = "URI",
      description = "Where clients connect: tcp://HOST:PORT or unix:///PATH.")
  private String listen = "";

  @Option(
      names = "--to",
      required = true,
      paramLabel = "URI",
      description = "The server: tcp://HOST:PORT or unix:///PATH.")
  private String to = "";

  @Option(names = "--one-in", description = "Capture one connection in so many (default: 1).")
  private int oneIn = 1;

  @Option(names = "--max-bytes", description = "Size of the file (default: 67108864).")
  private long maxBytes = 64 * 1024 * 1024;

  @Option(names = "--seconds", description = "Time until the end (default: until it is stopped).")
  private double seconds;

  private final PrintStream out;
  private final PrintStream err;

  CaptureCommand(PrintStream out, PrintStream err) {
    this.out = out;
    this.err = err;
  }

  @Override
  public Integer call() throws InterruptedException {
    try (EventLoops loops = EventLoops.builder().count(1).start()) {
      checkTarget(loops);
      capture(loops);
    }
    return 0;
  }

  /** Checks the address of the server before the first client comes: as a connect, without one. */
  private void checkTarget(EventLoops loops) {
    Plugin unconnected =
        new Plugin() {
          @Override
          public void start(PluginHost host) {
            host.stopAccepting(); // that of a client ends the attempts to connect
          }
        };
    Client.builder(Protocols::bytes, (connection, bytes) -> {})
        .eventLoops(loops)
        .plugin(unconnected)
        .connect(to)
        .close();
  }

  private void capture(EventLoops loops) throws InterruptedException {
    try (Server server =
        Server.builder(Protocols::bytes, new Relay(loops, to, err))
            .eventLoops(loops)
            .plugin(WireLog.pcap(file).oneIn(oneIn).maxBytes(maxBytes).build())
            .plugin(Drain.builder().acceptTime(Duration.ZERO).spread(Duration.ZERO).build())
            .listen(listen)
            .start()) {
      out.println("listening on " + address(server));
      out.flush();
      if (seconds > 0) {
        Thread.sleep((long) (seconds * 1000));
      } else {
        server.awaitStop();
      }
    }
  }

  /** Returns the URI to connect to, in which a port of 0 is the one that was taken. */
  private String address(Server server) {
    return listen.replaceFirst(":0$", ":" + server.port());
  }
}
