package dev.jev;

import dev.jev.CloseReason.Kind;
import io.netty.channel.AdaptiveRecvByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.ChannelConfig;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.RecvByteBufAllocator;
import io.netty.channel.socket.DuplexChannel;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** Creates the connections of channels that were accepted or connected. */
final class ConnectionFactory {

  /**
   * The buffers of io_uring, with which several reads are in progress at once, so that each needs
   * one of its own. A batch of reads is as long as with {@link Inbound}.
   */
  private static final RecvByteBufAllocator OWN_BUFFERS =
      new AdaptiveRecvByteBufAllocator().maxMessagesPerRead(Inbound.BATCH_BYTES / Loop.READ_BYTES);

  private ConnectionFactory() {}

  /** Creates the connection of a channel and configures the channel. */
  static <I, O> StreamConnection<I, O> create(
      ConnectionConfig<I, O> config, Loop loop, Channel channel) throws IOException {
    StreamConnection<I, O> connection = new StreamConnection<>(config, loop, channel);
    UnixPeer peer = connection.listener() instanceof UnixAddress ? UnixPeer.of(channel) : null;
    if (peer != null) {
      connection.attribute(UnixPeer.class, peer);
    }
    configure(config, channel.config(), connection);
    if (UnixInputEnd.isNeededFor(channel, config.host().transport())) {
      UnixInputEnd.install((DuplexChannel) channel);
    }
    return connection;
  }

  private static void configure(
      ConnectionConfig<?, ?> config, ChannelConfig channel, StreamConnection<?, ?> connection) {
    Transport transport = config.host().transport();
    config.sockets().apply(channel, transport);
    // The peer's FIN must not close the channel while output is pending.
    channel.setOption(ChannelOption.ALLOW_HALF_CLOSURE, true);
    channel.setWriteBufferWaterMark(config.watermarks());
    channel.setAllocator(Loop.ALLOCATOR);
    channel.setRecvByteBufAllocator(transport == Transport.IO_URING ? OWN_BUFFERS : connection);
  }

  /** Returns the handler to add: the connection, or an initializer that installs plugins first. */
  static ChannelHandler handler(StreamConnection<?, ?> connection) {
    if (connection.observers() == ConnectionObservers.NONE) {
      return connection;
    }
    return new ChannelInitializer<>() {
      @Override
      protected void initChannel(Channel channel) {
        install(connection, channel);
      }
    };
  }

  private static void install(StreamConnection<?, ?> connection, Channel channel) {
    connection.lifecycle().awaitReady();
    @Nullable Throwable failure = null;
    try {
      connection.observers().install();
    } catch (Throwable t) {
      failure = t;
    }
    channel.pipeline().addLast(connection);
    if (failure != null) {
      connection.fail(Kind.HANDLER_ERROR, failure);
    }
  }
}
