/** Ready-made protocols for Jev. */
module dev.jev.codec {
  requires transitive dev.jev;
  requires transitive io.netty.buffer;
  requires static transitive org.jspecify;

  exports dev.jev.codec;
}
