package dev.jev;

import io.netty.channel.Channel;
import io.netty.channel.ChannelConfig;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOption;
import io.netty.channel.WriteBufferWaterMark;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * The handler of a listening socket: gives every connection an event loop.
 *
 * <p>When the process has no file descriptor left, accepting pauses, for 10 ms at first and up to 1
 * s, since the socket would stay readable and spin the loop.
 */
final class Acceptor<I, O> extends ChannelInboundHandlerAdapter {

  private static final long MIN_PAUSE_MILLIS = 10;
  private static final long MAX_PAUSE_MILLIS = 1000;
  private static final long FAILING_ACCEPT_NANOS = TimeUnit.MILLISECONDS.toNanos(1);

  private final Settings<I, O> settings;
  private final List<Loop> loops;
  private final @Nullable Loop own; // keeps what it accepts
  private final LoadBalancing balancing;
  private final int maxConnections;
  private final AtomicInteger open; // connections of the server
  private final boolean sharedReadBuffer;
  private final RateLimitedLog log = new RateLimitedLog();
  private final WriteBufferWaterMark marks;
  private long pauseMillis = MIN_PAUSE_MILLIS;

  Acceptor(
      Settings<I, O> settings,
      List<Loop> loops,
      @Nullable Loop own,
      LoadBalancing balancing,
      int maxConnections,
      AtomicInteger open,
      Transport transport) {
    this.settings = settings;
    this.loops = loops;
    this.own = own;
    this.balancing = balancing;
    this.maxConnections = maxConnections;
    this.open = open;
    // With io_uring a read is under way while others happen, so each needs a buffer of its own.
    this.sharedReadBuffer = transport != Transport.IO_URING;
    this.marks = new WriteBufferWaterMark(settings.lowMark(), settings.highMark());
  }

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object message) {
    Channel child = (Channel) message;
    pauseMillis = MIN_PAUSE_MILLIS;
    if (open.incrementAndGet() > maxConnections) {
      open.decrementAndGet();
      log.warning(
          "connections: " + (maxConnections + 1) + " (expected: <= " + maxConnections + ")", null);
      child.unsafe().closeForcibly();
      return;
    }
    try {
      accept(child);
    } catch (Throwable t) {
      open.decrementAndGet();
      log.warning("connection refused: " + child.remoteAddress(), t);
      child.unsafe().closeForcibly();
    }
  }

  private void accept(Channel child) {
    Loop loop = own != null ? own : choose(child);
    NettyConnection<I, O> connection = new NettyConnection<>(settings, loop, child);
    configure(child.config(), connection);
    child.pipeline().addLast(connection);
    loop.assign();
    ChannelFuture registered = loop.executor().register(child);
    if (registered.cause() != null) {
      loop.unassign(); // the loop has ended, and would not tell a listener
    } else {
      registered.addListener(
          done -> {
            if (!done.isSuccess()) {
              loop.unassign();
            }
          });
    }
  }

  private Loop choose(Channel child) {
    int index =
        balancing.choose(child.remoteAddress(), loops.size(), i -> loops.get(i).connections());
    return loops.get(index);
  }

  private void configure(ChannelConfig config, NettyConnection<?, ?> connection) {
    config.setOption(ChannelOption.TCP_NODELAY, true);
    // The peer's FIN must not close the connection before what was sent to it is written.
    config.setOption(ChannelOption.ALLOW_HALF_CLOSURE, true);
    config.setWriteBufferWaterMark(marks);
    config.setAllocator(Loop.ALLOCATOR);
    if (sharedReadBuffer) {
      config.setRecvByteBufAllocator(connection);
    }
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    log.warning("cannot accept on " + ctx.channel().localAddress() + "; trying again", cause);
    ChannelConfig config = ctx.channel().config();
    if (!config.isAutoRead()) {
      // io_uring goes on accepting, and failing, during the pause: at least not with all its might.
      LockSupport.parkNanos(FAILING_ACCEPT_NANOS);
      return;
    }
    config.setAutoRead(false);
    ctx.executor().schedule(() -> config.setAutoRead(true), pauseMillis, TimeUnit.MILLISECONDS);
    pauseMillis = Math.min(2 * pauseMillis, MAX_PAUSE_MILLIS);
  }
}
