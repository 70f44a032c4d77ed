package dev.jev.nodes;

import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * The body of a record: messages of one node that were published together.
 *
 * <pre>
 *   version (1) | type (1) | node (8) | batch (8) | count (2) | { length (4) | payload } ...
 *   `---------- identifies the body ------------'
 * </pre>
 *
 * @param node the random number of the publishing node
 * @param batch the number of the batch, unique per node
 * @param payloads the encoded messages, at least one
 */
record RecordBody(long node, long batch, List<byte[]> payloads) {

  /** Maximum number of messages in a body. */
  static final int MAX_MESSAGES = 64;

  private static final byte VERSION = 1;
  private static final byte MESSAGES = 1;
  private static final int HEADER_BYTES = Backplane.IDENTITY_BYTES + 2;

  /** Returns the number of bytes of a message in a body. */
  static int sizeOf(byte[] payload) {
    return 4 + payload.length;
  }

  byte[] encode() {
    int size = HEADER_BYTES + payloads.stream().mapToInt(RecordBody::sizeOf).sum();
    ByteBuffer out = ByteBuffer.allocate(size).put(VERSION).put(MESSAGES);
    out.putLong(node).putLong(batch).putShort((short) payloads.size());
    for (byte[] payload : payloads) {
      out.putInt(payload.length).put(payload);
    }
    return out.array();
  }

  /**
   * Parses a body.
   *
   * @throws IllegalArgumentException if it is not of this form
   */
  static RecordBody parse(byte[] bytes) {
    try {
      return parse(ByteBuffer.wrap(bytes));
    } catch (BufferUnderflowException e) {
      throw new IllegalArgumentException("record: cut short", e);
    }
  }

  private static RecordBody parse(ByteBuffer in) {
    expect("version", in.get(), VERSION);
    expect("type", in.get(), MESSAGES);
    long node = in.getLong();
    long batch = in.getLong();
    int count = in.getShort();
    if (count < 1 || count > MAX_MESSAGES) {
      throw new IllegalArgumentException("record: " + count + " messages (expected: 1..64)");
    }
    List<byte[]> payloads = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      payloads.add(payload(in));
    }
    if (in.hasRemaining()) {
      throw new IllegalArgumentException("record: " + in.remaining() + " bytes too long");
    }
    return new RecordBody(node, batch, payloads);
  }

  private static void expect(String name, byte actual, byte expected) {
    if (actual != expected) {
      throw new IllegalArgumentException(
          "record: " + name + " " + actual + " (expected: " + expected + ")");
    }
  }

  private static byte[] payload(ByteBuffer in) {
    int length = in.getInt();
    if (length < 0 || length > in.remaining()) {
      throw new IllegalArgumentException("record: message of " + length + " bytes is cut short");
    }
    byte[] payload = new byte[length];
    in.get(payload);
    return payload;
  }
}
