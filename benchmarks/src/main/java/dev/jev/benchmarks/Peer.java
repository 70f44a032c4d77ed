package dev.jev.benchmarks;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.DataInputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;

/** A client of the torture server that is nothing but a socket. */
final class Peer implements AutoCloseable {

  /** How a server's side of a connection ended. */
  enum End {
    FIN,
    RESET,
    NONE
  }

  private static final int PATIENCE_MILLIS = 20_000;

  private final Socket socket = new Socket();

  private Peer(int receiveBuffer) throws IOException {
    socket.setTcpNoDelay(true);
    socket.setSoTimeout(PATIENCE_MILLIS);
    if (receiveBuffer > 0) {
      socket.setReceiveBufferSize(receiveBuffer);
    }
  }

  static Peer connect(int port) throws IOException {
    return connect(port, /* receiveBuffer= */ 0);
  }

  static Peer connect(int port, int receiveBuffer) throws IOException {
    Peer peer = new Peer(receiveBuffer);
    peer.socket.connect(
        new InetSocketAddress(InetAddress.getLoopbackAddress(), port), PATIENCE_MILLIS);
    return peer;
  }

  static byte[] frame(String text) {
    byte[] payload = text.getBytes(ISO_8859_1);
    return ByteBuffer.allocate(4 + payload.length).putInt(payload.length).put(payload).array();
  }

  Peer patience(int millis) throws IOException {
    socket.setSoTimeout(millis);
    return this;
  }

  Peer write(byte... bytes) throws IOException {
    socket.getOutputStream().write(bytes);
    return this;
  }

  Peer send(String text) throws IOException {
    return write(frame(text));
  }

  String receive() throws IOException {
    return new String(receiveBytes(), ISO_8859_1);
  }

  byte[] receiveBytes() throws IOException {
    DataInputStream in = new DataInputStream(socket.getInputStream());
    byte[] payload = new byte[in.readInt()];
    in.readFully(payload);
    return payload;
  }

  String echo(String text) throws IOException {
    return send(text).receive();
  }

  /** Reads and drops everything until the end. */
  End end() {
    try {
      socket.getInputStream().readAllBytes();
      return End.FIN;
    } catch (SocketTimeoutException e) {
      return End.NONE;
    } catch (IOException e) {
      return End.RESET;
    }
  }

  Peer shutdownOutput() throws IOException {
    socket.shutdownOutput();
    return this;
  }

  void reset() throws IOException {
    socket.setSoLinger(true, 0);
    socket.close();
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
