package dev.jev.benchmarks.torturing;

import dev.jev.benchmarks.shared.ChildProcesses;
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

/** Rows about stopping and restarting servers. */
final class StopRows {

  static final List<TortureRow> ROWS =
      List.of(
          new TortureRow(
              "22",
              "SIGTERM while 1,000 peers send 2,000 requests per second and 100 new peers connect"
                  + " per second",
              "every answer that was sent arrives, a FIN and no RST for every accepted connection,"
                  + " exit 0 within 10 s",
              StopRows::terminated),
          new TortureRow(
              "23",
              "SIGTERM twice and during the start; a second stop; SIGKILL and a restart on the"
                  + " same port",
              "exit 0; the process ends; the second stop is fast; bound within 100 ms",
              StopRows::stopsAndRestarts),
          new TortureRow(
              "24",
              "one of two servers on a port (SO_REUSEPORT) stops accepting while 400 connections"
                  + " are queued; then while more arrive",
              "none of the 400 is lost; of those that arrive meanwhile n are reset, unless"
                  + " net.ipv4.tcp_migrate_req=1",
              StopRows::listenerCloses));

  private static final int ACTIVE = 1_000;
  private static final int REPLY_BYTES = 12;

  private StopRows() {}

  private static void terminated(ChildProcesses children, Random random, Outcome outcome)
      throws Exception {
    try (ServerUnderTest server = ServerUnderTest.startCold(children, List.of());
        ActivePeers active = new ActivePeers(server.port())) {
      AtomicBoolean over = new AtomicBoolean();
      NewPeers newPeers = new NewPeers(server.port());
      CompletableFuture<Void> newPeersDone =
          CompletableFuture.runAsync(
              () -> newPeers.connect(over, TimeUnit.MILLISECONDS.toNanos(10)));
      active.ask(5_000);
      ServerUnderTest.signal(server.process(), "TERM");
      long start = System.nanoTime();
      active.ask(15_000);
      ServerStats last = new ServerStats(server.line());
      boolean ended = server.process().waitFor(10, TimeUnit.SECONDS);
      double seconds = (System.nanoTime() - start) / 1e9;
      over.set(true);
      newPeersDone.get(30, TimeUnit.SECONDS);
      long replies = active.bytes / REPLY_BYTES + newPeers.echoes.get();
      outcome.seen(
          "%,d of %,d answers arrived; %d FIN, %d RST; new peers: %d served, %d reset",
          replies,
          last.get("sent"),
          active.fins,
          active.resets,
          newPeers.echoes.get(),
          newPeers.resets.get());
      outcome.figure("exit after %.2f s", seconds);
      outcome.require(last.get("received") == last.get("sent"), "answers not sent");
      outcome.require(replies == last.get("sent"), "answers lost: %d", last.get("sent") - replies);
      outcome.require(active.bytes % REPLY_BYTES == 0, "incomplete answer");
      outcome.require(active.fins == ACTIVE, "FIN: %d of %d", active.fins, ACTIVE);
      outcome.require(newPeers.lost.get() == 0, "new peers lost: %d", newPeers.lost.get());
      outcome.require(ended && server.process().exitValue() == 0, "exit: not 0 or not in time");
      ServerUnderTest.expectClosedOnce(outcome, last, /* stillOpen= */ 0);
      server.expectQuietLog(outcome);
    }
  }

  /** Peers that send requests repeatedly, all on the calling thread. */
  private static final class ActivePeers implements AutoCloseable {
    private final Selector selector = Selector.open();
    private final List<SocketChannel> channels = new ArrayList<>();
    private final ByteBuffer question = ByteBuffer.wrap(Peer.frame("question"));
    private final ByteBuffer answers = ByteBuffer.allocate(64 * 1024);
    private long bytes;
    private int fins;
    private int resets;

    ActivePeers(int port) throws IOException {
      for (int i = 0; i < ACTIVE; i++) {
        SocketChannel channel =
            SocketChannel.open(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
        channel.configureBlocking(false);
        channel.register(selector, SelectionKey.OP_READ);
        channels.add(channel);
      }
    }

    /** Sends two requests per second on each connection. Returns early if no connection is left. */
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
        // The end of the connection is read next.
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

  /** Peers that connect one after the other, each for one echo. */
  private static final class NewPeers {
    private final int port;
    private final AtomicInteger echoes = new AtomicInteger();
    private final AtomicInteger resets = new AtomicInteger(); // ended before the answer
    private final AtomicInteger refused = new AtomicInteger();
    private final AtomicInteger lost = new AtomicInteger(); // ended after the answer

    NewPeers(int port) {
      this.port = port;
    }

    void connect(AtomicBoolean over, long periodNanos) {
      while (!over.get()) {
        LockSupport.parkNanos(periodNanos);
        boolean served = false;
        try (Peer peer = Peer.connect(port).readTimeout(5_000)) {
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

  private static void stopsAndRestarts(ChildProcesses children, Random random, Outcome outcome)
      throws Exception {
    terminatedTwice(children, outcome);
    stoppedTwice(children, outcome);
    for (int i = 0; i < 6; i++) {
      terminatedAtTheStart(children, random, outcome);
    }
    killed(children, outcome);
  }

  private static void terminatedTwice(ChildProcesses children, Outcome outcome) throws Exception {
    try (ServerUnderTest server = ServerUnderTest.startCold(children, List.of());
        Peer peer = Peer.connect(server.port(), /* receiveBuffer= */ 4096)) {
      peer.send("!push 100000 10000").receive(); // its output stays pending
      long start = System.nanoTime();
      ServerUnderTest.signal(server.process(), "TERM");
      TimeUnit.MILLISECONDS.sleep(200);
      ServerUnderTest.signal(server.process(), "TERM");
      boolean over = server.process().waitFor(15, TimeUnit.SECONDS);
      outcome.figure("SIGTERM twice: exit after %.1f s", (System.nanoTime() - start) / 1e9);
      outcome.require(over && server.process().exitValue() == 0, "SIGTERM twice: no exit 0");
    }
  }

  private static void stoppedTwice(ChildProcesses children, Outcome outcome) throws Exception {
    try (ServerUnderTest server = ServerUnderTest.startCold(children, List.of());
        Peer peer = Peer.connect(server.port(), /* receiveBuffer= */ 4096)) {
      peer.send("!push 100000 10000").receive();
      server.command("stop 10000");
      TimeUnit.MILLISECONDS.sleep(200);
      outcome.require(server.stat("connections") == 1, "stop did not wait");
      server.command("stop 0");
      long millis = server.await("stopped", () -> server.stat("connections") == 0);
      outcome.figure("second stop: %d ms", millis);
      outcome.require(millis < 500, "second stop: %d ms", millis);
      server.expectExit(outcome);
    }
  }

  private static void terminatedAtTheStart(ChildProcesses children, Random random, Outcome outcome)
      throws Exception {
    Path log = Files.createTempFile("torture", ".log");
    Process process = children.start(ServerUnderTest.commandLine(), log);
    TimeUnit.MILLISECONDS.sleep(50 + random.nextInt(700));
    process.destroy();
    boolean over = process.waitFor(10, TimeUnit.SECONDS);
    outcome.require(over, "SIGTERM during the start: no end");
    children.stop(process);
    Files.delete(log);
  }

  private static void killed(ChildProcesses children, Outcome outcome) throws Exception {
    List<Peer> peers = new ArrayList<>();
    int port;
    try (ServerUnderTest server = ServerUnderTest.startCold(children, List.of())) {
      port = server.port();
      for (int i = 0; i < 200; i++) {
        peers.add(Peer.connect(port));
        peers.get(i).echo("hello");
      }
      server.process().destroyForcibly().waitFor();
    }
    try (ServerUnderTest server =
        ServerUnderTest.startCold(
            children, List.of(), "--warm", "--listen", "tcp://127.0.0.1:" + port)) {
      outcome.figure("bound again after %d ms", server.bindMillis());
      outcome.require(server.bindMillis() <= 100, "bound after %d ms", server.bindMillis());
      try (Peer peer = Peer.connect(port)) {
        outcome.require(peer.echo("hello").equals("hello"), "not served");
      }
      server.expectExit(outcome);
    }
    for (Peer peer : peers) {
      peer.close();
    }
    outcome.seen(
        "as expected; without `Drain`, a second SIGTERM has no effect, as the JVM ignores it");
  }

  private static void listenerCloses(ChildProcesses children, Random random, Outcome outcome)
      throws Exception {
    String address = "tcp://127.0.0.1:0?reuseport=true";
    try (ServerUnderTest server = ServerUnderTest.start(children, "--twin", "--listen", address)) {
      server.command("pause");
      TimeUnit.MILLISECONDS.sleep(200);
      List<Peer> queued = new ArrayList<>();
      for (int i = 0; i < 400; i++) {
        queued.add(Peer.connect(server.port()).send("queued"));
      }
      server.command("stop-accepting");
      server.command("resume");
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
      server.expectCleanState(outcome);
    }
    try (ServerUnderTest server = ServerUnderTest.start(children, "--twin", "--listen", address)) {
      AtomicBoolean over = new AtomicBoolean();
      NewPeers newPeers = new NewPeers(server.port());
      List<CompletableFuture<Void>> streams = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        streams.add(CompletableFuture.runAsync(() -> newPeers.connect(over, 0)));
      }
      TimeUnit.MILLISECONDS.sleep(500);
      server.command("stop-accepting");
      TimeUnit.MILLISECONDS.sleep(200);
      over.set(true);
      for (CompletableFuture<Void> stream : streams) {
        stream.get(20, TimeUnit.SECONDS);
      }
      boolean migrates =
          Files.readString(Path.of("/proc/sys/net/ipv4/tcp_migrate_req")).strip().equals("1");
      outcome.figure(
          "meanwhile: %d served, n = %d reset, tcp_migrate_req=%d",
          newPeers.echoes.get(), newPeers.resets.get(), migrates ? 1 : 0);
      outcome.require(!migrates || newPeers.resets.get() == 0, "reset: %d", newPeers.resets.get());
      outcome.require(newPeers.lost.get() == 0, "lost: %d", newPeers.lost.get());
      outcome.require(newPeers.refused.get() == 0, "refused: %d", newPeers.refused.get());
      server.expectCleanState(outcome);
    }
  }
}
