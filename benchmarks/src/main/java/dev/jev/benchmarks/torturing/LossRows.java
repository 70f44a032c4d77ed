package dev.jev.benchmarks.torturing;

import dev.jev.benchmarks.shared.ChildProcesses;
import dev.jev.benchmarks.shared.WebSocketHandshake;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/** Rows about networks that lose packets, or all peers at once. */
final class LossRows {

  static final List<TortureRow> ROWS =
      List.of(
          new TortureRow(
              "ws-11",
              "200 peers vanish: every packet from and to them is dropped (nft)",
              "all detected within 1.2 × ping + pong + 0.4 s, with a ping of 3 s and a pong of 1 s",
              LossRows::vanished),
          new TortureRow(
              "ws-21",
              "4,000 WebSockets are reset at once and all reconnect at once; 2,000 per second are"
                  + " accepted",
              "all reconnect, no faster than that; the kernel's queue never overflows",
              LossRows::reconnectStorm),
          new TortureRow(
              "ws-25-loss",
              "row ws-25 with 5 % of all packets lost",
              "each reads the close code 1002",
              LossRows::violationWithLoss),
          new TortureRow(
              "ws-35",
              "5 % of all packets of 100 WebSockets are lost for 20 s; ping 1 s, pong 5 s",
              "no connection is closed, all echoes are correct",
              LossRows::loss));

  private static final int STORM = 4_000;
  private static final int ACCEPT_RATE = 2_000;
  private static final int LOSSY = 100;
  private static final int ECHOES = 5;

  private LossRows() {}

  private static void vanished(ChildProcesses children, Random random, Outcome outcome)
      throws Exception {
    int count = 200;
    try (ServerUnderTest server =
        ServerUnderTest.start(children, "--websocket", "--ping-ms", "3000", "--pong-ms", "1000")) {
      List<Peer> peers = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        peers.add(server.connect());
      }
      long found = server.stat("TIMEOUT");
      long start = System.nanoTime();
      outcome.require(found == 0, "closed before: %d", found);
      PacketLoss.during(100, server, children, () -> awaitDetection(server, count, start, outcome));
      for (Peer peer : peers) {
        peer.close();
      }
      server.expectCleanState(outcome);
    }
  }

  private static void awaitDetection(ServerUnderTest server, int count, long start, Outcome outcome)
      throws Exception {
    Duration limit = Duration.ofSeconds(20);
    server.await("half", limit, () -> server.stat("TIMEOUT") >= count / 2);
    double half = (System.nanoTime() - start) / 1e9;
    server.await("all", limit, () -> server.stat("TIMEOUT") >= count);
    double all = (System.nanoTime() - start) / 1e9;
    outcome.seen("%d detected", server.stat("TIMEOUT"));
    outcome.figure("half after %.2f s, all after %.2f s", half, all);
    outcome.require(all <= 5, "detected after %.2f s", all);
  }

  private static void reconnectStorm(ChildProcesses children, Random random, Outcome outcome)
      throws Exception {
    try (ServerUnderTest server =
        ServerUnderTest.start(children, "--websocket", "--accept-rate", "" + ACCEPT_RATE)) {
      long overflows = listenOverflows();
      double first = connectAndReset(server);
      double again = connectAndReset(server);
      overflows = listenOverflows() - overflows;
      outcome.seen("%,d connected twice, %d dropped by the kernel", STORM, overflows);
      outcome.figure("all connected after %.2f s, all reconnected after %.2f s", first, again);
      double least = (STORM - 200.0) / ACCEPT_RATE;
      outcome.require(again >= least, "reconnected after %.2f s (expected: >= %.2f)", again, least);
      outcome.require(overflows == 0, "dropped by the kernel: %d", overflows);
      server.expectCleanState(outcome);
    }
  }

  /** Connects all peers, then resets them. Returns the seconds until all were connected. */
  private static double connectAndReset(ServerUnderTest server) throws Exception {
    long start = System.nanoTime();
    byte[] request = WebSocketHandshake.MINIMAL.request(server.port());
    List<Peer> peers = new ArrayList<>();
    for (int i = 0; i < STORM; i++) {
      peers.add(Peer.connect(server.port()).write(request));
    }
    for (Peer peer : peers) {
      peer.upgraded();
    }
    double seconds = (System.nanoTime() - start) / 1e9;
    for (Peer peer : peers) {
      peer.reset();
    }
    return seconds;
  }

  /**
   * Returns the number of connections that this network namespace has dropped because of full
   * queues.
   */
  private static long listenOverflows() throws IOException {
    List<String> lines =
        Files.readAllLines(Path.of("/proc/self/net/netstat")).stream()
            .filter(line -> line.startsWith("TcpExt:"))
            .toList();
    List<String> names = Arrays.asList(lines.get(0).split(" ", -1));
    String[] values = lines.get(1).split(" ", -1);
    return Long.parseLong(values[names.indexOf("ListenOverflows")])
        + Long.parseLong(values[names.indexOf("ListenDrops")]);
  }

  private static void violationWithLoss(ChildProcesses children, Random random, Outcome outcome)
      throws Exception {
    try (ServerUnderTest server = ServerUnderTest.start(children, "--websocket")) {
      PacketLoss.during(5, server, children, () -> WebSocketRows.sendViolations(server, outcome));
      server.expectCleanState(outcome);
    }
  }

  private static void loss(ChildProcesses children, Random random, Outcome outcome)
      throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(LOSSY);
    try (ServerUnderTest server =
        ServerUnderTest.start(children, "--websocket", "--ping-ms", "1000", "--pong-ms", "5000")) {
      List<Peer> peers = new ArrayList<>();
      for (int i = 0; i < LOSSY; i++) {
        peers.add(server.connect());
      }
      PacketLoss.during(5, server, children, () -> echoDuringLoss(peers, threads, outcome));
      long closed = server.stat("TIMEOUT");
      outcome.seen("%d closed", closed);
      outcome.require(closed == 0, "closed: %d", closed);
      for (Peer peer : peers) {
        peer.close();
      }
      server.expectCleanState(outcome);
    } finally {
      threads.shutdownNow();
    }
  }

  /** Sends a message on every connection every 4 s. Pings are answered all the time. */
  private static void echoDuringLoss(List<Peer> peers, ExecutorService threads, Outcome outcome)
      throws Exception {
    List<Future<Integer>> all = new ArrayList<>();
    for (Peer peer : peers) {
      all.add(threads.submit(() -> countEchoes(peer)));
    }
    for (int i = 0; i < ECHOES; i++) {
      for (Peer peer : peers) {
        peer.send("echo " + i);
      }
      TimeUnit.SECONDS.sleep(4);
    }
    int echoes = 0;
    for (Future<Integer> each : all) {
      echoes += each.get(30, TimeUnit.SECONDS);
    }
    outcome.seen("%d of %d echoes in order", echoes, ECHOES * LOSSY);
    outcome.require(echoes == ECHOES * LOSSY, "echoes: %d", echoes);
  }

  private static int countEchoes(Peer peer) throws IOException {
    int right = 0;
    for (int i = 0; i < ECHOES; i++) {
      right += peer.receive().equals("echo " + i) ? 1 : 0;
    }
    return right;
  }
}
