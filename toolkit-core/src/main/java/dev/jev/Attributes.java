package dev.jev;

import static java.util.Objects.requireNonNull;

import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Immutable maps of attributes by type, copied on write: small, often read, rarely changed. */
final class Attributes {

  private Attributes() {}

  /** Returns a copy with {@code value} stored under {@code type}, or removed if null. */
  static <T> Map<Class<?>, Object> with(
      Map<Class<?>, Object> attributes, Class<T> type, @Nullable T value) {
    Map<Class<?>, Object> copy = new HashMap<>(attributes);
    if (value == null) {
      copy.remove(requireNonNull(type, "type"));
    } else {
      copy.put(requireNonNull(type, "type"), type.cast(value));
    }
    return Map.copyOf(copy);
  }
}
