package dev.jev.nodes;

import dev.jev.Connection;
import dev.jev.SharedMessage;
import dev.jev.SlowConsumer;
import dev.jev.Topic;
import dev.jev.nodes.NodePresence.Snapshot;
import dev.jev.nodes.Presence.Change;
import dev.jev.nodes.Presence.Listening;
import dev.jev.nodes.Presence.Member;
import dev.jev.websocket.WebSocketMessage;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The connections of a {@link TopicSocket} that follow the members of one topic.
 *
 * <p>Each gets the members, then the changes that follow. The changes are made into messages once
 * for all.
 *
 * <p>Used by the thread of the topic only.
 */
final class PresenceSockets implements NodePresence.Follower {

  /** Maximum number of members that a connection is told. */
  private static final int MAX_MEMBERS = 1_000;

  private final String name;
  private final NodePresence presence;
  private final Topic<WebSocketMessage> changes;
  private @Nullable Listening following;
  private final Set<Connection<?>> joining = new HashSet<>(); // wait for the members
  private long last; // version that the connections know
  private boolean isRosterDue;

  PresenceSockets(String name, NodePresence presence) {
    this.name = name;
    this.presence = presence;
    this.changes = Topic.of(name);
  }

  /** Sends the members to a connection, and then their changes. */
  void add(Connection<WebSocketMessage> connection) {
    if (following == null) {
      following = presence.follow(this);
    }
    if (joining.add(connection)) {
      Snapshot snapshot = (version, members) -> join(connection, version, members);
      presence.follow(snapshot);
    }
  }

  private void join(
      Connection<WebSocketMessage> connection, long version, Collection<Member> members) {
    if (!joining.remove(connection)) {
      return; // has unsubscribed
    }
    SharedMessage<WebSocketMessage> roster = SharedMessage.of(roster(version, members));
    changes.unsubscribe(connection);
    changes.subscribe(connection, SlowConsumer.close(), List.of(roster));
    roster.release();
  }

  private WebSocketMessage roster(long version, Collection<Member> members) {
    List<Member> shown = members.stream().limit(MAX_MEMBERS).toList();
    return Envelope.roster(name, version, shown, members.size() - shown.size());
  }

  /** Ends this for a connection. */
  void remove(Connection<?> connection) {
    joining.remove(connection);
    changes.unsubscribe(connection);
    endIfUnused();
  }

  private void endIfUnused() {
    if (following != null && joining.isEmpty() && changes.size() == 0) {
      following.close();
      following = null;
    }
  }

  @Override
  public void members(long version, Collection<Member> members) {
    last = version;
    isRosterDue = false;
  }

  @Override
  public void changed(long version, Change change) {
    endIfUnused(); // the connections have closed
    if (isRosterDue) {
      return; // which has this change
    }
    if (version == last + 1) {
      last = version;
      changes.publish(Envelope.change(name, version, change));
    } else { // changes were missed
      isRosterDue = true;
      Snapshot snapshot = this::publishRoster;
      presence.follow(snapshot);
    }
  }

  private void publishRoster(long version, Collection<Member> members) {
    isRosterDue = false;
    last = version;
    changes.publish(roster(version, members));
  }
}
