/** Metrics for Jev. */
module dev.jev.metrics {
  requires transitive dev.jev;
  requires transitive dev.jev.websocket;
  requires transitive micrometer.core;
  requires io.netty.buffer;
  requires io.netty.transport;
  requires jdk.management;
  requires static dev.jev.nodes;
  requires static micrometer.registry.prometheus;
  requires static transitive org.jspecify;

  exports dev.jev.metrics;
}
