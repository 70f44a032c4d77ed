package dev.jev.benchmarks;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;

/** What peers do to a WebSocket, all the time with a canary that is one, too. */
final class WebSocketRows {

  static final List<TortureRow> ROWS =
      List.of(
          new TortureRow(
              "ws-1",
              "5,000 peers connect to a WebSocket and send nothing",
              "each gets a FIN and no byte after the handshake timeout of 10 s, ± 1 s",
              (children, random, outcome) -> PeerRows.silent(children, outcome, "--websocket")),
          new TortureRow(
              "ws-2",
              "200 peers send an HTTP request that never ends, 1 byte/s",
              "408 after 10 s in all, ± 1 s",
              (children, random, outcome) ->
                  PeerRows.dripping(children, outcome, PeerRows.DRIPPING, "--websocket")),
          new TortureRow(
              "ws-3",
              "1,000 peers announce a frame of 64 KiB and send a byte of it each second, for 20 s",
              "they hold what they have sent, not what they have announced: < 8 KiB each, with the"
                  + " records of leak detection",
              WebSocketRows::drippedFrames),
          new TortureRow(
              "ws-5",
              "messages in fragments of 1 byte: 10,000 and 250,000 of them",
              "time is linear: at most twice as long for each of many as of few",
              WebSocketRows::tinyFragments),
          new TortureRow(
              "ws-6",
              "50 peers send 100,000 empty continuation frames each",
              "1008 at the 1,025th fragment, read by all; canary p99 < 500 ms, as the threads of"
                  + " the flood want both cores",
              WebSocketRows::emptyContinuations),
          new TortureRow(
              "ws-7",
              "100 peers send 10,000 pings of 125 bytes each and do not read; 50 whose output waits"
                  + " send 50 pings and never read",
              "1008, with at most 62 pongs before it; the others closed by the write deadline of"
                  + " 2 s, within 3 s, with nothing more queued; canary p99 < 500 ms",
              WebSocketRows::pings),
          new TortureRow(
              "ws-8",
              "50 peers send 10,000 pongs that nobody asked for, 50 send 2,000 empty texts where"
                  + " 100 a second are allowed",
              "1008, read by all; canary p99 < 500 ms",
              WebSocketRows::pongsAndEmptyTexts),
          new TortureRow(
              "ws-12",
              "4 of 5 subscribers of a topic with 4 MB/s are stopped for 60 s (SIGSTOP)",
              "queue <= 512 KiB and a message each, then OVERFLOW; the fifth is not affected",
              (children, random, outcome) ->
                  PeerRows.stoppedClients(children, outcome, 512 * 1024, "--websocket")),
          new TortureRow(
              "ws-22",
              "SIGTERM with a drain while 1,000 WebSockets have 3 questions each on their way",
              "every answer arrives, then 1012 and a FIN for each, exit 0 within 10 s",
              WebSocketRows::terminated),
          new TortureRow(
              "ws-25",
              "100 peers send a frame without a mask and 4 MiB behind it, and read only then",
              "each reads the close code 1002; canary p99 < 500 ms",
              WebSocketRows::violations),
          new TortureRow(
              "ws-26",
              "deflate bombs of 16 MiB, 1:1000: 20 in one frame, then 20 in frames of 512 bytes",
              "1009, read by all; at most 1 MiB + 64 KiB each in direct memory; canary p99 <"
                  + " 500 ms",
              WebSocketRows::bombs));

  /** Of what Netty counts, which is whole chunks of 4 MiB. */
  private static final long DIRECT_TOLERANCE = 4 * (4 << 20);

  /** Of a flood: the threads that make it want both cores. */
  private static final double CANARY_LIMIT_MILLIS = 500;

  private static final int MAX_MESSAGE_BYTES = TortureSpeech.MAX_MESSAGE_BYTES;

  // First bytes of frames.
  private static final int CONTINUATION = 0x00;
  private static final int LAST_CONTINUATION = 0x80;
  private static final int FIRST_TEXT = 0x01;
  private static final int COMPRESSED_BINARY = 0xc2;
  private static final int FIRST_COMPRESSED_BINARY = 0x42;
  private static final int PING = 0x89;
  private static final int PONG = 0x8a;

  private WebSocketRows() {}

  /** The same frame many times. */
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

  /** Starts a server whose code has been compiled for what comes; the canary sings. */
  private static Target start(
      Children children, WebSocketHandshake handshake, byte[] bytes, String... options)
      throws Exception {
    Target target = Target.startCold(children, List.of(), options);
    target.warmUp();
    Flood.of(target, 20, handshake, bytes);
    target.await("all are gone", () -> target.figure("connections") == 0);
    return target.sing();
  }

  private static void drippedFrames(Children children, Random random, Outcome outcome)
      throws Exception {
    int count = 1_000;
    try (Target target = Target.start(children, "--websocket")) {
      byte[] frame = WebSocketFrames.ofClient(WebSocketFrames.BINARY, new byte[64 * 1024]);
      List<Peer> peers = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        peers.add(target.connect());
      }
      Figures before = target.order("gc");
      for (int second = 0; second < 20; second++) {
        int end = second == 0 ? frame.length - 64 * 1024 + 1 : 1;
        for (Peer peer : peers) {
          peer.write(Arrays.copyOf(frame, end));
        }
        TimeUnit.SECONDS.sleep(1);
      }
      Figures after = target.order("gc");
      long direct = after.get("direct") - before.get("direct");
      long heap = after.get("heap") - before.get("heap");
      long open = after.get("connections") - 1;
      outcome.seen("%d still open", open);
      outcome.figure(
          "%,d bytes of direct memory and %,d of heap each", direct / count, heap / count);
      outcome.require((direct + heap) / count < 8192, "held: %d", (direct + heap) / count);
      for (Peer peer : peers) {
        peer.close();
      }
      target.settle(outcome);
    }
  }

  private static void tinyFragments(Children children, Random random, Outcome outcome)
      throws Exception {
    try (Target target = Target.start(children, "--websocket", "--max-fragments", "1000000")) {
      try (Peer peer = target.connect()) {
        nanosEach(target, peer, 100, 10_000); // until it is compiled
        double few = nanosEach(target, peer, 100, 10_000);
        double many = nanosEach(target, peer, 4, 250_000);
        outcome.seen("%.2f times as long", many / few);
        outcome.figure("%.0f and %.0f ns of processor time for each fragment", few, many);
        outcome.require(many <= 2 * few, "not linear: %.0f, %.0f ns", few, many);
      }
      target.settle(outcome);
    }
  }

  private static double nanosEach(Target target, Peer peer, int messages, int fragments)
      throws IOException {
    byte[] letter = {'x'};
    byte[] message =
        joined(
            WebSocketFrames.ofClient(FIRST_TEXT, letter),
            frames(fragments - 2, CONTINUATION, letter),
            WebSocketFrames.ofClient(LAST_CONTINUATION, letter));
    double before = Proc.processorSeconds(target.pid());
    for (int i = 0; i < messages; i++) {
      int length = peer.write(message).receiveBytes().length;
      if (length != fragments) {
        throw new BenchmarkException("echo: " + length + " bytes (expected: " + fragments + ")");
      }
    }
    double seconds = Proc.processorSeconds(target.pid()) - before;
    return seconds * 1e9 / ((double) messages * fragments);
  }

  private static void emptyContinuations(Children children, Random random, Outcome outcome)
      throws Exception {
    byte[] empty = new byte[0];
    byte[] message =
        joined(WebSocketFrames.ofClient(FIRST_TEXT, empty), frames(100_000, CONTINUATION, empty));
    try (Target target = start(children, WebSocketHandshake.MINIMAL, message, "--websocket")) {
      double before = Proc.processorSeconds(target.pid());
      Flood flood = Flood.of(target, 50, WebSocketHandshake.MINIMAL, message);
      double seconds = Proc.processorSeconds(target.pid()) - before;
      flood.expectCode(outcome, 1008);
      outcome.figure("all told after %.1f s, %.2f s of processor time", flood.seconds(), seconds);
      target.settle(outcome, CANARY_LIMIT_MILLIS);
    }
  }

  private static void pings(Children children, Random random, Outcome outcome) throws Exception {
    byte[] payload = "p".repeat(125).getBytes(US_ASCII);
    byte[] pings = frames(10_000, PING, payload);
    String[] options = {"--websocket", "--write-deadline-ms", "2000"};
    try (Target target = start(children, WebSocketHandshake.MINIMAL, pings, options)) {
      Flood flood = Flood.of(target, 100, WebSocketHandshake.MINIMAL, pings);
      flood.expectCode(outcome, 1008);
      int pongs = flood.mostPongs();
      outcome.figure(
          "flood: %d pongs at most, direct memory + %d MiB at most",
          pongs, flood.peakDirect() >> 20);
      outcome.require(pongs <= 62, "pongs: %d", pongs);
      outcome.require(flood.peakDirect() <= DIRECT_TOLERANCE, "direct: %d", flood.peakDirect());
      deafPeers(target, outcome, frames(50, PING, payload));
      target.settle(outcome, CANARY_LIMIT_MILLIS);
    }
  }

  private static void deafPeers(Target target, Outcome outcome, byte[] pings) throws Exception {
    List<Peer> peers = new ArrayList<>();
    for (int i = 0; i < 50; i++) {
      Peer peer =
          Peer.connect(target.port(), /* receiveBuffer= */ 4096)
              .upgrade(WebSocketHandshake.MINIMAL);
      peers.add(peer.send("!push 1000 10000"));
    }
    long start = System.nanoTime();
    for (Peer peer : peers) {
      peer.write(pings);
    }
    long before = target.figure("direct");
    target.await(
        "the deaf ones are closed",
        Duration.ofSeconds(15),
        () -> target.figure("TIMEOUT") >= peers.size());
    double seconds = (System.nanoTime() - start) / 1e9;
    long closed = target.figure("TIMEOUT");
    long pending = target.figure("maxPending");
    outcome.seen("%d by the write deadline", closed);
    outcome.figure(
        "after %.1f s, at most %,d bytes queued, direct memory then %+d MiB",
        seconds, pending, (target.figure("direct") - before) >> 20);
    outcome.require(closed == peers.size() && seconds <= 3, "%d after %.1f s", closed, seconds);
    outcome.require(pending <= 256 * 1024 + 20_000, "queued: %d bytes", pending);
    for (Peer peer : peers) {
      peer.close();
    }
  }

  private static void pongsAndEmptyTexts(Children children, Random random, Outcome outcome)
      throws Exception {
    byte[] texts = frames(2_000, WebSocketFrames.TEXT, new byte[0]);
    String[] options = {"--websocket", "--message-rate", "100"};
    try (Target target = start(children, WebSocketHandshake.MINIMAL, texts, options)) {
      Flood pongs =
          Flood.of(target, 50, WebSocketHandshake.MINIMAL, frames(10_000, PONG, new byte[0]));
      pongs.expectCode(outcome, 1008);
      Flood empty = Flood.of(target, 50, WebSocketHandshake.MINIMAL, texts);
      empty.expectCode(outcome, 1008);
      outcome.figure("all told after %.1f and %.1f s", pongs.seconds(), empty.seconds());
      target.settle(outcome, CANARY_LIMIT_MILLIS);
    }
  }

  private static void terminated(Children children, Random random, Outcome outcome)
      throws Exception {
    int count = 1_000;
    int questions = 3;
    try (Target target = Target.startCold(children, List.of(), "--websocket", "--drain")) {
      List<Peer> peers = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        peers.add(target.connect());
      }
      byte[] question = "question".getBytes(US_ASCII);
      byte[] asked = frames(questions, WebSocketFrames.TEXT, question);
      for (Peer peer : peers) {
        peer.write(asked);
      }
      Target.signal(target.process(), "TERM");
      long start = System.nanoTime();
      int answers = 0;
      int told = 0;
      int fins = 0;
      for (Peer peer : peers) {
        try (peer) {
          for (int i = 0; i < questions; i++) {
            answers += peer.receive().equals("question") ? 1 : 0;
          }
          told += peer.closeCode() == 1012 ? 1 : 0;
          fins += peer.end() == Peer.End.FIN ? 1 : 0;
        }
      }
      Figures last = new Figures(target.line());
      boolean ended = target.process().waitFor(10, TimeUnit.SECONDS);
      double seconds = (System.nanoTime() - start) / 1e9;
      outcome.seen("%d of %d answers, %d times 1012, %d FIN", answers, 3 * count, told, fins);
      outcome.figure("over after %.1f s", seconds);
      outcome.require(answers == questions * count, "answers: %d", answers);
      outcome.require(told == count, "1012: %d of %d", told, count);
      outcome.require(fins == count, "FIN: %d of %d", fins, count);
      outcome.require(
          ended && seconds <= 10 && target.process().exitValue() == 0, "exit: not 0 in time");
      Target.expectClosedOnce(outcome, last, /* stillOpen= */ 0);
      target.expectQuietLog(outcome);
    }
  }

  private static byte[] violation() {
    byte[] unmasked = WebSocketFrames.ofServer(WebSocketFrames.TEXT, new byte[5]);
    return Arrays.copyOf(unmasked, 4 << 20);
  }

  private static void violations(Children children, Random random, Outcome outcome)
      throws Exception {
    try (Target target = start(children, WebSocketHandshake.MINIMAL, violation(), "--websocket")) {
      violate(target, outcome);
      target.settle(outcome, CANARY_LIMIT_MILLIS);
    }
  }

  /** Each of 100 peers breaks a rule, goes on for 4 MiB, and then reads what it is told. */
  static void violate(Target target, Outcome outcome) throws Exception {
    Flood flood = Flood.of(target, 100, WebSocketHandshake.MINIMAL, violation());
    flood.expectCode(outcome, 1002);
    outcome.figure("all told after %.1f s", flood.seconds());
  }

  private static void bombs(Children children, Random random, Outcome outcome) throws Exception {
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
    try (Target target = start(children, WebSocketHandshake.DEFLATE, whole, "--websocket")) {
      for (byte[] bytes : List.of(whole, fragments.toByteArray())) {
        Flood flood = Flood.of(target, count, WebSocketHandshake.DEFLATE, bytes);
        flood.expectCode(outcome, 1009);
        outcome.figure(
            "1:%d, direct memory + %d MiB at most, all told after %.1f s",
            (16 << 20) / bomb.length, flood.peakDirect() >> 20, flood.seconds());
        outcome.require(flood.peakDirect() <= allowed, "direct: %d bytes", flood.peakDirect());
      }
      target.settle(outcome, CANARY_LIMIT_MILLIS);
    }
  }
}
