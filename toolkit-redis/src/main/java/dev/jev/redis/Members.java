package dev.jev.redis;

import static dev.jev.redis.Publications.bytes;
import static dev.jev.redis.Publications.text;
import static java.nio.charset.StandardCharsets.UTF_8;

import dev.jev.nodes.Backplane.Lease;
import dev.jev.nodes.Backplane.Receiver;
import dev.jev.nodes.Backplane.Roster;
import dev.jev.nodes.Presence;
import io.lettuce.core.SetArgs;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.jspecify.annotations.Nullable;

/**
 * The members of topics and the leases of nodes.
 *
 * <p>Nothing is renewed per member: they belong to a node, under a random token that has a lease.
 * When that ends, a node that renews its own removes the members of the token, and marks it, so
 * that none joins under it any more. A node whose lease has ended gets another token, under which
 * it tells its members again.
 *
 * <p>Any thread.
 */
final class Members {

  private static final SecureRandom RANDOM = new SecureRandom();
  private static final String TOKEN_CHARACTERS = "0123456789abcdefghijklmnopqrstuvwxyz";

  /** Length of a token, in characters. */
  static final int TOKEN_LENGTH = 13;

  private static final long MARK_MILLIS = Duration.ofHours(1).toMillis();

  private final Masters masters;
  private final RedisKeys keys;
  private final Receiver receiver;
  private final EngineCounters counters;
  private final String node;
  private final String session;
  private final String leases;
  private final String removed;

  // Guarded by this.
  private String token;
  private boolean hasLease;

  /**
   * Creates the members of a node.
   *
   * @param session the token of its session, which is the first one of its members
   */
  Members(
      Masters masters,
      RedisKeys keys,
      Receiver receiver,
      EngineCounters counters,
      String node,
      String session) {
    this.masters = masters;
    this.keys = keys;
    this.receiver = receiver;
    this.counters = counters;
    this.node = node;
    this.session = session;
    this.token = session;
    this.leases = keys.of(RedisKeys.CONTROL, 'n', "leases");
    this.removed = keys.of(RedisKeys.CONTROL, 'n', "removed");
  }

  static String newToken() {
    StringBuilder token = new StringBuilder(TOKEN_LENGTH);
    for (int i = 0; i < TOKEN_LENGTH; i++) {
      token.append(TOKEN_CHARACTERS.charAt(RANDOM.nextInt(TOKEN_CHARACTERS.length())));
    }
    return token.toString();
  }

  private synchronized String token() {
    return token;
  }

  private static String holder(String token, String node) {
    return token + " " + node;
  }

  // Members.

  CompletionStage<Void> present(String topic, Presence.Member member, int connections) {
    String roster = keys.of('p', topic);
    int partition = RedisKeys.partition(topic);
    return present(
        partition, roster, token(), bytes(member.id()), bytes(member.info()), connections);
  }

  private CompletionStage<Void> present(
      int partition, String roster, String of, byte[] member, byte[] info, int connections) {
    return masters.call(
        partition,
        (at, link) ->
            link.eval(
                RedisScript.PRESENT,
                List.of(
                    roster,
                    keys.of(partition, 'i', of),
                    keys.of(partition, 'g', of),
                    keys.of(partition, 'f', session)),
                bytes(at.generation),
                bytes(of),
                member,
                info,
                bytes(connections)),
        Members::nothing);
  }

  @SuppressWarnings("NullAway") // the result of a stage without one
  private static Void nothing(Object answer) {
    return null;
  }

  CompletionStage<Roster> watch(String topic) {
    String roster = keys.of('p', topic);
    int partition = RedisKeys.partition(topic);
    Subscription changes =
        new Subscription(roster, partition, null, message -> changed(topic, message));
    return masters
        .subscribe(List.of(changes))
        .thenCompose(
            done ->
                masters.call(
                    partition,
                    (at, link) -> link.eval(RedisScript.ROSTER, List.of(roster)),
                    answer -> roster((List<?>) answer)));
  }

  void unwatch(String topic) {
    masters.unsubscribe(keys.of('p', topic));
  }

  /** Reads a roster, see present.lua. */
  private static Roster roster(List<?> fields) {
    long version = 0;
    Map<String, String> infos = new HashMap<>();
    Map<String, Integer> counts = new HashMap<>();
    for (int i = 0; i + 1 < fields.size(); i += 2) {
      String field = text(fields.get(i));
      String value = text(fields.get(i + 1));
      switch (field.charAt(0)) {
        case 'v' -> version = Long.parseLong(value);
        case 'm' -> infos.put(field.substring(1), value.substring(value.indexOf(' ') + 1));
        default ->
            counts.merge(field.substring(1 + TOKEN_LENGTH), Integer.parseInt(value), Integer::sum);
      }
    }
    Map<Presence.Member, Integer> connections = new HashMap<>();
    counts.forEach(
        (id, count) -> connections.put(new Presence.Member(id, infos.getOrDefault(id, "")), count));
    return new Roster(version, connections);
  }

  /** Reads a change: version, sign, length of the member's id, id and info. */
  private void changed(String topic, byte[] message) {
    String[] parts = new String(message, UTF_8).split(" ", 4);
    try {
      long version = Long.parseLong(parts[0]);
      byte[] member = bytes(parts[3]);
      int length = Integer.parseInt(parts[2]);
      String id = new String(member, 0, length, UTF_8);
      String info = new String(member, length, member.length - length, UTF_8);
      Presence.Change change =
          new Presence.Change(parts[1].equals("+"), new Presence.Member(id, info));
      receiver.presence(topic, version, change);
    } catch (NumberFormatException | IndexOutOfBoundsException e) {
      counters.malformed.increment();
    }
  }

  // Leases.

  CompletionStage<Lease> renew(Duration lease) {
    boolean switched = masters.takeSwitched();
    return renew(lease, switched)
        .whenComplete(
            (answer, failure) -> {
              if (failure != null && switched) {
                masters.noteSwitched();
              }
            });
  }

  private CompletionStage<Lease> renew(Duration lease, boolean anew) {
    String present;
    boolean had;
    synchronized (this) {
      present = token;
      had = hasLease;
    }
    return masters
        .call(
            RedisKeys.CONTROL,
            (at, link) ->
                link.eval(
                    RedisScript.RENEW,
                    List.of(leases, removed),
                    bytes(holder(present, node)),
                    bytes(lease.toMillis()),
                    bytes(had ? "1" : "0"),
                    bytes(anew ? "1" : "0")),
            answer -> (List<?>) answer)
        .thenCompose(answer -> renewed(lease, present, answer));
  }

  private CompletionStage<Lease> renewed(Duration lease, String with, List<?> answer) {
    for (Object each : (List<?>) answer.get(2)) {
      remove(text(each));
    }
    if ((Long) answer.get(0) == 1) {
      synchronized (this) {
        if (token.equals(with)) {
          token = newToken();
          hasLease = false;
        }
      }
      return renew(lease, /* anew= */ false).thenApply(next -> new Lease(next.alive(), true));
    }
    synchronized (this) {
      hasLease |= token.equals(with);
    }
    Set<String> alive = new TreeSet<>();
    for (Object each : (List<?>) answer.get(1)) {
      alive.add(text(each).substring(TOKEN_LENGTH + 1));
    }
    return CompletableFuture.completedStage(new Lease(alive, false));
  }

  /** Removes the members of a node from all rosters. Another node does so, too, if this fails. */
  private CompletionStage<Void> remove(String holder) {
    String of = holder.substring(0, TOKEN_LENGTH);
    List<CompletableFuture<Void>> all = new ArrayList<>();
    for (int i = 0; i < RedisKeys.PARTITIONS; i++) {
      all.add(remove(i, of).toCompletableFuture());
    }
    return CompletableFuture.allOf(all.toArray(new CompletableFuture<?>[0]))
        .thenCompose(
            done ->
                masters.call(
                    RedisKeys.CONTROL,
                    (at, link) -> link.commands().zrem(removed, bytes(holder)),
                    Members::nothing));
  }

  private CompletionStage<Void> remove(int partition, String of) {
    String index = keys.of(partition, 'i', of);
    return masters
        .call(
            partition,
            (at, link) -> {
              link.commands()
                  .set(keys.of(partition, 'g', of), bytes("1"), SetArgs.Builder.px(MARK_MILLIS));
              return link.commands().smembers(index);
            },
            answer -> (Set<?>) answer)
        .thenCompose(entries -> removeAll(partition, of, entries));
  }

  private CompletionStage<Void> removeAll(int partition, String of, Set<?> entries) {
    List<CompletableFuture<Void>> all = new ArrayList<>();
    for (Object each : entries) {
      byte[] entry = (byte[]) each; // length of the key, key, member
      String text = new String(entry, UTF_8);
      int blank = text.indexOf(' ');
      int length = Integer.parseInt(text.substring(0, blank));
      String roster = new String(entry, blank + 1, length, UTF_8);
      int begin = blank + 1 + length;
      byte[] member = Arrays.copyOfRange(entry, begin, entry.length);
      all.add(present(partition, roster, of, member, new byte[0], 0).toCompletableFuture());
    }
    return CompletableFuture.allOf(all.toArray(new CompletableFuture<?>[0]));
  }

  /** Ends the lease of this node. */
  CompletionStage<Void> leave(Duration leaveAfter) {
    String holder = holder(token(), node);
    return masters
        .call(
            RedisKeys.CONTROL,
            (at, link) ->
                link.eval(
                    RedisScript.LEAVE,
                    List.of(leases, removed),
                    bytes(holder),
                    bytes(leaveAfter.toMillis())),
            Members::nothing)
        .thenCompose(
            done -> leaveAfter.isZero() ? remove(holder) : CompletableFuture.completedStage(null));
  }

  // Commands.

  /** Returns the channels on which this node gets commands. */
  List<Subscription> commandChannels() {
    return List.of(commandChannel(node), commandChannel(null));
  }

  private Subscription commandChannel(@Nullable String to) {
    return new Subscription(commandKey(to), RedisKeys.CONTROL, null, this::received);
  }

  private String commandKey(@Nullable String to) {
    return to == null
        ? keys.of(RedisKeys.CONTROL, 'n', "all")
        : keys.of(RedisKeys.CONTROL, 'c', to);
  }

  CompletionStage<Void> command(@Nullable String to, byte[] command) {
    byte[] name = bytes(node);
    byte[] head = bytes(session + name.length + " ");
    byte[] message = new byte[head.length + name.length + command.length];
    System.arraycopy(head, 0, message, 0, head.length);
    System.arraycopy(name, 0, message, head.length, name.length);
    System.arraycopy(command, 0, message, head.length + name.length, command.length);
    return masters.call(
        RedisKeys.CONTROL,
        (at, link) -> link.commands().spublish(commandKey(to), message),
        Members::nothing);
  }

  private void received(byte[] message) {
    try {
      String text = new String(message, 0, Math.min(message.length, TOKEN_LENGTH + 5), UTF_8);
      if (text.startsWith(session)) {
        return; // to all, from this node
      }
      int blank = text.indexOf(' ');
      int length = Integer.parseInt(text.substring(TOKEN_LENGTH, blank));
      String from = new String(message, blank + 1, length, UTF_8);
      int begin = blank + 1 + length;
      receiver.command(from, Arrays.copyOfRange(message, begin, message.length));
    } catch (NumberFormatException | IndexOutOfBoundsException e) {
      counters.malformed.increment();
    }
  }
}
