package dev.jev.redis;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * Many members of a topic, which are sockets that subscribe. They close when their server drains,
 * and do not return.
 */
final class Audience implements AutoCloseable {

  private static final int THREADS = 8;
  private static final long PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(200);

  private final List<Socket> sockets = new ArrayList<>();
  private volatile boolean closed;

  /** Connects members with the ids m0, m1 and so on to a node; returns when all are subscribed. */
  Audience(int port, String topic, int first, int count) throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(THREADS);
    try {
      List<Future<Socket>> connecting = new ArrayList<>();
      for (int i = first; i < first + count; i++) {
        String id = "m" + i;
        connecting.add(threads.submit(() -> connect(port, topic, id)));
      }
      for (Future<Socket> each : connecting) {
        sockets.add(each.get());
      }
    } finally {
      threads.shutdownNow();
    }
    Thread reader = new Thread(this::read, "audience");
    reader.setDaemon(true);
    reader.start();
  }

  private void read() {
    List<Socket> open = new ArrayList<>(sockets);
    while (!closed && !open.isEmpty()) {
      open.removeIf(Audience::isTold);
      LockSupport.parkNanos(PAUSE_NANOS);
    }
  }

  /** Reads what has arrived, and closes a socket that is told to reconnect. */
  private static boolean isTold(Socket socket) {
    try {
      InputStream in = socket.getInputStream();
      byte[] bytes = in.readNBytes(in.available());
      boolean isTold = new String(bytes, ISO_8859_1).contains("reconnect");
      if (isTold) {
        socket.close();
      }
      return isTold;
    } catch (IOException e) {
      return true; // its server was killed
    }
  }

  private static Socket connect(int port, String topic, String id) throws IOException {
    Socket socket = new Socket(InetAddress.getLoopbackAddress(), port);
    socket.setSoTimeout(60_000);
    OutputStream out = socket.getOutputStream();
    String request =
        """
        GET /topics?%s HTTP/1.1
        Host: 127.0.0.1
        Upgrade: websocket
        Connection: Upgrade
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==
        Sec-WebSocket-Version: 13
        Sec-WebSocket-Protocol: jev.topics.v1

        """;
    out.write(request.replace("\n", "\r\n").formatted(id).getBytes(ISO_8859_1));
    String command = "{\"subscribe\":[\"" + topic + "\"]}";
    out.write(new byte[] {(byte) 0x81, (byte) (0x80 | command.length()), 0, 0, 0, 0}); // no mask
    out.write(command.getBytes(ISO_8859_1));
    StringBuilder received = new StringBuilder();
    byte[] bytes = new byte[1024];
    InputStream in = socket.getInputStream();
    while (received.indexOf("\"subscribed\"") < 0) {
      int length = in.read(bytes);
      if (length < 0) {
        throw new IOException("closed after " + received);
      }
      received.append(new String(bytes, 0, length, ISO_8859_1));
    }
    return socket;
  }

  @Override
  public void close() throws IOException {
    closed = true;
    for (Socket socket : sockets) {
      socket.close();
    }
  }
}
