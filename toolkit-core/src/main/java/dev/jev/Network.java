package dev.jev;

/** The address family or protocol of a socket. */
enum Network {
  TCP,
  UDP,
  UNIX,
  LOCAL
}
