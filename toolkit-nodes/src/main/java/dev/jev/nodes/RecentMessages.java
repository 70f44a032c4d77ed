package dev.jev.nodes;

import dev.jev.nodes.Backplane.Kind;
import dev.jev.nodes.Backplane.Retention;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The newest messages of one topic that this node has delivered, without a gap, for subscribers
 * that resume.
 *
 * <p>Bounded by the topic's retention, and by the {@link NodeThread#kept} messages of all topics.
 * Used by the thread of the topic only.
 */
final class RecentMessages {

  private final NodeThread thread;
  private final Retention retention;
  private final boolean isLog; // others keep one message, whatever the limit
  private final Deque<KeptMessage> messages = new ArrayDeque<>(1);
  Position start; // behind which the first message comes
  private long bytes;
  private int pins; // reads that have to connect to the present messages

  RecentMessages(NodeThread thread, Retention retention, Position start) {
    this.thread = thread;
    this.retention = retention;
    this.isLog = retention.kind() == Kind.LOG;
    this.start = start;
  }

  /** Returns the messages behind a position, or null if it is not known. */
  @Nullable List<KeptMessage> after(Position position) {
    if (position.equals(start)) {
      return List.copyOf(messages);
    }
    List<KeptMessage> newer = new ArrayList<>();
    for (Iterator<KeptMessage> all = messages.descendingIterator(); all.hasNext(); ) {
      KeptMessage message = all.next();
      if (message.position.equals(position)) {
        Collections.reverse(newer);
        return newer;
      }
      newer.add(message);
    }
    return null;
  }

  /** Returns the newest message, or null if there is none. */
  @Nullable KeptMessage newest() {
    return messages.peekLast();
  }

  /** Adds a message behind the others. */
  void add(KeptMessage message) {
    messages.add(message);
    own(message);
    if (isLog) {
      thread.keep(message);
    }
    shrink();
  }

  /** Adds messages in front of the others; {@code begin} is the position before the first. */
  void prepend(Position begin, List<KeptMessage> older) {
    start = begin;
    for (int i = older.size() - 1; i >= 0; i--) {
      messages.addFirst(older.get(i));
      own(older.get(i));
    }
    thread.keepFirst(older);
    shrink();
  }

  private void own(KeptMessage message) {
    message.owner = this;
    bytes += message.size();
  }

  private void shrink() {
    while (pins == 0 && isFull()) {
      dropOldest();
    }
    thread.shrink();
  }

  private boolean isFull() {
    int most = Math.max(retention.messages(), 1);
    return messages.size() > most || (bytes > retention.bytes() && messages.size() > 1);
  }

  /** Drops the oldest message, unless a read has to connect to it; returns whether it did. */
  boolean dropOldest() {
    if (pins > 0 || messages.isEmpty()) {
      return false;
    }
    KeptMessage oldest = messages.remove();
    start = oldest.position;
    disown(oldest);
    return true;
  }

  private void disown(KeptMessage message) {
    bytes -= message.size();
    message.owner = null;
    if (isLog) {
      thread.forget(message);
    }
    message.release();
  }

  /** Keeps all messages until {@link #unpin}. */
  void pin() {
    pins++;
  }

  void unpin() {
    pins--;
    shrink();
  }

  /** Drops all messages; the next one comes behind {@code position}. */
  void clear(Position position) {
    messages.forEach(this::disown);
    messages.clear();
    start = position;
  }
}
