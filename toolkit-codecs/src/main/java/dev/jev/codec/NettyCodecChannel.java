package dev.jev.codec;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.channel.AbstractChannel;
import io.netty.channel.ChannelConfig;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandler;
import io.netty.channel.ChannelMetadata;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.ChannelOutboundHandler;
import io.netty.channel.ChannelPromise;
import io.netty.channel.DefaultChannelConfig;
import io.netty.channel.DefaultChannelPipeline;
import io.netty.channel.EventLoop;
import io.netty.util.ReferenceCountUtil;
import java.net.SocketAddress;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A channel without a socket. It has a pipeline, passes the output of the pipeline to a {@link
 * NettyCodecProtocol}, and stores nothing.
 */
final class NettyCodecChannel extends AbstractChannel {

  private static final ChannelMetadata METADATA = new ChannelMetadata(false);

  private final NettyCodecProtocol<?> protocol;
  private final NettyCodecLoop loop;
  private final ChannelConfig config = new DefaultChannelConfig(this);

  private List<ChannelHandlerContext> oneWay = List.of(); // empty if a handler may be duplex
  private boolean open = true;
  private boolean ending; // the connection closes

  NettyCodecChannel(NettyCodecProtocol<?> protocol) {
    super(/* parent= */ null);
    this.protocol = protocol;
    this.loop = new NettyCodecLoop(protocol);
    config.setAllocator(PooledByteBufAllocator.DEFAULT); // like all buffers of Jev
  }

  NettyCodecLoop loop() {
    return loop;
  }

  /** Adds the handlers and activates the channel. */
  void open(List<? extends ChannelHandler> handlers) {
    NettyCodecGate gate = new NettyCodecGate(protocol);
    for (ChannelHandler handler : handlers) {
      pipeline().addLast(gate, handler);
    }
    pipeline().addLast(gate); // for writes from the end of the pipeline
    loop.register(this);
    loop.runTasks();
    if (handlers.stream().allMatch(this::isOneWay)) {
      oneWay = handlers.stream().map(pipeline()::context).toList();
    }
  }

  private boolean isOneWay(ChannelHandler handler) {
    boolean duplex =
        handler instanceof ChannelInboundHandler && handler instanceof ChannelOutboundHandler;
    return !duplex && pipeline().context(handler) != null; // it may have removed itself already
  }

  /** Passes bytes to the pipeline and consumes them. */
  void read(ByteBuf bytes) {
    pipeline().fireChannelRead(bytes);
    pipeline().fireChannelReadComplete();
    loop.runTasks();
  }

  /**
   * Returns whether each handler serves one direction only, so that no encoder depends on what was
   * decoded. Returns false once a handler was removed, since others may have taken its place.
   */
  boolean isOneWay() {
    for (ChannelHandlerContext context : oneWay) {
      if (context.isRemoved()) {
        oneWay = List.of();
      }
    }
    return !oneWay.isEmpty();
  }

  /** Closes the channel for good. Handlers may write last bytes, and are then removed. */
  void end() {
    ending = true;
    try {
      if (open) {
        close();
      }
    } finally {
      if (open) { // a handler has delayed the close
        unsafe().close(voidPromise());
      }
      loop.end();
    }
  }

  @Override
  protected void doWrite(ChannelOutboundBuffer written) {
    for (Object bytes; (bytes = written.current()) != null; ) {
      protocol.write((ByteBuf) bytes);
      written.remove();
    }
  }

  @Override
  protected Object filterOutboundMessage(Object message) {
    if (message instanceof ByteBuf) {
      return message;
    }
    throw new UnsupportedOperationException(
        "message: " + message.getClass().getName() + " (expected: one that an encoder accepts)");
  }

  @Override
  protected void doClose() {
    open = false;
    if (!ending) {
      protocol.closed();
    }
  }

  @Override
  protected DefaultChannelPipeline newChannelPipeline() {
    return new Pipeline(this);
  }

  @Override
  protected AbstractUnsafe newUnsafe() {
    return new AbstractUnsafe() {
      @Override
      public void connect(
          SocketAddress remote, @Nullable SocketAddress local, ChannelPromise promise) {
        promise.setFailure(new UnsupportedOperationException("the channel is connected already"));
      }
    };
  }

  @Override
  protected boolean isCompatible(EventLoop loop) {
    return loop instanceof NettyCodecLoop;
  }

  @Override
  public ChannelConfig config() {
    return config;
  }

  @Override
  public ChannelMetadata metadata() {
    return METADATA;
  }

  @Override
  public boolean isOpen() {
    return open;
  }

  @Override
  public boolean isActive() {
    return open;
  }

  @Override
  protected @Nullable SocketAddress localAddress0() {
    return null;
  }

  @Override
  protected @Nullable SocketAddress remoteAddress0() {
    return null;
  }

  @Override
  protected void doBind(SocketAddress address) {
    throw new UnsupportedOperationException("cannot bind a connected channel");
  }

  @Override
  protected void doDisconnect() {
    doClose();
  }

  @Override
  protected void doBeginRead() {} // Jev decides when to read

  /** A pipeline that ends in a protocol. */
  private static final class Pipeline extends DefaultChannelPipeline {

    private final NettyCodecChannel channel;

    Pipeline(NettyCodecChannel channel) {
      super(channel);
      this.channel = channel;
    }

    @Override
    protected void onUnhandledInboundMessage(ChannelHandlerContext ctx, Object message) {
      channel.protocol.decoded(message);
    }

    @Override
    protected void onUnhandledInboundException(Throwable cause) {
      channel.protocol.failed(cause);
    }

    @Override
    protected void onUnhandledInboundUserEventTriggered(Object event) {
      ReferenceCountUtil.release(event);
    }
  }
}
