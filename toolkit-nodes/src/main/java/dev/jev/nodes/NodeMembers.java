package dev.jev.nodes;

import dev.jev.Connection;
import dev.jev.nodes.Presence.Member;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The members that are subscribed on this node, and their connections.
 *
 * <p>A connection belongs to one member from its first subscription to the end of its last one,
 * whatever its attribute is meanwhile. Any thread.
 */
final class NodeMembers {

  /** A connection of a member. */
  private static final class Entry {
    final Member member;
    int subscriptions;

    Entry(Member member) {
      this.member = member;
    }
  }

  // Guarded by this.
  private final Map<Connection<?>, Entry> entries = new HashMap<>();
  private final Map<String, List<Connection<?>>> connections = new HashMap<>();

  /** Called when a connection has joined a topic. */
  void joined(ClusterTopic<?> topic, Connection<?> connection) {
    Member member = join(connection);
    if (member != null && topic.kind.hasPresence) {
      topic.nodePresence().add(member);
    }
  }

  private synchronized @Nullable Member join(Connection<?> connection) {
    Entry entry = entries.get(connection);
    if (entry == null) {
      Member member = connection.attribute(Member.class);
      if (member == null) {
        return null;
      }
      entry = new Entry(member);
      entries.put(connection, entry);
      connections.computeIfAbsent(member.id(), id -> new ArrayList<>(1)).add(connection);
    }
    entry.subscriptions++;
    return entry.member;
  }

  /** Called when a connection has left a topic. */
  void left(ClusterTopic<?> topic, Connection<?> connection) {
    Member member = leave(connection);
    if (member != null && topic.kind.hasPresence) {
      topic.nodePresence().remove(member);
    }
  }

  private synchronized @Nullable Member leave(Connection<?> connection) {
    Entry entry = entries.get(connection);
    if (entry == null) {
      return null;
    }
    if (--entry.subscriptions == 0) {
      entries.remove(connection);
      connections.computeIfPresent(
          entry.member.id(), (id, all) -> all.remove(connection) && all.isEmpty() ? null : all);
    }
    return entry.member;
  }

  /** Closes the connections of a member; returns how many. */
  int close(String member) {
    List<Connection<?>> all;
    synchronized (this) {
      all = List.copyOf(connections.getOrDefault(member, List.of()));
    }
    all.forEach(Connection::close);
    return all.size();
  }
}
