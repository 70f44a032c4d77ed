package dev.jev.nodes;

/** Topics over WebSocket (in progress). */
public final class TopicSocket {
  private TopicSocket() {}
}
