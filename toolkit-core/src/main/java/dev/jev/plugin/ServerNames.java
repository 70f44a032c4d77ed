package dev.jev.plugin;

import dev.jev.HostName;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A map from host names to values, with wildcards and a default.
 *
 * <p>A name has the value of exactly this name, else that of {@code *.} and its parent domain, else
 * the default. A wildcard matches one label (RFC 6125, 6.4.3).
 */
final class ServerNames<T> {

  private final Map<String, T> values = new HashMap<>();
  private final @Nullable T defaultValue;

  /** Creates a map that has only a default; null for none. */
  ServerNames(@Nullable T defaultValue) {
    this.defaultValue = defaultValue;
  }

  void put(String name, T value) {
    values.put(name, value);
  }

  /** Returns a name or a wildcard as {@link #get} looks for it: in lower case and ASCII. */
  static String checked(String name) {
    boolean isWildcard = name.startsWith("*.");
    HostName host = HostName.of(isWildcard ? name.substring(2) : name);
    if (host.isAddress()) { // RFC 6066, 3
      throw new IllegalArgumentException(
          "name: " + name + " (expected: a host name, since clients request no addresses)");
    }
    return (isWildcard ? "*." : "") + host.name();
  }

  /** Returns whether a name that a client has requested is a host name in lower case and ASCII. */
  static boolean isName(String name) {
    HostName host = HostName.parse(name);
    return host != null && host.name().equals(name) && name.indexOf(':') < 0;
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
