package dev.jev.metrics;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The texts of closes that are values of a tag: the first 64, cut to 64 characters. All others are
 * one value, so that a text with a user's name in it does not make a meter per user.
 *
 * <p><b>Threads.</b> Any. Two threads that add the last text at once may exceed the maximum by one.
 */
final class CloseTexts {

  static final String OTHER = "other";

  private static final int MAX_TEXTS = 64;
  private static final int MAX_CHARS = 64;

  private final Set<String> known = ConcurrentHashMap.newKeySet();

  String nameOf(String text) {
    String name = text.length() <= MAX_CHARS ? text : text.substring(0, MAX_CHARS);
    if (known.contains(name)) {
      return name;
    }
    return known.size() < MAX_TEXTS && known.add(name) ? name : OTHER;
  }
}
