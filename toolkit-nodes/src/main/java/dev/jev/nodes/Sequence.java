package dev.jev.nodes;

import dev.jev.nodes.Backplane.Record;
import dev.jev.nodes.Backplane.Slice;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Queue;
import org.jspecify.annotations.Nullable;

/**
 * The order of one topic on this node: each record is delivered once, after its predecessor, or a
 * gap is told.
 *
 * <pre>
 *   LISTENING --end read--&gt; LIVE --hole, or interrupted--&gt; READING --slice--&gt; LIVE
 *                             \--no room--&gt; LAGGING --room--^
 * </pre>
 *
 * <p><b>Holes.</b> Each record carries the id of the one before. If that is not the last id that
 * was delivered, a record is missing, or the record is an old one that was late. A read tells: it
 * brings all records behind the last one. So those that arrived before the read began are dropped,
 * since the slice has them if they are new; those that arrive during the read come after it.
 *
 * <p><b>Lost records.</b> A slice that is not continuous does not reach back to the last id. If it
 * reaches back to an earlier id that was delivered, the engine has lost records that this node has
 * delivered, and nothing is missing here: the sequence has diverged. Otherwise the records up to
 * the end of the slice are lost: a gap.
 *
 * <p><b>Back-pressure.</b> While the event loops have no room, records are dropped. The engine
 * keeps them, and a read brings them later.
 *
 * <p>Ids are compared for equality only: no clock and no counter is trusted. Used by one thread at
 * a time.
 */
final class Sequence {

  /** Number of ids that are remembered, to recognize records that were late or were lost. */
  static final int KNOWN_IDS = 16;

  /** Maximum size of the records that wait for a slice, in bytes. */
  static final int MAX_WAITING_BYTES = 1024 * 1024;

  /** The effects of a sequence. */
  interface Actions {

    /** Reads behind a position, or the end if it is null; the answer is {@link #onSlice}. */
    void read(@Nullable Position after);

    /** Returns whether a record may be delivered now; if not, {@link #onRoom} is due later. */
    boolean hasRoom();

    /** Called with the slice that was read at the beginning. */
    void begin(Slice slice);

    /** Delivers a record. */
    void deliver(Record record);

    /** Tells that the records between these ids, the second included, are lost. */
    void gap(String from, String to);

    /** Tells that the engine has lost records that were delivered. */
    void diverged(int records);
  }

  private enum State {
    LISTENING,
    LIVE,
    READING,
    LAGGING
  }

  private final Actions actions;
  private final boolean isLog;
  private final Queue<Record> waiting = new ArrayDeque<>(0);
  private @Nullable String @Nullable [] known; // a ring, allocated when it is needed
  private int nextKnown;

  private State state = State.LISTENING;
  private String last = "";
  private long waitingBytes;
  private boolean readAgain; // the present read may miss something

  /**
   * Creates a sequence of a topic to which the node listens already.
   *
   * @param isLog whether each record counts, rather than the newest only
   */
  Sequence(Actions actions, boolean isLog) {
    this.actions = actions;
    this.isLog = isLog;
  }

  /** Begins: reads the end of the topic. */
  void begin() {
    read(null);
  }

  /** Returns whether the beginning is over. */
  boolean hasBegun() {
    return state != State.LISTENING;
  }

  /** Returns the id of the last record that was delivered, or the beginning. */
  String last() {
    return last;
  }

  /** Called with a record that the engine has handed over. */
  void onRecord(Record record) {
    switch (state) {
      case LIVE -> accept(record);
      case LISTENING, READING -> await(record);
      case LAGGING -> {} // is read later
    }
  }

  private void await(Record record) {
    waitingBytes += record.body().length;
    if (waitingBytes > MAX_WAITING_BYTES) {
      waiting.clear();
      readAgain = true;
    } else {
      waiting.add(record);
    }
  }

  private void accept(Record record) {
    if (deliveredAfter(record.id()) >= 0) {
      return; // after a divergence, its predecessor may be the last one again
    }
    if (record.previous().equals(last)) {
      deliver(record);
    } else {
      readOn();
    }
  }

  private void deliver(Record record) {
    if (!actions.hasRoom()) {
      state = State.LAGGING;
      forgetWaiting();
      return;
    }
    advance(record.id());
    actions.deliver(record);
  }

  private void advance(String id) {
    last = id;
    if (known == null) {
      known = new @Nullable String[KNOWN_IDS];
    }
    known[nextKnown] = id;
    nextKnown = (nextKnown + 1) % KNOWN_IDS;
  }

  /** Called when records may have been missed. */
  void onInterrupted() {
    if (state == State.LIVE) {
      readOn();
    } else {
      readAgain = true;
    }
  }

  /** Called when there may be room again. */
  void onRoom() {
    if (state == State.LAGGING) {
      readOn();
    }
  }

  /** Called some time after a read has failed. */
  void onReadFailed() {
    if (state == State.LISTENING) {
      read(null);
    } else if (state == State.READING) {
      readOn();
    }
  }

  private void readOn() {
    state = State.READING;
    read(Position.after(last));
  }

  private void read(@Nullable Position after) {
    forgetWaiting();
    readAgain = false;
    actions.read(after);
  }

  private void forgetWaiting() {
    waiting.clear();
    waitingBytes = 0;
  }

  /** Called with the slice of the present read. */
  void onSlice(Slice slice) {
    if (state == State.LISTENING) {
      begin(slice);
    } else if (state == State.READING) {
      List<Record> missing = slice.continuous() ? slice.records() : rejoin(slice);
      for (Record record : missing) {
        deliver(record);
        if (state == State.LAGGING) {
          return;
        }
      }
      boolean more = !missing.isEmpty() && !last.equals(slice.end());
      last = more ? last : slice.end();
      goOn(more);
    }
  }

  private void begin(Slice slice) {
    slice.records().forEach(record -> advance(record.id()));
    actions.begin(slice);
    last = slice.end();
    goOn(/* more= */ false);
  }

  /** Reads on, or accepts the records that have arrived during the read. */
  private void goOn(boolean more) {
    if (more || readAgain) {
      readOn();
      return;
    }
    state = State.LIVE;
    while (state == State.LIVE && !waiting.isEmpty()) {
      accept(waiting.remove());
    }
    waitingBytes = 0;
  }

  /** Returns the records of a slice that is not continuous and that are to be delivered. */
  private List<Record> rejoin(Slice slice) {
    List<Record> records = slice.records();
    for (int i = records.size(); i >= 0; i--) {
      String id = i > 0 ? records.get(i - 1).id() : firstPrevious(slice);
      int newer = deliveredAfter(id);
      if (newer >= 0) {
        actions.diverged(newer);
        last = id;
        return records.subList(i, records.size());
      }
    }
    if (isLog) {
      actions.gap(last, slice.end());
    }
    known = null; // what comes before the gap must not come after it
    advance(slice.end());
    return List.of();
  }

  private static String firstPrevious(Slice slice) {
    return slice.records().isEmpty() ? slice.end() : slice.records().get(0).previous();
  }

  /** Returns the number of ids after this one, or -1 if it is not known. */
  private int deliveredAfter(String id) {
    for (int i = 0; known != null && i < KNOWN_IDS; i++) {
      if (id.equals(known[Math.floorMod(nextKnown - 1 - i, KNOWN_IDS)])) {
        return i;
      }
    }
    return -1;
  }
}
