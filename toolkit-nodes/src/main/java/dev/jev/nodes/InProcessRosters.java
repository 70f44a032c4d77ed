package dev.jev.nodes;

import dev.jev.nodes.Backplane.Lease;
import dev.jev.nodes.Backplane.Roster;
import dev.jev.nodes.InProcessBackplane.Node;
import dev.jev.nodes.Presence.Change;
import dev.jev.nodes.Presence.Member;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * The leases of nodes and the members of topics, for the engine within this process. A restarted
 * node is another {@link Node}, even if it has the name of the earlier one.
 *
 * <p><b>Threads.</b> Any thread; changes are handed over under the lock, and so in one order.
 */
final class InProcessRosters {

  // Guarded by this.
  private final Map<Node, Long> leaseEnds = new LinkedHashMap<>();
  private final Set<Node> lapsed = new HashSet<>();
  private final Map<String, Members> rosters = new HashMap<>();
  private long highestVersion;

  /** Renews a lease, and removes the nodes whose lease has ended. */
  synchronized Lease renew(Node node, Duration lease, long now) {
    leaseEnds.put(node, now + lease.toNanos());
    for (Node each : List.copyOf(leaseEnds.keySet())) {
      if (leaseEnds.getOrDefault(each, now) - now <= 0) {
        remove(each);
        lapsed.add(each);
      }
    }
    lapsed.removeIf(each -> !each.open);
    Set<String> alive = new TreeSet<>();
    leaseEnds.keySet().stream().filter(each -> each.open).forEach(each -> alive.add(each.name));
    return new Lease(alive, lapsed.remove(node));
  }

  /** Ends the lease of a node that has closed after some time, or at once if that is zero. */
  synchronized void endLease(Node node, Duration leaveAfter, long now) {
    List.copyOf(rosters.keySet()).forEach(topic -> unwatch(topic, node));
    if (leaveAfter.isZero()) {
      remove(node);
    } else {
      leaseEnds.computeIfPresent(node, (same, end) -> now + leaveAfter.toNanos());
    }
  }

  private void remove(Node node) {
    leaseEnds.remove(node);
    for (Map.Entry<String, Members> each : List.copyOf(rosters.entrySet())) {
      for (Joined joined : List.copyOf(each.getValue().joined.values())) {
        set(each.getKey(), joined.member, node, 0);
      }
    }
  }

  /**
   * Sets the number of connections of a member on a node.
   *
   * @throws IllegalStateException if the node has no lease, so that it would stay for ever
   */
  synchronized void present(String topic, Member member, Node node, int connections) {
    if (connections > 0 && !leaseEnds.containsKey(node)) {
      throw new IllegalStateException("node " + node.name + " has no lease");
    }
    set(topic, member, node, connections);
  }

  private void set(String topic, Member member, Node node, int connections) {
    Members members = rosters.computeIfAbsent(topic, t -> new Members(highestVersion));
    Joined joined = members.joined.get(member.id());
    if (connections > 0) {
      if (joined == null) {
        joined = new Joined(member, new HashMap<>(2));
        members.joined.put(member.id(), joined);
        changed(topic, members, new Change(true, member));
      }
      joined.connections.put(node, connections);
    } else if (joined != null
        && joined.connections.remove(node) != null
        && joined.connections.isEmpty()) {
      members.joined.remove(member.id());
      changed(topic, members, new Change(false, joined.member));
    }
    forgetIfUnused(topic, members);
  }

  private void changed(String topic, Members members, Change change) {
    long version = ++members.version;
    for (Node watcher : members.watchers) {
      NodeLog.run(() -> watcher.receiver.presence(topic, version, change));
    }
  }

  /** Keeps the highest version of the forgotten ones, so that versions never go back. */
  private void forgetIfUnused(String topic, Members members) {
    if (members.joined.isEmpty() && members.watchers.isEmpty()) {
      rosters.remove(topic);
      highestVersion = Math.max(highestVersion, members.version);
    }
  }

  synchronized Roster watch(String topic, Node node) {
    Members members = rosters.computeIfAbsent(topic, t -> new Members(highestVersion));
    if (node.open) {
      members.watchers.add(node);
    }
    Map<Member, Integer> connections = new HashMap<>();
    members.joined.values().forEach(each -> connections.put(each.member, each.sum()));
    return new Roster(members.version, connections);
  }

  synchronized void unwatch(String topic, Node node) {
    Members members = rosters.get(topic);
    if (members != null) {
      members.watchers.remove(node);
      forgetIfUnused(topic, members);
    }
  }

  /** The members of a topic, and the nodes that watch them. */
  private static final class Members {

    final Map<String, Joined> joined = new HashMap<>();
    final Set<Node> watchers = new LinkedHashSet<>();
    long version;

    Members(long version) {
      this.version = version;
    }
  }

  /** A member, with its connections per node. */
  private record Joined(Member member, Map<Node, Integer> connections) {

    int sum() {
      return connections.values().stream().mapToInt(Integer::intValue).sum();
    }
  }
}
