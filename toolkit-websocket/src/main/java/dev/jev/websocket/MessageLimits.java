package dev.jev.websocket;

/**
 * The limits of received messages, the same for all connections of one builder.
 *
 * @param maxMessageBytes the maximum size of a message, in bytes; not used if {@code streaming}
 * @param maxFragments the maximum number of frames per message; if {@code streaming}, the maximum
 *     number of consecutive empty frames
 * @param streaming true if messages are delivered in parts, as they arrive
 * @param textOnly true if binary messages are refused
 */
record MessageLimits(int maxMessageBytes, int maxFragments, boolean streaming, boolean textOnly) {

  static final MessageLimits DEFAULT =
      new MessageLimits(
          64 * 1024, /* maxFragments= */ 1024, /* streaming= */ false, /* textOnly= */ false);

  MessageLimits {
    Checks.positive("maxMessageBytes", maxMessageBytes);
    Checks.positive("maxFragments", maxFragments);
  }

  MessageLimits maxMessageBytes(int bytes) {
    return new MessageLimits(bytes, maxFragments, streaming, textOnly);
  }

  MessageLimits maxFragments(int fragments) {
    return new MessageLimits(maxMessageBytes, fragments, streaming, textOnly);
  }

  MessageLimits inParts() {
    return new MessageLimits(maxMessageBytes, maxFragments, /* streaming= */ true, textOnly);
  }

  MessageLimits ofTextOnly() {
    return new MessageLimits(maxMessageBytes, maxFragments, streaming, /* textOnly= */ true);
  }

  /** Returns a reader with these limits for one connection. */
  MessageReader newReader() {
    return new MessageReader(this);
  }

  /** Refuses a tunnel, which consists of binary messages, if these are refused. */
  void requireBinary() {
    if (textOnly) {
      throw new IllegalStateException("tunnel with textOnly (expected: one of them)");
    }
  }
}
