package dev.jev.websocket;

import io.netty.buffer.ByteBuf;

/**
 * The header of a frame (RFC 6455, 5.2).
 *
 * <pre>
 *    0                   1                   2                   3
 *    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *   +-+-+-+-+-------+-+-------------+-------------------------------+
 *   |F|R|R|R| opcode|M|   length    |  length, in 2 bytes if 126,   |
 *   |I|S|S|S|       |A|             |  in 8 bytes if 127            |
 *   |N|V|V|V|       |S|             |                               |
 *   | |1|2|3|       |K|             |                               |
 *   +-+-+-+-+-------+-+-------------+-------------------------------+
 *   |  masking key, 4 bytes, if MASK                                |
 *   +---------------------------------------------------------------+
 * </pre>
 *
 * <p>One instance per connection, for the frame that is being read.
 */
final class FrameHeader {

  static final int CONTINUATION = 0;
  static final int TEXT = 1;
  static final int BINARY = 2;
  static final int CLOSE = 8;
  static final int PING = 9;
  static final int PONG = 10;

  /** RFC 6455, 5.5: control frames carry at most 125 bytes. */
  static final int MAX_CONTROL_BYTES = 125;

  static final int MAX_BYTES = 14;

  static final int B0_FIN = 0b1000_0000;
  static final int B0_RSV1 = 0b0100_0000;
  private static final int B0_RSV23 = 0b0011_0000;
  private static final int B0_OPCODE = 0b0000_1111;
  private static final int B1_MASK = 0b1000_0000;
  private static final int B1_LENGTH = 0b0111_1111;
  private static final int LENGTH_IN_2 = 126;
  private static final int LENGTH_IN_8 = 127;

  boolean isFinal;
  boolean isCompressed;
  int opcode;
  int key; // the masking key
  long payloadBytes;
  int bytes; // size of the header

  /**
   * Reads the header at the beginning of {@code in} without consuming it.
   *
   * @param masked true if the frame must be masked, as those of a client, false if it must not
   * @param compression true if frames may be compressed
   * @return false if the header is incomplete
   * @throws WebSocketException if the header is invalid; as soon as the invalid byte has arrived
   */
  boolean read(ByteBuf in, boolean masked, boolean compression) {
    int start = in.readerIndex();
    int readable = in.readableBytes();
    if (readable == 0) {
      return false;
    }
    readFirst(in.getUnsignedByte(start), compression);
    if (readable == 1) {
      return false;
    }
    int second = in.getUnsignedByte(start + 1);
    checkMask((second & B1_MASK) != 0, masked);
    int length = second & B1_LENGTH;
    if (isControl() && length > MAX_CONTROL_BYTES) {
      throw new WebSocketException(
          CloseCode.PROTOCOL_ERROR,
          "control frame: more than 125 bytes (expected: <= 125, RFC 6455, 5.5)");
    }
    int lengthBytes = length == LENGTH_IN_8 ? 8 : length == LENGTH_IN_2 ? 2 : 0;
    bytes = 2 + lengthBytes + (masked ? 4 : 0);
    if (readable < 2 + lengthBytes) {
      return false;
    }
    payloadBytes = lengthBytes == 0 ? length : readLength(in, start + 2, lengthBytes);
    if (readable < bytes) {
      return false;
    }
    key = masked ? in.getInt(start + bytes - 4) : 0;
    return true;
  }

  boolean isControl() {
    return opcode >= CLOSE;
  }

  private void readFirst(int first, boolean compression) {
    isFinal = (first & B0_FIN) != 0;
    isCompressed = (first & B0_RSV1) != 0;
    opcode = first & B0_OPCODE;
    if ((opcode > BINARY && opcode < CLOSE) || opcode > PONG) {
      throw new WebSocketException(
          CloseCode.PROTOCOL_ERROR, "opcode: " + opcode + " (expected: 0..2 or 8..10)");
    }
    if ((first & B0_RSV23) != 0) {
      throw new WebSocketException(CloseCode.PROTOCOL_ERROR, "RSV2 or RSV3: 1 (expected: 0)");
    }
    // RFC 7692, 6: only the first frame of a data message has the bit.
    if (isCompressed && !(compression && (opcode == TEXT || opcode == BINARY))) {
      throw new WebSocketException(CloseCode.PROTOCOL_ERROR, "RSV1: 1 (expected: 0)");
    }
    if (isControl() && !isFinal) {
      throw new WebSocketException(
          CloseCode.PROTOCOL_ERROR, "control frame: fragmented (expected: whole, RFC 6455, 5.5)");
    }
  }

  private static void checkMask(boolean masked, boolean expected) {
    if (masked != expected) {
      String frame = expected ? "client frame is not masked" : "server frame is masked";
      throw new WebSocketException(CloseCode.PROTOCOL_ERROR, frame + " (RFC 6455, 5.1)");
    }
  }

  private static long readLength(ByteBuf in, int index, int lengthBytes) {
    long length = lengthBytes == 2 ? in.getUnsignedShort(index) : in.getLong(index);
    if (length < 0 || length < (lengthBytes == 2 ? 126 : 65_536)) {
      throw new WebSocketException(
          CloseCode.PROTOCOL_ERROR,
          "payload length: "
              + Long.toUnsignedString(length)
              + " in "
              + lengthBytes
              + " bytes (expected: the shortest form, RFC 6455, 5.2)");
    }
    return length;
  }

  /** Returns the size of a header, in bytes. */
  static int bytes(int payloadBytes, boolean masked) {
    int length = payloadBytes < LENGTH_IN_2 ? 0 : payloadBytes < 65_536 ? 2 : 8;
    return 2 + length + (masked ? 4 : 0);
  }

  /** Writes a header except the masking key. Called per frame: must not allocate. */
  static void write(ByteBuf out, int first, int payloadBytes, boolean masked) {
    int mask = masked ? B1_MASK : 0;
    out.writeByte(first);
    if (payloadBytes < LENGTH_IN_2) {
      out.writeByte(mask | payloadBytes);
    } else if (payloadBytes < 65_536) {
      out.writeByte(mask | LENGTH_IN_2).writeShort(payloadBytes);
    } else {
      out.writeByte(mask | LENGTH_IN_8).writeLong(payloadBytes);
    }
  }
}
