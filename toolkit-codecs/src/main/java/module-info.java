/** Ready-made protocols for Jev. */
@SuppressWarnings({"requires-automatic", "requires-transitive-automatic"}) // protobuf, MessagePack
module dev.jev.codec {
  requires transitive dev.jev;
  requires transitive io.netty.buffer;
  requires static transitive com.google.protobuf;
  requires io.netty.common;
  requires transitive io.netty.transport;
  requires static transitive msgpack.core;
  requires static transitive org.jspecify;
  requires static transitive tools.jackson.databind;

  exports dev.jev.codec;
}
