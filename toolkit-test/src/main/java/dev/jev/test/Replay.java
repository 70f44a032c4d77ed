package dev.jev.test;

import static java.util.Objects.requireNonNull;

import dev.jev.Client;
import dev.jev.EventLoops;
import dev.jev.Plugin;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;

/**
 * Sends what clients have sent, according to a capture of {@code WireLog.pcap}, to a server again,
 * and compares the answers.
 *
 * <pre>
 *   Replay.Result result = Replay.to("tcp://localhost:5000", Path.of("yesterday.pcap")).run();
 *   assertEquals(List.of(), result.differences());
 * </pre>
 *
 * <p><b>Order.</b> Each captured connection is made again, at its time. What a client has sent
 * after an answer is sent again after an answer of the same length, or after the {@link
 * #answerTimeout}. A connection is closed when all answers have arrived.
 *
 * <p><b>Limits.</b> The whole capture is kept in memory. An answer beyond the captured length is a
 * difference if it arrives before the close.
 *
 * <p><b>Threads.</b> {@link #run} waits for the end. The connections share an event loop.
 */
public final class Replay {

  /** Maximum number of bytes that a slow server makes a connection hold, beside the capture. */
  private static final int MAX_PENDING_BYTES = 1 << 30;

  private final String uri;
  private final Path path;
  private final List<Plugin> plugins = new ArrayList<>();
  private double speed = 1; // infinite: at once
  private boolean comparing = true;
  private Duration answerTimeout = Duration.ofSeconds(5);

  private Replay(String uri, Path path) {
    this.uri = requireNonNull(uri, "uri");
    this.path = requireNonNull(path, "path");
  }

  /**
   * Creates a replay of a capture, at the original speed and with comparison.
   *
   * @param uri the address of the server, see {@link Client.Builder#connect}
   * @param path the file that {@code WireLog.pcap} has written
   */
  public static Replay to(String uri, Path path) {
    return new Replay(uri, path);
  }

  /** Sends {@code times} times as fast; 1 by default. */
  public Replay speed(double times) {
    if (!(times > 0) || times == Double.POSITIVE_INFINITY) {
      throw new IllegalArgumentException("times: " + times + " (expected: > 0)");
    }
    this.speed = times;
    return this;
  }

  /** Sends everything at once: waits for answers, and not for the time of the capture. */
  public Replay atOnce() {
    this.speed = Double.POSITIVE_INFINITY;
    return this;
  }

  /**
   * Counts the bytes of the answers and does not compare them, for servers whose answers differ
   * each time.
   */
  public Replay countOnly() {
    this.comparing = false;
    return this;
  }

  /**
   * Sets the maximum time without a byte of an answer, once its captured time is over; 5 s by
   * default. Then the answer counts as too short.
   */
  public Replay answerTimeout(Duration answerTimeout) {
    if (answerTimeout.isNegative() || answerTimeout.isZero()) {
      throw new IllegalArgumentException("answerTimeout: " + answerTimeout + " (expected: > PT0S)");
    }
    this.answerTimeout = answerTimeout;
    return this;
  }

  /** Adds a plugin to the connections, such as {@code Tls.client()}. */
  public Replay plugin(Plugin plugin) {
    plugins.add(requireNonNull(plugin, "plugin"));
    return this;
  }

  /**
   * Replays the capture, and waits for the end.
   *
   * @throws IOException if the file cannot be read, or is no such capture
   */
  public Result run() throws IOException, InterruptedException {
    List<Capture.Stream> streams = Capture.read(path).streams();
    EventLoops loops = EventLoops.builder().count(1).start();
    ScheduledExecutorService clock =
        Executors.newSingleThreadScheduledExecutor(
            task -> {
              Thread thread = new Thread(task, "jev-replay");
              thread.setDaemon(true);
              return thread;
            });
    try {
      long start = System.nanoTime();
      List<ReplayedStream> replayed = new ArrayList<>();
      for (Capture.Stream stream : streams) {
        ReplayedStream next =
            new ReplayedStream(stream, clock, start, speed, answerTimeout, comparing);
        replayed.add(next);
        next.start(handler -> client(handler, loops));
      }
      for (ReplayedStream each : replayed) {
        each.awaitEnd();
      }
      return result(replayed, Duration.ofNanos(System.nanoTime() - start));
    } finally {
      clock.shutdownNow();
      loops.close();
    }
  }

  private Client<byte[]> client(ReplayedStream handler, EventLoops loops) {
    Client.Builder<byte[], byte[]> builder = Client.builder(ReplayedBytes::new, handler);
    plugins.forEach(builder::plugin);
    return builder.eventLoops(loops).maxPendingBytes(MAX_PENDING_BYTES).connect(uri);
  }

  private static Result result(List<ReplayedStream> streams, Duration time) {
    long sent = 0;
    long received = 0;
    long expected = 0;
    List<Difference> differences = new ArrayList<>();
    for (ReplayedStream each : streams) {
      sent += each.sentBytes();
      received += each.receivedBytes();
      expected += each.expectedBytes();
      Difference difference = each.difference();
      if (difference != null) {
        differences.add(difference);
      }
    }
    return new Result(streams.size(), sent, received, expected, List.copyOf(differences), time);
  }

  /**
   * The outcome of a replay.
   *
   * @param connections the number of captured connections, each of which was made again
   * @param sentBytes the number of bytes that were sent
   * @param receivedBytes the number of bytes that were received
   * @param expectedBytes the number of bytes that the clients of the capture received
   * @param differences the first difference of each connection that has one; if the answers are
   *     only counted, of those that were not established
   * @param time the time that the replay took
   */
  public record Result(
      int connections,
      long sentBytes,
      long receivedBytes,
      long expectedBytes,
      List<Difference> differences,
      Duration time) {}

  /**
   * A difference between the answers of a connection and the captured ones.
   *
   * @param connection the number of the connection in the capture, from 1 on; as {@code tcp.stream}
   *     of Wireshark, which begins with 0, plus 1
   * @param offset the number of equal bytes before the difference
   * @param description what was received, and what was expected
   */
  public record Difference(int connection, long offset, String description) {

    /** Returns all of it in one line. */
    @Override
    public String toString() {
      return "connection " + connection + ", byte " + offset + ": " + description;
    }
  }
}
