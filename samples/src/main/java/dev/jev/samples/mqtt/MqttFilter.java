package dev.jev.samples.mqtt;

/**
 * A subscription's topic filter: {@code +} matches one level, {@code #} all further levels.
 *
 * <p>Comparable, since clients can choose texts with the same hash code: a hash set stays fast
 * then.
 */
record MqttFilter(String text) implements Comparable<MqttFilter> {

  /** Returns whether all wildcards are in valid positions (MQTT 3.1.1, 4.7.1). */
  static boolean isValid(String text) {
    return !text.isEmpty() && text.matches("(?:(?:\\+|[^+#/]*)/)*(?:\\+|#|[^+#/]*)");
  }

  boolean matches(String topic) {
    String[] wanted = text.split("/", -1);
    String[] levels = topic.split("/", -1);
    if (topic.startsWith("$") && !wanted[0].equals(levels[0])) {
      return false; // MQTT 3.1.1, 4.7.2
    }
    for (int i = 0; i < wanted.length; i++) {
      if (wanted[i].equals("#")) {
        return true;
      }
      if (i == levels.length || !(wanted[i].equals("+") || wanted[i].equals(levels[i]))) {
        return false;
      }
    }
    return wanted.length == levels.length;
  }

  @Override
  public int compareTo(MqttFilter other) {
    return text.compareTo(other.text);
  }
}
