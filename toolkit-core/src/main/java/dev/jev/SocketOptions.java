package dev.jev;

import io.netty.channel.ChannelConfig;
import io.netty.channel.ChannelOption;
import io.netty.channel.epoll.EpollChannelOption;
import io.netty.channel.uring.IoUringChannelOption;

/**
 * The socket options of connections.
 *
 * @param noDelay true to send small writes immediately (TCP_NODELAY)
 * @param keepAliveSeconds the idle time before the kernel sends keep-alive probes; 0 for none
 * @param sendBufferBytes the size of the kernel's send buffer; 0 for the kernel's choice
 * @param receiveBufferBytes the size of the kernel's receive buffer; 0 for the kernel's choice
 */
record SocketOptions(
    boolean noDelay, int keepAliveSeconds, int sendBufferBytes, int receiveBufferBytes) {

  /** Sets the options, except those that the kind of socket does not support. */
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

  /** Sets the buffer sizes, which accepted connections inherit from their listening socket. */
  void applyBuffers(ChannelConfig config) {
    if (sendBufferBytes > 0) {
      config.setOption(ChannelOption.SO_SNDBUF, sendBufferBytes);
    }
    if (receiveBufferBytes > 0) {
      config.setOption(ChannelOption.SO_RCVBUF, receiveBufferBytes);
    }
  }
}
