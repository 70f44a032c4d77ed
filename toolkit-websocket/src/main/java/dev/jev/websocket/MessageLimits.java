package dev.jev.websocket;

/**
 * The limits of received messages, the same for all connections of one builder.
 *
 * @param maxMessageBytes the maximum size of a message, in bytes; not used if {@code streaming}
 * @param maxFragments the maximum number of frames per message; if {@code streaming}, the maximum
 *     number of consecutive empty frames
 * @param streaming true if messages are delivered in parts, as they arrive
 */
record MessageLimits(int maxMessageBytes, int maxFragments, boolean streaming) {

  static final MessageLimits DEFAULT =
      new MessageLimits(64 * 1024, /* maxFragments= */ 1024, /* streaming= */ false);

  MessageLimits {
    Checks.positive("maxMessageBytes", maxMessageBytes);
    Checks.positive("maxFragments", maxFragments);
  }

  MessageLimits maxMessageBytes(int bytes) {
    return new MessageLimits(bytes, maxFragments, streaming);
  }

  MessageLimits maxFragments(int fragments) {
    return new MessageLimits(maxMessageBytes, fragments, streaming);
  }

  MessageLimits inParts() {
    return new MessageLimits(maxMessageBytes, maxFragments, /* streaming= */ true);
  }

  /** Returns a reader with these limits for one connection. */
  MessageReader newReader() {
    return new MessageReader(maxMessageBytes, maxFragments, streaming);
  }
}
