package dev.jev.plugin;

import io.netty.channel.ChannelHandler;

/** The handler of a TLS connection that reads the bytes of the socket at present. */
interface TlsInput extends ChannelHandler {

  /** Returns the number of bytes of memory that incomplete input occupies here. */
  long bufferedBytes();
}
