package dev.jev.benchmarks.torturing;

import dev.jev.benchmarks.shared.BenchmarkException;
import dev.jev.benchmarks.shared.ChildProcesses;
import java.net.NetworkInterface;
import java.net.SocketException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * Loses packets between a server and its peers, in a network namespace that is this program's own.
 */
final class PacketLoss {

  private static final Duration LIMIT = Duration.ofSeconds(10);

  private final ChildProcesses children;

  /** What is done meanwhile. */
  interface Body {
    void run() throws Exception;
  }

  private PacketLoss(ChildProcesses children) {
    this.children = children;
  }

  /**
   * Loses so many of all packets from and to a server's port, at random, but none of the canary's.
   */
  static void during(int percent, ServerUnderTest server, ChildProcesses children, Body body)
      throws Exception {
    if (!hasOnlyLoopback()) {
      throw new BenchmarkException(
          "network interfaces: others, too (expected: loopback only, as after unshare --net)");
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
