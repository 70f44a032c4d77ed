package dev.jev;

import io.netty.channel.Channel;
import io.netty.channel.RecvByteBufAllocator;
import io.netty.channel.RecvByteBufAllocator.ExtendedHandle;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.channel.socket.DuplexChannel;
import io.netty.channel.socket.SocketChannelConfig;
import io.netty.util.UncheckedBooleanSupplier;

/**
 * Keeps a unix socket open when its peer has ended its output, so that the answers are sent.
 *
 * <p>With NIO and io_uring, Netty ignores {@code ALLOW_HALF_CLOSURE} for unix sockets: it closes
 * the channel at the end of the input, and drops the output that waits. It does not close a channel
 * whose input is shut down already. So this shuts the input down as soon as a read has found its
 * end, and then fires the event that Netty fires for TCP.
 */
final class UnixInputEnd {

  private UnixInputEnd() {}

  /** Returns whether Netty would close a channel at the end of the input. */
  static boolean isNeededFor(Channel channel, Transport transport) {
    return channel instanceof DuplexChannel
        && !(channel.config() instanceof SocketChannelConfig)
        && (transport == Transport.NIO || transport == Transport.IO_URING);
  }

  /** Installs this in a channel, in front of its present allocator. */
  static void install(DuplexChannel channel) {
    RecvByteBufAllocator allocator = channel.config().getRecvByteBufAllocator();
    channel
        .config()
        .setRecvByteBufAllocator(
            () -> new EndHandle(channel, (ExtendedHandle) allocator.newHandle()));
  }

  /** A handle that also notices the end of the input. */
  static final class EndHandle extends RecvByteBufAllocator.DelegatingHandle
      implements ExtendedHandle {

    private final DuplexChannel channel;

    EndHandle(DuplexChannel channel, ExtendedHandle handle) {
      super(handle);
      this.channel = channel;
    }

    @Override
    public void lastBytesRead(int bytes) {
      super.lastBytesRead(bytes);
      if (bytes < 0 && !channel.isInputShutdown()) {
        channel.shutdownInput();
        channel.eventLoop().execute(this::fireEnd); // after the present read
      }
    }

    private void fireEnd() {
      channel.pipeline().fireUserEventTriggered(ChannelInputShutdownEvent.INSTANCE);
    }

    @Override
    public boolean continueReading(UncheckedBooleanSupplier maybeMore) {
      return ((ExtendedHandle) delegate()).continueReading(maybeMore);
    }
  }
}
