package dev.jev.plugin;

import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A map from host names to values, with wildcards and a default.
 *
 * <p>A name has the value of exactly this name, else that of {@code *.} and its parent domain, else
 * the default. A wildcard matches one label (RFC 6125, 6.4.3).
 */
final class ServerNames<T> {

  private static final String LABEL = "[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?";

  /** Host name of RFC 1123, 2.1, with the underscore that some hosts use. */
  private static final Pattern NAME =
      Pattern.compile("(?=.{1,253}$)" + LABEL + "(\\." + LABEL + ")*");

  private final Map<String, T> values = new HashMap<>();
  private final @Nullable T defaultValue;

  /** Creates a map that has only a default; null for none. */
  ServerNames(@Nullable T defaultValue) {
    this.defaultValue = defaultValue;
  }

  void put(String name, T value) {
    values.put(name, value);
  }

  /** Returns a name in lower case if it is a host name or a wildcard. */
  static String checked(String name) {
    String lower = name.toLowerCase(Locale.ROOT);
    if (!isName(lower.startsWith("*.") ? lower.substring(2) : lower)) {
      throw new IllegalArgumentException(
          "name: " + name + " (expected: an ASCII host name, or *. and a host name)");
    }
    return lower;
  }

  /** Returns whether a name in lower case is a host name. */
  static boolean isName(String name) {
    return NAME.matcher(name).matches();
  }

  /** Returns the value for a name in lower case, or for no name; null if there is none. */
  @Nullable T get(@Nullable String name) {
    if (name == null) {
      return defaultValue;
    }
    T value = values.get(name);
    int dot = name.indexOf('.');
    if (value == null && dot > 0) {
      value = values.get("*" + name.substring(dot));
    }
    return value != null ? value : defaultValue;
  }
}
