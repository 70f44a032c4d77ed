package dev.jev.nodes;

/**
 * Converts the messages of a topic to the bytes that are stored and sent between nodes, and back.
 *
 * <p>Must be safe for use by several threads at once. All nodes need the same codec for a topic. On
 * one node, use one instance or implement {@code equals}: a topic refuses a kind with another
 * codec.
 *
 * @param <O> the type of the messages
 */
public interface MessageCodec<O> {

  /** The form in which {@link TopicSocket} shows the bytes of a message in JSON. */
  enum Format {
    /** The bytes are JSON in UTF-8, and are embedded as they are. */
    JSON,
    /** The bytes are UTF-8, and become a string. */
    TEXT,
    /** The bytes become a string in base64. */
    BINARY
  }

  /**
   * Returns the bytes of a message. The array belongs to the topic and must not change. Called on
   * the publishing thread.
   *
   * @throws IllegalArgumentException if the message cannot be encoded; the publication fails
   */
  byte[] encode(O message);

  /**
   * Returns the message of these bytes, which it must not change. Called on a thread of the node or
   * an event loop: must not block.
   *
   * @throws IllegalArgumentException if there is none; the record is counted and dropped, since it
   *     came from another program
   */
  O decode(byte[] bytes);

  /** Returns the format of the bytes; {@link Format#BINARY} by default. */
  default Format format() {
    return Format.BINARY;
  }

  /** Returns the codec of texts. */
  static MessageCodec<String> utf8() {
    return TextCodec.UTF8;
  }

  /** Returns the codec of texts that are JSON. Others are refused with an exception. */
  static MessageCodec<String> json() {
    return TextCodec.JSON;
  }

  /** Returns the codec of byte arrays, which must not be changed once they are published. */
  static MessageCodec<byte[]> bytes() {
    return TextCodec.BYTES;
  }
}
