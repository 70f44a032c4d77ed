package dev.jev.redis;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

class RedisKeysTest {

  private static final int SLOTS = 16_384;

  @Test
  void partitionsAreSpreadEvenlyOverUpToSixteenMasters() {
    for (int masters = 3; masters <= 16; masters++) {
      int[] partitions = new int[masters];
      for (int i = 0; i < RedisKeys.PARTITIONS; i++) {
        partitions[RedisKeys.slot(i) * masters / SLOTS]++;
      }
      for (int count : partitions) {
        assertThat(count)
            .as("%s masters", masters)
            .isBetween(RedisKeys.PARTITIONS / masters, RedisKeys.PARTITIONS / masters + 1);
      }
    }
  }

  @Test
  void partitionsHaveSlotsOfTheirOwn() {
    Set<Integer> slots = new HashSet<>();
    for (int i = 0; i < RedisKeys.PARTITIONS; i++) {
      slots.add(RedisKeys.slot(i));
    }
    assertThat(slots).hasSize(RedisKeys.PARTITIONS);
  }

  @Test
  void topicsAreSpreadOverAllPartitions() {
    int[] topics = new int[RedisKeys.PARTITIONS];
    for (int i = 0; i < 6400; i++) {
      topics[RedisKeys.partition("room-" + i)]++;
    }
    for (int count : topics) {
      assertThat(count).isBetween(50, 150);
    }
  }

  /** Nodes of all versions have to agree. */
  @Test
  void keysAreStable() {
    assertThat(new RedisKeys("jev").of('l', "room")).isEqualTo("jev:{xi}l:room");
    assertThat(RedisKeys.partition("room")).isEqualTo(60);
  }
}
