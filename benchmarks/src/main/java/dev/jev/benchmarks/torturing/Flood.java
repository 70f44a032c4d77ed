package dev.jev.benchmarks.torturing;

import dev.jev.benchmarks.shared.WebSocketHandshake;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;

/** Peers that write all the same at the same time, and only then read what they are told. */
final class Flood {

  private final int peers;
  private final Map<Integer, Integer> codes = new ConcurrentSkipListMap<>();
  private final AtomicInteger mostPongs = new AtomicInteger();
  private long peakDirect;
  private double seconds;

  private Flood(int peers) {
    this.peers = peers;
  }

  /** Makes one; returns when all know why they were closed. */
  static Flood of(ServerUnderTest server, int peers, WebSocketHandshake handshake, byte[] bytes)
      throws Exception {
    Flood flood = new Flood(peers);
    ExecutorService threads = Executors.newFixedThreadPool(peers);
    try {
      long before = server.stat("direct");
      long start = System.nanoTime();
      List<Future<?>> all = new ArrayList<>();
      for (int i = 0; i < peers; i++) {
        all.add(threads.submit(() -> flood.run(server.port(), handshake, bytes)));
      }
      server.await(
          "all are told",
          Duration.ofSeconds(60),
          () -> {
            long direct = server.stat("direct") - before;
            flood.peakDirect = Math.max(flood.peakDirect, direct);
            return all.stream().allMatch(Future::isDone);
          });
      flood.seconds = (System.nanoTime() - start) / 1e9;
    } finally {
      threads.shutdownNow();
    }
    return flood;
  }

  private void run(int port, WebSocketHandshake handshake, byte[] bytes) {
    int code = -1;
    try (Peer peer = Peer.connect(port).upgrade(handshake)) {
      try {
        peer.write(bytes);
      } catch (IOException e) {
        // It is closed already, and why can be read.
      }
      code = peer.closeCode();
      mostPongs.accumulateAndGet(peer.pongs(), Math::max);
    } catch (IOException e) {
      // No code: -1.
    }
    codes.merge(code, 1, Integer::sum);
  }

  /** All were told this. */
  void expectCode(Outcome outcome, int code) {
    List<String> counts = new ArrayList<>();
    codes.forEach((each, count) -> counts.add(count + " times " + each));
    outcome.seen("%s", String.join(", ", counts));
    outcome.require(
        codes.equals(Map.of(code, peers)), "codes: %s (expected: only %d)", codes, code);
  }

  /** The most pongs that one of them has got. */
  int mostPongs() {
    return mostPongs.get();
  }

  /** The most bytes of direct memory that were seen in use, beyond those in use before. */
  long peakDirect() {
    return peakDirect;
  }

  /** How long it took. */
  double seconds() {
    return seconds;
  }
}
