package dev.jev.nodes;

import dev.jev.nodes.Backplane.Channel;
import dev.jev.nodes.Backplane.Kind;
import dev.jev.nodes.Backplane.Record;
import dev.jev.nodes.Backplane.Retention;
import dev.jev.nodes.Backplane.Slice;
import dev.jev.nodes.Backplane.Stored;
import dev.jev.nodes.InProcessBackplane.Node;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Deque;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A topic of the engine within this process: its records, and the nodes that listen.
 *
 * <p><b>Threads.</b> One at a time, also while records are handed over.
 */
final class InProcessTopic {

  private static final long ANCHOR_NANOS = Duration.ofDays(7).toNanos();

  private final Kind kind;
  private final Map<Node, Channel> listeners = new LinkedHashMap<>();
  private final Deque<Record> entries = new ArrayDeque<>(1);

  private final String beginning;
  private long bytes;
  private String last;
  private long expires;
  private long touched;

  /** Creates a topic without records, whose beginning has an id, too. */
  InProcessTopic(Kind kind, String beginning, long now) {
    this.kind = kind;
    this.beginning = beginning;
    this.last = beginning;
    this.expires = now;
    this.touched = now;
  }

  /** Returns the channel with which the node has listened already, or null. */
  @Nullable Channel listen(Node node, Channel channel) {
    return listeners.put(node, channel);
  }

  @Nullable Channel unlisten(Node node, long now) {
    touched = now;
    return listeners.remove(node);
  }

  /**
   * Stores and hands over a record.
   *
   * @param since see {@link Backplane.Session#publish}
   * @param id the id of the record, unless the body has been stored before
   */
  Stored publish(Retention retention, byte[] body, @Nullable String since, String id, long now) {
    removeExpired(now);
    touched = now;
    Record earlier = since == null ? null : earlier(body, since);
    if (earlier != null) {
      return new Stored(earlier.id(), true);
    }
    Record record = new Record(last, id, body);
    entries.addLast(record);
    bytes += body.length;
    last = id;
    expires = now + retention.age().toNanos();
    trim(kind == Kind.LATEST ? 1 : retention.messages(), retention.bytes());
    handOver(record);
    return new Stored(id, false);
  }

  /** Returns the record of a body behind another record, or null if it was not stored. */
  private @Nullable Record earlier(byte[] body, String since) {
    String before = last;
    for (Iterator<Record> newest = entries.descendingIterator(); newest.hasNext(); ) {
      Record record = newest.next();
      if (before.equals(since)) {
        return null;
      } else if (haveSameIdentity(record.body(), body)) {
        return record;
      }
      before = record.previous();
    }
    if (before.equals(since) || before.equals(beginning)) {
      return null;
    }
    throw new IllegalStateException("the record may have been stored and is no longer kept");
  }

  private static boolean haveSameIdentity(byte[] one, byte[] other) {
    return Arrays.equals(one, 0, identityBytes(one), other, 0, identityBytes(other));
  }

  private static int identityBytes(byte[] body) {
    return Math.min(body.length, Backplane.IDENTITY_BYTES);
  }

  private void trim(int mostRecords, long mostBytes) {
    while (entries.size() > mostRecords || (bytes > mostBytes && entries.size() > 1)) {
      remove();
    }
  }

  private void remove() {
    bytes -= entries.removeFirst().body().length;
  }

  private void removeExpired(long now) {
    while (!entries.isEmpty() && now - expires >= 0) {
      remove();
    }
  }

  void handOver(Record record) {
    listeners.forEach((node, channel) -> NodeLog.run(() -> node.receiver.record(channel, record)));
  }

  /** Reads the records behind a position, see {@link Backplane.Session#read}. */
  Slice read(@Nullable Position after, int mostBytes, long now) {
    removeExpired(now);
    touched = now;
    if (after == null) {
      return new Slice(newest(mostBytes), true, last);
    }
    if (!after.isInside() && after.record().equals(last)) {
      return new Slice(List.of(), true, last);
    }
    if (kind == Kind.LATEST) {
      return new Slice(newest(1), true, last);
    }
    List<Record> behind = behind(after);
    return behind == null
        ? new Slice(List.of(), false, last)
        : new Slice(upTo(mostBytes, behind), true, last);
  }

  private List<Record> newest(int mostBytes) {
    List<Record> found = new ArrayList<>();
    int size = 0;
    for (Iterator<Record> i = entries.descendingIterator(); i.hasNext() && size < mostBytes; ) {
      Record record = i.next();
      found.add(record);
      size += record.body().length;
    }
    Collections.reverse(found);
    return found;
  }

  /** Returns all records behind a position, or null if that is not known. */
  private @Nullable List<Record> behind(Position after) {
    List<Record> found = new ArrayList<>();
    for (Iterator<Record> newest = entries.descendingIterator(); newest.hasNext(); ) {
      Record record = newest.next();
      found.add(record);
      if (after.record().equals(after.isInside() ? record.id() : record.previous())) {
        Collections.reverse(found);
        return found;
      }
    }
    Collections.reverse(found);
    return after.equals(Position.OLDEST) ? found : null;
  }

  private static List<Record> upTo(int mostBytes, List<Record> records) {
    int count = 0;
    for (long size = 0; count < records.size() && (count == 0 || size < mostBytes); count++) {
      size += records.get(count).body().length;
    }
    return List.copyOf(records.subList(0, count));
  }

  /** Returns whether there has been a record, so that a position may be behind one. */
  boolean hasHistory() {
    return !last.equals(beginning);
  }

  /**
   * Deletes what is too old. The end of a topic without history is that of every such topic, so
   * that it need not be kept.
   *
   * @return whether nothing is left, so that the engine is to forget this topic
   */
  boolean expire(long now) {
    removeExpired(now);
    boolean anchored = hasHistory() && now - touched < ANCHOR_NANOS;
    return listeners.isEmpty() && entries.isEmpty() && !anchored;
  }
}
