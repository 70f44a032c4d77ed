package dev.jev.benchmarks.torturing;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import com.github.luben.zstd.ZstdInputStream;
import com.github.luben.zstd.ZstdOutputStream;
import dev.jev.benchmarks.shared.WebSocketFrames;
import dev.jev.benchmarks.shared.WebSocketHandshake;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** A client of the torture server on a plain socket, which can be upgraded to WebSocket. */
final class Peer implements AutoCloseable {

  /** The end of the server's side of a connection. */
  enum End {
    FIN,
    RESET,
    NONE
  }

  private static final int TIMEOUT_MILLIS = 20_000;

  private static final Pattern RESPONSE =
      Pattern.compile("HTTP/1.1 200 .*\r\nContent-Length: (\\d+)\r\n", Pattern.DOTALL);

  private static final int CLOSE = 0x88;
  private static final int PING = 0x89;
  private static final int PONG = 0x8a;

  private final Socket socket = new Socket();
  private @Nullable InputStream input; // decompresses
  private @Nullable OutputStream output; // compresses
  private boolean webSocket;
  private int pongs;

  private Peer(int receiveBuffer) throws IOException {
    socket.setTcpNoDelay(true);
    socket.setSoTimeout(TIMEOUT_MILLIS);
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
        new InetSocketAddress(InetAddress.getLoopbackAddress(), port), TIMEOUT_MILLIS);
    return peer;
  }

  /** Performs the opening handshake of WebSocket. */
  Peer upgrade(WebSocketHandshake handshake) throws IOException {
    handshake.open(socket);
    webSocket = true;
    return this;
  }

  /** Completes the opening handshake of WebSocket after the request was written. */
  Peer upgraded() throws IOException {
    WebSocketHandshake.MINIMAL.awaitResponse(socket);
    webSocket = true;
    return this;
  }

  /** Compresses with zstd in both directions from now on. */
  Peer compressed() throws IOException {
    input = new ZstdInputStream(socket.getInputStream());
    output = new ZstdOutputStream(socket.getOutputStream());
    return this;
  }

  int port() {
    return socket.getLocalPort();
  }

  static byte[] frame(String text) {
    byte[] payload = text.getBytes(ISO_8859_1);
    return ByteBuffer.allocate(4 + payload.length).putInt(payload.length).put(payload).array();
  }

  Peer readTimeout(int millis) throws IOException {
    socket.setSoTimeout(millis);
    return this;
  }

  Peer write(byte... bytes) throws IOException {
    OutputStream out = output == null ? socket.getOutputStream() : output;
    out.write(bytes);
    out.flush();
    return this;
  }

  Peer send(String text) throws IOException {
    return write(
        webSocket
            ? WebSocketFrames.ofClient(WebSocketFrames.TEXT, text.getBytes(ISO_8859_1))
            : frame(text));
  }

  String receive() throws IOException {
    return new String(receiveBytes(), ISO_8859_1);
  }

  byte[] receiveBytes() throws IOException {
    DataInputStream in = new DataInputStream(input == null ? socket.getInputStream() : input);
    if (webSocket) {
      return receivePayload(in);
    }
    byte[] payload = new byte[in.readInt()];
    in.readFully(payload);
    return payload;
  }

  /** Receives a message and answers the pings before it. */
  private byte[] receivePayload(DataInputStream in) throws IOException {
    while (true) {
      int first = in.readUnsignedByte();
      int length = in.readUnsignedByte();
      length =
          length == 126 ? in.readUnsignedShort() : length == 127 ? (int) in.readLong() : length;
      byte[] payload = in.readNBytes(length);
      switch (first) {
        case PING -> write(WebSocketFrames.ofClient(PONG, payload));
        case PONG -> pongs++;
        case CLOSE -> throw new Closed(payload);
        default -> {
          return payload;
        }
      }
    }
  }

  /** The peer has sent a close frame. */
  private static final class Closed extends EOFException {
    private static final long serialVersionUID = 1;

    private final byte[] payload;

    Closed(byte[] payload) {
      super("close frame");
      this.payload = payload;
    }
  }

  /**
   * Discards messages up to a close frame and answers that. Returns its code, or 0 if there is
   * none.
   */
  int closeCode() throws IOException {
    try {
      while (true) {
        receiveBytes();
      }
    } catch (Closed e) {
      return answerClose(e.payload);
    } catch (EOFException e) {
      return 0;
    }
  }

  private int answerClose(byte[] payload) {
    try {
      write(WebSocketFrames.ofClient(CLOSE, payload));
    } catch (IOException e) {
      // The server did not wait for the answer.
    }
    return payload.length < 2 ? 0 : ByteBuffer.wrap(payload).getShort();
  }

  /** Returns the number of pongs received. */
  int pongs() {
    return pongs;
  }

  /** Reads and discards a response with status 200; returns the length of its body. */
  int httpBodyBytes() throws IOException {
    DataInputStream in = new DataInputStream(socket.getInputStream());
    StringBuilder head = new StringBuilder();
    while (head.indexOf("\r\n\r\n") < 0) {
      head.append((char) in.readUnsignedByte());
    }
    Matcher length = RESPONSE.matcher(head);
    if (!length.lookingAt()) {
      throw new IOException("response: " + head);
    }
    int bytes = Integer.parseInt(length.group(1));
    in.readFully(new byte[bytes]);
    return bytes;
  }

  String echo(String text) throws IOException {
    return send(text).receive();
  }

  /** Reads and discards everything until the connection ends. */
  End end() {
    try {
      socket.getInputStream().transferTo(OutputStream.nullOutputStream());
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
