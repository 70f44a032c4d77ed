package dev.jev.samples;

import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** A network between a client and a server that can fail: relays connections until it is cut. */
final class Relay implements AutoCloseable {

  private final ServerSocket listener;
  private final int target;
  private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();
  private volatile boolean isCut;

  private Relay(ServerSocket listener, int target) {
    this.listener = listener;
    this.target = target;
  }

  /** Starts a relay to a port of this machine. */
  static Relay to(int port) throws IOException {
    Relay relay =
        new Relay(new ServerSocket(0, /* backlog= */ 50, InetAddress.getLoopbackAddress()), port);
    run(relay::accept);
    return relay;
  }

  int port() {
    return listener.getLocalPort();
  }

  /** Ends all connections, and those that are opened from now on. */
  void cut() throws IOException {
    isCut = true;
    for (Socket socket : sockets) {
      socket.close();
    }
  }

  void restore() {
    isCut = false;
  }

  private void accept() throws IOException {
    while (!listener.isClosed()) {
      Socket client = listener.accept();
      Socket server = new Socket(InetAddress.getLoopbackAddress(), target);
      sockets.add(client);
      sockets.add(server);
      run(() -> copy(client, server));
      run(() -> copy(server, client));
    }
  }

  private void copy(Socket from, Socket to) throws IOException {
    try (from;
        to) {
      InputStream in = from.getInputStream();
      byte[] bytes = new byte[16 * 1024];
      for (int count; !isCut && (count = in.read(bytes)) >= 0; ) {
        to.getOutputStream().write(bytes, 0, count);
      }
    } finally {
      sockets.remove(from);
    }
  }

  private interface Task {
    void run() throws IOException;
  }

  private static void run(Task task) {
    Thread thread =
        new Thread(
            () -> {
              try {
                task.run();
              } catch (IOException e) {
                // the connection has ended, or the relay
              }
            },
            "relay");
    thread.setDaemon(true);
    thread.start();
  }

  @Override
  public void close() throws IOException {
    listener.close();
    cut();
  }
}
