package dev.jev.samples.redis;

import dev.jev.Connection;
import dev.jev.codec.RespValue;
import java.util.Objects;

/** What the server remembers of one client: the attachment of its connection. */
final class RedisClient {

  final long id;

  /** The version of RESP that it asked for. */
  int version = 2;

  /** As the client calls itself; empty until it does. */
  String name = "";

  RedisClient(long id) {
    this.id = id;
  }

  static RedisClient of(Connection<RespValue> connection) {
    return Objects.requireNonNull(connection.attachment(RedisClient.class), "client");
  }

  /** A value of RESP3 in the form that the client understands. */
  RespValue versioned(RespValue value) {
    return version == 3 ? value : value.toResp2();
  }

  /** No value. */
  RespValue none() {
    return version == 3 ? RespValue.NULL : RespValue.NULL_BULK;
  }

  /** No list. */
  RespValue noList() {
    return version == 3 ? RespValue.NULL : RespValue.NULL_ARRAY;
  }
}
