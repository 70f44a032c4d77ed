package dev.jev;

import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * The handler of a listening socket: gives every connection an event loop.
 *
 * <p>When the process has no file descriptor left, accepting pauses, for 10 ms at first and up to 1
 * s, since the socket would stay readable and spin the loop.
 */
final class ServerAcceptor<I, O> extends ChannelInboundHandlerAdapter implements ServerIntake {

  private static final long MIN_PAUSE_MILLIS = 10;
  private static final long MAX_PAUSE_MILLIS = 1000;
  private static final long FAILING_ACCEPT_NANOS = TimeUnit.MILLISECONDS.toNanos(1);

  private final Endpoint endpoint;
  private final ConnectionConfig<I, O> config;
  private final @Nullable Loop own; // keeps what it accepts
  private final LoadBalancing balancing;
  private final int maxConnections;
  private final RateLimitedLog log = new RateLimitedLog();

  // Event loop only.
  private long pauseMillis = MIN_PAUSE_MILLIS;
  private boolean failing;
  private boolean paused;

  private volatile long taken; // written by the event loop, read by any thread

  ServerAcceptor(
      Endpoint endpoint,
      ConnectionConfig<I, O> config,
      @Nullable Loop own,
      LoadBalancing balancing,
      int maxConnections) {
    this.endpoint = endpoint;
    this.config = config;
    this.own = own;
    this.balancing = balancing;
    this.maxConnections = maxConnections;
  }

  @Override
  public long taken() {
    return taken;
  }

  /** Accepts no more, or again, whether or not accepting fails just now. */
  @Override
  public void pause(Channel listener, boolean pause) {
    paused = pause;
    listener.config().setAutoRead(!paused && !failing);
  }

  @Override
  @SuppressWarnings("NonAtomicVolatileUpdate") // one thread writes
  public void channelRead(ChannelHandlerContext ctx, Object message) {
    Channel child = (Channel) message;
    taken++;
    pauseMillis = MIN_PAUSE_MILLIS;
    if (!endpoint.admit(maxConnections)) {
      log.warning("connection refused: limit of " + maxConnections + " reached");
      child.unsafe().closeForcibly();
      return;
    }
    try {
      accept(child);
    } catch (Throwable t) {
      endpoint.unadmit();
      endpoint.forget();
      log.warning("connection refused: " + child.remoteAddress(), t);
      child.unsafe().closeForcibly();
    }
  }

  private void accept(Channel child) throws IOException {
    Loop loop = own != null ? own : choose(child);
    register(loop, child);
  }

  private Loop choose(Channel child) {
    List<Loop> loops = endpoint.eventLoops().loops();
    int index =
        balancing.choose(
            UnixAddress.from(child.remoteAddress()), loops.size(), i -> loops.get(i).connections());
    return loops.get(index);
  }

  /** Makes a channel, which the endpoint has counted, a connection on {@code loop}. */
  private void register(Loop loop, Channel child) throws IOException {
    StreamConnection<?, ?> connection = ConnectionFactory.create(config, loop, child);
    child.pipeline().addLast(ConnectionFactory.handler(connection));
    ChannelFuture registered = loop.executor().register(child);
    loop.assign();
    if (registered.cause() != null) { // the loop has ended, and would call no listener
      forget(loop);
    } else {
      registered.addListener(
          done -> {
            if (!done.isSuccess()) {
              forget(loop);
            }
          });
    }
  }

  private void forget(Loop loop) {
    loop.unassign();
    endpoint.unadmit();
    endpoint.forget();
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    log.warning("cannot accept on " + SocketAddresses.of(ctx.channel()) + "; trying again", cause);
    if (failing) {
      // io_uring goes on accepting, and failing, during the pause: at least not with all its might.
      LockSupport.parkNanos(FAILING_ACCEPT_NANOS);
      return;
    }
    failing = true;
    pause(ctx.channel(), paused);
    endpoint.forEachPlugin(plugin -> plugin.acceptPaused(SocketAddresses.of(ctx.channel()), cause));
    ctx.executor()
        .schedule(
            () -> {
              failing = false;
              pause(ctx.channel(), paused);
            },
            pauseMillis,
            TimeUnit.MILLISECONDS);
    pauseMillis = Math.min(2 * pauseMillis, MAX_PAUSE_MILLIS);
  }
}
