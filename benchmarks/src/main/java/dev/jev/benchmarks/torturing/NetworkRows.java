package dev.jev.benchmarks.torturing;

import static java.nio.charset.StandardCharsets.US_ASCII;

import dev.jev.benchmarks.shared.BenchmarkException;
import dev.jev.benchmarks.shared.ChildProcesses;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** Rows about datagrams and Unix domain sockets. */
final class NetworkRows {

  static final List<TortureRow> ROWS =
      List.of(
          new TortureRow(
              "38",
              "UDP: a flood of valid, malformed, empty and maximum-size datagrams for 3 s, from"
                  + " open sockets and from sockets that are closed at once",
              "every datagram is delivered, counted as dropped, or dropped by the kernel; no more"
                  + " bytes are answered than were sent",
              NetworkRows::datagrams),
          new TortureRow(
              "39",
              "Unix domain sockets: stale, in use, a file, a link, a path too long, no directory,"
                  + " removed meanwhile, replaced by a successor, mode",
              "replaced, refused, refused, refused, refused, refused, stops, not touched, as"
                  + " configured",
              NetworkRows::files));

  private static final InetAddress LOOPBACK = InetAddress.getLoopbackAddress();

  private NetworkRows() {}

  private static void datagrams(ChildProcesses children, Random random, Outcome outcome)
      throws Exception {
    int port = freePort();
    String udp = "udp://127.0.0.1:" + port;
    try (ServerUnderTest server =
        ServerUnderTest.start(children, "--listen", "tcp://127.0.0.1:0", "--listen", udp)) {
      ServerStats before = server.command("stats");
      long sent = 0;
      long sentBytes = 0;
      long answered = 0;
      long start = System.nanoTime();
      try (DatagramSocket socket = new DatagramSocket(0, LOOPBACK)) {
        socket.setSoTimeout(1);
        socket.setReceiveBufferSize(4 << 20);
        DatagramPacket answer = new DatagramPacket(new byte[65_535], 65_535);
        while (System.nanoTime() - start < TimeUnit.SECONDS.toNanos(3)) {
          byte[] datagram = datagram(random);
          if (random.nextInt(50) == 0) { // the answer has no receiver
            try (DatagramSocket gone = new DatagramSocket(0, LOOPBACK)) {
              gone.send(packet(datagram, port));
            }
          } else {
            socket.send(packet(datagram, port));
            sentBytes += datagram.length + 28;
          }
          sent++;
          if (sent % 100 == 0) {
            answered += drain(socket, answer);
          }
        }
        for (int i = 0; i < 100; i++) {
          answered += drain(socket, answer);
        }
      }
      ServerStats after = server.command("stats");
      long delivered = after.get("datagrams") - before.get("datagrams");
      long dropped = after.get("dropped") - before.get("dropped");
      long byKernel = kernelDrops(port);
      long unsent = after.get("unsent") - before.get("unsent");
      outcome.seen(
          "%,d sent = %,d delivered + %,d dropped + %,d dropped by the kernel",
          sent, delivered, dropped - unsent, byKernel);
      outcome.figure(
          "%,d datagrams/s, %.2f bytes answered per byte sent",
          delivered / 3, answered / (double) sentBytes);
      outcome.require(
          sent == delivered + dropped - unsent + byKernel,
          "not accounted for: %d",
          sent - delivered - (dropped - unsent) - byKernel);
      outcome.require(answered <= 3 * sentBytes, "amplification");
      try (DatagramSocket socket = new DatagramSocket(0, LOOPBACK)) {
        socket.setSoTimeout(5_000);
        socket.send(packet(Peer.frame("still there"), port));
        DatagramPacket answer = new DatagramPacket(new byte[100], 100);
        socket.receive(answer);
        outcome.require(answer.getLength() == 15, "no answer afterwards");
      }
      server.expectCleanState(outcome);
    }
  }

  /** Returns a datagram: a frame, garbage, empty, or of the maximum size. */
  private static byte[] datagram(Random random) {
    return switch (random.nextInt(20)) {
      case 0 -> new byte[0];
      case 1 -> Peer.frame("x".repeat(65_507 - 4));
      case 2, 3, 4 -> {
        byte[] garbage = new byte[random.nextInt(500)];
        random.nextBytes(garbage);
        yield garbage;
      }
      default -> Peer.frame("x".repeat(1 + random.nextInt(500)));
    };
  }

  private static DatagramPacket packet(byte[] bytes, int port) {
    return new DatagramPacket(bytes, bytes.length, LOOPBACK, port);
  }

  /** Receives all waiting datagrams. Returns their bytes, including headers. */
  private static long drain(DatagramSocket socket, DatagramPacket answer) {
    long bytes = 0;
    try {
      while (true) {
        answer.setLength(65_535);
        socket.receive(answer);
        bytes += answer.getLength() + 28;
      }
    } catch (IOException e) {
      return bytes; // no datagram for 1 ms
    }
  }

  private static int freePort() throws IOException {
    try (DatagramSocket socket = new DatagramSocket(new InetSocketAddress(LOOPBACK, 0))) {
      return socket.getLocalPort();
    }
  }

  /** Returns the last column of /proc/net/udp and udp6 for the socket of a port. */
  private static long kernelDrops(int port) throws IOException {
    String local = ":%04X ".formatted(port);
    long drops = 0;
    for (String table : List.of("/proc/net/udp", "/proc/net/udp6")) {
      try (Stream<String> lines = Files.lines(Path.of(table))) {
        drops +=
            lines
                .filter(line -> line.contains(local))
                .mapToLong(line -> Long.parseLong(line.strip().replaceFirst(".* ", "")))
                .sum();
      }
    }
    return drops;
  }

  private static void files(ChildProcesses children, Random random, Outcome outcome)
      throws Exception {
    Path directory = Files.createTempDirectory("torture");
    Path socket = directory.resolve("s");
    List<Path> left = new ArrayList<>(List.of(socket, directory));
    try {
      bind(socket).close(); // the file stays
      try (ServerUnderTest server = start(children, socket + "?mode=0640")) {
        outcome.require(echoes(socket), "stale: not replaced");
        String mode = PosixFilePermissions.toString(Files.getPosixFilePermissions(socket));
        outcome.require(mode.equals("rw-r-----"), "mode: %s", mode);
        expectRefused(outcome, children, "live", socket.toString());
        outcome.require(echoes(socket), "live: replaced");
        server.expectExit(outcome);
      }
      outcome.require(!Files.exists(socket), "own file: not removed");

      Path file = directory.resolve("file");
      Files.writeString(file, "precious");
      Path link = Files.createSymbolicLink(directory.resolve("link"), file);
      left.addAll(0, List.of(link, file));
      expectRefused(outcome, children, "file", file.toString());
      expectRefused(outcome, children, "link", link.toString());
      outcome.require(Files.readString(link).equals("precious"), "file: changed");
      expectRefused(outcome, children, "long path", directory.resolve("x".repeat(108)).toString());
      expectRefused(outcome, children, "directory", directory.resolve("none/s").toString());

      try (ServerUnderTest old = start(children, socket.toString())) {
        Files.delete(socket);
        try (ServerUnderTest successor = start(children, socket.toString())) {
          old.expectExit(outcome);
          outcome.require(
              Files.exists(socket) && echoes(socket), "successor: its file was removed");
          Files.delete(socket);
          successor.expectExit(outcome);
        }
      }
      outcome.seen(outcome.passed() ? "as expected" : "not all as expected");
      outcome.figure("11 checks");
    } finally {
      for (Path path : left) {
        Files.deleteIfExists(path);
      }
    }
  }

  private static ServerUnderTest start(ChildProcesses children, String path) throws IOException {
    return ServerUnderTest.startCold(
        children, List.of(), "--listen", "tcp://127.0.0.1:0", "--listen", "unix://" + path);
  }

  private static void expectRefused(
      Outcome outcome, ChildProcesses children, String what, String path) throws IOException {
    try (ServerUnderTest server = start(children, path)) {
      outcome.require(false, "%s: accepted by process %d", what, server.pid());
    } catch (BenchmarkException e) {
      String message = String.valueOf(e.getMessage());
      outcome.require(
          message.contains("cannot listen on") || message.contains("path:"),
          "%s: %s",
          what,
          message);
    }
  }

  private static ServerSocketChannel bind(Path path) throws IOException {
    ServerSocketChannel channel = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    return channel.bind(UnixDomainSocketAddress.of(path));
  }

  private static boolean echoes(Path path) throws IOException {
    try (SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(path))) {
      byte[] frame = Peer.frame("hello");
      channel.write(ByteBuffer.wrap(frame));
      ByteBuffer answer = ByteBuffer.allocate(frame.length);
      while (answer.hasRemaining() && channel.read(answer) >= 0) {
        // Reads the rest of the answer.
      }
      return new String(answer.array(), US_ASCII).equals(new String(frame, US_ASCII));
    }
  }
}
