package dev.jev.nodes;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.jev.nodes.Backplane.Record;
import dev.jev.nodes.Backplane.Slice;
import dev.jev.nodes.Backplane.Stored;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * A model of an engine with one log and of nodes on it, on one thread and in virtual time. The log
 * loses and delays whatever an engine may; the nodes are real {@link Sequence}s and {@link
 * Outbox}es. A ledger has what should have happened.
 */
final class ModelCluster {

  /** Faults that are planted, so that the checks are seen to find them. */
  enum Planted {
    DROP_A_REPAIR,
    SKIP_A_FENCE,
    DELIVER_TWICE,
    HIDE_A_GAP
  }

  private static final int KEPT = 40;
  private static final long TIMEOUT_NANOS = 1_000;

  private record Due(long time, long order, Runnable task) {}

  /** A record of the log, with its fate. */
  private static final class Entry {
    final Record record;
    boolean lost;

    Entry(Record record) {
      this.record = record;
    }
  }

  private record Published(String text, CompletionStage<Receipt> receipt) {}

  private final long seed;
  private final Random random;
  private final Set<Planted> planted = EnumSet.noneOf(Planted.class);
  private boolean faults = true;

  private long now;
  private long orders;
  private final PriorityQueue<Due> due =
      new PriorityQueue<>(
          (a, b) ->
              a.time != b.time ? Long.compare(a.time, b.time) : Long.compare(a.order, b.order));

  // The engine.
  private final List<Entry> history = new ArrayList<>();
  private final Map<String, Integer> indexOf = new HashMap<>(); // in the history
  private final Deque<Record> kept = new ArrayDeque<>();
  private String end = "start";
  private int ids;
  private int losses; // trims that are not by count, and failovers
  private final Map<String, Integer> lossesAtFirstTry = new HashMap<>();

  private final List<Node> nodes = new ArrayList<>();
  int gaps;
  int diverged;
  int repairs;
  int stored;
  int unknown;

  ModelCluster(long seed, Planted... planted) {
    this.seed = seed;
    this.random = new Random(seed);
    this.planted.addAll(Arrays.asList(planted));
    indexOf.put(end, -1);
    for (int i = 0; i < 3; i++) {
      nodes.add(new Node(i));
    }
  }

  /** Takes random steps, then lets everything come to rest, and checks. */
  void run(int steps) {
    for (int i = 0; i < steps; i++) {
      step();
    }
    faults = false;
    for (Node node : nodes) {
      node.room = true;
      node.sequence.onRoom();
      node.sequence.onInterrupted();
    }
    for (int i = 0; i < 10_000 && !isAtRest(); i++) {
      nodes.forEach(Node::receive);
      runNext();
    }
    require(isAtRest(), "does not come to rest");
    nodes.forEach(Node::check);
    checkReceipts();
  }

  private boolean isAtRest() {
    return due.isEmpty() && nodes.stream().allMatch(node -> node.channel.isEmpty());
  }

  private void step() {
    Node node = nodes.get(random.nextInt(nodes.size()));
    int dice = random.nextInt(1000);
    if (dice < 300) {
      node.publish();
    } else if (dice < 600) {
      node.receive();
    } else if (dice < 900) {
      runNext();
    } else if (dice < 920) {
      node.channel.pollFirst(); // dropped; a later record or an interruption tells
      node.interruptLater();
    } else if (dice < 930 && !node.channel.isEmpty()) {
      node.channel.addFirst(node.channel.getFirst()); // doubled
    } else if (dice < 940 && node.channel.size() > 1) {
      Record first = node.channel.removeFirst(); // comes late
      Record second = node.channel.removeFirst();
      node.channel.addFirst(first);
      node.channel.addFirst(second);
    } else if (dice < 945) {
      node.channel.clear();
      node.interruptLater();
    } else if (dice < 950) {
      node.sequence.onInterrupted();
    } else if (dice < 960) {
      node.room = !node.room;
      node.sequence.onRoom();
    } else if (dice < 964) {
      trim(random.nextInt(KEPT));
    } else if (dice < 967) {
      failOver(1 + random.nextInt(4));
    }
  }

  private void runAfter(long nanos, Runnable task) {
    due.add(new Due(now + nanos, orders++, task));
  }

  private void runNext() {
    Due next = due.poll();
    if (next != null) {
      now = Math.max(now, next.time);
      next.task.run();
    }
  }

  // The engine.

  private String store(byte[] body) {
    String id = "r" + ids++ + "-" + random.nextInt(10); // no order may be read from it
    Record record = new Record(end, id, body);
    indexOf.put(id, history.size());
    history.add(new Entry(record));
    kept.add(record);
    if (kept.size() > KEPT) {
      kept.remove();
    }
    end = id;
    nodes.forEach(node -> (node.isCut ? node.nextChannel : node.channel).add(record));
    return id;
  }

  /** Deletes the oldest records, or all. */
  private void trim(int remaining) {
    if (kept.size() > remaining) {
      losses++;
    }
    while (kept.size() > remaining) {
      kept.remove();
    }
  }

  /** Loses the newest records. Nodes read again only when they have a new connection. */
  private void failOver(int records) {
    losses++;
    for (int i = 0; i < records && !kept.isEmpty(); i++) {
      Record lost = kept.removeLast();
      history.get(indexOf.get(lost.id())).lost = true;
      end = lost.previous();
    }
    nodes.forEach(Node::cut);
  }

  private Slice read(@Nullable Position after) {
    List<Record> all = List.copyOf(kept);
    if (after == null) {
      return new Slice(List.of(), true, end);
    }
    String id = after.record();
    int from = id.equals(end) ? all.size() : -1;
    for (int i = 0; i < all.size() && from < 0; i++) {
      boolean isFirst = i == 0 && all.get(0).previous().equals(id);
      from = isFirst ? 0 : all.get(i).id().equals(id) ? i + 1 : -1;
    }
    if (from < 0) {
      return new Slice(all.subList(Math.max(0, all.size() - 20), all.size()), false, end);
    }
    List<Record> records = all.subList(from, Math.min(all.size(), from + 1 + random.nextInt(20)));
    return new Slice(records, true, end);
  }

  private static String identity(byte[] body) {
    return new String(
        body, 0, Backplane.IDENTITY_BYTES, java.nio.charset.StandardCharsets.ISO_8859_1);
  }

  private void require(boolean condition, String fault) {
    if (!condition) {
      throw new AssertionError(fault + " (seed " + seed + ")");
    }
  }

  private void checkReceipts() {
    Map<String, Integer> storedTimes = new HashMap<>();
    for (Entry entry : history) {
      for (byte[] payload : RecordBody.parse(entry.record.body()).payloads()) {
        storedTimes.merge(new String(payload, UTF_8), 1, Integer::sum);
      }
    }
    for (Node node : nodes) {
      for (Published published : node.published) {
        CompletableFuture<Receipt> future = published.receipt.toCompletableFuture();
        require(future.isDone(), "no receipt of " + published.text);
        int times = storedTimes.getOrDefault(published.text, 0);
        switch (future.join().outcome()) {
          case STORED -> {
            stored++;
            require(times == 1, published.text + " is stored " + times + " times");
          }
          case UNKNOWN -> {
            unknown++;
            require(
                times <= 1, published.text + " of unknown outcome is stored " + times + " times");
          }
          case REFUSED -> require(times == 0, published.text + " was refused and is stored");
          default -> throw new AssertionError(future.join());
        }
      }
    }
  }

  /** A node: a sequence and an outbox. */
  private final class Node implements Sequence.Actions, Outbox.Engine {

    final int number;
    final Deque<Record> channel = new ArrayDeque<>();
    final Deque<Record> nextChannel = new ArrayDeque<>(); // of the new connection after a failover
    boolean isCut;
    int connection;
    final Sequence sequence = new Sequence(this, true);
    final Outbox outbox =
        new Outbox(
            this,
            new Outbox.Shared(0, TIMEOUT_NANOS, new AtomicLong(1 << 30), new AtomicLong()),
            /* isEvents= */ false,
            64);
    final List<Published> published = new ArrayList<>();
    boolean room = true;
    int begin = Integer.MIN_VALUE; // index in the history
    final List<String> delivered = new ArrayList<>();
    final List<int[]> told = new ArrayList<>(); // gaps, by index
    private int generation;
    private int messages;
    private boolean reading;

    Node(int number) {
      this.number = number;
      runAfter(random.nextInt(50), sequence::begin);
    }

    void publish() {
      String text = number + "/" + messages++;
      published.add(new Published(text, outbox.publish(text.getBytes(UTF_8), null)));
    }

    void receive() {
      Record record = channel.pollFirst();
      if (record != null) {
        sequence.onRecord(record);
      }
    }

    void interruptLater() {
      runAfter(random.nextInt(100), sequence::onInterrupted);
    }

    /** Ends the connection to the engine; what is under way on it may still arrive. */
    void cut() {
      nextChannel.clear();
      if (!isCut) {
        isCut = true;
        connection++;
        runAfter(random.nextInt(100), this::connect);
      }
    }

    private void connect() {
      isCut = false;
      channel.clear();
      channel.addAll(nextChannel);
      nextChannel.clear();
      sequence.onInterrupted();
    }

    // Sequence.Actions.

    @Override
    public void read(@Nullable Position after) {
      require(!reading, "two reads at once");
      reading = true;
      runAfter(random.nextInt(20), () -> execute(after));
    }

    private void execute(@Nullable Position after) {
      int present = connection;
      boolean fails = isCut || (faults && random.nextInt(10) == 0);
      boolean dropped = planted.contains(Planted.DROP_A_REPAIR) && random.nextInt(20) == 0;
      Slice slice =
          dropped && after != null
              ? new Slice(List.of(), true, end)
              : ModelCluster.this.read(after);
      runAfter(
          random.nextInt(20),
          () -> {
            reading = false;
            if (fails || present != connection) {
              sequence.onReadFailed();
            } else {
              repairs += after == null ? 0 : 1;
              sequence.onSlice(slice);
            }
          });
    }

    @Override
    public boolean hasRoom() {
      return room;
    }

    @Override
    public void begin(Slice slice) {
      begin = indexOf.get(slice.end());
    }

    @Override
    public void deliver(Record record) {
      delivered.add(record.id());
      if (planted.contains(Planted.DELIVER_TWICE) && random.nextInt(100) == 0) {
        delivered.add(record.id());
      }
    }

    @Override
    public void gap(String from, String to) {
      gaps++;
      if (!planted.contains(Planted.HIDE_A_GAP)) {
        told.add(new int[] {indexOf.get(from), indexOf.get(to)});
      }
    }

    @Override
    public void diverged(int records) {
      diverged++;
    }

    // Outbox.Engine.

    @Override
    public boolean isHeard() {
      return true;
    }

    @Override
    public CompletionStage<Stored> publish(byte[] body, @Nullable String since) {
      String identity = number + identity(body);
      lossesAtFirstTry.putIfAbsent(identity, losses);
      if (!planted.contains(Planted.SKIP_A_FENCE)) {
        generation++; // an earlier attempt that is still under way is refused from now on
      }
      CompletableFuture<Stored> answer = new CompletableFuture<>();
      int present = generation;
      int dice = faults ? random.nextInt(20) : 0;
      boolean isLost = dice == 1;
      boolean hasAnswer = dice != 2 && dice != 3;
      long delay = dice == 3 ? random.nextInt(400) : random.nextInt(20);
      runAfter(
          delay,
          () -> {
            if (isLost || present != generation) {
              answer.completeExceptionally(new IllegalStateException("connection lost"));
            } else {
              execute(
                  identity, body, since != null, hasAnswer ? answer : new CompletableFuture<>());
            }
          });
      if (!hasAnswer) {
        runAfter(
            random.nextInt(100),
            () -> answer.completeExceptionally(new IllegalStateException("connection lost")));
      }
      return answer;
    }

    private void execute(
        String identity, byte[] body, boolean again, CompletableFuture<Stored> answer) {
      for (Record record : kept) {
        if (again && Arrays.equals(record.body(), body)) {
          answer.complete(new Stored(record.id(), true));
          return;
        }
      }
      if (again && (losses != lossesAtFirstTry.get(identity) || kept.size() == KEPT)) {
        answer.completeExceptionally(new IllegalStateException("cannot tell any more"));
        return;
      }
      answer.complete(new Stored(store(body), false));
    }

    @Override
    public void execute(Runnable task) {
      runAfter(0, task);
    }

    @Override
    public void runAfter(long nanos, Runnable task) {
      ModelCluster.this.runAfter(nanos, task);
    }

    @Override
    public long nanoTime() {
      return now;
    }

    @Override
    public void count(Receipt.Outcome outcome, int messages) {}

    // The ledger.

    void check() {
      String who = "node " + number + ": ";
      require(begin != Integer.MIN_VALUE, who + "has not begun");
      Set<String> seen = new HashSet<>();
      int previous = begin;
      for (String id : delivered) {
        require(seen.add(id), who + id + " is delivered twice");
        require(indexOf.get(id) > previous, who + id + " is delivered out of order");
        previous = indexOf.get(id);
      }
      for (int i = begin + 1; i < history.size(); i++) {
        Entry entry = history.get(i);
        int index = i;
        boolean excused =
            entry.lost || told.stream().anyMatch(gap -> gap[0] < index && index <= gap[1]);
        require(
            excused || seen.contains(entry.record.id()), who + entry.record.id() + " is missing");
      }
      checkPublishers(who);
    }

    /** Checks that the messages of each publisher are delivered in order, each once. */
    private void checkPublishers(String who) {
      Map<String, Integer> last = new HashMap<>();
      for (String id : delivered) {
        for (byte[] payload :
            RecordBody.parse(history.get(indexOf.get(id)).record.body()).payloads()) {
          String[] text = new String(payload, UTF_8).split("/", -1);
          int sequence = Integer.parseInt(text[1]);
          Integer before = last.put(text[0], sequence);
          require(
              before == null || before < sequence,
              who + text[0] + "/" + sequence + " comes after " + before);
        }
      }
    }
  }
}
