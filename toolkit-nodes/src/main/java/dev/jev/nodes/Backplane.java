package dev.jev.nodes;

import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletionStage;
import org.jspecify.annotations.Nullable;

/**
 * The engine under {@link Nodes}: it stores records in one order, hands them to all nodes that
 * listen, and knows which nodes and members are there.
 *
 * <p>An engine sees bytes only. {@link BackplaneContract} tests an implementation.
 *
 * <p><b>Threads.</b> All methods may be called from any thread and do not block. Stages may
 * complete, and the methods of a {@link Receiver} be called, on any thread of the engine.
 */
public interface Backplane extends AutoCloseable {

  /**
   * Number of bytes at the beginning of each published body that identify it: the same bytes come
   * again only when the same body is published again.
   */
  int IDENTITY_BYTES = 18;

  /** Kinds of topics, see {@link TopicKind}. */
  enum Kind {
    /** Records are handed over and not kept. They have empty ids. */
    EVENTS,
    /** The newest record is kept. */
    LATEST,
    /** The newest records are kept. */
    LOG
  }

  /**
   * The amount of a topic that the engine keeps.
   *
   * @param messages the number of records that are kept at least, unless they exceed {@code bytes}
   *     or {@code age}
   * @param bytes the maximum size of the records that are kept, in bytes
   * @param age the time after the last publication at which the records are deleted
   */
  record Retention(Kind kind, int messages, long bytes, Duration age) {}

  /**
   * A topic, as the engine sees it.
   *
   * @param topic the name; topics of different kinds with one name are different topics
   */
  record Channel(String topic, Retention retention) {}

  /**
   * A published body.
   *
   * <p><b>Ownership.</b> The body must not be changed, neither by its publisher nor by a receiver.
   *
   * @param previous the id of the record before it, whether that is still kept or not; for the
   *     first record, the beginning of the topic
   * @param id its id: at most 64 of the characters {@code A-Z a-z 0-9 . _ -}, unique for the topic
   *     and never used again, also after the engine has lost its data
   */
  @SuppressWarnings({"ArrayRecordComponent", "JavaLangClash"}) // is compared by its id
  record Record(String previous, String id, byte[] body) {}

  /**
   * The outcome of a publication.
   *
   * @param id the id of the record
   * @param again whether an earlier call had stored it already
   */
  record Stored(String id, boolean again) {}

  /**
   * A part of the records that are kept of a topic.
   *
   * @param records the records, in order
   * @param continuous whether no record is missing between the position and the first of {@code
   *     records}; otherwise these are the newest ones, or none
   * @param end the id of the last record that was published, or the beginning of the topic if there
   *     is none; further records are to be read if it is not the id of the last of {@code records}
   */
  record Slice(List<Record> records, boolean continuous, String end) {}

  /**
   * The members of a topic.
   *
   * @param version a number that grows by one with each join and leave
   * @param connections the number of connections per member; with the {@link Presence.Member#info}
   *     with which it has joined
   */
  record Roster(long version, Map<Presence.Member, Integer> connections) {}

  /**
   * The lease of a node.
   *
   * @param alive the names of all nodes with a lease, this one included
   * @param lapsed whether the lease had ended before this renewal and the node has been removed
   *     from all rosters, so that its members have to be told again
   */
  record Lease(Set<String> alive, boolean lapsed) {}

  /** The failure of a publication that is certainly not stored and will not be. */
  final class RefusedException extends RuntimeException {

    private static final long serialVersionUID = 1;

    private final boolean isForNow;

    private RefusedException(String message, boolean isForNow) {
      super(message, null, false, false);
      this.isForNow = isForNow;
    }

    /** Creates an exception without a stack trace. */
    public RefusedException(String message) {
      this(message, false);
    }

    /** Returns an exception that says that the engine cannot be reached for now. */
    public static RefusedException forNow(String message) {
      return new RefusedException(message, true);
    }

    /** Returns whether the same publication may succeed a little later. */
    public boolean isForNow() {
      return isForNow;
    }
  }

  /**
   * Connects a node.
   *
   * @param node the name of the node, unique among those that are open. The members of an earlier
   *     session of that name are not those of the new one.
   */
  CompletionStage<Session> open(String node, Receiver receiver);

  /** Releases the resources of the engine. Open sessions end. */
  @Override
  void close();

  /**
   * Returns an engine within this process, for one node or for several, tests among them. It loses
   * everything at the end of the process.
   */
  static Backplane inProcess() {
    return new InProcessBackplane();
  }

  /** The connection of a node to the engine. */
  interface Session {

    /**
     * Publishes a record to all nodes that listen. The records of a topic are stored in one order;
     * those of one session in the order of the calls, or not at all.
     *
     * <p>If the stage fails with a {@link RefusedException}, the record is not stored. If it fails
     * with another exception, it may be, or may be later; the caller may try again. An engine that
     * cannot be reached refuses the publication at once, {@linkplain RefusedException#forNow for
     * now}: the caller waits.
     *
     * @param since null if this body was not published before. Otherwise it is not stored a second
     *     time: the id of a record that was stored before the first try, or empty if none is known.
     *     If neither that record nor the body is kept any more, the engine cannot tell, and the
     *     stage fails with another exception than {@code RefusedException}.
     */
    CompletionStage<Stored> publish(Channel channel, byte[] body, @Nullable String since);

    /**
     * Listens to topics. When the stage completes, the receiver is given all records that are
     * published afterwards.
     */
    CompletionStage<Void> listen(Collection<Channel> channels);

    /** Ends listening. The receiver may still be given records that are under way. */
    void unlisten(Collection<Channel> channels);

    /**
     * Reads the records of a topic behind a position.
     *
     * <p>The slice is continuous if and only if the id of the position is that of the last record,
     * or of a record that is kept, or the {@link Record#previous} of the first one that is kept. A
     * position inside a record needs that record: the slice then begins with it. Records that were
     * handed to the receiver before this call are seen by it. Of a {@link Kind#LATEST} topic, the
     * slice has the newest record unless the position is its own, and is always continuous. Of a
     * {@link Kind#EVENTS} topic, it is empty.
     *
     * @param after the position; {@link Position#OLDEST} reads from the first record that is kept,
     *     so that the slice is continuous; null reads the newest records, and the slice ends with
     *     the last one
     * @param mostBytes the size of the bodies at which the slice is complete; it has at least one
     *     record if there is one, but with null and 0 only the end is read
     */
    CompletionStage<Slice> read(Channel channel, @Nullable Position after, int mostBytes);

    /**
     * Sets the number of connections that a member of a topic has on this node. Members join when
     * their number of connections on all nodes becomes positive, and leave when it becomes zero.
     * Needs a lease, see {@link #renew}: without it, the stage may fail. Calls for one member take
     * effect in any order unless each waits for the one before.
     */
    CompletionStage<Void> present(String topic, Presence.Member member, int connections);

    /** Returns the members of a topic; from now on, the receiver is told of joins and leaves. */
    CompletionStage<Roster> watch(String topic);

    /** Ends watching. The receiver may still be told of joins and leaves that are under way. */
    void unwatch(String topic);

    /**
     * Begins or renews the lease of this node. When the lease of another node has ended, one of the
     * nodes that renew removes it from all rosters.
     */
    CompletionStage<Lease> renew(Duration lease);

    /**
     * Sends a command to one node, or to all others if {@code node} is null. It is lost if a node
     * is not there.
     */
    CompletionStage<Void> command(@Nullable String node, byte[] bytes);

    /**
     * Ends the session, and makes its lease end after a time. Until then its members stay, so that
     * a member that connects to another node meanwhile does not leave. The node itself is no longer
     * {@linkplain Lease#alive alive}.
     *
     * @param leaveAfter the time; zero removes the node from all rosters at once
     */
    CompletionStage<Void> close(Duration leaveAfter);
  }

  /** A node, as the engine sees it. Its methods must not block and not call the engine. */
  interface Receiver {

    /** Called with each record of a topic that the node listens to, in order. */
    void record(Channel channel, Record record);

    /**
     * Called when records of these topics may have been missed, and the node listens again. No
     * record that was published before comes later. If the engine has lost records, this is called
     * before a {@link Session#read} can see it, and reads under way fail.
     */
    void interrupted(Collection<Channel> channels);

    /**
     * Called when a member has joined or left a topic that the node watches.
     *
     * @param version the version of the roster, one more than before
     */
    void presence(String topic, long version, Presence.Change change);

    /** Called with a command of another node. */
    void command(String from, byte[] bytes);

    /**
     * Called when the engine cannot be reached any more, or again.
     *
     * @param failure the reason, or null if it can be reached
     */
    void reachable(@Nullable Throwable failure);
  }
}
