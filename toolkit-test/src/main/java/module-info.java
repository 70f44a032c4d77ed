/**
 * Tools for tests of protocols and handlers.
 *
 * <p>JUnit is optional. A module that calls {@code ProtocolContract.tests} requires {@code
 * org.junit.jupiter.api} itself.
 */
module dev.jev.test {
  requires transitive dev.jev;
  requires transitive io.netty.buffer;
  requires io.netty.common;
  requires io.netty.transport;
  requires java.management;
  requires jdk.management;
  requires static transitive org.jspecify;
  requires static org.junit.jupiter.api;

  exports dev.jev.test;
}
