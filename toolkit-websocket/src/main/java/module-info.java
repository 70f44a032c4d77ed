/** WebSocket for Jev. */
module dev.jev.websocket {
  requires transitive dev.jev;
  requires transitive io.netty.buffer;
  requires io.netty.codec;
  requires io.netty.codec.http;
  requires transitive io.netty.common;
  requires io.netty.transport;
  requires static transitive org.jspecify;

  exports dev.jev.websocket;
}
