/** Tools for tests of protocols and handlers. */
module dev.jev.test {
  requires transitive dev.jev;
  requires transitive io.netty.buffer;
  requires io.netty.common;
  requires io.netty.transport;
  requires java.management;
  requires jdk.management;
  requires static transitive org.jspecify;
  requires static transitive org.junit.jupiter.api;

  exports dev.jev.test;
}
