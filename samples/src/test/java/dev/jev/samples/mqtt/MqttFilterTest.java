package dev.jev.samples.mqtt;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The examples of MQTT 3.1.1, 4.7. */
class MqttFilterTest {

  @ParameterizedTest
  @CsvSource({
    "sport/tennis/player1/#, sport/tennis/player1, true",
    "sport/tennis/player1/#, sport/tennis/player1/score/wimbledon, true",
    "sport/#, sport, true",
    "#, any/thing, true",
    "sport/tennis/+, sport/tennis/player1, true",
    "sport/tennis/+, sport/tennis/player1/ranking, false",
    "sport/+, sport, false",
    "sport/+, sport/, true",
    "+/+, /finance, true",
    "/+, /finance, true",
    "+, /finance, false",
    "sport, Sport, false",
    "#, $SYS/monitor, false",
    "+/monitor, $SYS/monitor, false",
    "$SYS/#, $SYS/monitor, true"
  })
  void topicMatchesOrNot(String filter, String topic, boolean matches) {
    assertThat(new MqttFilter(filter).matches(topic)).isEqualTo(matches);
  }

  /** Each publication is compared with up to 100 filters of each client. */
  @Test
  void comparisonAllocatesNothing() {
    String topic = "a/".repeat(30_000) + "b";
    MqttFilter filter = new MqttFilter("a/".repeat(30_000) + "c");
    assertThat(filter.matches(topic)).isFalse(); // loads classes
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long before = threads.getCurrentThreadAllocatedBytes();
    boolean matches = filter.matches(topic);
    long allocated = threads.getCurrentThreadAllocatedBytes() - before;
    assertThat(matches).isFalse();
    assertThat(allocated).isLessThan(1024);
  }

  @ParameterizedTest
  @ValueSource(strings = {"#", "+", "a", "/", "a/#", "+/tennis/#", "a/+/b", "$SYS/#", "/+"})
  void filterIsValid(String filter) {
    assertThat(MqttFilter.isValid(filter)).isTrue();
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "a#", "a/#/b", "a+", "+a/b", "#/a"})
  void filterIsNotValid(String filter) {
    assertThat(MqttFilter.isValid(filter)).isFalse();
  }

  /** A hash set keeps keys of one hash code in a tree if they are comparable, else in a list. */
  @Test
  void filtersOfTheSameHashCodeAreOrdered() {
    MqttFilter first = new MqttFilter("Aa");
    assertThat(first).hasSameHashCodeAs(new MqttFilter("BB")).isLessThan(new MqttFilter("BB"));
    assertThat(first).isEqualByComparingTo(new MqttFilter("Aa"));
  }
}
