/** The command line of Jev. */
module dev.jev.cli {
  requires HdrHistogram;
  requires transitive dev.jev;
  requires dev.jev.codec;
  requires dev.jev.test;
  requires dev.jev.websocket;
  requires info.picocli;
  requires io.netty.buffer;
  requires io.netty.codec.http;
  requires io.netty.transport;
  requires jdk.management;
  requires tools.jackson.core;
  requires tools.jackson.databind;
  requires static org.jspecify;

  exports dev.jev.cli;

  opens dev.jev.cli to
      info.picocli;

  uses dev.jev.cli.WireFormat;
}
