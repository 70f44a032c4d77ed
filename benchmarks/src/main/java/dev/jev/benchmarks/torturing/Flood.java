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

/** Peers that all write the same bytes at the same time, and only then read their close codes. */
final class Flood {

  private final int peers;
  private final Map<Integer, Integer> codes = new ConcurrentSkipListMap<>();
  private final AtomicInteger mostPongs = new AtomicInteger();
  private long peakDirect;
  private double seconds;

  private Flood(int peers) {
    this.peers = peers;
  }

  /** Runs a flood. Returns when all peers have read their close codes. */
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
          "all peers are closed",
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
        // The connection is closed already; its close code can be read.
      }
      code = peer.closeCode();
      mostPongs.accumulateAndGet(peer.pongs(), Math::max);
    } catch (IOException e) {
      // No code: -1.
    }
    codes.merge(code, 1, Integer::sum);
  }

  /** Requires that all peers have received this close code. */
  void expectCode(Outcome outcome, int code) {
    List<String> counts = new ArrayList<>();
    codes.forEach((each, count) -> counts.add(count + " times " + each));
    outcome.seen("%s", String.join(", ", counts));
    outcome.require(
        codes.equals(Map.of(code, peers)), "codes: %s (expected: only %d)", codes, code);
  }

  /** Returns the maximum number of pongs that one peer has received. */
  int mostPongs() {
    return mostPongs.get();
  }

  /** Returns the peak of direct memory in use, in bytes above its use before the flood. */
  long peakDirect() {
    return peakDirect;
  }

  /** Returns the duration of the flood. */
  double seconds() {
    return seconds;
  }
}
