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
    String[] levels = text.split("/", -1);
    for (int i = 0; i < levels.length; i++) {
      boolean last = i == levels.length - 1;
      if (isWild(levels[i]) && !levels[i].equals("+") && !(levels[i].equals("#") && last)) {
        return false;
      }
    }
    return !text.isEmpty();
  }

  /** Returns whether {@code text} may be the topic of a publication. */
  static boolean isTopic(String text) {
    return !text.isEmpty() && !isWild(text);
  }

  private static boolean isWild(String text) {
    return text.indexOf('+') >= 0 || text.indexOf('#') >= 0;
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
