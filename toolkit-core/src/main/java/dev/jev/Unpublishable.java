package dev.jev;

/**
 * A message that concerns one connection only, such as a part of a longer message. {@link
 * Topic#publish} and {@link SharedMessage#of} refuse it.
 */
public interface Unpublishable {}
