package dev.jev.benchmarks.shared;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.zip.DataFormatException;
import java.util.zip.Deflater;
import java.util.zip.Inflater;

/**
 * WebSocket frames of the load generators (RFC 6455). Independent of the implementations that are
 * measured.
 */
public final class WebSocketFrames {

  // First bytes of unfragmented frames.
  public static final int TEXT = 0x81;
  public static final int BINARY = 0x82;
  public static final int COMPRESSED_TEXT = 0xc1;

  private static final int KEY = 0x5ca1ab1e;

  /** The masking key for the first eight bytes of a payload. */
  public static final long LONG_KEY = ((long) KEY << 32) | KEY;

  /** The end of a deflated message, which is not sent (RFC 7692, 7.2.1). */
  private static final byte[] TAIL = {0, 0, (byte) 0xff, (byte) 0xff};

  private WebSocketFrames() {}

  /** Returns an unfragmented frame of a client, masked. */
  public static byte[] ofClient(int first, byte[] payload) {
    byte[] masked = new byte[payload.length];
    for (int i = 0; i < masked.length; i++) {
      masked[i] = (byte) (payload[i] ^ (KEY >> (24 - 8 * (i & 3))));
    }
    byte[] key = ByteBuffer.allocate(4).putInt(KEY).array();
    return joined(header(first, 0x80, payload.length), key, masked);
  }

  /** Returns an unfragmented frame of a server. */
  public static byte[] ofServer(int first, byte[] payload) {
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

  /** Returns the low 48 bits of a number as eight ASCII characters. */
  public static long letters(long number) {
    long letters = 0;
    for (int i = 0; i < 8; i++) {
      letters = (letters << 8) | ('0' + ((number >> (6 * i)) & 0x3f));
    }
    return letters;
  }

  // Compression.

  /** Returns a text that compresses well: JSON objects with the same names and different values. */
  public static byte[] json(int bytes, SplittableRandom random) {
    StringBuilder text = new StringBuilder("[");
    while (text.length() < bytes) {
      text.append("{\"symbol\":\"").append(Long.toString(random.nextLong(36 * 36 * 36), 36));
      text.append("\",\"price\":").append(random.nextInt(100_000) / 100.0);
      text.append(",\"size\":").append(random.nextInt(1_000)).append("},");
    }
    return text.substring(0, bytes).getBytes(US_ASCII);
  }

  /** Returns the payload of a compressed message (RFC 7692). */
  public static byte[] deflated(byte[] payload) {
    Deflater deflater = new Deflater(Deflater.DEFAULT_COMPRESSION, /* nowrap= */ true);
    deflater.setInput(payload);
    byte[] out = new byte[payload.length + 64];
    int length = deflater.deflate(out, 0, out.length, Deflater.SYNC_FLUSH);
    deflater.end();
    return Arrays.copyOf(out, length - TAIL.length);
  }

  /** Reads one compressed frame, which has to contain the expected text, and returns it. */
  public static byte[] readCompressed(Socket socket, byte[] expected) throws IOException {
    DataInputStream in = new DataInputStream(socket.getInputStream());
    int first = in.readUnsignedByte();
    int length = in.readUnsignedByte();
    length = length == 126 ? in.readUnsignedShort() : length;
    byte[] payload = in.readNBytes(length);
    if (first != COMPRESSED_TEXT || !Arrays.equals(inflated(payload, expected.length), expected)) {
      throw new BenchmarkException("reply: different text (expected: the sent text, compressed)");
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
