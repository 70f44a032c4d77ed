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
 * A client that is nothing but a TCP socket, so that a test decides about every byte.
 *
 * <p>Bytes are given as {@link Hex} reads them. Reads wait for at most 10 s, see {@link #timeout}.
 */
public final class RawPeer implements AutoCloseable {

  private static final int TIMEOUT_MILLIS = 10_000;

  private final Socket socket;

  private RawPeer(Socket socket) {
    this.socket = socket;
  }

  /** Connects to the first address of a server, on this machine. */
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

  /** Sets for how long a read may wait; 10 s by default. */
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
   * Reads so many bytes.
   *
   * @throws EOFException if there are fewer before the end
   * @throws SocketTimeoutException if they do not come in time
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

  /** Reads up to the end, which must be a FIN and no reset. */
  public byte[] readAll() throws IOException {
    return socket.getInputStream().readAllBytes();
  }

  /** Reads as many bytes as these are, which must be these. */
  public RawPeer expect(String hex) throws IOException {
    byte[] expected = Hex.bytes(hex);
    byte[] came = read(expected.length);
    if (!Arrays.equals(came, expected)) {
      throw new AssertionError("read: " + Hex.of(came) + " (expected: " + Hex.of(expected) + ")");
    }
    return this;
  }

  /** Expects the end, which must be a FIN and no reset, and nothing before it. */
  public void expectEnd() throws IOException {
    int next = socket.getInputStream().read();
    if (next >= 0) {
      throw new AssertionError("read: " + Hex.of((byte) next) + " (expected: the end)");
    }
  }

  /** Ends the output. */
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
