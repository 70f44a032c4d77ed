package dev.jev.samples.push;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.jev.nodes.MessageCodec;
import dev.jev.nodes.NodeTopic;
import dev.jev.nodes.Nodes;
import dev.jev.nodes.Receipt;
import dev.jev.nodes.TopicKind;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * One of the nodes that {@link PushNodes} runs. That process says on standard input which nodes are
 * up, and takes requests from standard output. When it ends, so does this one.
 *
 * <p>A node publishes numbered messages, the steps, which let a page see that it has missed none.
 *
 * <p><b>Threads.</b> All methods may be called from any thread.
 */
final class PushNode {

  /** Begins the line on standard output that asks to kill a node. */
  static final String KILL = "kill";

  static final String TOPIC = "steps";
  static final TopicKind<String> KIND =
      TopicKind.log(MessageCodec.json(), /* messages= */ 1_000, Duration.ofMinutes(2));

  private final int number;
  private final List<Integer> ports;
  private final PushJson json = new PushJson();

  // Guarded by this.
  private Set<Integer> up = Set.of();
  private String run = newRun();
  private long steps;
  private boolean stepping;

  /**
   * Creates the node with a number.
   *
   * @param ports the ports of all nodes, from that of number 1 on
   */
  PushNode(int number, List<Integer> ports) {
    this.number = number;
    this.ports = List.copyOf(ports);
  }

  private static String newRun() {
    return UUID.randomUUID().toString();
  }

  /** Returns the origins of the pages of all nodes. */
  Stream<String> origins() {
    return ports.stream()
        .flatMap(port -> Stream.of("http://127.0.0.1:" + port, "http://localhost:" + port));
  }

  /** Returns which nodes there are. */
  synchronized PushEvent.Nodes nodes() {
    return new PushEvent.Nodes(
        number,
        IntStream.rangeClosed(1, ports.size())
            .mapToObj(n -> new PushEvent.Node(n, ports.get(n - 1), up.contains(n)))
            .toList());
  }

  /** Begins to follow which nodes are up. */
  void follow(Consumer<PushEvent> onChange) {
    Thread reader = new Thread(() -> read(onChange), "standard input");
    reader.setDaemon(true);
    reader.start();
  }

  private void read(Consumer<PushEvent> onChange) {
    try (BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, UTF_8))) {
      for (String line; (line = lines.readLine()) != null; ) {
        Set<Integer> now =
            Stream.of(line.split(" ", -1)).map(Integer::valueOf).collect(Collectors.toSet());
        synchronized (this) {
          up = now;
        }
        onChange.accept(nodes());
      }
    } catch (IOException e) {
      // As its end.
    }
    System.exit(0);
  }

  /** Asks to kill a node. */
  void kill(int node) {
    if (node <= ports.size()) {
      System.out.println(KILL + " " + node);
    }
  }

  /** Publishes the next step, unless the last one is still under way. */
  void step(Nodes nodes) {
    String next;
    synchronized (this) {
      if (stepping) {
        return;
      }
      stepping = true;
      next = json.text(new PushEvent.Step(number, run, steps + 1));
    }
    NodeTopic<String> topic = nodes.topic(TOPIC, KIND);
    topic.publish(next).whenComplete((receipt, failure) -> stepped(receipt));
  }

  /** Counts a step that is stored. After one whose outcome is unknown, counting begins anew. */
  private synchronized void stepped(@Nullable Receipt receipt) {
    stepping = false;
    Receipt.Outcome outcome = receipt == null ? Receipt.Outcome.UNKNOWN : receipt.outcome();
    if (outcome == Receipt.Outcome.STORED) {
      steps++;
    } else if (outcome == Receipt.Outcome.UNKNOWN) {
      run = newRun();
      steps = 0;
    }
  }
}
