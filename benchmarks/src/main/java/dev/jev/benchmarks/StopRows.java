package dev.jev.benchmarks;

import java.io.IOException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

/** How servers end and begin again. */
final class StopRows {

  static final List<TortureRow> ROWS =
      List.of(
          new TortureRow(
              "22",
              "SIGTERM while 1,000 peers ask 2,000 times a second and 100 connect a second",
              "every answer that was sent arrives, a FIN and no RST for everyone accepted, exit 0"
                  + " within 10 s",
              StopRows::terminated),
          new TortureRow(
              "23",
              "SIGTERM twice and during the start; a second stop; SIGKILL and a new start on the"
                  + " same port",
              "exit 0; ends at once; ends; a second stop is fast; bound within 100 ms",
              StopRows::again),
          new TortureRow(
              "24",
              "one of two servers on a port (SO_REUSEPORT) stops accepting while 400 connections"
                  + " are queued; then while more come",
              "none of the 400 is lost; of those that come meanwhile n are reset, unless"
                  + " net.ipv4.tcp_migrate_req=1",
              StopRows::listenerCloses));

  private static final int ACTIVE = 1_000;
  private static final int REPLY_BYTES = 12;

  private StopRows() {}

  private static void terminated(Children children, Random random, Outcome outcome)
      throws Exception {
    try (Target target = Target.startCold(children, List.of());
        Crowd crowd = new Crowd(target.port())) {
      AtomicBoolean over = new AtomicBoolean();
      Visitors visitors = new Visitors(target.port());
      CompletableFuture<Void> visits =
          CompletableFuture.runAsync(() -> visitors.come(over, TimeUnit.MILLISECONDS.toNanos(10)));
      crowd.ask(5_000);
      Target.signal(target.process(), "TERM");
      long start = System.nanoTime();
      crowd.ask(15_000);
      Figures last = new Figures(target.line());
      boolean ended = target.process().waitFor(10, TimeUnit.SECONDS);
      double seconds = (System.nanoTime() - start) / 1e9;
      over.set(true);
      visits.get(30, TimeUnit.SECONDS);
      long replies = crowd.bytes / REPLY_BYTES + visitors.echoes.get();
      outcome.seen(
          "%,d of %,d answers arrived; %d FIN, %d RST; visitors: %d served, %d reset",
          replies,
          last.get("sent"),
          crowd.fins,
          crowd.resets,
          visitors.echoes.get(),
          visitors.resets.get());
      outcome.figure("over after %.2f s", seconds);
      outcome.require(last.get("received") == last.get("sent"), "answers not sent");
      outcome.require(replies == last.get("sent"), "answers lost: %d", last.get("sent") - replies);
      outcome.require(crowd.bytes % REPLY_BYTES == 0, "answers cut");
      outcome.require(crowd.fins == ACTIVE, "FIN: %d of %d", crowd.fins, ACTIVE);
      outcome.require(visitors.lost.get() == 0, "visitors lost: %d", visitors.lost.get());
      outcome.require(ended && target.process().exitValue() == 0, "exit: not 0 or not in time");
      Target.expectClosedOnce(outcome, last, /* stillOpen= */ 0);
      target.expectQuietLog(outcome);
    }
  }

  /** Peers that ask again and again, all on this thread. */
  private static final class Crowd implements AutoCloseable {
    private final Selector selector = Selector.open();
    private final List<SocketChannel> channels = new ArrayList<>();
    private final ByteBuffer question = ByteBuffer.wrap(Peer.frame("question"));
    private final ByteBuffer answers = ByteBuffer.allocate(64 * 1024);
    private long bytes;
    private int fins;
    private int resets;

    Crowd(int port) throws IOException {
      for (int i = 0; i < ACTIVE; i++) {
        SocketChannel channel =
            SocketChannel.open(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
        channel.configureBlocking(false);
        channel.register(selector, SelectionKey.OP_READ);
        channels.add(channel);
      }
    }

    /** Each asks twice a second; ends earlier if nobody is left. */
    void ask(long millis) throws IOException {
      long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
      int next = 0;
      long due = System.nanoTime();
      while (System.nanoTime() - end < 0 && !selector.keys().isEmpty()) {
        while (System.nanoTime() - due > 0) {
          SocketChannel channel = channels.get(next++ % ACTIVE);
          if (channel.isOpen()) {
            write(channel);
          }
          due += 500_000_000L / ACTIVE;
        }
        selector.select(1);
        for (SelectionKey key : selector.selectedKeys()) {
          read((SocketChannel) key.channel());
        }
        selector.selectedKeys().clear();
        selector.selectNow();
      }
    }

    private void write(SocketChannel channel) {
      try {
        channel.write(question.rewind());
      } catch (IOException e) {
        // What happened is read next.
      }
    }

    private void read(SocketChannel channel) throws IOException {
      try {
        int read = channel.read(answers.clear());
        if (read >= 0) {
          bytes += read;
          return;
        }
        fins++;
      } catch (IOException e) {
        resets++;
      }
      channel.close();
    }

    @Override
    public void close() throws IOException {
      for (SocketChannel channel : channels) {
        channel.close();
      }
      selector.close();
    }
  }

  /** Peers that come one after the other, each for one echo. */
  private static final class Visitors {
    private final int port;
    private final AtomicInteger echoes = new AtomicInteger();
    private final AtomicInteger resets = new AtomicInteger(); // before anything was answered
    private final AtomicInteger refused = new AtomicInteger();
    private final AtomicInteger lost = new AtomicInteger(); // after it

    Visitors(int port) {
      this.port = port;
    }

    void come(AtomicBoolean over, long periodNanos) {
      while (!over.get()) {
        LockSupport.parkNanos(periodNanos);
        boolean served = false;
        try (Peer peer = Peer.connect(port).patience(5_000)) {
          served = peer.echo("a visit!").equals("a visit!");
          echoes.incrementAndGet();
          peer.shutdownOutput();
          lost.addAndGet(peer.end() == Peer.End.FIN ? 0 : 1);
        } catch (ConnectException e) {
          refused.incrementAndGet();
        } catch (IOException e) {
          (served ? lost : resets).incrementAndGet();
        }
      }
    }
  }

  private static void again(Children children, Random random, Outcome outcome) throws Exception {
    terminatedTwice(children, outcome);
    stoppedTwice(children, outcome);
    for (int i = 0; i < 6; i++) {
      terminatedAtTheStart(children, random, outcome);
    }
    killed(children, outcome);
  }

  private static void terminatedTwice(Children children, Outcome outcome) throws Exception {
    try (Target target = Target.startCold(children, List.of());
        Peer peer = Peer.connect(target.port(), /* receiveBuffer= */ 4096)) {
      peer.send("!push 100000 10000").receive(); // its output waits for ever
      long start = System.nanoTime();
      Target.signal(target.process(), "TERM");
      TimeUnit.MILLISECONDS.sleep(200);
      Target.signal(target.process(), "TERM");
      boolean over = target.process().waitFor(15, TimeUnit.SECONDS);
      outcome.figure("SIGTERM twice: over after %.1f s", (System.nanoTime() - start) / 1e9);
      outcome.require(over && target.process().exitValue() == 0, "SIGTERM twice: no exit 0");
    }
  }

  private static void stoppedTwice(Children children, Outcome outcome) throws Exception {
    try (Target target = Target.startCold(children, List.of());
        Peer peer = Peer.connect(target.port(), /* receiveBuffer= */ 4096)) {
      peer.send("!push 100000 10000").receive();
      target.order("stop 10000");
      TimeUnit.MILLISECONDS.sleep(200);
      outcome.require(target.figure("connections") == 1, "stop did not wait");
      target.order("stop 0");
      long millis = target.await("stopped", () -> target.figure("connections") == 0);
      outcome.figure("second stop: %d ms", millis);
      outcome.require(millis < 500, "second stop: %d ms", millis);
      target.expectExit(outcome);
    }
  }

  private static void terminatedAtTheStart(Children children, Random random, Outcome outcome)
      throws Exception {
    List<String> command = JavaCommandLine.ofThisProgram(Target.JVM);
    command.add("torture-server");
    Path log = Files.createTempFile("torture", ".log");
    Process process = children.start(command, log);
    TimeUnit.MILLISECONDS.sleep(50 + random.nextInt(700));
    process.destroy();
    boolean over = process.waitFor(10, TimeUnit.SECONDS);
    outcome.require(over, "SIGTERM during the start: no end");
    children.stop(process);
    Files.delete(log);
  }

  private static void killed(Children children, Outcome outcome) throws Exception {
    List<Peer> peers = new ArrayList<>();
    int port;
    try (Target target = Target.startCold(children, List.of())) {
      port = target.port();
      for (int i = 0; i < 200; i++) {
        peers.add(Peer.connect(port));
        peers.get(i).echo("hello");
      }
      target.process().destroyForcibly().waitFor();
    }
    try (Target target =
        Target.startCold(children, List.of(), "--warm", "--listen", "tcp://127.0.0.1:" + port)) {
      outcome.figure("bound again after %d ms", target.bindMillis());
      outcome.require(target.bindMillis() <= 100, "bound after %d ms", target.bindMillis());
      try (Peer peer = Peer.connect(port)) {
        outcome.require(peer.echo("hello").equals("hello"), "not served");
      }
      target.expectExit(outcome);
    }
    for (Peer peer : peers) {
      peer.close();
    }
    outcome.seen("as expected; a second SIGTERM adds nothing, as the JVM ignores it");
  }

  private static void listenerCloses(Children children, Random random, Outcome outcome)
      throws Exception {
    String address = "tcp://127.0.0.1:0?reuseport=true";
    try (Target target = Target.start(children, "--twin", "--listen", address)) {
      target.order("pause");
      TimeUnit.MILLISECONDS.sleep(200);
      List<Peer> queued = new ArrayList<>();
      for (int i = 0; i < 400; i++) {
        queued.add(Peer.connect(target.port()).send("queued"));
      }
      target.order("stop-accepting");
      target.order("resume");
      int served = 0;
      for (Peer peer : queued) {
        try (peer) {
          served += peer.receive().equals("queued") ? 1 : 0;
        } catch (IOException e) {
          // Counted as lost.
        }
      }
      outcome.seen("%d of 400 served", served);
      outcome.require(served == 400, "lost: %d", 400 - served);
      target.settle(outcome);
    }
    try (Target target = Target.start(children, "--twin", "--listen", address)) {
      AtomicBoolean over = new AtomicBoolean();
      Visitors visitors = new Visitors(target.port());
      List<CompletableFuture<Void>> streams = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        streams.add(CompletableFuture.runAsync(() -> visitors.come(over, 0)));
      }
      TimeUnit.MILLISECONDS.sleep(500);
      target.order("stop-accepting");
      TimeUnit.MILLISECONDS.sleep(200);
      over.set(true);
      for (CompletableFuture<Void> stream : streams) {
        stream.get(20, TimeUnit.SECONDS);
      }
      boolean migrates =
          Files.readString(Path.of("/proc/sys/net/ipv4/tcp_migrate_req")).strip().equals("1");
      outcome.figure(
          "meanwhile: %d served, n = %d reset, tcp_migrate_req=%d",
          visitors.echoes.get(), visitors.resets.get(), migrates ? 1 : 0);
      outcome.require(!migrates || visitors.resets.get() == 0, "reset: %d", visitors.resets.get());
      outcome.require(visitors.lost.get() == 0, "lost: %d", visitors.lost.get());
      outcome.require(visitors.refused.get() == 0, "refused: %d", visitors.refused.get());
      target.settle(outcome);
    }
  }
}
