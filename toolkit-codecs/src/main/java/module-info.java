/**
 * Ready-made protocols for Jev.
 *
 * <p>Jackson, MessagePack and protobuf are optional. A module that calls a factory with one of
 * their types requires {@code tools.jackson.databind}, {@code msgpack.core} or {@code
 * com.google.protobuf} itself.
 */
@SuppressWarnings("requires-automatic") // protobuf, MessagePack
module dev.jev.codec {
  requires transitive dev.jev;
  requires transitive io.netty.buffer;
  requires static com.google.protobuf;
  requires io.netty.common;
  requires transitive io.netty.transport;
  requires static msgpack.core;
  requires static transitive org.jspecify;
  requires static tools.jackson.databind;

  exports dev.jev.codec;
}
