package dev.jev.samples.redis;

import dev.jev.Connection;
import dev.jev.codec.RespValue;
import java.util.Objects;

/** The state of one client, attached to its connection. */
final class RedisClient {

  final long id;

  /** The version of RESP that the client has requested; 2 by default. */
  int version = 2;

  /** The name that the client has set; empty by default. */
  String name = "";

  RedisClient(long id) {
    this.id = id;
  }

  static RedisClient of(Connection<RespValue> connection) {
    return Objects.requireNonNull(connection.attachment(RedisClient.class), "client");
  }

  /** Returns a value of RESP3 in the client's version. */
  RespValue versioned(RespValue value) {
    return version == 3 ? value : value.toResp2();
  }

  /** Returns the null value in the client's version. */
  RespValue none() {
    return version == 3 ? RespValue.NULL : RespValue.NULL_BULK;
  }

  /** Returns the null array in the client's version. */
  RespValue noList() {
    return version == 3 ? RespValue.NULL : RespValue.NULL_ARRAY;
  }
}
