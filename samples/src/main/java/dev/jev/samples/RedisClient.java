package dev.jev.samples;

/** What the server remembers of one client: the attachment of its connection. */
final class RedisClient {

  final long id;

  /** As the client calls itself; empty until it does. */
  String name = "";

  RedisClient(long id) {
    this.id = id;
  }
}
