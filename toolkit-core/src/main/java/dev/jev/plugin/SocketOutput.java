package dev.jev.plugin;

import dev.jev.Plugin;
import io.netty.channel.ChannelOutboundBuffer;

/** Tells how a socket gets on with what was written to it. */
final class SocketOutput {

  private SocketOutput() {}

  /**
   * A number that changes whenever the socket takes something of what waits for it, or {@link
   * TrafficShaping} lets something of it go on; 0 if nothing waits.
   */
  static long progress(Plugin.Link link) {
    TrafficShaping.Shaper shaper = link.connection().attribute(TrafficShaping.Shaper.class);
    long shaped = shaper == null ? 1 : shaper.writtenBytes() + 1;
    ChannelOutboundBuffer buffer = link.pipeline().channel().unsafe().outboundBuffer();
    if (buffer != null && !buffer.isEmpty()) {
      long first = System.identityHashCode(buffer.current());
      return (first << Integer.SIZE) + buffer.currentProgress() + shaped;
    }
    return link.connection().pendingBytes() == 0 ? 0 : shaped;
  }
}
