package dev.jev.benchmarks.torturing;

import static java.nio.charset.StandardCharsets.US_ASCII;

import dev.jev.benchmarks.shared.ChildProcesses;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;

/** Rows about plain HTTP requests on the port of a WebSocket server. */
final class HttpRows {

  static final List<TortureRow> ROWS =
      List.of(
          new TortureRow(
              "http-1",
              "50 peers send 16 pipelined requests for a resource of 2 MiB in 576 bytes each, and"
                  + " read the responses after 3 s",
              "at most 321 KiB pending each, the resource in memory once, nothing of it in Netty's;"
                  + " then all responses arrive; canary p99 < 500 ms",
              HttpRows::pipelinedRequests));

  private static final int PEERS = 50;
  private static final int REQUESTS = 16;
  private static final int BODY_BYTES = 2 << 20;
  private static final String REQUEST = "GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n";

  /** The high watermark, one part of a body, and the head of a response. */
  private static final long MAX_PENDING_BYTES = (256 + 64 + 1) * 1024;

  /** Tolerated growth of Netty's direct memory, which it counts in chunks of 4 MiB. */
  private static final long DIRECT_TOLERANCE = 4 * (4 << 20);

  /** Limit while the peers read, whose threads use both cores. */
  private static final double CANARY_LIMIT_MILLIS = 500;

  private HttpRows() {}

  private static void pipelinedRequests(ChildProcesses children, Random random, Outcome outcome)
      throws Exception {
    Path root = Files.createTempDirectory("torture");
    Path pages = Files.createDirectory(root.resolve("pages"));
    Path resource = Files.write(pages.resolve("large.bin"), new byte[BODY_BYTES]);
    try (ServerUnderTest server =
        ServerUnderTest.start(children, "--websocket", "--pages", root.toString())) {
      ServerStats before = server.command("gc");
      List<Peer> peers = new ArrayList<>();
      for (int i = 0; i < PEERS; i++) {
        peers.add(Peer.connect(server.port()));
        peers.get(i).write(REQUEST.repeat(REQUESTS).getBytes(US_ASCII));
      }
      expectLittlePending(server, before, outcome);
      long responses = 0;
      long start = System.nanoTime();
      for (Peer peer : peers) {
        for (int i = 0; i < REQUESTS; i++) {
          responses += peer.httpBodyBytes() == BODY_BYTES ? 1 : 0;
        }
        peer.close();
      }
      double seconds = (System.nanoTime() - start) / 1e9;
      outcome.seen("%d of %d responses", responses, PEERS * REQUESTS);
      outcome.figure("read within %.1f s", seconds);
      outcome.require(responses == PEERS * REQUESTS, "responses: %d", responses);
      server.expectCleanState(outcome, CANARY_LIMIT_MILLIS);
    } finally {
      Files.deleteIfExists(resource);
      Files.deleteIfExists(pages);
      Files.deleteIfExists(root);
    }
  }

  /** Samples the memory of the server while no peer reads. */
  private static void expectLittlePending(
      ServerUnderTest server, ServerStats before, Outcome outcome) throws Exception {
    long pending = 0;
    long direct = 0;
    long resources = 0;
    for (int i = 0; i < 30; i++) {
      TimeUnit.MILLISECONDS.sleep(100);
      ServerStats now = server.command("stats");
      pending = Math.max(pending, now.get("largestPending"));
      direct = Math.max(direct, now.get("direct") - before.get("direct"));
      resources = Math.max(resources, now.get("jdkDirect") - before.get("jdkDirect"));
    }
    outcome.figure(
        "at most %,d bytes pending, %+d MiB in Netty's direct memory, %+d KiB in the JDK's",
        pending, direct >> 20, resources >> 10);
    outcome.require(pending > 0 && pending <= MAX_PENDING_BYTES, "pending: %,d bytes", pending);
    outcome.require(direct <= DIRECT_TOLERANCE, "Netty's direct memory: %+,d bytes", direct);
    outcome.require(
        resources >= BODY_BYTES && resources <= BODY_BYTES + (256 << 10),
        "the JDK's direct memory: %+,d bytes",
        resources);
  }
}
