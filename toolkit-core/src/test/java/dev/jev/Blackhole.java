package dev.jev;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.util.ArrayList;
import java.util.List;

/**
 * An address of this machine that never answers: a listening socket with a full backlog, so that
 * the kernel drops new connections.
 */
final class Blackhole implements AutoCloseable {

  private final ServerSocket socket;
  private final List<Socket> queue = new ArrayList<>();

  /** Creates one on a loopback address such as 127.0.0.2; port 0 is any free port. */
  Blackhole(String host, int port) throws IOException {
    socket = new ServerSocket(port, 1, InetAddress.getByName(host));
    try {
      while (true) {
        Socket waiting = new Socket();
        queue.add(waiting);
        waiting.connect(new InetSocketAddress(host, port()), 200);
      }
    } catch (SocketTimeoutException e) {
      // The backlog is full.
    }
  }

  int port() {
    return socket.getLocalPort();
  }

  @Override
  public void close() throws IOException {
    socket.close();
    for (Socket waiting : queue) {
      waiting.close();
    }
  }
}
