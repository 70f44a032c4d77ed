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
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * The records of topics: publishes and reads them.
 *
 * <p>Any thread.
 */
final class Publications {

  /** A first try, in the place of an id. */
  private static final byte[] FIRST_TRY = bytes("-");

  private final Masters masters;
  private final RedisKeys keys;
  private final String token;
  private final AtomicLong beginnings = new AtomicLong();

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
  CompletionStage<Stored> publish(Channel channel, byte[] body, @Nullable String since) {
    int partition = RedisKeys.partition(channel.topic());
    if (channel.retention().kind() == Kind.EVENTS) {
      return masters.callNow(
          partition,
          (unused, link) -> link.commands().spublish(key(channel), body),
          answer -> new Stored("", false));
    }
    return masters.callNow(
        partition,
        (at, link) -> send(channel, since, at, link, body),
        answer -> stored((List<?>) answer));
  }

  private CompletionStage<?> send(
      Channel channel, @Nullable String since, Partition partition, MasterLink link, byte[] body) {
    Retention retention = channel.retention();
    boolean isLog = retention.kind() == Kind.LOG;
    String epoch = link.facts().epoch();
    List<byte[]> arguments = new ArrayList<>(8);
    arguments.add(bytes(partition.generation));
    arguments.add(since == null ? FIRST_TRY : bytes(since));
    arguments.add(bytes(epoch));
    arguments.add(beginning(epoch));
    if (isLog) {
      arguments.add(bytes(retention.messages()));
      arguments.add(bytes(retention.bytes()));
    }
    arguments.add(bytes(Math.max(1, retention.age().toMillis())));
    arguments.add(body);
    return link.replicated(
        link.eval(
            isLog ? logScript(since) : RedisScript.PUBLISH_LATEST,
            List.of(key(channel), lastKey(channel), keys.of(partition.number, 'f', token)),
            arguments.toArray(new byte[0][])));
  }

  private static RedisScript logScript(@Nullable String since) {
    return since == null ? RedisScript.PUBLISH_LOG : RedisScript.PUBLISH_LOG_AGAIN;
  }

  private static Stored stored(List<?> answer) {
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
                bytes(link.facts().epoch()),
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
