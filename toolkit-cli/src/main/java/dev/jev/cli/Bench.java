package dev.jev.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.jev.Client;
import dev.jev.EventLoops;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * Measures how many messages a server answers, and how fast.
 *
 * <p>With a rate, each message has its time, and latencies count from that: if the server or this
 * program is late, all messages that had to wait show it. Without one, a message is sent when an
 * answer has come, so a server that stops for a second delays one message per connection and depth,
 * and the latencies are those at full load.
 */
@Command(name = "bench", description = "Measures how many messages a server answers, and how fast.")
final class Bench implements Callable<Integer> {

  private static final int CONNECT_SECONDS = 10;

  /** Maximum number of bytes that a slow server makes a connection hold. */
  private static final int MAX_PENDING_BYTES = 1 << 30;

  @Mixin private Target target = new Target();

  @Option(names = "--connections", description = "Number of connections (default: 50).")
  private int connections = 50;

  @Option(
      names = "--depth",
      description = "Messages without an answer per connection (default: 1).")
  private int depth = 1;

  @Option(
      names = "--rate",
      description = "Messages per second, evenly over all connections (default: as answers come).")
  private double rate;

  @Option(names = "--seconds", description = "Length of the measurement (default: 10).")
  private double seconds = 10;

  @Option(names = "--warmup-seconds", description = "Time before it (default: 2).")
  private double warmUpSeconds = 2;

  @Option(names = "--size", description = "Size of a message, in bytes (default: 64).")
  private int size = 64;

  @Option(
      names = "--message",
      description = "The message, in place of one of that size; for resp PING by default.")
  private @Nullable String message;

  @Option(names = "--loops", description = "Number of event loops (default: 1).")
  private int loopCount = 1;

  @Option(names = "--json", description = "Print one object of JSON.")
  private boolean json;

  private final PrintStream out;
  private final PrintStream err;

  Bench(PrintStream out, PrintStream err) {
    this.out = out;
    this.err = err;
  }

  @Override
  public Integer call() throws InterruptedException, ExecutionException {
    require("connections", connections, connections >= 1, ">= 1");
    require("depth", depth, depth >= 1 && (rate == 0 || depth == 1), ">= 1, and 1 with --rate");
    require("rate", rate, rate >= 0 && rate <= 1e9, "0..1e9 messages per second");
    require("seconds", seconds, seconds > 0, "> 0");
    require("size", size, size >= 0, ">= 0 bytes");
    return connectAndMeasure(target.format());
  }

  private static void require(String name, Object value, boolean holds, String expected) {
    if (!holds) {
      throw new IllegalArgumentException(name + ": " + value + " (expected: " + expected + ")");
    }
  }

  private <I, O> int connectAndMeasure(WireFormat<I, O> format)
      throws InterruptedException, ExecutionException {
    Load<I, O> load = new Load<>(format, bytes(format), rate == 0 ? depth : 0);
    List<Client<O>> clients = new ArrayList<>();
    try (EventLoops loops = EventLoops.builder().count(loopCount).start()) {
      try {
        for (int i = 0; i < connections; i++) {
          clients.add(connect(format, load, loops));
        }
        awaitConnected(clients);
        return measure(load);
      } finally {
        load.close();
        clients.forEach(Client::close);
      }
    }
  }

  private byte[] bytes(WireFormat<?, ?> format) {
    return message == null ? format.example(size) : Cat.withoutLineEnd(message.getBytes(UTF_8));
  }

  private <I, O> Client<O> connect(WireFormat<I, O> format, Load<I, O> load, EventLoops loops) {
    return target
        .client(format, load)
        .eventLoops(loops)
        .maxPendingBytes(MAX_PENDING_BYTES)
        .connect(target.address());
  }

  private int measure(Load<?, ?> load) {
    PrintStream shown = json ? null : err;
    Progress warmUp = load.measure(warmUpSeconds, shown);
    load.start();
    pace(load, warmUp);
    Progress measured = load.measure(seconds, shown);
    pace(load, measured);
    load.stop();
    BenchResult result = measured.end();
    if (result.messages() == 0) {
      load.requireOpen();
    }
    out.println(json ? result.toJson() : result.toText());
    return result.messages() > 0 ? 0 : 1;
  }

  private static void awaitConnected(List<? extends Client<?>> clients)
      throws InterruptedException, ExecutionException {
    CompletableFuture<?>[] connected =
        clients.stream()
            .map(client -> client.connected().toCompletableFuture())
            .toArray(CompletableFuture<?>[]::new);
    try {
      CompletableFuture.allOf(connected).get(CONNECT_SECONDS, TimeUnit.SECONDS);
    } catch (TimeoutException e) {
      long open = clients.stream().filter(client -> client.connection() != null).count();
      throw new IllegalStateException(
          "connections: "
              + open
              + " within "
              + CONNECT_SECONDS
              + " s (expected: "
              + connected.length
              + ")",
          e);
    }
  }

  /** Lets the time pass; with a rate, also sends each message when it is due. */
  private void pace(Load<?, ?> load, Progress progress) {
    double interval = rate == 0 ? 1e8 : 1e9 / rate;
    for (long i = 0; ; i++) {
      long due = (long) (i * interval);
      if (due >= progress.nanos()) {
        progress.sleepUntil(progress.begin() + progress.nanos());
        return;
      }
      progress.sleepUntil(progress.begin() + due);
      if (rate == 0) {
        load.requireOpen();
      } else {
        load.send(progress.begin() + due);
      }
    }
  }
}
