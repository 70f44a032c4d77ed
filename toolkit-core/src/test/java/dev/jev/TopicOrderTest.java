package dev.jev;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.function.IntConsumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Connections that join and leave while eight threads publish: each gets a part of one sequence of
 * messages, without a gap.
 */
class TopicOrderTest {

  private static final int CONNECTIONS = 8;
  private static final int PUBLISHERS = 8;
  private static final int JOINERS = 4;
  private static final int JOINS = 10_000;

  /** Maximum number of values of a series. */
  private static final int MAX_VALUES = 10_000;

  /** Number of series, each of which counts up. */
  private static final int SERIES = 8;

  /** Number of retained messages, where the last ones are retained. */
  private static final int RETAINED = 8;

  private static final String JOINED = "joined";

  private final Topic.Observer<String> marker =
      new Topic.Observer<>() {
        @Override
        public void onJoin(Connection<String> connection) {
          connection.send(JOINED);
        }
      };
  private final Queue<String> wrong = new ConcurrentLinkedQueue<>();
  private final AtomicInteger joined = new AtomicInteger();
  private final AtomicInteger checked = new AtomicInteger();

  /** The message that follows each message, plus one; 0 if not known yet. */
  private final AtomicIntegerArray successors = new AtomicIntegerArray(SERIES * MAX_VALUES);

  private final ExecutorService executor = Executors.newCachedThreadPool();
  private final Recorder<String, String> accepted = Recorder.silent();
  private final List<Connection<String>> connections = new ArrayList<>();
  private final List<RawPeer> peers = new ArrayList<>();
  private final List<Topic<String>> topics = new ArrayList<>();
  private Server server;

  @BeforeEach
  void connect() throws Exception {
    server =
        Server.builder(Texts::new, accepted)
            .listen("127.0.0.1:0")
            .maxPendingBytes(1 << 30)
            .eventLoops(2)
            .start();
    for (int i = 0; i < CONNECTIONS; i++) {
      RawPeer peer = RawPeer.connect(server);
      peers.add(peer);
      connections.add(accepted.connection());
      executor.execute(() -> new Checker().read(peer));
    }
  }

  @AfterEach
  void stop() throws Exception {
    for (RawPeer peer : peers) {
      peer.close();
    }
    executor.shutdownNow();
    server.close();
    topics.forEach(Topic::clearRetained);
  }

  /** Number of messages at the beginning of a subscription that need not follow each other. */
  private volatile int unordered;

  /** Checks what one connection receives. */
  private final class Checker {

    private final int[] values = new int[SERIES]; // the latest ones
    private int received; // since the connection joined
    private int last;

    /** Reads to the end; without buffers of Netty, whose leak detection would take most time. */
    private void read(RawPeer peer) {
      try {
        DataInputStream in =
            new DataInputStream(new BufferedInputStream(peer.socket().getInputStream()));
        while (true) {
          check(new String(in.readNBytes(in.readInt()), US_ASCII));
        }
      } catch (IOException e) {
        // The test has ended; it counts the messages.
      }
    }

    private void check(String text) {
      if (text.equals(JOINED)) {
        joined.incrementAndGet();
        received = 0;
        Arrays.fill(values, -1);
        return;
      }
      int message = Integer.parseInt(text);
      int series = message / MAX_VALUES;
      int value = message % MAX_VALUES;
      if (values[series] >= 0 && value != values[series] + 1) {
        wrong.add(series + ": " + value + " after " + values[series]);
      }
      values[series] = value;
      if (received++ >= unordered) {
        int first = successors.compareAndExchange(last, 0, message + 1);
        if (first != 0 && first != message + 1) {
          wrong.add(last + ": followed by " + (first - 1) + " and by " + message);
        }
      }
      last = message;
      checked.incrementAndGet();
    }
  }

  /**
   * Runs the threads.
   *
   * @param publish publishes the next value of a series
   */
  private void race(
      Topic<String> topic, IntConsumer publish, Consumer<Connection<String>> subscribe)
      throws Exception {
    topics.add(topic);
    AtomicInteger joins = new AtomicInteger();
    AtomicInteger publishers = new AtomicInteger(PUBLISHERS);
    List<Future<?>> threads = new ArrayList<>();
    for (int i = 0; i < PUBLISHERS; i++) {
      int thread = i;
      threads.add(
          executor.submit(
              () -> {
                try {
                  publishAll(topic, thread, publish, joins);
                } finally {
                  publishers.decrementAndGet();
                }
              }));
    }
    for (int i = 0; i < JOINERS; i++) {
      int part = CONNECTIONS / JOINERS;
      List<Connection<String>> own = connections.subList(i * part, (i + 1) * part);
      threads.add(
          executor.submit(
              () -> {
                while (joins.get() < JOINS) {
                  long before = topic.counts().published();
                  own.forEach(subscribe);
                  while (topic.counts().published() < before + 4 && publishers.get() > 0) {
                    LockSupport.parkNanos(20_000);
                  }
                  own.forEach(topic::unsubscribe);
                  joins.addAndGet(own.size());
                }
              }));
    }
    for (Future<?> thread : threads) {
      thread.get(60, TimeUnit.SECONDS);
    }
    Eventually.holds("all have joined", () -> joined.get() == joins.get());
    Eventually.holds("all is checked", () -> checked.get() == topic.counts().delivered());
    System.out.printf("%s: %,d joins, %,d messages%n", topic, joins.get(), checked.get());
    assertThat(wrong).isEmpty();
    assertThat(topic.counts().dropped()).isZero();
    assertThat(joins.get()).isGreaterThanOrEqualTo(JOINS);
  }

  private void publishAll(
      Topic<String> topic, int thread, IntConsumer publish, AtomicInteger joins) {
    for (int value = 1; value < MAX_VALUES && joins.get() < JOINS; value++) {
      for (int series = thread; series < SERIES; series += PUBLISHERS) {
        publish.accept(series);
      }
      do { // not far ahead of the event loops
        LockSupport.parkNanos(20_000);
      } while (topic.counts().published() > 3L * joined.get() + 200
          && !Thread.currentThread().isInterrupted());
    }
  }

  private static String text(int series, int value) {
    return Integer.toString(series * MAX_VALUES + value);
  }

  private void subscribe(Topic<String> topic, Connection<String> connection) {
    topic.subscribe(connection, SlowConsumer.<String>close().maxBytes(1 << 30));
  }

  @Test
  void lastMessagesAreFollowedByTheNextOnes() throws Exception {
    Topic<String> topic = Topic.of("last", marker).retaining(RETAINED);
    unordered = 1;
    int[] values = new int[SERIES]; // each used by one thread
    race(
        topic,
        series -> topic.publish(text(series, values[series]++)),
        connection -> subscribe(topic, connection));
  }

  @Test
  void latestMessagesOfEachKeyAreFollowedByTheNextOnes() throws Exception {
    Topic<String> topic =
        Topic.of("latest", marker).retainingLatest(text -> Integer.parseInt(text) / MAX_VALUES);
    int[] values = new int[SERIES]; // each used by one thread
    for (int series = 0; series < SERIES; series++) {
      topic.publish(text(series, values[series]++));
    }
    unordered = SERIES; // the last retained message is the last one that was published
    race(
        topic,
        series -> topic.publish(text(series, values[series]++)),
        connection -> subscribe(topic, connection));
  }

  @Test
  void snapshotIsFollowedByTheNextUpdates() throws Exception {
    Topic<String> topic = Topic.of("snapshot", marker);
    int[] values = new int[SERIES]; // changed by updates of all threads
    int[] updates = new int[1];
    unordered = SERIES + 1; // the last message of a snapshot is not the last one that was published
    race(
        topic,
        own ->
            topic.update(
                () -> {
                  int series = updates[0]++ % SERIES;
                  return text(series, ++values[series]);
                }),
        connection ->
            topic.subscribe(
                connection,
                SlowConsumer.<String>close().maxBytes(1 << 30),
                () -> {
                  List<String> snapshot = new ArrayList<>();
                  for (int series = 0; series < SERIES; series++) {
                    snapshot.add(text(series, values[series]));
                  }
                  return snapshot;
                }));
  }
}
