package dev.jev.benchmarks.torturing;

import static java.nio.charset.StandardCharsets.US_ASCII;

import dev.jev.benchmarks.shared.BenchmarkException;
import dev.jev.benchmarks.shared.ChildProcesses;
import dev.jev.benchmarks.shared.JavaCommandLine;
import dev.jev.benchmarks.shared.Polling;
import dev.jev.benchmarks.shared.ProcFs;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.HdrHistogram.Histogram;

/** Rows about peers that are silent, slow or stopped, or that disconnect abruptly. */
final class PeerRows {

  static final List<TortureRow> ROWS =
      List.of(
          new TortureRow(
              "1",
              "5,000 peers connect and send nothing",
              "each receives a FIN and no bytes after the handshake timeout of 10 s, ± 1 s",
              (children, random, outcome) -> silent(children, outcome)),
          new TortureRow(
              "2",
              "200 peers send a handshake that never ends, 1 byte/s",
              "closed after a total of 10 s, ± 1 s",
              (children, random, outcome) -> dripping(children, outcome, /* answers= */ 0)),
          new TortureRow(
              "9",
              "150 peers send a FIN, then a RST, some while output is pending or reading is paused",
              "all closed within 5 s, no CPU time used for them",
              PeerRows::finThenReset),
          new TortureRow(
              "10",
              "RST during a handshake, during a frame, during a write, and before the accept: 100"
                  + " peers each",
              "each is closed once, no stack trace in the log",
              PeerRows::resets),
          new TortureRow(
              "12",
              "4 clients that receive 4 MB/s are stopped for 60 s (SIGSTOP)",
              "a queue of <= 1 MiB plus one message each, then OVERFLOW; a fifth client, which is"
                  + " not stopped, is not affected",
              (children, random, outcome) -> stoppedClients(children, outcome, 1 << 20)),
          new TortureRow(
              "14",
              "two peers stop reading for 3 s: one receives a push that checks isWritable, one"
                  + " sends a flood that is echoed",
              "the server stops reading; everything arrives in order afterwards",
              PeerRows::zeroWindow),
          new TortureRow(
              "40",
              "20 peers of a server with zstd send 512 KiB of empty frames, 8 bytes each",
              "LIMIT, each after about 1,000 frames; canary p99 < 500 ms",
              PeerRows::emptyFrames));

  static final int DRIPPING = 200;
  private static final int SILENT = 5_000;
  private static final int SKIPPABLE_FRAME = 0x184d2a50; // RFC 8878, 3.1.2
  private static final double FLOOD_CANARY_MILLIS = 500; // the flood uses both cores
  private static final String TOO_LATE = "HTTP/1.1 408 ";

  private PeerRows() {}

  static void silent(ChildProcesses children, Outcome outcome, String... options) throws Exception {
    try (ServerUnderTest server = ServerUnderTest.start(children, options)) {
      long memory = ProcFs.memoryBytes(server.pid(), "Rss");
      Lifetimes lifetimes = new Lifetimes();
      try (Selector selector = Selector.open()) {
        for (int i = 0; i < SILENT; i++) {
          lifetimes.connect(selector, server.port());
          lifetimes.readEnds(selector, 0);
        }
        memory = ProcFs.memoryBytes(server.pid(), "Rss") - memory;
        lifetimes.readAllEnds(selector);
      }
      lifetimes.expect(outcome, SILENT, /* expectedAnswers= */ 0);
      outcome.figure("%d resident bytes/connection", memory / SILENT);
      long timeouts = server.stat("TIMEOUT");
      outcome.require(timeouts == SILENT, "TIMEOUT: %d", timeouts);
      server.expectCleanState(outcome);
    }
  }

  static void dripping(ChildProcesses children, Outcome outcome, int answers, String... options)
      throws Exception {
    try (ServerUnderTest server = ServerUnderTest.start(children, options)) {
      Lifetimes lifetimes = new Lifetimes();
      try (Selector selector = Selector.open()) {
        List<SocketChannel> peers = new ArrayList<>();
        for (int i = 0; i < DRIPPING; i++) {
          peers.add(lifetimes.connect(selector, server.port()));
        }
        long start = System.nanoTime();
        for (int second = 0; second < 15 && !selector.keys().isEmpty(); second++) {
          for (SocketChannel peer : peers) {
            if (peer.isOpen() && peer.keyFor(selector).isValid()) {
              drip(peer);
            }
          }
          long next = start + TimeUnit.SECONDS.toNanos(second + 1L);
          while (System.nanoTime() - next < 0) {
            lifetimes.readEnds(selector, 20);
          }
        }
        lifetimes.readAllEnds(selector);
      }
      lifetimes.expect(outcome, DRIPPING, answers);
      server.expectCleanState(outcome);
    }
  }

  private static void drip(SocketChannel peer) {
    try {
      peer.write(ByteBuffer.wrap(new byte[] {'H'}));
    } catch (IOException e) {
      // The end of the connection is read next.
    }
  }

  /** The lifetimes of connections until the server closes them. */
  private static final class Lifetimes {
    private final Histogram millis = new Histogram(3);
    private int fins;
    private int resets;
    private long bytes;
    private int answers; // with HTTP status 408

    SocketChannel connect(Selector selector, int port) throws IOException {
      SocketChannel channel =
          SocketChannel.open(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
      channel.configureBlocking(false);
      channel.register(selector, SelectionKey.OP_READ, System.nanoTime());
      return channel;
    }

    void readAllEnds(Selector selector) throws IOException {
      long limit = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
      while (!selector.keys().isEmpty() && System.nanoTime() - limit < 0) {
        readEnds(selector, 100);
      }
    }

    void readEnds(Selector selector, long waitMillis) throws IOException {
      if (waitMillis == 0) {
        selector.selectNow();
      } else {
        selector.select(waitMillis);
      }
      ByteBuffer buffer = ByteBuffer.allocate(1024);
      for (SelectionKey key : selector.selectedKeys()) {
        SocketChannel channel = (SocketChannel) key.channel();
        int read;
        try {
          read = channel.read(buffer.clear());
          fins += read < 0 ? 1 : 0;
        } catch (IOException e) {
          resets++;
          read = -1;
        }
        if (read < 0) {
          millis.recordValue((System.nanoTime() - (Long) key.attachment()) / 1_000_000);
          channel.close();
        } else {
          bytes += read;
          answers += new String(buffer.array(), 0, read, US_ASCII).startsWith(TOO_LATE) ? 1 : 0;
        }
      }
      selector.selectedKeys().clear();
      selector.selectNow(); // removes the keys of closed channels
    }

    void expect(Outcome outcome, int count, int expectedAnswers) {
      outcome.seen("%d FIN, %d RST, %d bytes", fins, resets, bytes);
      if (expectedAnswers > 0) {
        outcome.seen("%d times 408", answers);
      }
      long p50 = millis.getValueAtPercentile(50);
      long p99 = millis.getValueAtPercentile(99);
      outcome.figure(
          "closed after %.1f s (p50), %.1f s (p99), %.1f to %.1f s",
          p50 / 1e3, p99 / 1e3, millis.getMinValue() / 1e3, millis.getMaxValue() / 1e3);
      outcome.require(fins == count, "FIN: %d of %d", fins, count);
      outcome.require(bytes == 0 || expectedAnswers > 0, "bytes: %d", bytes);
      outcome.require(answers == expectedAnswers, "408: %d of %d", answers, expectedAnswers);
      outcome.require(
          millis.getMinValue() >= 9_000 && millis.getMaxValue() <= 11_000, "not 10 s ± 1 s");
    }
  }

  private static void finThenReset(ChildProcesses children, Random random, Outcome outcome)
      throws Exception {
    try (ServerUnderTest server = ServerUnderTest.start(children)) {
      List<Peer> peers = new ArrayList<>();
      for (int i = 0; i < 150; i++) {
        Peer peer = Peer.connect(server.port(), /* receiveBuffer= */ 4096);
        peer.echo("hello");
        switch (i % 3) {
          case 0 -> peer.send("!push 100000 10000"); // its output stays pending
          case 1 -> peer.echo("!pause");
          default -> {
            // Idle.
          }
        }
        peers.add(peer);
      }
      server.await("all are connected", () -> server.stat("connections") == 151);
      for (Peer peer : peers) {
        peer.shutdownOutput();
      }
      Polling.pause();
      for (Peer peer : peers) {
        peer.reset();
      }
      long millis =
          server.await("all connections are closed", () -> server.stat("connections") == 1);
      double load = server.load(3);
      outcome.seen("all closed after %d ms", millis);
      outcome.figure("CPU time %.1f %%", 100 * load);
      outcome.require(millis <= 5_000, "closed after %d ms", millis);
      outcome.require(load < 0.10, "CPU time: %.1f %%", 100 * load);
      server.expectCleanState(outcome);
    }
  }

  private static void resets(ChildProcesses children, Random random, Outcome outcome)
      throws Exception {
    try (ServerUnderTest server = ServerUnderTest.start(children)) {
      for (int i = 0; i < 100; i++) {
        Peer inHandshake = Peer.connect(server.port());
        inHandshake.write((byte) 'H');
        Peer inFrame = Peer.connect(server.port());
        inFrame.echo("hello");
        inFrame.write((byte) 0, (byte) 0, (byte) 16, (byte) 0, (byte) 1);
        Peer inWrite = Peer.connect(server.port(), /* receiveBuffer= */ 4096);
        inWrite.send("!push 1000 10000").receive();
        if (random.nextBoolean()) {
          Polling.pause();
        }
        inHandshake.reset();
        inFrame.reset();
        inWrite.reset();
      }
      server.command("pause");
      for (int i = 0; i < 100; i++) {
        Peer.connect(server.port()).reset();
      }
      server.command("resume");
      server.await("all connections are closed", () -> server.stat("connections") == 1);
      ServerStats stats = server.command("stats");
      long opened = stats.get("opened");
      outcome.seen("IO_ERROR %d, PEER_CLOSED %d", stats.get("IO_ERROR"), stats.get("PEER_CLOSED"));
      outcome.figure("%d accepted, %d log records", opened, server.logRecords());
      outcome.require(stats.get("IO_ERROR") >= 300, "IO_ERROR: %d", stats.get("IO_ERROR"));
      outcome.require(!server.log().contains("\tat "), "stack trace in the log");
      server.expectCleanState(outcome);
    }
  }

  static void stoppedClients(
      ChildProcesses children, Outcome outcome, long maxQueued, String... options)
      throws Exception {
    try (ServerUnderTest server = ServerUnderTest.start(children, options)) {
      List<Process> clients = new ArrayList<>();
      for (int i = 0; i < 5; i++) {
        List<String> command =
            JavaCommandLine.ofThisProgram(List.of("-Xmx32m", "-XX:TieredStopAtLevel=1"));
        command.addAll(List.of("torture-reader", "--port", "" + server.port()));
        command.addAll(List.of(options));
        Process client = children.start(command);
        ChildProcesses.firstLine(client, "reader", Duration.ofSeconds(20));
        clients.add(client);
      }
      server.command("feed 40000 10");
      TimeUnit.SECONDS.sleep(2);
      long start = System.nanoTime();
      for (Process client : clients.subList(0, 4)) {
        ServerUnderTest.signal(client, "STOP");
      }
      long overflow =
          server.await(
              "the stopped clients are closed",
              Duration.ofSeconds(55),
              () -> server.stat("OVERFLOW") >= 4);
      TimeUnit.NANOSECONDS.sleep(start + TimeUnit.SECONDS.toNanos(60) - System.nanoTime());
      ServerStats stats = server.command("stats");
      for (Process client : clients.subList(0, 4)) {
        ServerUnderTest.signal(client, "CONT");
      }
      boolean fifth = clients.get(4).isAlive();
      clients.forEach(children::stop);
      outcome.seen("OVERFLOW %d, fifth client still receives: %s", stats.get("OVERFLOW"), fifth);
      outcome.figure(
          "disconnected after %.1f s, at most %,d bytes queued",
          overflow / 1e3, stats.get("maxPending"));
      outcome.require(stats.get("OVERFLOW") == 4, "OVERFLOW: %d", stats.get("OVERFLOW"));
      outcome.require(fifth, "the fifth client has ended");
      outcome.require(
          stats.get("maxPending") <= maxQueued + 40_100,
          "queued: %d bytes",
          stats.get("maxPending"));
      server.command("feed 1 1000");
      server.expectCleanState(outcome);
    }
  }

  private static void zeroWindow(ChildProcesses children, Random random, Outcome outcome)
      throws Exception {
    try (ServerUnderTest server = ServerUnderTest.start(children)) {
      stopReading(server, outcome);
      server.expectCleanState(outcome);
    }
  }

  private static void stopReading(ServerUnderTest server, Outcome outcome) throws Exception {
    int blocks = 4_000;
    try (Peer pushed = Peer.connect(server.port(), /* receiveBuffer= */ 4096);
        Peer echoed = Peer.connect(server.port(), /* receiveBuffer= */ 4096)) {
      pushed.send("!push " + blocks + " 10000");
      CompletableFuture<Void> flood =
          CompletableFuture.runAsync(
              () -> {
                try {
                  for (int i = 0; i < blocks; i++) {
                    echoed.send(i + "x".repeat(10_000));
                  }
                } catch (IOException e) {
                  throw new BenchmarkException("flood: " + e);
                }
              });
      TimeUnit.SECONDS.sleep(3);
      long pending = server.stat("maxPending");
      outcome.require(!flood.isDone(), "the server has read the whole flood");
      outcome.require(pending <= 1 << 20, "pending: %d bytes", pending);
      pushed.receive(); // the echo of the command
      int inOrder = 0;
      for (int i = 0; i < blocks; i++) {
        inOrder += ByteBuffer.wrap(pushed.receiveBytes()).getInt() == i ? 1 : 0;
      }
      for (int i = 0; i < blocks; i++) {
        inOrder += echoed.receive().equals(i + "x".repeat(10_000)) ? 1 : 0;
      }
      flood.get(10, TimeUnit.SECONDS);
      outcome.seen("%d of %d blocks in order", inOrder, 2 * blocks);
      outcome.figure("at most %,d bytes queued", pending);
      outcome.require(inOrder == 2 * blocks, "in order: %d of %d", inOrder, 2 * blocks);
    }
  }

  private static void emptyFrames(ChildProcesses children, Random random, Outcome outcome)
      throws Exception {
    int count = 20;
    ByteBuffer frames = ByteBuffer.allocate(512 * 1024).order(ByteOrder.LITTLE_ENDIAN);
    while (frames.hasRemaining()) {
      frames.putInt(SKIPPABLE_FRAME).putInt(/* its length= */ 0);
    }
    try (ServerUnderTest server = ServerUnderTest.start(children, "--zstd")) {
      double before = ProcFs.processorSeconds(server.pid());
      long start = System.nanoTime();
      List<Peer> peers = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        peers.add(Peer.connect(server.port()));
      }
      List<CompletableFuture<Peer.End>> ends = new ArrayList<>();
      for (Peer peer : peers) {
        ends.add(CompletableFuture.supplyAsync(() -> flood(peer, frames.array())));
      }
      int fins = 0;
      for (CompletableFuture<Peer.End> end : ends) {
        fins += end.get(30, TimeUnit.SECONDS) == Peer.End.FIN ? 1 : 0;
      }
      for (Peer peer : peers) {
        peer.close();
      }
      double seconds = (System.nanoTime() - start) / 1e9;
      double work = ProcFs.processorSeconds(server.pid()) - before;
      server.await("only the canary is connected", () -> server.stat("connections") == 1);
      long limited = server.stat("LIMIT");
      outcome.seen("LIMIT %d, %d FIN", limited, fins);
      outcome.figure("all closed after %.1f s, %.2f s of CPU time", seconds, work);
      outcome.require(limited == count, "LIMIT: %d of %d", limited, count);
      server.expectCleanState(outcome, FLOOD_CANARY_MILLIS);
    }
  }

  /** Sends bytes as fast as possible, and reads the end. */
  private static Peer.End flood(Peer peer, byte[] bytes) {
    try {
      peer.write(bytes);
    } catch (IOException e) {
      // The server has closed the connection.
    }
    return peer.end();
  }
}
