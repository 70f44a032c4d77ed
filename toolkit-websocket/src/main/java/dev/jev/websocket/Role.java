package dev.jev.websocket;

/** The side of a connection. The frames of a client are masked (RFC 6455, 5.1). */
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
