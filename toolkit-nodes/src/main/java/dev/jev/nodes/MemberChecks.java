package dev.jev.nodes;

import static dev.jev.nodes.ContractNodes.equal;
import static dev.jev.nodes.ContractNodes.require;
import static java.nio.charset.StandardCharsets.UTF_8;

import dev.jev.nodes.Backplane.Lease;
import dev.jev.nodes.Backplane.RefusedException;
import dev.jev.nodes.Backplane.Roster;
import dev.jev.nodes.ContractNodes.Node;
import dev.jev.nodes.ContractNodes.Versioned;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;

/** The checks of {@link BackplaneContract} that concern commands, members and leases. */
final class MemberChecks {

  private static final Duration LONG = Duration.ofMinutes(10);

  private final Duration lease;

  MemberChecks(Duration lease) {
    this.lease = lease;
  }

  void commands(ContractNodes nodes) {
    Node a = nodes.open("a");
    Node b = nodes.open("b");
    Node c = nodes.open("c");
    nodes.get(a.session().command(b.name, "one".getBytes(UTF_8)));
    equal("commands of the one", b.commands(1), List.of(a.name + ": one"));
    nodes.get(a.session().command(null, "all".getBytes(UTF_8)));
    nodes.get(b.session().command(a.name, "back".getBytes(UTF_8)));
    nodes.get(b.session().command("nowhere-" + a.name, "lost".getBytes(UTF_8)));
    equal("commands", b.commands(2), List.of(a.name + ": one", a.name + ": all"));
    equal("commands of another node", c.commands(1), List.of(a.name + ": all"));
    equal("commands of the sender", a.commands(1), List.of(b.name + ": back"));
  }

  void members(ContractNodes nodes) {
    Node a = leased(nodes, "a", LONG);
    Node b = leased(nodes, "b", LONG);
    long version = a.watch("members").version();
    equal("version on another node", b.watch("members").version(), version);
    a.present("members", "m", 1);
    a.present("members", "m", 1);
    b.present("members", "m", 2);
    equal("connections", members(b.watch("members")), Map.of("m", 3));
    a.present("members", "m", 0);
    a.present("members", "m", 0);
    b.present("members", "n", 1);
    b.present("members", "m", 0);
    String expected =
        List.of((version + 1) + "+m", (version + 2) + "+n", (version + 3) + "-m").toString();
    equal("changes", a.changes("members", 3).toString(), expected);
    equal("changes on another node", b.changes("members", 3).toString(), expected);
    Roster roster = a.watch("members");
    equal("members", members(roster), Map.of("n", 1));
    equal("version", roster.version(), version + 3);
    equal("members of another topic", members(a.watch("members-other")), Map.of());
  }

  private static Map<String, Integer> members(Roster roster) {
    Map<String, Integer> members = new TreeMap<>();
    roster.connections().forEach((member, count) -> members.put(member.id(), count));
    return members;
  }

  private static Node leased(ContractNodes nodes, String name, Duration lease) {
    Node node = nodes.open(name);
    Lease answer = nodes.get(node.session().renew(lease));
    require(answer.alive().contains(node.name), "a node that has a lease is not alive");
    require(!answer.lapsed(), "the first lease of a node has lapsed");
    return node;
  }

  void membersWithoutHole(ContractNodes nodes) {
    Node watcher = nodes.open("w");
    List<CompletableFuture<Void>> churns = new ArrayList<>();
    CompletableFuture<Roster> watched = new CompletableFuture<>();
    Roster begin;
    try {
      for (String each : List.of("a", "b")) {
        Node node = leased(nodes, each, LONG);
        churns.add(
            CompletableFuture.runAsync(
                () -> {
                  Random random = new Random(each.hashCode());
                  churn(node, random);
                  watched.join(); // so that there is something to watch
                  churn(node, random);
                },
                task -> new Thread(task, "churn").start()));
      }
      begin = watcher.watch("churn");
      watched.complete(begin);
    } finally {
      watched.cancel(false);
    }
    churns.forEach(nodes::get);
    Roster end = nodes.open("c").watch("churn");
    Set<String> members = new TreeSet<>(members(begin).keySet());
    long version = begin.version();
    List<Versioned> changes = watcher.changes("churn", (int) (end.version() - version));
    for (Versioned each : changes) {
      if (each.version() > begin.version()) {
        equal("version", each.version(), ++version);
        String id = each.change().member().id();
        boolean changed = each.change().joined() ? members.add(id) : members.remove(id);
        require(changed, each + " is no change of " + members);
      }
    }
    equal("members", members, new TreeSet<>(members(end).keySet()));
    equal("last version", version, end.version());
  }

  private static void churn(Node node, Random random) {
    for (int i = 0; i < 150; i++) {
      node.present("churn", "m" + random.nextInt(5), random.nextInt(3));
    }
  }

  void lease(ContractNodes nodes) {
    Node silent = leased(nodes, "silent", lease);
    Node other = leased(nodes, "other", LONG);
    long version = other.watch("lease").version();
    silent.present("lease", "both", 1);
    silent.present("lease", "gone", 1);
    other.present("lease", "both", 1);
    nodes.eventually("end of the lease", () -> !alive(nodes, other).contains(silent.name));
    String expected = List.of((version + 1) + "+both", (version + 2) + "+gone").toString();
    equal("joins", other.changes("lease", 2).subList(0, 2).toString(), expected);
    equal("leave", other.changes("lease", 3).get(2).toString(), (version + 3) + "-gone");
    equal("members", members(other.watch("lease")), Map.of("both", 1));
    equal("lapsed", nodes.get(silent.session().renew(LONG)).lapsed(), true);
    equal("lapsed, then renewed", nodes.get(silent.session().renew(LONG)).lapsed(), false);
    silent.present("lease", "gone", 1);
    String back = other.changes("lease", 4).get(3).toString();
    equal("join after the lease", back, (version + 4) + "+gone");
  }

  private static Set<String> alive(ContractNodes nodes, Node node) {
    return nodes.get(node.session().renew(LONG)).alive();
  }

  void leaving(ContractNodes nodes) {
    Node leaving = leased(nodes, "leaving", LONG);
    Node other = leased(nodes, "other", LONG);
    long version = other.watch("leaving").version();
    leaving.present("leaving", "moves", 1);
    leaving.present("leaving", "leaves", 1);
    nodes.get(leaving.session().close(lease));
    other.present("leaving", "moves", 1);
    require(!alive(nodes, other).contains(leaving.name), "a closed node is alive");
    nodes.eventually("leave", () -> alive(nodes, other) != null && left(other) == 1);
    equal("leave", other.changes("leaving", 3).get(2).toString(), (version + 3) + "-leaves");
    equal("members", members(other.watch("leaving")), Map.of("moves", 1));
  }

  private static long left(Node node) {
    return node.changes("leaving", 0).stream().filter(each -> !each.change().joined()).count();
  }

  void closed(ContractNodes nodes) {
    Node closed = leased(nodes, "closed", LONG);
    Node other = leased(nodes, "other", LONG);
    long version = other.watch("closed").version();
    closed.present("closed", "m", 1);
    nodes.get(closed.session().close(Duration.ZERO));
    equal("leave", other.changes("closed", 2).get(1).toString(), (version + 2) + "-m");
    require(!alive(nodes, other).contains(closed.name), "a closed node is alive");
    byte[] body = nodes.body("late");
    Object outcome = nodes.outcome(closed.session().publish(nodes.log("closed", 10), body, null));
    require(
        outcome instanceof RefusedException,
        "publication after the close: " + outcome + " (expected: a RefusedException)");
    Node reopened = leased(nodes, "closed", LONG);
    reopened.present("closed", "m", 1);
    equal("members", members(other.watch("closed")), Map.of("m", 1));
  }
}
