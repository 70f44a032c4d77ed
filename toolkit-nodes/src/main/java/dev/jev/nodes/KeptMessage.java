package dev.jev.nodes;

import dev.jev.SharedMessage;
import org.jspecify.annotations.Nullable;

/**
 * A message that this node has delivered, with the forms in which its subscribers get it.
 *
 * <p>Used by the thread of its topic only.
 */
final class KeptMessage {

  /** Estimated size of a message in addition to its bytes, and of its forms. */
  private static final int OVERHEAD = 256;

  private final Position position;
  private final byte[] payload;
  private final @Nullable SharedMessage<?>[] forms = new SharedMessage<?>[TopicView.COUNT];
  private @Nullable RecentMessages owner;

  KeptMessage(Position position, byte[] payload) {
    this.position = position;
    this.payload = payload;
  }

  /** Returns the position behind this message. */
  Position position() {
    return position;
  }

  byte[] payload() {
    return payload;
  }

  /** Returns the size that counts towards limits, in bytes. */
  int size() {
    return 2 * payload.length + OVERHEAD;
  }

  @Nullable SharedMessage<?> form(int view) {
    return forms[view];
  }

  /** Sets a form, to which this message takes the caller's reference. */
  void form(int view, SharedMessage<?> form) {
    forms[view] = form;
  }

  @Nullable RecentMessages owner() {
    return owner;
  }

  void owner(@Nullable RecentMessages owner) {
    this.owner = owner;
  }

  /** Releases the forms; they are made again if they are needed. */
  void release() {
    for (int i = 0; i < forms.length; i++) {
      SharedMessage<?> form = forms[i];
      if (form != null) {
        form.release();
        forms[i] = null;
      }
    }
  }
}
