package dev.jev.benchmarks;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.zip.DataFormatException;
import java.util.zip.Deflater;
import java.util.zip.Inflater;

/** WebSocket as the load generator speaks it (RFC 6455), made by nothing of what it measures. */
final class WebSocketFrames {

  // The first byte of a whole frame.
  static final int TEXT = 0x81;
  static final int BINARY = 0x82;
  static final int COMPRESSED_TEXT = 0xc1;

  private static final int KEY = 0x5ca1ab1e;

  /** The mask over the eight bytes at the start of a payload. */
  static final long LONG_KEY = ((long) KEY << 32) | KEY;

  /** What stands at the end of a deflated message and is not sent (RFC 7692, 7.2.1). */
  private static final byte[] TAIL = {0, 0, (byte) 0xff, (byte) 0xff};

  /** What a program sends: what has to be there. */
  private static final String REQUEST =
      """
      GET /events?room=1 HTTP/1.1
      Host: 127.0.0.1:%1$d
      Connection: Upgrade
      Upgrade: websocket
      Sec-WebSocket-Version: 13
      Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==
      """;

  /** What a browser adds. */
  private static final String BROWSER =
      """
      Pragma: no-cache
      Cache-Control: no-cache
      User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36
      Origin: http://127.0.0.1:%1$d
      Accept-Encoding: gzip, deflate, br, zstd
      Accept-Language: en-GB,en;q=0.9
      Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits
      """;

  private static final String DEFLATE =
      "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover;"
          + " client_no_context_takeover\n";

  private static final String ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
  private static final int MAX_HEAD_BYTES = 8 * 1024;

  private WebSocketFrames() {}

  /** Makes the opening handshake, to whose compression, if asked for, the server has to agree. */
  static void open(Socket socket, Wire wire) throws IOException {
    ask(socket, wire);
    awaitAnswer(socket, wire);
  }

  static void ask(Socket socket, Wire wire) throws IOException {
    socket.getOutputStream().write(request(socket.getPort(), wire));
  }

  static void awaitAnswer(Socket socket, Wire wire) throws IOException {
    String head = readHead(socket.getInputStream());
    boolean accepted = head.startsWith("HTTP/1.1 101 ") && head.contains(ACCEPT);
    if (!accepted || head.contains("_no_context_takeover") != (wire == Wire.WS_DEFLATE)) {
      throw new BenchmarkException("handshake: " + head.strip() + " (expected: a WebSocket)");
    }
  }

  static byte[] request(int port, Wire wire) {
    String more =
        switch (wire) {
          case WS_BROWSER -> BROWSER;
          case WS_DEFLATE -> DEFLATE;
          default -> "";
        };
    String lines = (REQUEST + more).formatted(port) + "\n";
    return lines.replace("\n", "\r\n").getBytes(US_ASCII);
  }

  private static String readHead(InputStream in) throws IOException {
    ByteArrayOutputStream head = new ByteArrayOutputStream();
    while (!head.toString(US_ASCII).endsWith("\r\n\r\n")) {
      int next = in.read();
      if (next < 0 || head.size() == MAX_HEAD_BYTES) {
        throw new BenchmarkException("handshake: no end of the response (expected: a WebSocket)");
      }
      head.write(next);
    }
    return head.toString(US_ASCII);
  }

  /** A whole frame of a client, masked. */
  static byte[] ofClient(int first, byte[] payload) {
    byte[] masked = new byte[payload.length];
    for (int i = 0; i < masked.length; i++) {
      masked[i] = (byte) (payload[i] ^ (KEY >> (24 - 8 * (i & 3))));
    }
    byte[] key = ByteBuffer.allocate(4).putInt(KEY).array();
    return joined(header(first, 0x80, payload.length), key, masked);
  }

  /** A whole frame of a server. */
  static byte[] ofServer(int first, byte[] payload) {
    return joined(header(first, 0, payload.length), payload);
  }

  private static byte[] header(int first, int mask, int length) {
    int bytes = length < 126 ? 2 : length < 65_536 ? 4 : 10;
    ByteBuffer header = ByteBuffer.allocate(bytes);
    header.put((byte) first).put((byte) (mask | (bytes == 2 ? length : bytes == 4 ? 126 : 127)));
    if (bytes == 4) {
      header.putShort((short) length);
    } else if (bytes == 10) {
      header.putLong(length);
    }
    return header.array();
  }

  private static byte[] joined(byte[]... parts) {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      all.writeBytes(part);
    }
    return all.toByteArray();
  }

  /** The lower bits of a number as eight letters. */
  static long letters(long number) {
    long letters = 0;
    for (int i = 0; i < 8; i++) {
      letters = (letters << 8) | ('0' + ((number >> (6 * i)) & 0x3f));
    }
    return letters;
  }

  // Compression.

  /** A text of the kind that is compressed: names again and again, with other values. */
  static byte[] json(int bytes, SplittableRandom random) {
    StringBuilder text = new StringBuilder("[");
    while (text.length() < bytes) {
      text.append("{\"symbol\":\"").append(Long.toString(random.nextLong(36 * 36 * 36), 36));
      text.append("\",\"price\":").append(random.nextInt(100_000) / 100.0);
      text.append(",\"size\":").append(random.nextInt(1_000)).append("},");
    }
    return text.substring(0, bytes).getBytes(US_ASCII);
  }

  static byte[] deflated(byte[] payload) {
    Deflater deflater = new Deflater(Deflater.DEFAULT_COMPRESSION, /* nowrap= */ true);
    deflater.setInput(payload);
    byte[] out = new byte[payload.length + 64];
    int length = deflater.deflate(out, 0, out.length, Deflater.SYNC_FLUSH);
    deflater.end();
    return Arrays.copyOf(out, length - TAIL.length);
  }

  /** Reads one compressed frame, which has to be a certain text. */
  static byte[] readCompressed(Socket socket, byte[] expected) throws IOException {
    DataInputStream in = new DataInputStream(socket.getInputStream());
    int first = in.readUnsignedByte();
    int length = in.readUnsignedByte();
    length = length == 126 ? in.readUnsignedShort() : length;
    byte[] payload = in.readNBytes(length);
    if (first != COMPRESSED_TEXT || !Arrays.equals(inflated(payload, expected.length), expected)) {
      throw new BenchmarkException("reply: another text (expected: the one sent, compressed)");
    }
    return ofServer(first, payload);
  }

  private static byte[] inflated(byte[] payload, int length) {
    Inflater inflater = new Inflater(/* nowrap= */ true);
    byte[] all = Arrays.copyOf(payload, payload.length + TAIL.length);
    System.arraycopy(TAIL, 0, all, payload.length, TAIL.length);
    inflater.setInput(all);
    try {
      byte[] out = new byte[length + 1];
      return Arrays.copyOf(out, inflater.inflate(out));
    } catch (DataFormatException e) {
      throw new BenchmarkException("reply: " + e.getMessage() + " (expected: deflated text)");
    } finally {
      inflater.end();
    }
  }
}
