package dev.jev.test;

import dev.jev.Server;
import java.io.EOFException;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketAddress;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.Arrays;

/**
 * A plain TCP client, so that a test decides about every byte.
 *
 * <p>Text of bytes is in the format of {@link Hex#bytes}. A read waits for at most 10 s, see {@link
 * #timeout}.
 */
public final class RawPeer implements AutoCloseable {

  private static final int TIMEOUT_MILLIS = 10_000;

  private final Socket socket;

  private RawPeer(Socket socket) {
    this.socket = socket;
  }

  /** Connects to the first address of a server on this machine. */
  public static RawPeer connect(Server server) throws IOException {
    return connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), server.port()));
  }

  /** Connects to an address. */
  public static RawPeer connect(SocketAddress address) throws IOException {
    Socket socket = new Socket();
    try {
      socket.setTcpNoDelay(true);
      socket.setSoTimeout(TIMEOUT_MILLIS);
      socket.connect(address, TIMEOUT_MILLIS);
      return new RawPeer(socket);
    } catch (IOException e) {
      socket.close();
      throw e;
    }
  }

  /** Sets the maximum time that a read waits; 10 s by default. */
  public RawPeer timeout(Duration timeout) throws IOException {
    socket.setSoTimeout(Math.toIntExact(timeout.toMillis()));
    return this;
  }

  /** Writes bytes. */
  public RawPeer write(String hex) throws IOException {
    return write(Hex.bytes(hex));
  }

  /** Writes bytes. */
  public RawPeer write(byte[] bytes) throws IOException {
    OutputStream out = socket.getOutputStream();
    out.write(bytes);
    out.flush();
    return this;
  }

  /**
   * Reads a number of bytes.
   *
   * @throws EOFException if the connection ends before
   * @throws SocketTimeoutException if the bytes do not arrive within the {@link #timeout}
   */
  public byte[] read(int length) throws IOException {
    byte[] bytes = new byte[length];
    int count = 0;
    while (count < length) {
      int more = socket.getInputStream().read(bytes, count, length - count);
      if (more < 0) {
        throw new EOFException("read: " + count + " bytes (expected: " + length + ")");
      }
      count += more;
    }
    return bytes;
  }

  /**
   * Reads up to the end of the connection.
   *
   * @throws IOException if it is a reset and not a FIN
   */
  public byte[] readAll() throws IOException {
    return socket.getInputStream().readAllBytes();
  }

  /**
   * Reads as many bytes as are expected.
   *
   * @throws AssertionError if they are different
   */
  public RawPeer expect(String hex) throws IOException {
    byte[] expected = Hex.bytes(hex);
    byte[] actual = read(expected.length);
    if (!Arrays.equals(actual, expected)) {
      throw new AssertionError("read: " + Hex.of(actual) + " (expected: " + Hex.of(expected) + ")");
    }
    return this;
  }

  /**
   * Expects the end of the connection.
   *
   * @throws AssertionError if there are bytes before
   * @throws IOException if it is a reset and not a FIN
   */
  public void expectEnd() throws IOException {
    int next = socket.getInputStream().read();
    if (next >= 0) {
      throw new AssertionError("read: " + Hex.of((byte) next) + " (expected: the end)");
    }
  }

  /** Shuts the output down: sends a FIN. */
  public RawPeer shutdownOutput() throws IOException {
    socket.shutdownOutput();
    return this;
  }

  /** Closes with a reset. */
  public void reset() throws IOException {
    socket.setSoLinger(true, 0);
    socket.close();
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
