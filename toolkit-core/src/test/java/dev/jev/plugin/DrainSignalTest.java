package dev.jev.plugin;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Eventually;
import dev.jev.Handler;
import dev.jev.Program;
import dev.jev.RawPeer;
import dev.jev.Server;
import dev.jev.Texts;
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** Tests the effect of signals on a process with a {@link Drain}. */
@DisabledOnOs(value = OS.WINDOWS, disabledReason = "has no SIGTERM")
class DrainSignalTest {

  private static final byte[] REQUEST = RawPeer.frames("request");
  private static final int CLIENTS = 1_000;
  private static final int THREADS = 4;

  /** Starts a process that runs a {@link DrainedServer}. */
  private static Program start(int acceptMillis, int spreadMillis, int deadlineMillis)
      throws Exception {
    Program program =
        Program.java(
            "-Xmx256m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-cp",
            Program.classPath(),
            DrainedServer.class.getName(),
            String.valueOf(acceptMillis),
            String.valueOf(spreadMillis),
            String.valueOf(deadlineMillis));
    assertThat(program.line()).isEqualTo("starts");
    return program;
  }

  private static int port(Program program) throws Exception {
    return program.listens(Pattern.compile("(\\d+)")).port();
  }

  /** A client that sends requests repeatedly and records how its connection ended. */
  private static final class Client {
    private final SocketChannel channel;
    private final ByteBuffer reply = ByteBuffer.allocate(REQUEST.length);
    private int asked;
    private int answered;
    private volatile boolean served;
    private boolean ended;
    private boolean reset;

    Client(int port) throws IOException {
      channel = SocketChannel.open(address(port));
      channel.configureBlocking(false);
    }

    /**
     * Reads the reply, if it has arrived, and sends the next request; returns false when closed.
     */
    boolean proceed(boolean mayAsk) {
      try {
        int length = channel.read(reply);
        if (!reply.hasRemaining()) {
          answered++;
          served = true;
          reply.clear();
        }
        if (length < 0) {
          ended = true;
        } else if (mayAsk && answered == asked) {
          assertThat(channel.write(ByteBuffer.wrap(REQUEST))).isEqualTo(REQUEST.length);
          asked++;
        }
      } catch (IOException e) {
        reset = true;
      }
      if (ended || reset) {
        close();
      }
      return !ended && !reset;
    }

    boolean isServed() {
      return served;
    }

    private void close() {
      try {
        channel.close();
      } catch (IOException e) {
        reset = true;
      }
    }
  }

  private static InetSocketAddress address(int port) {
    return new InetSocketAddress(InetAddress.getLoopbackAddress(), port);
  }

  /** The clients of one thread. */
  private static final class ClientThread extends Thread {
    final List<Client> all = new ArrayList<>();

    @Override
    public void run() {
      List<Client> open = new ArrayList<>(all);
      while (!open.isEmpty()) {
        open.removeIf(client -> !client.proceed(/* mayAsk= */ true));
        LockSupport.parkNanos(Duration.ofMillis(50).toNanos());
      }
    }
  }

  /** Connects 100 times per second, sends one request each time, and waits for the close. */
  private static final class Arrivals extends Thread {
    private final int port;
    private final AtomicInteger refused = new AtomicInteger();
    final List<Client> all = new ArrayList<>();

    Arrivals(int port) {
      this.port = port;
    }

    @Override
    public void run() {
      List<Client> open = new ArrayList<>();
      while (refused.get() < 20 || !open.isEmpty()) {
        try {
          Client client = new Client(port);
          all.add(client);
          open.add(client);
        } catch (ConnectException e) {
          refused.incrementAndGet();
        } catch (IOException e) {
          throw new IllegalStateException(e);
        }
        open.removeIf(client -> !client.proceed(/* mayAsk= */ client.asked == 0));
        LockSupport.parkNanos(Duration.ofMillis(10).toNanos());
      }
    }
  }

  @Test
  void thousandClientsAndLateArrivalsLoseNothing() throws Exception {
    try (Program child = start(1_000, 4_000, 45_000)) {
      int port = port(child);
      List<ClientThread> threads = new ArrayList<>();
      for (int i = 0; i < THREADS; i++) {
        threads.add(new ClientThread());
      }
      for (int i = 0; i < CLIENTS; i++) {
        threads.get(i % THREADS).all.add(new Client(port));
      }
      Arrivals arrivals = new Arrivals(port);
      threads.forEach(Thread::start);
      arrivals.start();
      for (ClientThread thread : threads) {
        Eventually.holds(
            "all clients have a reply", () -> thread.all.stream().allMatch(Client::isServed));
      }
      long start = System.nanoTime();
      child.terminate();
      int status = child.exitStatus();
      long millis = Duration.ofNanos(System.nanoTime() - start).toMillis();
      int served = Integer.parseInt(child.line());
      String report = child.line();

      List<Client> clients = new ArrayList<>();
      for (ClientThread thread : threads) {
        thread.join();
        clients.addAll(thread.all);
      }
      arrivals.join();
      int arrivalCount = arrivals.all.size();
      clients.addAll(arrivals.all);
      int answered = clients.stream().mapToInt(client -> client.answered).sum();
      long resets = clients.stream().filter(c -> c.reset && c.answered > 0).count();
      long resetsBeforeReply = clients.stream().filter(c -> c.reset && c.answered == 0).count();
      long unanswered = clients.stream().filter(client -> client.asked > client.answered).count();
      System.out.printf(
          "%s%nstatus %d after %d ms; %d + %d clients, %d refused; replies %d of %d;"
              + " resets %d, before a reply %d; last request not answered %d%n",
          report,
          status,
          millis,
          CLIENTS,
          arrivalCount,
          arrivals.refused.get(),
          answered,
          served,
          resets,
          resetsBeforeReply,
          unanswered);
      assertThat(status).isZero();
      assertThat(millis).isGreaterThanOrEqualTo(4_000);
      assertThat(report).startsWith("drain: ").doesNotContain("cut off");
      assertThat(answered).as("replies").isEqualTo(served).isGreaterThan(CLIENTS);
      assertThat(resets).isZero();
      assertThat(arrivalCount).isGreaterThan(10);
      assertThat(resetsBeforeReply)
          .as("reset before the first reply")
          .isLessThan(arrivalCount / 2); // those that a stalled listener had not yet accepted
    }
  }

  @Test
  void secondSignalClosesAllAtOnce() throws Exception {
    try (Program child = start(60_000, 60_000, 180_000)) {
      try (Socket peer = new Socket(InetAddress.getLoopbackAddress(), port(child))) {
        peer.getOutputStream().write(REQUEST);
        assertThat(peer.getInputStream().readNBytes(REQUEST.length)).isEqualTo(REQUEST);
        child.terminate();
        peer.setSoTimeout(20_000);
        peer.getOutputStream().write(REQUEST); // after one signal it still serves
        assertThat(peer.getInputStream().readNBytes(REQUEST.length)).isEqualTo(REQUEST);
        LockSupport.parkNanos(Duration.ofMillis(300).toNanos());
        peer.getOutputStream().write(REQUEST);
        assertThat(peer.getInputStream().readNBytes(REQUEST.length)).isEqualTo(REQUEST);
        long start = System.nanoTime();
        child.terminate();
        assertThat(peer.getInputStream().read()).isEqualTo(-1);
        peer.shutdownOutput();
        assertThat(child.exitStatus()).isZero();
        System.out.println(
            "second SIGTERM to exit: " + (System.nanoTime() - start) / 1_000_000 + " ms");
        assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(30));
      }
    }
  }

  @Test
  void signalDuringTheStartEndsTheProcessToo() throws Exception {
    for (int millis : new int[] {0, 100, 200, 300, 400, 500}) {
      try (Program child = start(0, 0, 10_000)) {
        LockSupport.parkNanos(Duration.ofMillis(millis).toNanos());
        child.terminate();
        assertThat(child.exitStatus()).as("after %s ms", millis).isIn(0, 143);
      }
    }
  }

  @Test
  void portIsFreeAtOnceWhenAServerWasKilled() throws Exception {
    List<Socket> peers = new ArrayList<>();
    try (Program child = start(0, 0, 10_000)) {
      int port = port(child);
      for (int i = 0; i < 100; i++) {
        Socket peer = new Socket(InetAddress.getLoopbackAddress(), port);
        peer.getOutputStream().write(REQUEST);
        assertThat(peer.getInputStream().readNBytes(REQUEST.length)).isEqualTo(REQUEST);
        peers.add(peer);
      }
      child.kill();
      assertThat(child.exitStatus()).isEqualTo(137);
      long start = System.nanoTime();
      try (Server next =
          Server.builder(Texts::new, Handler.replying((String text) -> text))
              .listen("tcp://127.0.0.1:" + port)
              .start()) {
        assertThat(next.port()).isEqualTo(port);
        Duration time = Duration.ofNanos(System.nanoTime() - start);
        System.out.println("SIGKILL to bound again: " + time.toNanos() / 1_000 + " us");
        assertThat(time).isLessThan(Duration.ofSeconds(20)); // TIME_WAIT is 60 s
      }
    } finally {
      for (Socket peer : peers) {
        peer.close();
      }
    }
  }
}
