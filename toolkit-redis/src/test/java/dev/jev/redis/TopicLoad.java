package dev.jev.redis;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.redis.DeliveryLedger.Delivery;
import dev.jev.redis.DeliveryLedger.Outcome;
import dev.jev.redis.DeliveryLedger.Publication;
import dev.jev.redis.DeliveryLedger.Stream;
import dev.jev.redis.ReturningClient.Crowd;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** Nodes in processes of their own, clients that are subscribed to topics, and publishers. */
final class TopicLoad implements AutoCloseable {

  /** Longer than a client needs to return to a node after the longest outage of a test. */
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private static final int TICK_MILLIS = 10;
  private static final String PADDING = "x".repeat(200);

  /**
   * The numbers of clients and messages.
   *
   * @param perClient the topics of a client
   * @param perSecond the messages that are published, in all
   * @param areMembers whether the clients are members of their topics
   */
  record Size(
      int topics, int clients, int perClient, int publishers, int perSecond, boolean areMembers) {

    /** The load at which other systems lose messages when a node is killed. */
    static final Size SMALL = new Size(20, 60, 3, 4, 400, false);

    /** The full load. */
    static final Size FULL = new Size(50, 400, 1, 8, 1000, false);

    Size withMembers() {
      return new Size(topics, clients, perClient, publishers, perSecond, true);
    }
  }

  final List<NodeProcess> nodes = new ArrayList<>();
  final List<ReturningClient> clients = new ArrayList<>();
  final DeliveryLedger ledger = new DeliveryLedger();
  final Crowd crowd = new Crowd(ledger, nodes);
  private final List<ReturningClient> publishers = new ArrayList<>();
  private final Resources resources = new Resources();
  private final Size size;
  private final Random random = new Random(17);
  private final ScheduledExecutorService timer =
      Executors.newSingleThreadScheduledExecutor(
          task -> {
            Thread thread = new Thread(task, "publishers");
            thread.setDaemon(true);
            return thread;
          });

  /** Starts a node on each of these addresses of Redis, and the clients. */
  TopicLoad(Size size, String... uris) throws Exception {
    this.size = size;
    try {
      resources.closing(crowd);
      for (String uri : uris) {
        nodes.add(resources.closing(new NodeProcess("n" + nodes.size(), uri)));
      }
      for (int i = 0; i < size.clients; i++) {
        clients.add(client("c" + i, i, topics(i), size.areMembers));
      }
      for (int i = 0; i < size.publishers; i++) {
        publishers.add(client("p" + i, i, List.of(), false));
      }
      holds("subscribed", () -> clients.stream().allMatch(ReturningClient::isSubscribed));
      holds("publishers", () -> publishers.stream().allMatch(ReturningClient::isSubscribed));
    } catch (Throwable e) {
      close();
      throw e;
    }
  }

  /** Returns the topics of a client: such that all topics have as many clients. */
  private List<String> topics(int client) {
    return IntStream.range(0, size.perClient)
        .mapToObj(i -> "t" + Math.floorMod(client * size.perClient + i, size.topics))
        .toList();
  }

  List<String> topics() {
    return IntStream.range(0, size.topics).mapToObj(i -> "t" + i).toList();
  }

  /** Connects a further client. */
  ReturningClient client(String name, int node, List<String> topics, boolean isMember) {
    return resources.closing(new ReturningClient(crowd, name, node, topics, isMember));
  }

  static void holds(String what, Callable<Boolean> condition) throws Exception {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (!condition.call()) {
      if (System.nanoTime() - deadline > 0) {
        throw new AssertionError("does not hold after " + PATIENCE + ": " + what);
      }
      LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(5));
    }
  }

  /** Begins to publish, until the {@link #finish}. */
  TopicLoad begin() throws Exception {
    long start = System.nanoTime();
    long[] done = {0};
    timer.scheduleAtFixedRate(
        () -> {
          long elapsed = System.nanoTime() - start;
          long due = TimeUnit.NANOSECONDS.toMicros(elapsed) * size.perSecond / 1_000_000;
          // What this machine had no time for is left out, rather than published at once.
          done[0] = Math.max(done[0], due - size.perSecond / 5);
          for (; done[0] < due; done[0]++) {
            publishOne();
          }
        },
        TICK_MILLIS,
        TICK_MILLIS,
        TimeUnit.MILLISECONDS);
    goesOn();
    return this;
  }

  private void publishOne() {
    String topic = "t" + random.nextInt(size.topics);
    publisher().publish(topic, PADDING.substring(random.nextInt(PADDING.length())));
  }

  private ReturningClient publisher() {
    return publishers.get(random.nextInt(publishers.size()));
  }

  /** Waits until each client has got further messages. */
  void goesOn() throws Exception {
    goesOn(client -> true);
  }

  void goesOn(Predicate<ReturningClient> which) throws Exception {
    Map<ReturningClient, Integer> before = new HashMap<>();
    clients.stream().filter(which).forEach(client -> before.put(client, client.size()));
    for (Map.Entry<ReturningClient, Integer> each : before.entrySet()) {
      ReturningClient client = each.getKey();
      holds("messages of " + client.name, () -> client.size() >= each.getValue() + 10);
    }
  }

  /** Waits until all clients are subscribed. */
  void areSubscribed() throws Exception {
    holds("subscribed", () -> clients.stream().allMatch(ReturningClient::isSubscribed));
  }

  /** Publishes many messages at once to one topic. */
  void burst(String topic, int messages) {
    ReturningClient publisher = publisher();
    for (int i = 0; i < messages; i++) {
      publisher.publish(topic, PADDING.repeat(5));
    }
  }

  /** Returns how many messages wait for an answer. */
  int unanswered() {
    return publishers.stream().mapToInt(ReturningClient::unanswered).sum();
  }

  /** Ends the publishing, waits until all messages have arrived, and expects no fault. */
  TopicLoad finish() throws Exception {
    timer.shutdown();
    assertThat(timer.awaitTermination(10, TimeUnit.SECONDS)).isTrue();
    holds("outcomes", () -> unanswered() == 0);
    for (int i = 0; i < size.topics; i++) {
      publishLast("t" + i);
    }
    holds("no fault: " + summary(), () -> DeliveryChecker.check(ledger).isEmpty());
    assertThat(crowd.complaints).isEmpty();
    return this;
  }

  /** Publishes a last message, and waits until all clients of the topic have it. */
  private void publishLast(String topic) throws Exception {
    Publication last = stored(topic);
    for (Stream stream : ledger.streams(topic)) {
      holds(
          "last message of " + topic + " for " + stream.client,
          () -> stream.deliveries().stream().anyMatch(each -> last.name.equals(each.name())));
    }
  }

  /** Publishes messages until one is stored. */
  Publication stored(String topic) throws Exception {
    Publication[] last = new Publication[1];
    holds("stored in " + topic, () -> isStored(topic, last));
    return last[0];
  }

  private boolean isStored(String topic, @Nullable Publication[] last) throws Exception {
    Publication publication = publisher().publish(topic, "last");
    last[0] = publication;
    if (publication == null) {
      return false;
    }
    holds("outcome", () -> unanswered() == 0 || publication.outcome() != Outcome.UNKNOWN);
    return publication.outcome() == Outcome.STORED;
  }

  /** Returns the numbers of deliveries so far, per stream of some clients. */
  Map<Stream, Integer> sizes(Predicate<ReturningClient> which) {
    Map<Stream, Integer> sizes = new HashMap<>();
    for (int i = 0; i < clients.size(); i++) {
      if (which.test(clients.get(i))) {
        topics(i).stream().map(clients.get(i)::stream).forEach(s -> sizes.put(s, s.size()));
      }
    }
    return sizes;
  }

  /** Returns the time that 99 % of the messages after these did not exceed. */
  static int p99Millis(Map<Stream, Integer> from) {
    int[] micros =
        from.entrySet().stream()
            .flatMap(each -> each.getKey().deliveries().stream().skip(each.getValue()))
            .filter(delivery -> delivery.name() != null)
            .mapToInt(Delivery::micros)
            .sorted()
            .toArray();
    return micros.length == 0 ? -1 : micros[micros.length * 99 / 100] / 1000;
  }

  /** Returns what was published and delivered. */
  String summary() {
    int sessions = clients.stream().mapToInt(ReturningClient::sessions).sum();
    int replayed = clients.stream().mapToInt(ReturningClient::replayed).sum();
    return ledger.outcomes()
        + ", delivered "
        + ledger.delivered()
        + ", connections "
        + sessions
        + ", replayed "
        + replayed;
  }

  @Override
  public void close() {
    timer.shutdownNow();
    try {
      resources.close();
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }
}
