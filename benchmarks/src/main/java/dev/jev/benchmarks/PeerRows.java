package dev.jev.benchmarks;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
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

/** Peers that are silent, slow, gone, or in a hurry to leave. */
final class PeerRows {

  static final List<TortureRow> ROWS =
      List.of(
          new TortureRow(
              "1",
              "5,000 peers connect and send nothing",
              "each gets a FIN and no byte after the handshake timeout of 10 s, ± 1 s",
              (children, random, outcome) -> silent(children, outcome)),
          new TortureRow(
              "2",
              "200 peers send a handshake that never ends, 1 byte/s",
              "closed after 10 s in all, ± 1 s",
              (children, random, outcome) -> dripping(children, outcome, /* answers= */ 0)),
          new TortureRow(
              "9",
              "FIN, then RST, from 150 peers, also while output waits or reading is paused",
              "all gone within 5 s, no processor time used for them",
              PeerRows::finThenReset),
          new TortureRow(
              "10",
              "RST in a handshake, in a frame, in a write, before the accept: 100 peers each",
              "one close each, no stack trace in the log",
              PeerRows::resets),
          new TortureRow(
              "12",
              "4 clients that are fed 4 MB/s are stopped for 60 s (SIGSTOP)",
              "queue <= 1 MiB and a message each, then OVERFLOW; a fifth that runs is not affected",
              (children, random, outcome) -> stoppedClients(children, outcome, 1 << 20)),
          new TortureRow(
              "14",
              "a peer stops reading for 3 s: of a push that asks isWritable, of a flood that it echoes",
              "reading stops, everything arrives in order afterwards",
              PeerRows::zeroWindow));

  static final int DRIPPING = 200;
  private static final int SILENT = 5_000;
  private static final String TOO_LATE = "HTTP/1.1 408 ";

  private PeerRows() {}

  static void silent(Children children, Outcome outcome, String... options) throws Exception {
    try (Target target = Target.start(children, options)) {
      long memory = Proc.memoryBytes(target.pid(), "Rss");
      Ages ages = new Ages();
      try (Selector selector = Selector.open()) {
        for (int i = 0; i < SILENT; i++) {
          ages.connect(selector, target.port());
          ages.readEnds(selector, 0);
        }
        memory = Proc.memoryBytes(target.pid(), "Rss") - memory;
        ages.readAllEnds(selector);
      }
      ages.expect(outcome, SILENT, /* expectedAnswers= */ 0);
      outcome.figure("%d resident bytes/connection", memory / SILENT);
      long timeouts = target.figure("TIMEOUT");
      outcome.require(timeouts == SILENT, "TIMEOUT: %d", timeouts);
      target.settle(outcome);
    }
  }

  static void dripping(Children children, Outcome outcome, int answers, String... options)
      throws Exception {
    try (Target target = Target.start(children, options)) {
      Ages ages = new Ages();
      try (Selector selector = Selector.open()) {
        List<SocketChannel> peers = new ArrayList<>();
        for (int i = 0; i < DRIPPING; i++) {
          peers.add(ages.connect(selector, target.port()));
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
            ages.readEnds(selector, 20);
          }
        }
        ages.readAllEnds(selector);
      }
      ages.expect(outcome, DRIPPING, answers);
      target.settle(outcome);
    }
  }

  private static void drip(SocketChannel peer) {
    try {
      peer.write(ByteBuffer.wrap(new byte[] {'H'}));
    } catch (IOException e) {
      // Its end is read next.
    }
  }

  /** How long connections live until the server closes them. */
  private static final class Ages {
    private final Histogram millis = new Histogram(3);
    private int fins;
    private int resets;
    private long bytes;
    private int answers; // of HTTP: too late

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
      selector.selectNow(); // lets go of the keys of those that were closed
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

  private static void finThenReset(Children children, Random random, Outcome outcome)
      throws Exception {
    try (Target target = Target.start(children)) {
      List<Peer> peers = new ArrayList<>();
      for (int i = 0; i < 150; i++) {
        Peer peer = Peer.connect(target.port(), /* receiveBuffer= */ 4096);
        peer.echo("hello");
        switch (i % 3) {
          case 0 -> peer.send("!push 100000 10000"); // its output waits
          case 1 -> peer.echo("!pause");
          default -> {
            // Idle.
          }
        }
        peers.add(peer);
      }
      target.await("all are connected", () -> target.figure("connections") == 151);
      for (Peer peer : peers) {
        peer.shutdownOutput();
      }
      Polling.pause();
      for (Peer peer : peers) {
        peer.reset();
      }
      long millis = target.await("all are gone", () -> target.figure("connections") == 1);
      double load = target.load(3);
      outcome.seen("all gone after %d ms", millis);
      outcome.figure("processor %.1f %%", 100 * load);
      outcome.require(millis <= 5_000, "gone after %d ms", millis);
      outcome.require(load < 0.10, "processor: %.1f %%", 100 * load);
      target.settle(outcome);
    }
  }

  private static void resets(Children children, Random random, Outcome outcome) throws Exception {
    try (Target target = Target.start(children)) {
      for (int i = 0; i < 100; i++) {
        Peer inHandshake = Peer.connect(target.port());
        inHandshake.write((byte) 'H');
        Peer inFrame = Peer.connect(target.port());
        inFrame.echo("hello");
        inFrame.write((byte) 0, (byte) 0, (byte) 16, (byte) 0, (byte) 1);
        Peer inWrite = Peer.connect(target.port(), /* receiveBuffer= */ 4096);
        inWrite.send("!push 1000 10000").receive();
        if (random.nextBoolean()) {
          Polling.pause();
        }
        inHandshake.reset();
        inFrame.reset();
        inWrite.reset();
      }
      target.order("pause");
      for (int i = 0; i < 100; i++) {
        Peer.connect(target.port()).reset();
      }
      target.order("resume");
      target.await("all are gone", () -> target.figure("connections") == 1);
      Figures figures = target.order("stats");
      long opened = figures.get("opened");
      outcome.seen(
          "IO_ERROR %d, PEER_CLOSED %d", figures.get("IO_ERROR"), figures.get("PEER_CLOSED"));
      outcome.figure("%d accepted, %d log records", opened, target.logRecords());
      outcome.require(figures.get("IO_ERROR") >= 300, "IO_ERROR: %d", figures.get("IO_ERROR"));
      outcome.require(!target.log().contains("\tat "), "stack trace in the log");
      target.settle(outcome);
    }
  }

  static void stoppedClients(Children children, Outcome outcome, long maxQueued, String... options)
      throws Exception {
    try (Target target = Target.start(children, options)) {
      List<Process> clients = new ArrayList<>();
      for (int i = 0; i < 5; i++) {
        List<String> command =
            JavaCommandLine.ofThisProgram(List.of("-Xmx32m", "-XX:TieredStopAtLevel=1"));
        command.addAll(List.of("torture-reader", "--port", "" + target.port()));
        command.addAll(List.of(options));
        Process client = children.start(command);
        Children.firstLine(client, "reader", Duration.ofSeconds(20));
        clients.add(client);
      }
      target.order("feed 40000 10");
      TimeUnit.SECONDS.sleep(2);
      long start = System.nanoTime();
      for (Process client : clients.subList(0, 4)) {
        Target.signal(client, "STOP");
      }
      long overflow =
          target.await(
              "the stopped ones are closed",
              Duration.ofSeconds(55),
              () -> target.figure("OVERFLOW") >= 4);
      TimeUnit.NANOSECONDS.sleep(start + TimeUnit.SECONDS.toNanos(60) - System.nanoTime());
      Figures figures = target.order("stats");
      for (Process client : clients.subList(0, 4)) {
        Target.signal(client, "CONT");
      }
      boolean fifth = clients.get(4).isAlive();
      clients.forEach(children::stop);
      outcome.seen("OVERFLOW %d, fifth still fed: %s", figures.get("OVERFLOW"), fifth);
      outcome.figure(
          "disconnected after %.1f s, at most %,d bytes queued",
          overflow / 1e3, figures.get("maxPending"));
      outcome.require(figures.get("OVERFLOW") == 4, "OVERFLOW: %d", figures.get("OVERFLOW"));
      outcome.require(fifth, "the fifth client is gone");
      outcome.require(
          figures.get("maxPending") <= maxQueued + 40_100,
          "queued: %d bytes",
          figures.get("maxPending"));
      target.order("feed 1 1000");
      target.settle(outcome);
    }
  }

  private static void zeroWindow(Children children, Random random, Outcome outcome)
      throws Exception {
    try (Target target = Target.start(children)) {
      stopReading(target, outcome);
      target.settle(outcome);
    }
  }

  private static void stopReading(Target target, Outcome outcome) throws Exception {
    int blocks = 4_000;
    try (Peer pushed = Peer.connect(target.port(), /* receiveBuffer= */ 4096);
        Peer echoed = Peer.connect(target.port(), /* receiveBuffer= */ 4096)) {
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
      long pending = target.figure("maxPending");
      outcome.require(!flood.isDone(), "the flood was read to its end");
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
}
