/** Topics on many nodes for Jev. */
module dev.jev.nodes {
  requires transitive dev.jev;
  requires transitive dev.jev.websocket;
  requires io.netty.buffer;
  requires io.netty.common;
  requires jdk.jfr;
  requires tools.jackson.core;
  requires static org.junit.jupiter.api;
  requires static transitive org.jspecify;

  exports dev.jev.nodes;
}
