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

  /**
   * Returns whether a publication to {@code topic} is wanted. Called for each filter of each client
   * per publication: allocates nothing, and ends at the first level that differs.
   */
  boolean matches(String topic) {
    if (topic.startsWith("$") && (text.startsWith("+") || text.startsWith("#"))) {
      return false; // MQTT 3.1.1, 4.7.2
    }
    int wanted = 0; // index of a level in the filter
    int level = 0; // index of the same level in the topic
    while (!text.startsWith("#", wanted)) {
      int wantedEnd = end(text, wanted);
      int levelEnd = end(topic, level);
      if (!text.startsWith("+", wanted)
          && !(wantedEnd - wanted == levelEnd - level
              && text.regionMatches(wanted, topic, level, wantedEnd - wanted))) {
        return false;
      }
      if (levelEnd == topic.length()) {
        return wantedEnd == text.length()
            || (wantedEnd == text.length() - 2 && text.endsWith("/#"));
      }
      if (wantedEnd == text.length()) {
        return false;
      }
      wanted = wantedEnd + 1;
      level = levelEnd + 1;
    }
    return true;
  }

  private static int end(String levels, int start) {
    int slash = levels.indexOf('/', start);
    return slash < 0 ? levels.length() : slash;
  }

  @Override
  public int compareTo(MqttFilter other) {
    return text.compareTo(other.text);
  }
}
