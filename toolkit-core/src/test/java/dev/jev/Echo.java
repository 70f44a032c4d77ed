package dev.jev;

import java.io.DataInputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/** A client of an echo server for {@link Texts}. */
final class Echo {

  private Echo() {}

  /** Connects to a host and port, sends a text and returns the answer. */
  static String of(String host, int port, String text) throws IOException {
    try (Socket socket = connect(host, port)) {
      return of(socket, text);
    }
  }

  static String of(Socket socket, String text) throws IOException {
    socket.getOutputStream().write(RawPeer.frames(text));
    DataInputStream in = new DataInputStream(socket.getInputStream());
    byte[] payload = new byte[in.readInt()];
    in.readFully(payload);
    return new String(payload, StandardCharsets.UTF_8);
  }

  static Socket connect(String host, int port) throws IOException {
    return connect(null, host, port);
  }

  /** Connects from a local address, or from any if that is null. */
  static Socket connect(@Nullable String from, String host, int port) throws IOException {
    Socket socket = new Socket();
    try {
      socket.setTcpNoDelay(true);
      socket.setSoTimeout(10_000);
      if (from != null) {
        socket.bind(new InetSocketAddress(InetAddress.getByName(from), 0));
      }
      socket.connect(new InetSocketAddress(InetAddress.getByName(host), port), 10_000);
      return socket;
    } catch (IOException e) {
      socket.close();
      throw e;
    }
  }
}
