package dev.jev.redis;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.LongSupplier;

/** A way to a server that a test can delay, block or cut. */
final class Strait implements AutoCloseable {

  private final ServerSocket listener;
  private final List<Passage> passages = new CopyOnWriteArrayList<>();
  private volatile int target;
  private volatile boolean closed;
  private volatile boolean isSilent;
  private volatile long delayMillis;

  Strait(int target) throws IOException {
    this.target = target;
    this.listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    start(this::accept);
  }

  String uri() {
    return "redis://127.0.0.1:" + listener.getLocalPort();
  }

  private static void start(Runnable task) {
    Thread thread = new Thread(task, "strait");
    thread.setDaemon(true);
    thread.start();
  }

  private void accept() {
    try {
      while (true) {
        Socket client = listener.accept();
        if (closed) {
          client.close();
        } else {
          pass(client);
        }
      }
    } catch (IOException e) {
      // The test has ended.
    }
  }

  private void pass(Socket client) throws IOException {
    try {
      Socket server = new Socket(InetAddress.getLoopbackAddress(), target);
      passages.add(new Passage(client, server, isSilent, () -> delayMillis));
    } catch (IOException e) {
      client.close(); // the server is away
    }
  }

  /** Forwards everything later by a time, in both directions. */
  void delay(long millis) {
    delayMillis = millis;
  }

  /** Forwards nothing any more to the clients that have subscribed, and leaves them connected. */
  int deafen() {
    List<Passage> deaf =
        passages.stream().filter(each -> each.hasSubscribed && !each.isDeaf).toList();
    deaf.forEach(each -> each.isDeaf = true);
    return deaf.size();
  }

  /** Leads to another server from now on, and cuts all connections. */
  void lead(int otherTarget) {
    target = otherTarget;
    passages.forEach(Passage::cut);
  }

  /** Forwards no answers any more, and leaves all clients connected. */
  void hold() {
    passages.forEach(each -> each.isDeaf = true);
  }

  /** Forwards nothing any more in either direction, for new connections as well. */
  void silence() {
    isSilent = true;
    passages.forEach(Passage::silence);
  }

  /** Forwards what new connections send. Those from before stay silent. */
  void restore() {
    isSilent = false;
  }

  int port() {
    return listener.getLocalPort();
  }

  /** Cuts all connections, and refuses further ones. */
  void shut() {
    closed = true;
    passages.forEach(Passage::cut);
  }

  @Override
  public void close() throws IOException {
    shut();
    listener.close();
  }

  private static final class Passage {
    private final Socket client;
    private final Socket server;
    private volatile boolean hasSubscribed;
    private volatile boolean isDeaf;
    private volatile boolean isMute;
    private final LongSupplier delayMillis;

    private Passage(Socket client, Socket server, boolean isSilent, LongSupplier delayMillis) {
      this.client = client;
      this.server = server;
      this.isDeaf = isSilent;
      this.isMute = isSilent;
      this.delayMillis = delayMillis;
      start(() -> copy(client, server, /* requests= */ true));
      start(() -> copy(server, client, /* requests= */ false));
    }

    private void copy(Socket from, Socket to, boolean requests) {
      byte[] bytes = new byte[64 * 1024];
      try {
        InputStream in = from.getInputStream();
        OutputStream out = to.getOutputStream();
        for (int length; (length = in.read(bytes)) >= 0; ) {
          if (requests && contains(bytes, length, "SSUBSCRIBE")) {
            hasSubscribed = true;
          }
          LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(delayMillis.getAsLong()));
          if (requests ? !isMute : !isDeaf) {
            out.write(bytes, 0, length);
          }
        }
      } catch (IOException e) {
        // Closed by a side.
      }
      cut();
    }

    private void silence() {
      isMute = true;
      isDeaf = true;
    }

    private static boolean contains(byte[] bytes, int length, String text) {
      return new String(bytes, 0, length, StandardCharsets.ISO_8859_1).contains(text);
    }

    private void cut() {
      try {
        client.close();
        server.close();
      } catch (IOException e) {
        throw new AssertionError(e);
      }
    }
  }
}
