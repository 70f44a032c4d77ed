package dev.jev.redis;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.jev.nodes.Backplane;
import dev.jev.nodes.Backplane.Channel;
import dev.jev.nodes.Backplane.Kind;
import dev.jev.nodes.Backplane.Record;
import dev.jev.nodes.Backplane.Retention;
import dev.jev.nodes.Backplane.Slice;
import dev.jev.nodes.Backplane.Stored;
import dev.jev.nodes.Position;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * The records of topics: publishes and reads them.
 *
 * <p><b>Tries.</b> The outcome of a publication is unknown if its connection is lost before the
 * answer. Its tries are remembered, each with the generation of the connection and its number in
 * it. When it is published again, Redis tells by these whether one of them was executed.
 *
 * <p>Any thread.
 */
final class Publications {

  /** The life of the last id of a topic, from each publication and each read. */
  private static final byte[] LAST_ID_MILLIS = bytes(Duration.ofDays(7).toMillis());

  private static final long FORGET_NANOS = TimeUnit.MINUTES.toNanos(5);
  private static final int FORGET_ABOVE = 10_000;

  /** A publication without an outcome. */
  private static final class Attempt {

    private final byte[] identity;
    private final long begin = System.nanoTime();
    private final List<String> tries = new ArrayList<>(1); // loop only

    /** True if there may be tries that are not known. */
    private final boolean isUnknown;

    private Attempt(byte[] body, boolean isUnknown) {
      this.identity = identityOf(body);
      this.isUnknown = isUnknown;
    }

    private static byte[] identityOf(byte[] body) {
      return Arrays.copyOf(body, Math.min(body.length, Backplane.IDENTITY_BYTES));
    }

    private String known() {
      return tries.isEmpty() && isUnknown ? "?" : String.join(",", tries);
    }
  }

  private final Masters masters;
  private final RedisKeys keys;
  private final String token;
  private final Map<String, Attempt> attempts = new ConcurrentHashMap<>();
  private final AtomicLong beginnings = new AtomicLong();
  private volatile int forgetAbove = FORGET_ABOVE;

  Publications(Masters masters, RedisKeys keys, String token) {
    this.masters = masters;
    this.keys = keys;
    this.token = token;
  }

  /** Returns the channel of a topic, which is also the key of its records. */
  String key(Channel channel) {
    return keys.of(
        switch (channel.retention().kind()) {
          case EVENTS -> 'e';
          case LATEST -> 'v';
          case LOG -> 'l';
        },
        channel.topic());
  }

  private String lastKey(Channel channel) {
    return keys.of(channel.retention().kind() == Kind.LOG ? 'x' : 'y', channel.topic());
  }

  /** Publishes a record, see {@link Backplane.Session#publish}. */
  CompletionStage<Stored> publish(Channel channel, byte[] body, boolean again) {
    String key = key(channel);
    int partition = RedisKeys.partition(channel.topic());
    if (channel.retention().kind() == Kind.EVENTS) {
      return masters.call(
          partition,
          (unused, link) -> link.commands().spublish(key, body),
          answer -> new Stored("", false));
    }
    Attempt attempt = begin(key, body, again);
    return masters
        .call(
            partition,
            (at, link) -> send(channel, attempt, at, link, body),
            answer -> stored(key, attempt, (List<?>) answer))
        .whenComplete((stored, failure) -> forget(key, attempt, failure));
  }

  private Attempt begin(String key, byte[] body, boolean again) {
    Attempt earlier = again ? attempts.get(key) : null;
    if (earlier != null && Arrays.equals(earlier.identity, Attempt.identityOf(body))) {
      return earlier;
    }
    Attempt attempt = new Attempt(body, again);
    attempts.put(key, attempt);
    forgetOld(attempt.begin);
    return attempt;
  }

  /** Forgets attempts that are not repeated any more; seldom, since it looks at all of them. */
  private void forgetOld(long now) {
    if (attempts.size() > forgetAbove) {
      attempts.values().removeIf(each -> now - each.begin > FORGET_NANOS);
      forgetAbove = Math.max(FORGET_ABOVE, 2 * attempts.size());
    }
  }

  private void forget(String key, Attempt attempt, @Nullable Throwable failure) {
    if (failure instanceof Backplane.RefusedException) {
      masters.execute(
          () -> {
            if (attempt.tries.isEmpty()) {
              attempts.remove(key, attempt);
            }
          });
    }
  }

  private CompletionStage<?> send(
      Channel channel, Attempt attempt, Partition partition, MasterLink link, byte[] body) {
    Retention retention = channel.retention();
    String epoch = link.facts().epoch();
    String known = attempt.known();
    String number = Long.toString(++partition.publications);
    String current = partition.generation + ":" + number;
    attempt.tries.add(current);
    List<byte[]> arguments = new ArrayList<>(10);
    arguments.add(bytes(partition.generation));
    arguments.add(bytes(number));
    arguments.add(bytes(known));
    arguments.add(bytes(epoch));
    arguments.add(beginning(epoch));
    if (retention.kind() == Kind.LOG) {
      arguments.add(bytes(retention.messages()));
      arguments.add(bytes(retention.bytes()));
    }
    arguments.add(bytes(Math.max(1, retention.age().toMillis())));
    arguments.add(LAST_ID_MILLIS);
    arguments.add(body);
    CompletionStage<Object> sent =
        link.eval(
            retention.kind() == Kind.LOG ? RedisScript.PUBLISH_LOG : RedisScript.PUBLISH_LATEST,
            List.of(key(channel), lastKey(channel), keys.of(partition.number, 'f', token)),
            arguments.toArray(new byte[0][]));
    return link.replicated(sent)
        .whenComplete((answer, failure) -> notExecuted(attempt, current, failure));
  }

  private void notExecuted(Attempt attempt, String current, @Nullable Throwable failure) {
    if (failure != null && RedisError.of(failure).isWithoutEffect()) {
      masters.execute(() -> attempt.tries.remove(current));
    }
  }

  private Stored stored(String key, Attempt attempt, List<?> answer) {
    attempts.remove(key, attempt);
    return new Stored(text(answer.get(0)), ((Long) answer.get(1)) == 1);
  }

  /** Returns the id of a beginning, which no topic has had before. */
  private byte[] beginning(String epoch) {
    return bytes(epoch + ".b" + token + Long.toString(beginnings.incrementAndGet(), 36));
  }

  /** Reads the records behind a position, see {@link Backplane.Session#read}. */
  CompletionStage<Slice> read(Channel channel, @Nullable Position after, int mostBytes) {
    if (channel.retention().kind() == Kind.EVENTS) {
      return CompletableFuture.completedStage(new Slice(List.of(), true, ""));
    }
    boolean isLog = channel.retention().kind() == Kind.LOG;
    return masters.call(
        RedisKeys.partition(channel.topic()),
        (partition, link) ->
            link.eval(
                isLog ? RedisScript.READ_LOG : RedisScript.READ_LATEST,
                List.of(key(channel), lastKey(channel)),
                bytes(after == null ? "" : after.record()),
                bytes(after != null && after.isInside() ? "1" : "0"),
                bytes(mostBytes),
                LAST_ID_MILLIS,
                beginning(link.facts().epoch())),
        answer -> slice((List<?>) answer));
  }

  private static Slice slice(List<?> answer) {
    List<?> parts = (List<?>) answer.get(2);
    List<Record> records = new ArrayList<>(parts.size() / 3);
    for (int i = 0; i + 2 < parts.size(); i += 3) {
      records.add(
          new Record(text(parts.get(i + 1)), text(parts.get(i)), (byte[]) parts.get(i + 2)));
    }
    return new Slice(records, ((Long) answer.get(1)) == 1, text(answer.get(0)));
  }

  /**
   * Parses a message of a channel: the id of the record before, the id, and the body.
   *
   * @return null if it is malformed
   */
  static @Nullable Record parse(Kind kind, byte[] message) {
    if (kind == Kind.EVENTS) {
      return new Record("", "", message);
    }
    int first = indexOfBlank(message, 0);
    int second = first < 0 ? -1 : indexOfBlank(message, first + 1);
    if (second < 0) {
      return null;
    }
    return new Record(
        new String(message, 0, first, UTF_8),
        new String(message, first + 1, second - first - 1, UTF_8),
        Arrays.copyOfRange(message, second + 1, message.length));
  }

  private static int indexOfBlank(byte[] message, int from) {
    for (int i = from; i < message.length && i < from + 65; i++) {
      if (message[i] == ' ') {
        return i;
      }
    }
    return -1;
  }

  static byte[] bytes(String text) {
    return text.getBytes(UTF_8);
  }

  static byte[] bytes(long number) {
    return bytes(Long.toString(number));
  }

  static String text(Object bytes) {
    return new String((byte[]) bytes, UTF_8);
  }
}
