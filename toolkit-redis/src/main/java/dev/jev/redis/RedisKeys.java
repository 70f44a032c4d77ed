package dev.jev.redis;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.lettuce.core.cluster.SlotHash;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.zip.CRC32C;

/**
 * The names of keys and channels.
 *
 * <pre>
 *   prefix : { tag } type : name
 * </pre>
 *
 * <p>A topic belongs to one of 64 partitions. All keys of a partition have its tag, and so are on
 * one master of a cluster. The tags are chosen such that their slots are spread evenly: each is
 * close to the middle of a window of 256 slots, so that any number of masters up to 16 gets nearly
 * the same number of partitions.
 *
 * <p>Immutable.
 */
final class RedisKeys {

  static final int PARTITIONS = 64;

  /** The partition with the keys that concern all nodes. */
  static final int CONTROL = 0;

  private static final List<String> TAGS = tags();

  private final String prefix;

  RedisKeys(String prefix) {
    this.prefix = prefix;
  }

  private static List<String> tags() {
    String characters = "0123456789abcdefghijklmnopqrstuvwxyz";
    List<String> candidates = new ArrayList<>();
    for (int i = 0; i < characters.length(); i++) {
      candidates.add(characters.substring(i, i + 1));
      for (int k = 0; k < characters.length(); k++) {
        candidates.add("" + characters.charAt(i) + characters.charAt(k));
      }
    }
    int window = SlotHash.SLOT_COUNT / PARTITIONS;
    List<String> tags = new ArrayList<>();
    for (int i = 0; i < PARTITIONS; i++) {
      int middle = i * window + window / 2;
      tags.add(
          candidates.stream()
              .min(Comparator.comparingInt(tag -> Math.abs(SlotHash.getSlot(tag) - middle)))
              .orElseThrow());
    }
    return List.copyOf(tags);
  }

  /** Returns the partition of a topic, the same for all nodes of all versions. */
  static int partition(String topic) {
    CRC32C hash = new CRC32C();
    hash.update(topic.getBytes(UTF_8));
    return (int) (hash.getValue() % PARTITIONS);
  }

  /** Returns the slot of a partition in a cluster. */
  static int slot(int partition) {
    return SlotHash.getSlot(TAGS.get(partition));
  }

  /** Returns the key of a topic. */
  String of(char type, String topic) {
    return of(partition(topic), type, topic);
  }

  String of(int partition, char type, String name) {
    return prefix + ":{" + TAGS.get(partition) + "}" + type + ":" + name;
  }
}
