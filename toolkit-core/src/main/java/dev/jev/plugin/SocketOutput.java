package dev.jev.plugin;

import dev.jev.Plugin;
import io.netty.channel.ChannelOutboundBuffer;

/** The progress of the output that is pending at a socket. */
final class SocketOutput {

  private SocketOutput() {}

  /**
   * Returns a number that changes whenever the socket takes some of the pending output, or {@link
   * TrafficShaping} passes some of it on; 0 if no output is pending.
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
