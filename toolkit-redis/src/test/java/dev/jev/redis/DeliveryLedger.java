package dev.jev.redis;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.jspecify.annotations.Nullable;

/**
 * A record of publications, with what became of them, and of what each client has got, for a {@link
 * DeliveryChecker}. Any thread.
 */
final class DeliveryLedger {

  /** The outcome that a publisher was told. */
  enum Outcome {
    STORED,
    REFUSED,
    /** Nothing was told, or that it is not known. */
    UNKNOWN
  }

  /**
   * The name of a message: its number is greater than those that its publisher has sent before. A
   * publisher that reconnects is another one, as what it has sent before may still be under way.
   */
  record Name(String publisher, int number) {

    @Override
    public String toString() {
      return publisher + "-" + number;
    }
  }

  /** A message that was sent. */
  static final class Publication {

    final Name name;
    final int hash;
    private volatile Outcome outcome = Outcome.UNKNOWN;
    private volatile @Nullable String position;

    private Publication(Name name, int hash) {
      this.name = name;
      this.hash = hash;
    }

    Outcome outcome() {
      return outcome;
    }

    @Nullable String position() {
      return position;
    }

    void stored(String at) {
      position = at;
      outcome = Outcome.STORED;
    }

    void refused() {
      outcome = Outcome.REFUSED;
    }
  }

  /**
   * A message that a client has got, or a notice that messages are missing here.
   *
   * @param name null for a notice
   * @param micros the time since the publication
   */
  record Delivery(
      int session, @Nullable Name name, int hash, @Nullable String position, int micros) {

    static Delivery notice(int session) {
      return new Delivery(session, null, 0, null, 0);
    }
  }

  /** The messages and notices of one topic that one client has got, over all of its sessions. */
  static final class Stream {

    final String client;
    private final List<Delivery> deliveries = new ArrayList<>(); // guarded by this

    private Stream(String client) {
      this.client = client;
    }

    synchronized void add(Delivery delivery) {
      deliveries.add(delivery);
    }

    synchronized List<Delivery> deliveries() {
      return List.copyOf(deliveries);
    }

    synchronized int size() {
      return deliveries.size();
    }

    synchronized boolean hasNotice() {
      return deliveries.stream().anyMatch(each -> each.name() == null);
    }
  }

  private final Map<String, Queue<Publication>> publications = new ConcurrentHashMap<>();
  private final Map<String, Queue<Stream>> streams = new ConcurrentHashMap<>();

  /** Notes a message that is sent next. */
  Publication publication(String topic, String publisher, int number, String payload) {
    Publication publication = new Publication(new Name(publisher, number), payload.hashCode());
    publications.computeIfAbsent(topic, t -> new ConcurrentLinkedQueue<>()).add(publication);
    return publication;
  }

  /** Notes a client that gets all messages of a topic from now on. */
  Stream stream(String topic, String client) {
    Stream stream = new Stream(client);
    streams.computeIfAbsent(topic, t -> new ConcurrentLinkedQueue<>()).add(stream);
    return stream;
  }

  /** Returns the topics, in order. */
  List<String> topics() {
    Map<String, Object> all = new TreeMap<>(publications);
    all.putAll(streams);
    return List.copyOf(all.keySet());
  }

  Map<Name, Publication> publications(String topic) {
    Map<Name, Publication> byName = new LinkedHashMap<>();
    for (Publication each : publications.getOrDefault(topic, new ConcurrentLinkedQueue<>())) {
      byName.put(each.name, each);
    }
    return byName;
  }

  List<Stream> streams(String topic) {
    return List.copyOf(streams.getOrDefault(topic, new ConcurrentLinkedQueue<>()));
  }

  /** Returns the number of messages with each outcome. */
  Map<Outcome, Integer> outcomes() {
    Map<Outcome, Integer> counts = new HashMap<>();
    for (Queue<Publication> topic : publications.values()) {
      topic.forEach(each -> counts.merge(each.outcome(), 1, Integer::sum));
    }
    return counts;
  }

  int count(Outcome outcome) {
    return outcomes().getOrDefault(outcome, 0);
  }

  /** Returns the number of messages that clients have got. */
  long delivered() {
    return streams.values().stream().flatMap(Queue::stream).mapToLong(Stream::size).sum();
  }
}
