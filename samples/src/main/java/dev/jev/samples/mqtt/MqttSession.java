package dev.jev.samples.mqtt;

import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/** The state of a connected client, which ends with its connection. */
final class MqttSession {

  /** The maximum number of filters of one client. */
  static final int MAX_FILTERS = 100;

  /** The maximum length of these filters together: all are compared with each publication. */
  static final int MAX_FILTER_CHARS = 64 * 1024;

  /** A publication that is due when the client is lost. */
  @SuppressWarnings("ArrayRecordComponent") // wills are not compared
  record Will(String topic, byte[] payload) {}

  private final String clientId;
  private final long patienceNanos; // zero for no end
  private final LongSupplier nanoTime;
  private final Set<MqttFilter> filters = ConcurrentHashMap.newKeySet(); // read by any thread

  // Event loop only.
  private @Nullable Will will;
  private long lastPacketNanos;

  MqttSession(String clientId, int keepAliveSeconds, @Nullable Will will, LongSupplier nanoTime) {
    this.clientId = clientId;
    this.patienceNanos = Duration.ofMillis(1_500L * keepAliveSeconds).toNanos();
    this.will = will;
    this.nanoTime = nanoTime;
    this.lastPacketNanos = nanoTime.getAsLong();
  }

  /** Returns the client's name, empty if the server is free to choose one. */
  String clientId() {
    return clientId;
  }

  boolean expectsPackets() {
    return patienceNanos > 0;
  }

  void packetArrived() {
    lastPacketNanos = nanoTime.getAsLong();
  }

  /** Returns the time until the client counts as lost (MQTT 3.1.1, 3.1.2.10). */
  Duration timeLeft() {
    return Duration.ofNanos(patienceNanos - (nanoTime.getAsLong() - lastPacketNanos));
  }

  /** Adds a filter; returns false if there are too many, or if they are too long. */
  boolean subscribe(MqttFilter filter) {
    return filters.contains(filter) || (hasRoomFor(filter) && filters.add(filter));
  }

  private boolean hasRoomFor(MqttFilter filter) {
    int chars = filters.stream().mapToInt(each -> each.text().length()).sum();
    return filters.size() < MAX_FILTERS && filter.text().length() <= MAX_FILTER_CHARS - chars;
  }

  void unsubscribe(MqttFilter filter) {
    filters.remove(filter);
  }

  boolean wants(String topic) {
    return filters.stream().anyMatch(filter -> filter.matches(topic));
  }

  void dropWill() {
    will = null;
  }

  @Nullable Will will() {
    return will;
  }
}
