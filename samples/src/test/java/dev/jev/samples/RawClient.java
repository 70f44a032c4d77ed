package dev.jev.samples;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.Socket;

/** A client that sends and receives exact bytes, one per character of a text. */
public final class RawClient implements AutoCloseable {

  private static final int TIMEOUT_MILLIS = 30_000;

  private final Socket socket;
  private final InputStream in;

  public RawClient(int port) throws IOException {
    socket = new Socket(InetAddress.getLoopbackAddress(), port);
    socket.setSoTimeout(TIMEOUT_MILLIS);
    socket.setTcpNoDelay(true);
    in = new BufferedInputStream(socket.getInputStream());
  }

  /** Requests a WebSocket (RFC 6455, 1.2) without a subprotocol. */
  void requestsWebSocket(String path) throws IOException {
    sends(
        String.join(
            "\r\n",
            "GET " + path + " HTTP/1.1",
            "Host: localhost",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Version: 13",
            "",
            ""));
  }

  public RawClient sends(String bytes) throws IOException {
    socket.getOutputStream().write(bytes.getBytes(ISO_8859_1));
    return this;
  }

  public RawClient endsOutput() throws IOException {
    socket.shutdownOutput();
    return this;
  }

  public String receives(int length) throws IOException {
    return new String(in.readNBytes(length), ISO_8859_1);
  }

  /** Returns all bytes up to the end of a line, without that end. */
  public String receivesLine() throws IOException {
    StringBuilder line = new StringBuilder();
    for (int read = in.read(); read != '\n'; read = in.read()) {
      if (read < 0) {
        throw new EOFException("after: " + line);
      }
      line.append((char) read);
    }
    return line.toString();
  }

  /** Returns all bytes up to the end of the stream. */
  public String receivesAll() throws IOException {
    return new String(in.readAllBytes(), ISO_8859_1);
  }

  /** Closes before the end of the test, so that a server which stops need not wait for the peer. */
  public void leaves() throws IOException {
    socket.close();
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
