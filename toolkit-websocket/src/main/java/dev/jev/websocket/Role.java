package dev.jev.websocket;

/** Which side of a connection this is: the frames of clients are masked (RFC 6455, 5.1). */
enum Role {
  CLIENT,
  SERVER;

  boolean readsMasked() {
    return this == SERVER;
  }

  boolean writesMasked() {
    return this == CLIENT;
  }
}
