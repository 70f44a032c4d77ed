package dev.jev.benchmarks.torturing;

import dev.jev.benchmarks.shared.BenchmarkException;
import dev.jev.benchmarks.shared.ChildProcesses;
import java.net.NetworkInterface;
import java.net.SocketException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** Loss of packets between a server and its peers, in this program's own network namespace. */
final class PacketLoss {

  private static final Duration LIMIT = Duration.ofSeconds(10);

  private final ChildProcesses children;

  /** The code that runs during the packet loss. */
  interface Body {
    void run() throws Exception;
  }

  private PacketLoss(ChildProcesses children) {
    this.children = children;
  }

  /**
   * Runs {@code body} while the given percentage of all packets from and to the server's port is
   * dropped at random, except for the packets of the canary.
   */
  static void during(int percent, ServerUnderTest server, ChildProcesses children, Body body)
      throws Exception {
    if (!hasOnlyLoopback()) {
      throw new BenchmarkException(
          "network interfaces: not only loopback (expected: loopback, as after unshare --net)");
    }
    PacketLoss packetLoss = new PacketLoss(children);
    packetLoss.nft("add table inet torture");
    try {
      packetLoss.lose(percent, server.port(), server.canary().port());
      body.run();
    } finally {
      packetLoss.nft("delete table inet torture");
    }
  }

  private void lose(int percent, int port, int canary) {
    nft("add chain inet torture in { type filter hook input priority 0 ; }");
    String random = percent == 100 ? " drop" : " numgen random mod 100 < " + percent + " drop";
    String rule = "add rule inet torture in tcp ";
    nft(rule + "dport " + port + " tcp sport != " + canary + random);
    nft(rule + "sport " + port + " tcp dport != " + canary + random);
  }

  private static boolean hasOnlyLoopback() throws SocketException {
    return NetworkInterface.networkInterfaces().allMatch(each -> each.getName().equals("lo"));
  }

  private void nft(String words) {
    List<String> command = new ArrayList<>(List.of("nft"));
    command.addAll(List.of(words.split(" ", -1)));
    children.run(command, LIMIT);
  }
}
