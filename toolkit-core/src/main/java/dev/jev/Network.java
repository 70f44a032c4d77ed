package dev.jev;

/** A kind of sockets. */
enum Network {
  TCP,
  UDP,
  UNIX,
  LOCAL
}
