package dev.jev.nodes;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.jev.nodes.Backplane.Channel;
import dev.jev.nodes.Backplane.Kind;
import dev.jev.nodes.Backplane.Record;
import dev.jev.nodes.Backplane.Retention;
import dev.jev.nodes.Backplane.Roster;
import dev.jev.nodes.Backplane.Session;
import dev.jev.nodes.Backplane.Slice;
import dev.jev.nodes.Backplane.Stored;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/** The nodes of a check of {@link BackplaneContract}, on an engine of their own. */
final class ContractNodes implements AutoCloseable {

  private final Backplane engine;
  private final Duration timeout;
  private final String run = UUID.randomUUID().toString().substring(0, 13);
  private final AtomicInteger bodies = new AtomicInteger();

  ContractNodes(Backplane engine, Duration timeout) {
    this.engine = engine;
    this.timeout = timeout;
  }

  @Override
  public void close() {
    engine.close();
  }

  /** Returns a name that was never used. */
  String name(String name) {
    return name + "-" + run;
  }

  Channel log(String topic, int messages) {
    return log(topic, messages, Duration.ofMinutes(10));
  }

  Channel log(String topic, int messages, Duration age) {
    return new Channel(name(topic), new Retention(Kind.LOG, messages, 1 << 20, age));
  }

  Channel channel(String topic, Kind kind, Duration age) {
    return new Channel(name(topic), new Retention(kind, 1, 1 << 20, age));
  }

  /** Returns a body that was never used, and ends with a text. */
  byte[] body(String text) {
    String identity = run + String.format("%05d", bodies.getAndIncrement());
    return (identity + text).getBytes(UTF_8);
  }

  /** Returns the texts at the end of the bodies of records. */
  static List<String> texts(Collection<Record> records) {
    return records.stream()
        .map(record -> new String(record.body(), UTF_8))
        .map(body -> body.substring(Math.min(Backplane.IDENTITY_BYTES, body.length())))
        .toList();
  }

  static List<String> ids(Collection<Record> records) {
    return records.stream().map(Record::id).toList();
  }

  static void equal(String what, @Nullable Object actual, @Nullable Object expected) {
    boolean isEqual = Objects.equals(actual, expected);
    require(isEqual, what + ": " + actual + " (expected: " + expected + ")");
  }

  static void require(boolean fact, String otherwise) {
    if (!fact) {
      throw new AssertionError(otherwise);
    }
  }

  /** Checks that a slice has these texts, and ends as expected. */
  static void slice(String what, Slice slice, List<String> texts, boolean continuous, String end) {
    equal("records behind " + what, texts(slice.records()), texts);
    equal("continuous behind " + what, slice.continuous(), continuous);
    equal("end of the slice behind " + what, slice.end(), end);
  }

  /** Checks that a slice is not continuous, and has no texts or the last ones that are kept. */
  static void lost(String what, Slice slice, List<String> kept, String end) {
    int size = Math.min(slice.records().size(), kept.size());
    slice(what, slice, kept.subList(kept.size() - size, kept.size()), false, end);
  }

  <T> T get(CompletionStage<T> stage) {
    try {
      return stage.toCompletableFuture().get(timeout.toNanos(), TimeUnit.NANOSECONDS);
    } catch (ExecutionException e) {
      throw new AssertionError("a call failed: " + e.getCause(), e.getCause());
    } catch (TimeoutException e) {
      throw new AssertionError("a call is not complete after " + timeout, e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError("interrupted", e);
    }
  }

  /** Returns the value of a call, or its failure. */
  Object outcome(CompletionStage<?> stage) {
    return get(stage.handle((value, failure) -> failure == null ? value : failure));
  }

  /** Waits until a fact holds that nothing announces. */
  void eventually(String what, BooleanSupplier fact) {
    long begin = System.nanoTime();
    while (!fact.getAsBoolean()) {
      require(System.nanoTime() - begin < timeout.toNanos(), what + ": not after " + timeout);
      LockSupport.parkNanos(1_000_000);
    }
  }

  /** Connects a node. */
  Node open(String name) {
    Node node = new Node(name(name));
    node.session = get(engine.open(node.name, node));
    return node;
  }

  /** A change of the members of a topic. */
  record Versioned(long version, Presence.Change change) {

    @Override
    public String toString() {
      return version + (change.joined() ? "+" : "-") + change.member().id();
    }
  }

  /** A node, with what its receiver was given. */
  final class Node implements Backplane.Receiver {

    final String name;
    private @Nullable Session session; // null until it is open

    private final Map<String, List<Record>> records = new ConcurrentHashMap<>();
    private final Map<String, List<Versioned>> changes = new ConcurrentHashMap<>();
    private final List<String> commands = new CopyOnWriteArrayList<>();

    private Node(String name) {
      this.name = name;
    }

    Session session() {
      return Objects.requireNonNull(session, "node " + name + " is not open");
    }

    Stored publish(Channel channel, String text) {
      return get(session().publish(channel, body(text), null));
    }

    void publish(Channel channel, List<String> texts) {
      texts.forEach(text -> publish(channel, text));
    }

    void listen(Channel channel) {
      get(session().listen(List.of(channel)));
    }

    Slice read(Channel channel, @Nullable Position after) {
      return read(channel, after, Integer.MAX_VALUE);
    }

    Slice read(Channel channel, @Nullable Position after, int mostBytes) {
      return get(session().read(channel, after, mostBytes));
    }

    String end(Channel channel) {
      return read(channel, null, 0).end();
    }

    void present(String topic, String member, int connections) {
      get(session().present(name(topic), new Presence.Member(member, ""), connections));
    }

    Roster watch(String topic) {
      return get(session().watch(name(topic)));
    }

    /** Returns the records of a topic, of which there are at least so many. */
    List<Record> records(Channel channel, int least) {
      return received("records", of(records, key(channel)), least);
    }

    /** Returns the changes of members, of which there are at least so many. */
    List<Versioned> changes(String topic, int least) {
      return received("changes", of(changes, name(topic)), least);
    }

    /** Returns the commands, of which there are at least so many. */
    List<String> commands(int least) {
      return received("commands", commands, least);
    }

    private <T> List<T> received(String what, List<T> list, int least) {
      eventually(least + " " + what + " of " + name, () -> list.size() >= least);
      return List.copyOf(list);
    }

    private static <T> List<T> of(Map<String, List<T>> lists, String key) {
      return lists.computeIfAbsent(key, k -> new CopyOnWriteArrayList<>());
    }

    private static String key(Channel channel) {
      return channel.topic() + " " + channel.retention().kind();
    }

    @Override
    public void record(Channel channel, Record record) {
      of(records, key(channel)).add(record);
    }

    @Override
    public void presence(String topic, long version, Presence.Change change) {
      of(changes, topic).add(new Versioned(version, change));
    }

    @Override
    public void command(String from, byte[] bytes) {
      commands.add(from + ": " + new String(bytes, UTF_8));
    }

    @Override
    public void interrupted(Collection<Channel> channels) {}

    @Override
    public void reachable(@Nullable Throwable failure) {}
  }
}
