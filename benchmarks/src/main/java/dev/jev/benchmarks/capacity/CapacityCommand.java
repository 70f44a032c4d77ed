package dev.jev.benchmarks.capacity;

import dev.jev.benchmarks.shared.ChildProcesses;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollSocketChannel;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.function.IntFunction;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Measures the constants of docs/capacity.md with some clients, predicts from them what many
 * clients cost, and measures that, too. Redis and two nodes share a core; the clients and the node
 * that publishes are in this process, which belongs on another one.
 */
@Command(
    name = "capacity",
    description = "Compares what the formulas of docs/capacity.md predict with what happens.")
public final class CapacityCommand implements Callable<Integer> {

  private static final List<String> KINDS = List.of("events", "latest", "log");
  private static final double HOT_PER_SECOND = 5;
  private static final int MANY = 5_000;
  private static final long SETTLED_BYTES = 100_000;

  @Option(names = "--clients", description = "default: 19000")
  private int clients = 19_000;

  @Option(names = "--seconds", description = "length of a measurement (default: 20)")
  private double seconds = 20;

  @Option(names = "--warmup-seconds", description = "for each kind of topic (default: 60)")
  private double warmUpSeconds = 60;

  @Option(names = "--server-core", description = "default: 0")
  private String core = "0";

  private final Random random = new Random(1);
  private final List<TopicNode> nodes = new ArrayList<>();

  @Override
  public Integer call() throws InterruptedException {
    TopicNodeCommand.prepareRedis();
    try (ChildProcesses children = new ChildProcesses()) {
      RedisServers redis = RedisServers.single(children, core);
      nodes.add(new TopicNode(children, core, redis.uri()));
      nodes.add(new TopicNode(children, core, redis.uri()));
      try (Publisher publisher = new Publisher(redis.uri())) {
        Measurement measurement = new Measurement(redis, publisher);
        for (String kind : KINDS) { // warm-up: the nodes compile what runs often
          measurement.of(new Workload(kind, 100, 10, 2, 1_000), warmUpSeconds);
        }
        for (List<Workload> works : List.of(rare(), frequent())) {
          Constants constants = constants(measurement, works.get(0).perSecond());
          System.out.println(constants);
          for (Workload work : works) {
            print(work, constants.predict(work), measurement.of(work));
          }
        }
      }
    }
    return 0;
  }

  /** A topic of their own for each client, and a message to each every 50 s. */
  private List<Workload> rare() {
    return KINDS.stream().map(kind -> new Workload(kind, clients, 1, 2, clients / 50.0)).toList();
  }

  /** Rooms with ten clients and a message per second, and ten topics for all clients. */
  private List<Workload> frequent() {
    int rooms = clients / 10;
    return List.of(
        new Workload("log", rooms, 10, 2, rooms),
        new Workload("events", rooms, 10, 2, rooms),
        new Workload("log", 10, clients / 10, 2, HOT_PER_SECOND));
  }

  /** Measures the constants for messages that come at a rate. */
  private Constants constants(Measurement measurement, double perSecond)
      throws InterruptedException {
    Cost idle = measurement.of(new Workload("events", 0, 0, 2, 0));
    Cost oneTopic = measurement.of(new Workload("log", 1, MANY, 1, HOT_PER_SECOND));
    // A message to thousands of subscribers is received once and delivered thousands of times.
    double deliveries = MANY * (HOT_PER_SECOND + 1 / Constants.HEARTBEAT_SECONDS);
    double deliver = (oneTopic.nodes() - idle.nodes()) / deliveries;
    double clientBytes = oneTopic.nodeBytes() / MANY;
    Map<String, KindConstants> kinds = new HashMap<>();
    for (String kind : KINDS) {
      Cost one = measurement.of(new Workload(kind, MANY, 1, 1, perSecond));
      Cost both = measurement.ofEach(new Workload(kind, MANY, 2, 2, perSecond));
      double subscribed = Math.max(0, (both.redis() - one.redis()) / perSecond);
      double subscriptionBytes = (both.redisBytes() - one.redisBytes()) / MANY;
      double heartbeats = MANY / Constants.HEARTBEAT_SECONDS * deliver;
      kinds.put(
          kind,
          new KindConstants(
              (one.redis() - idle.redis()) / perSecond - subscribed,
              subscribed,
              (one.nodes() - idle.nodes() - heartbeats) / perSecond - deliver,
              one.redisBytes() / MANY - subscriptionBytes,
              subscriptionBytes,
              one.nodeBytes() / MANY - clientBytes));
    }
    return new Constants(
        idle.redis(), idle.nodes(), deliver, oneTopic.connect() / MANY, clientBytes, kinds);
  }

  private static void print(Workload work, Cost predicted, Cost measured) {
    System.out.printf(
        Locale.ROOT,
        "| %,d %s × %,d | %.1f / s | %s | %s | %s | %s |%n",
        work.topics(),
        work.kind(),
        work.subscribers(),
        work.perSecond(),
        both(predicted.redis() * 100, measured.redis() * 100, "%.1f"),
        both(predicted.nodes() * 100, measured.nodes() * 100, "%.1f"),
        both(predicted.redisBytes() / 1e6, measured.redisBytes() / 1e6, "%.1f"),
        both(predicted.nodeBytes() / 1e6, measured.nodeBytes() / 1e6, "%.1f"));
  }

  private static String both(double predicted, double measured, String format) {
    return String.format(
        Locale.ROOT,
        format + " / " + format + " (%+.0f %%)",
        predicted,
        measured,
        (predicted / measured - 1) * 100);
  }

  /** Runs workloads and measures what they cost. */
  private final class Measurement {

    private final RedisServers redis;
    private final Publisher publisher;
    private int runs;

    Measurement(RedisServers redis, Publisher publisher) {
      this.redis = redis;
      this.publisher = publisher;
    }

    /** Measures a workload whose subscribers are at random nodes. */
    Cost of(Workload work) throws InterruptedException {
      return of(work, seconds);
    }

    Cost of(Workload work, double seconds) throws InterruptedException {
      return of(work, seconds, client -> nodes.get(random.nextInt(work.nodes())));
    }

    /** Measures a workload each of whose topics has a subscriber at each node. */
    Cost ofEach(Workload work) throws InterruptedException {
      return of(work, seconds, client -> nodes.get(client / work.topics() % work.nodes()));
    }

    private Cost of(Workload work, double seconds, IntFunction<TopicNode> placement)
        throws InterruptedException {
      IntFunction<String> names = work.names(++runs);
      redis.flush();
      long redisBytes = redis.usedMemory();
      long nodeBytes = emptyNodeMemory();
      try (TopicClients subscribers =
          new TopicClients(
              EpollIoHandler.newFactory(), EpollSocketChannel.class, Integer.MAX_VALUE)) {
        double connecting = nodeSeconds();
        for (int i = 0; i < work.clients(); i++) {
          String topic = names.apply(i % work.topics());
          subscribers.connect(placement.apply(i).address(), "{\"subscribe\":[\"" + topic + "\"]}");
        }
        subscribers.awaitSubscribed();
        double connected = nodeSeconds();
        publishEach(work, names, subscribers);
        double redisAfter = redis.usedMemory();
        double nodesAfter = nodeMemory();
        TimeUnit.SECONDS.sleep(2);
        long receivedBefore = subscribers.received.get();
        double redisStart = redis.processorSeconds();
        double nodesStart = nodeSeconds();
        long start = System.nanoTime();
        long sent = publish(work, names, seconds);
        double took = (System.nanoTime() - start) / 1e9;
        Cost cost =
            new Cost(
                (redis.processorSeconds() - redisStart) / took,
                (nodeSeconds() - nodesStart) / took,
                connected - connecting,
                redisAfter - redisBytes,
                nodesAfter - nodeBytes);
        subscribers.awaitReceived(receivedBefore + sent * work.subscribers());
        System.err.println(work + ": " + cost);
        return cost;
      }
    }

    private long publish(Workload work, IntFunction<String> names, double seconds)
        throws InterruptedException {
      if (work.perSecond() == 0) {
        TimeUnit.NANOSECONDS.sleep((long) (seconds * 1e9));
        return 0;
      }
      return publisher.publish(names, work.topics(), work.perSecond(), seconds);
    }

    /** Publishes one message to each topic, so that all of them exist. */
    private void publishEach(Workload work, IntFunction<String> names, TopicClients subscribers) {
      if (work.topics() > 0) {
        double rate = Math.min(2_000, work.topics() * 100.0 / work.subscribers());
        publisher.publish(names, work.topics(), rate, work.topics() / rate);
        subscribers.awaitReceived(work.clients());
      }
    }

    /** Returns the memory of the nodes when they no longer let go of what was before. */
    private long emptyNodeMemory() throws InterruptedException {
      long bytes = Long.MAX_VALUE;
      for (long now = nodeMemory(); now < bytes - SETTLED_BYTES; now = nodeMemory()) {
        bytes = now;
        TimeUnit.SECONDS.sleep(2);
      }
      return bytes;
    }

    private double nodeSeconds() {
      return nodes.stream().mapToDouble(TopicNode::processorSeconds).sum();
    }

    private long nodeMemory() {
      return nodes.stream().mapToLong(TopicNode::liveMemory).sum();
    }
  }
}
