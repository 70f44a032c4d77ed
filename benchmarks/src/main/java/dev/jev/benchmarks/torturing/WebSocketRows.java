package dev.jev.benchmarks.torturing;

import static java.nio.charset.StandardCharsets.US_ASCII;

import dev.jev.benchmarks.shared.BenchmarkException;
import dev.jev.benchmarks.shared.ChildProcesses;
import dev.jev.benchmarks.shared.ProcFs;
import dev.jev.benchmarks.shared.WebSocketFrames;
import dev.jev.benchmarks.shared.WebSocketHandshake;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;

/** Rows about WebSocket peers. The canary is a WebSocket, too. */
final class WebSocketRows {

  static final List<TortureRow> ROWS =
      List.of(
          new TortureRow(
              "ws-1",
              "5,000 peers connect to a WebSocket server and send nothing",
              "each receives a FIN and no bytes after the handshake timeout of 10 s, ± 1 s",
              (children, random, outcome) -> PeerRows.silent(children, outcome, "--websocket")),
          new TortureRow(
              "ws-2",
              "200 peers send an HTTP request that never ends, 1 byte/s",
              "408 after a total of 10 s, ± 1 s",
              (children, random, outcome) ->
                  PeerRows.dripping(children, outcome, PeerRows.DRIPPING, "--websocket")),
          new TortureRow(
              "ws-3",
              "1,000 peers announce a frame of 64 KiB and send one byte of it per second, for 20 s",
              "memory grows with the bytes sent, not with the length announced: < 8 KiB each,"
                  + " including the records of leak detection",
              WebSocketRows::drippedFrames),
          new TortureRow(
              "ws-5",
              "messages in fragments of 1 byte: 10,000 and 250,000 of them",
              "time is linear: each of many fragments takes at most twice as long as each of few",
              WebSocketRows::tinyFragments),
          new TortureRow(
              "ws-6",
              "50 peers send 100,000 empty continuation frames each",
              "1008 at the 1,025th fragment, read by all peers; canary p99 < 500 ms, as the"
                  + " threads of the flood use both cores",
              WebSocketRows::emptyContinuations),
          new TortureRow(
              "ws-7",
              "100 peers send 10,000 pings of 125 bytes each and do not read; 50 peers with"
                  + " pending output send 50 pings and never read",
              "1008, after at most 62 pongs; the others closed by the write stall timeout of 2 s,"
                  + " within 3 s, with nothing more queued; canary p99 < 500 ms",
              WebSocketRows::pings),
          new TortureRow(
              "ws-8",
              "50 peers send 10,000 unsolicited pongs, 50 send 2,000 empty texts with a limit of"
                  + " 100 per second",
              "1008, read by all peers; canary p99 < 500 ms",
              WebSocketRows::pongsAndEmptyTexts),
          new TortureRow(
              "ws-12",
              "4 of 5 subscribers of a topic with 4 MB/s are stopped for 60 s (SIGSTOP)",
              "a queue of <= 512 KiB plus one message each, then OVERFLOW; the fifth is not"
                  + " affected",
              (children, random, outcome) ->
                  PeerRows.stoppedClients(children, outcome, 512 * 1024, "--websocket")),
          new TortureRow(
              "ws-22",
              "SIGTERM with a drain while 1,000 WebSockets have 3 requests each in flight",
              "every answer arrives, then 1012 and a FIN for each, exit 0 within 10 s",
              WebSocketRows::terminated),
          new TortureRow(
              "ws-25",
              "100 peers send an unmasked frame and 4 MiB after it, and read only then",
              "each reads the close code 1002; canary p99 < 500 ms",
              WebSocketRows::violations),
          new TortureRow(
              "ws-26",
              "deflate bombs of 16 MiB, 1:1000: 20 in one frame, then 20 in frames of 512 bytes",
              "1009, read by all peers; at most 1 MiB + 64 KiB each in direct memory; canary p99 <"
                  + " 500 ms",
              WebSocketRows::deflateBombs),
          new TortureRow(
              "ws-40",
              "20 peers send a compressed message of 2 MiB that consists of empty final blocks",
              "1008, read by all peers; canary p99 < 500 ms",
              WebSocketRows::finalBlocks));

  /** Tolerated growth of direct memory, which Netty counts in chunks of 4 MiB. */
  private static final long DIRECT_TOLERANCE = 4 * (4 << 20);

  /** Limit during a flood, whose threads use both cores. */
  private static final double CANARY_LIMIT_MILLIS = 500;

  private static final int MAX_MESSAGE_BYTES = TortureServerOptions.MAX_MESSAGE_BYTES;

  // First bytes of frames.
  private static final int CONTINUATION = 0x00;
  private static final int LAST_CONTINUATION = 0x80;
  private static final int FIRST_TEXT = 0x01;
  private static final int COMPRESSED_BINARY = 0xc2;
  private static final int FIRST_COMPRESSED_BINARY = 0x42;
  private static final int PING = 0x89;
  private static final int PONG = 0x8a;

  private WebSocketRows() {}

  /** Returns the same frame {@code count} times. */
  private static byte[] frames(int count, int first, byte[] payload) {
    byte[] frame = WebSocketFrames.ofClient(first, payload);
    byte[] all = new byte[count * frame.length];
    for (int i = 0; i < count; i++) {
      System.arraycopy(frame, 0, all, i * frame.length, frame.length);
    }
    return all;
  }

  private static byte[] joined(byte[]... parts) {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    Arrays.stream(parts).forEach(all::writeBytes);
    return all.toByteArray();
  }

  /** Starts a server, warms it up with the same kind of flood, and starts the canary. */
  private static ServerUnderTest start(
      ChildProcesses children, WebSocketHandshake handshake, byte[] bytes, String... options)
      throws Exception {
    ServerUnderTest server = ServerUnderTest.startCold(children, List.of(), options);
    server.warmUp();
    Flood.of(server, 20, handshake, bytes);
    server.await("all connections are closed", () -> server.stat("connections") == 0);
    return server.startCanary();
  }

  private static void drippedFrames(ChildProcesses children, Random random, Outcome outcome)
      throws Exception {
    int count = 1_000;
    try (ServerUnderTest server = ServerUnderTest.start(children, "--websocket")) {
      byte[] frame = WebSocketFrames.ofClient(WebSocketFrames.BINARY, new byte[64 * 1024]);
      List<Peer> peers = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        peers.add(server.connect());
      }
      ServerStats before = server.command("gc");
      for (int second = 0; second < 20; second++) {
        int end = second == 0 ? frame.length - 64 * 1024 + 1 : 1;
        for (Peer peer : peers) {
          peer.write(Arrays.copyOf(frame, end));
        }
        TimeUnit.SECONDS.sleep(1);
      }
      ServerStats after = server.command("gc");
      long direct = after.get("direct") - before.get("direct");
      long heap = after.get("heap") - before.get("heap");
      long open = after.get("connections") - 1;
      outcome.seen("%d still open", open);
      outcome.figure(
          "%,d bytes of direct memory and %,d of heap per connection",
          direct / count, heap / count);
      outcome.require(
          (direct + heap) / count < 8192,
          "memory per connection: %d bytes",
          (direct + heap) / count);
      for (Peer peer : peers) {
        peer.close();
      }
      server.expectCleanState(outcome);
    }
  }

  private static void tinyFragments(ChildProcesses children, Random random, Outcome outcome)
      throws Exception {
    try (ServerUnderTest server =
        ServerUnderTest.start(children, "--websocket", "--max-fragments", "1000000")) {
      try (Peer peer = server.connect()) {
        nanosEach(server, peer, 100, 10_000); // compiles the code
        double few = nanosEach(server, peer, 100, 10_000);
        double many = nanosEach(server, peer, 4, 250_000);
        outcome.seen("%.2f times as long", many / few);
        outcome.figure("%.0f and %.0f ns of CPU time per fragment", few, many);
        outcome.require(many <= 2 * few, "not linear: %.0f, %.0f ns", few, many);
      }
      server.expectCleanState(outcome);
    }
  }

  private static double nanosEach(ServerUnderTest server, Peer peer, int messages, int fragments)
      throws IOException {
    byte[] letter = {'x'};
    byte[] message =
        joined(
            WebSocketFrames.ofClient(FIRST_TEXT, letter),
            frames(fragments - 2, CONTINUATION, letter),
            WebSocketFrames.ofClient(LAST_CONTINUATION, letter));
    double before = ProcFs.processorSeconds(server.pid());
    for (int i = 0; i < messages; i++) {
      int length = peer.write(message).receiveBytes().length;
      if (length != fragments) {
        throw new BenchmarkException("echo: " + length + " bytes (expected: " + fragments + ")");
      }
    }
    double seconds = ProcFs.processorSeconds(server.pid()) - before;
    return seconds * 1e9 / ((double) messages * fragments);
  }

  private static void emptyContinuations(ChildProcesses children, Random random, Outcome outcome)
      throws Exception {
    byte[] empty = new byte[0];
    byte[] message =
        joined(WebSocketFrames.ofClient(FIRST_TEXT, empty), frames(100_000, CONTINUATION, empty));
    try (ServerUnderTest server =
        start(children, WebSocketHandshake.MINIMAL, message, "--websocket")) {
      double before = ProcFs.processorSeconds(server.pid());
      Flood flood = Flood.of(server, 50, WebSocketHandshake.MINIMAL, message);
      double seconds = ProcFs.processorSeconds(server.pid()) - before;
      flood.expectCode(outcome, 1008);
      outcome.figure("all closed after %.1f s, %.2f s of CPU time", flood.seconds(), seconds);
      server.expectCleanState(outcome, CANARY_LIMIT_MILLIS);
    }
  }

  private static void pings(ChildProcesses children, Random random, Outcome outcome)
      throws Exception {
    byte[] payload = "p".repeat(125).getBytes(US_ASCII);
    byte[] pings = frames(10_000, PING, payload);
    String[] options = {"--websocket", "--write-deadline-ms", "2000"};
    try (ServerUnderTest server = start(children, WebSocketHandshake.MINIMAL, pings, options)) {
      Flood flood = Flood.of(server, 100, WebSocketHandshake.MINIMAL, pings);
      flood.expectCode(outcome, 1008);
      int pongs = flood.mostPongs();
      outcome.figure(
          "flood: at most %d pongs, direct memory at most + %d MiB",
          pongs, flood.peakDirect() >> 20);
      outcome.require(pongs <= 62, "pongs: %d", pongs);
      outcome.require(flood.peakDirect() <= DIRECT_TOLERANCE, "direct: %d", flood.peakDirect());
      nonReadingPeers(server, outcome, frames(50, PING, payload));
      server.expectCleanState(outcome, CANARY_LIMIT_MILLIS);
    }
  }

  private static void nonReadingPeers(ServerUnderTest server, Outcome outcome, byte[] pings)
      throws Exception {
    List<Peer> peers = new ArrayList<>();
    for (int i = 0; i < 50; i++) {
      Peer peer =
          Peer.connect(server.port(), /* receiveBuffer= */ 4096)
              .upgrade(WebSocketHandshake.MINIMAL);
      peers.add(peer.send("!push 1000 10000"));
    }
    long start = System.nanoTime();
    for (Peer peer : peers) {
      peer.write(pings);
    }
    long before = server.stat("direct");
    server.await(
        "the peers that do not read are closed",
        Duration.ofSeconds(15),
        () -> server.stat("TIMEOUT") >= peers.size());
    double seconds = (System.nanoTime() - start) / 1e9;
    long closed = server.stat("TIMEOUT");
    long pending = server.stat("maxPending");
    outcome.seen("%d by the write stall timeout", closed);
    outcome.figure(
        "after %.1f s, at most %,d bytes queued, direct memory then %+d MiB",
        seconds, pending, (server.stat("direct") - before) >> 20);
    outcome.require(closed == peers.size() && seconds <= 3, "%d after %.1f s", closed, seconds);
    outcome.require(pending <= 256 * 1024 + 20_000, "queued: %d bytes", pending);
    for (Peer peer : peers) {
      peer.close();
    }
  }

  private static void pongsAndEmptyTexts(ChildProcesses children, Random random, Outcome outcome)
      throws Exception {
    byte[] texts = frames(2_000, WebSocketFrames.TEXT, new byte[0]);
    String[] options = {"--websocket", "--message-rate", "100"};
    try (ServerUnderTest server = start(children, WebSocketHandshake.MINIMAL, texts, options)) {
      Flood pongs =
          Flood.of(server, 50, WebSocketHandshake.MINIMAL, frames(10_000, PONG, new byte[0]));
      pongs.expectCode(outcome, 1008);
      Flood empty = Flood.of(server, 50, WebSocketHandshake.MINIMAL, texts);
      empty.expectCode(outcome, 1008);
      outcome.figure("all closed after %.1f and %.1f s", pongs.seconds(), empty.seconds());
      server.expectCleanState(outcome, CANARY_LIMIT_MILLIS);
    }
  }

  private static void terminated(ChildProcesses children, Random random, Outcome outcome)
      throws Exception {
    int count = 1_000;
    int questions = 3;
    try (ServerUnderTest server =
        ServerUnderTest.startCold(children, List.of(), "--websocket", "--drain")) {
      List<Peer> peers = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        peers.add(server.connect());
      }
      byte[] question = "question".getBytes(US_ASCII);
      byte[] asked = frames(questions, WebSocketFrames.TEXT, question);
      for (Peer peer : peers) {
        peer.write(asked);
      }
      ServerUnderTest.signal(server.process(), "TERM");
      long start = System.nanoTime();
      int answers = 0;
      int restartCodes = 0;
      int fins = 0;
      for (Peer peer : peers) {
        try (peer) {
          for (int i = 0; i < questions; i++) {
            answers += peer.receive().equals("question") ? 1 : 0;
          }
          restartCodes += peer.closeCode() == 1012 ? 1 : 0;
          fins += peer.end() == Peer.End.FIN ? 1 : 0;
        }
      }
      ServerStats last = new ServerStats(server.line());
      boolean ended = server.process().waitFor(10, TimeUnit.SECONDS);
      double seconds = (System.nanoTime() - start) / 1e9;
      outcome.seen(
          "%d of %d answers, %d times 1012, %d FIN", answers, 3 * count, restartCodes, fins);
      outcome.figure("exit after %.1f s", seconds);
      outcome.require(answers == questions * count, "answers: %d", answers);
      outcome.require(restartCodes == count, "1012: %d of %d", restartCodes, count);
      outcome.require(fins == count, "FIN: %d of %d", fins, count);
      outcome.require(
          ended && seconds <= 10 && server.process().exitValue() == 0,
          "exit: not 0 or not in time");
      ServerUnderTest.expectClosedOnce(outcome, last, /* stillOpen= */ 0);
      server.expectQuietLog(outcome);
    }
  }

  private static byte[] violation() {
    byte[] unmasked = WebSocketFrames.ofServer(WebSocketFrames.TEXT, new byte[5]);
    return Arrays.copyOf(unmasked, 4 << 20);
  }

  private static void violations(ChildProcesses children, Random random, Outcome outcome)
      throws Exception {
    try (ServerUnderTest server =
        start(children, WebSocketHandshake.MINIMAL, violation(), "--websocket")) {
      sendViolations(server, outcome);
      server.expectCleanState(outcome, CANARY_LIMIT_MILLIS);
    }
  }

  /** Makes 100 peers violate the protocol, send 4 MiB more, and then read their close codes. */
  static void sendViolations(ServerUnderTest server, Outcome outcome) throws Exception {
    Flood flood = Flood.of(server, 100, WebSocketHandshake.MINIMAL, violation());
    flood.expectCode(outcome, 1002);
    outcome.figure("all closed after %.1f s", flood.seconds());
  }

  private static void deflateBombs(ChildProcesses children, Random random, Outcome outcome)
      throws Exception {
    int count = 20;
    byte[] bomb = WebSocketFrames.deflated(new byte[16 << 20]);
    ByteArrayOutputStream fragments = new ByteArrayOutputStream();
    for (int i = 0; i < bomb.length; i += 512) {
      byte[] part = Arrays.copyOfRange(bomb, i, Math.min(i + 512, bomb.length));
      fragments.writeBytes(
          WebSocketFrames.ofClient(i == 0 ? FIRST_COMPRESSED_BINARY : CONTINUATION, part));
    }
    long allowed = (long) count * (MAX_MESSAGE_BYTES + 64 * 1024) + DIRECT_TOLERANCE;
    byte[] whole = WebSocketFrames.ofClient(COMPRESSED_BINARY, bomb);
    try (ServerUnderTest server =
        start(children, WebSocketHandshake.DEFLATE, whole, "--websocket")) {
      for (byte[] bytes : List.of(whole, fragments.toByteArray())) {
        Flood flood = Flood.of(server, count, WebSocketHandshake.DEFLATE, bytes);
        flood.expectCode(outcome, 1009);
        outcome.figure(
            "1:%d, direct memory at most + %d MiB, all closed after %.1f s",
            (16 << 20) / bomb.length, flood.peakDirect() >> 20, flood.seconds());
        outcome.require(flood.peakDirect() <= allowed, "direct: %d bytes", flood.peakDirect());
      }
      server.expectCleanState(outcome, CANARY_LIMIT_MILLIS);
    }
  }

  private static void finalBlocks(ChildProcesses children, Random random, Outcome outcome)
      throws Exception {
    byte[] blocks = new byte[2 << 20];
    for (int i = 0; i < blocks.length; i += 2) {
      blocks[i] = 3; // an empty final block with fixed codes
    }
    byte[] message = WebSocketFrames.ofClient(COMPRESSED_BINARY, blocks);
    try (ServerUnderTest server =
        start(children, WebSocketHandshake.DEFLATE, message, "--websocket")) {
      double before = ProcFs.processorSeconds(server.pid());
      Flood flood = Flood.of(server, 20, WebSocketHandshake.DEFLATE, message);
      double seconds = ProcFs.processorSeconds(server.pid()) - before;
      flood.expectCode(outcome, 1008);
      outcome.figure("all closed after %.1f s, %.2f s of CPU time", flood.seconds(), seconds);
      server.expectCleanState(outcome, CANARY_LIMIT_MILLIS);
    }
  }
}
