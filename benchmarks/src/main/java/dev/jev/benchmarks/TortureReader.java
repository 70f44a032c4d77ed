package dev.jev.benchmarks;

import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** A client that reads what the torture server feeds it, in a process that can be stopped. */
@Command(name = "torture-reader", hidden = true, description = "A client that can be stopped.")
final class TortureReader implements Callable<Integer> {

  @Option(names = "--port", required = true)
  private int port;

  @Override
  public Integer call() throws IOException {
    try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
      socket.getOutputStream().write(Peer.frame("!feed"));
      System.out.println("reading");
      System.out.flush();
      socket.getInputStream().transferTo(OutputStream.nullOutputStream());
    }
    return 0;
  }
}
