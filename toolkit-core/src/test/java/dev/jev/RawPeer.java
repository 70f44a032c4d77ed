package dev.jev;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;

/** A client that is only a socket, so that a test controls every byte. */
public final class RawPeer implements AutoCloseable {

  private final Socket socket = new Socket();

  private RawPeer() {}

  /** Connects to the first address of a server. */
  public static RawPeer connect(Server server) throws IOException {
    return connect(server, /* receiveBuffer= */ 0);
  }

  /**
   * Connects with a receive buffer of the given size, in bytes, which limits what the kernel
   * buffers.
   */
  public static RawPeer connect(Server server, int receiveBuffer) throws IOException {
    RawPeer peer = new RawPeer();
    peer.socket.setTcpNoDelay(true);
    peer.socket.setSoTimeout(10_000);
    if (receiveBuffer > 0) {
      peer.socket.setReceiveBufferSize(receiveBuffer);
    }
    peer.socket.connect(
        new InetSocketAddress(InetAddress.getLoopbackAddress(), server.port()), 10_000);
    return peer;
  }

  /** The packed form of some texts, see {@link Texts}. */
  public static byte[] frames(String... texts) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (String text : texts) {
      byte[] payload = text.getBytes(StandardCharsets.UTF_8);
      bytes.writeBytes(length(payload.length));
      bytes.writeBytes(payload);
    }
    return bytes.toByteArray();
  }

  /** A length in four bytes. */
  public static byte[] length(int length) {
    return new byte[] {
      (byte) (length >>> 24), (byte) (length >>> 16), (byte) (length >>> 8), (byte) length
    };
  }

  public RawPeer send(String... texts) throws IOException {
    return write(frames(texts));
  }

  public RawPeer write(byte[] bytes) throws IOException {
    OutputStream out = socket.getOutputStream();
    out.write(bytes);
    out.flush();
    return this;
  }

  /** Reads one text. */
  public String receive() throws IOException {
    DataInputStream in = new DataInputStream(socket.getInputStream());
    byte[] payload = new byte[in.readInt()];
    in.readFully(payload);
    return new String(payload, StandardCharsets.UTF_8);
  }

  /** Reads one byte; -1 is the end. */
  public int read() throws IOException {
    return socket.getInputStream().read();
  }

  public byte[] read(int length) throws IOException {
    return socket.getInputStream().readNBytes(length);
  }

  /** Reads up to the end, which must be a FIN and not a reset. */
  public byte[] readAll() throws IOException {
    return socket.getInputStream().readAllBytes();
  }

  /** Expects the end and nothing before it. */
  public void expectEnd() throws IOException {
    assertThat(read()).isEqualTo(-1);
  }

  /** Expects the end, and closes as well, which ends the wait of a server that lingers. */
  public void expectEndAndClose() throws IOException {
    expectEnd();
    socket.close();
  }

  public RawPeer shutdownOutput() throws IOException {
    socket.shutdownOutput();
    return this;
  }

  /** Closes with a reset. */
  public void reset() throws IOException {
    socket.setSoLinger(true, 0);
    socket.close();
  }

  public Socket socket() {
    return socket;
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
