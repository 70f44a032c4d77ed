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

  final Position position; // behind this message
  final byte[] payload;
  @Nullable RecentMessages owner;
  private final @Nullable SharedMessage<?>[] forms = new SharedMessage<?>[TopicView.COUNT];

  KeptMessage(Position position, byte[] payload) {
    this.position = position;
    this.payload = payload;
  }

  /** Returns the size that counts towards limits, in bytes. */
  int size() {
    return 2 * payload.length + OVERHEAD;
  }

  /** Returns the form for the subscribers of a view, which it shares with others. */
  @SuppressWarnings("unchecked") // the form at this index is of this view
  <M> SharedMessage<M> form(TopicView<M> view) {
    SharedMessage<M> form = (SharedMessage<M>) forms[view.index()];
    if (form == null) {
      form = SharedMessage.of(view.convert().apply(this));
      forms[view.index()] = form;
    }
    return form;
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
