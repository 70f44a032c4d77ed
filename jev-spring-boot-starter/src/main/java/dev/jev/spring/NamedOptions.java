package dev.jev.spring;

import java.util.Collection;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The options of all servers or all clients, by name.
 *
 * <p>Names are compared as Spring Boot compares the names of properties: {@code echoServer}, {@code
 * echo-server} and {@code ECHOSERVER} are the same.
 *
 * @param prefix the prefix of all properties, {@code jev.server} or {@code jev.client}
 */
record NamedOptions<T>(String prefix, Map<String, T> options) {

  /** Returns the options of a bean, or null if there are none. */
  @Nullable T find(String bean) {
    String key = key(bean);
    return key == null ? null : options.get(key);
  }

  /** Returns the prefix of the properties of a bean, as they are configured. */
  String prefixOf(String bean) {
    String key = key(bean);
    return prefix + "." + (key == null ? bean : key);
  }

  private @Nullable String key(String bean) {
    if (options.containsKey(bean)) {
      return bean;
    }
    return options.keySet().stream()
        .filter(key -> uniform(key).equals(uniform(bean)))
        .findFirst()
        .orElse(null);
  }

  private static String uniform(String name) {
    return name.replaceAll("[-_]", "").toLowerCase(Locale.ROOT);
  }

  /**
   * Checks that there is a bean for all options.
   *
   * @throws InvalidPropertyException if one has none
   */
  void requireBeans(Collection<String> beans) {
    Set<String> known = beans.stream().map(NamedOptions::uniform).collect(Collectors.toSet());
    for (String key : options.keySet()) {
      if (!known.contains(uniform(key))) {
        String expected = beans.isEmpty() ? "no name, since there is no such bean" : "" + beans;
        throw new InvalidPropertyException(
            prefix + "." + key + ".*",
            /* value= */ null,
            "name: " + key + " (expected: the name of a bean: " + expected + ")",
            /* cause= */ null);
      }
    }
  }
}
