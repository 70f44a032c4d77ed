package dev.jev;

import io.netty.channel.ChannelConfig;
import io.netty.channel.ChannelOption;
import io.netty.channel.epoll.EpollChannelOption;
import io.netty.channel.uring.IoUringChannelOption;

/**
 * What the sockets of connections are set to.
 *
 * @param noDelay whether small writes leave at once
 * @param keepAliveSeconds after how much silence the kernel asks whether the peer is there; 0:
 *     never
 * @param sendBufferBytes the kernel's buffer for output; 0: as it decides
 * @param receiveBufferBytes the kernel's buffer for input; 0: as it decides
 */
record SocketOptions(
    boolean noDelay, int keepAliveSeconds, int sendBufferBytes, int receiveBufferBytes) {

  /** Options that a kind of socket does not know are left alone. */
  void apply(ChannelConfig config, Transport transport) {
    config.setOption(ChannelOption.TCP_NODELAY, noDelay);
    if (keepAliveSeconds > 0) {
      config.setOption(ChannelOption.SO_KEEPALIVE, true);
      if (transport == Transport.EPOLL) {
        config.setOption(EpollChannelOption.TCP_KEEPIDLE, keepAliveSeconds);
      } else if (transport == Transport.IO_URING) {
        config.setOption(IoUringChannelOption.TCP_KEEPIDLE, keepAliveSeconds);
      }
    }
    applyBuffers(config);
  }

  /** The buffers, which a listening socket hands down to what it accepts. */
  void applyBuffers(ChannelConfig config) {
    if (sendBufferBytes > 0) {
      config.setOption(ChannelOption.SO_SNDBUF, sendBufferBytes);
    }
    if (receiveBufferBytes > 0) {
      config.setOption(ChannelOption.SO_RCVBUF, receiveBufferBytes);
    }
  }
}
