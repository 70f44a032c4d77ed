package dev.jev;

import dev.jev.CloseReason.Kind;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.socket.SocketChannel;
import java.io.IOException;
import java.net.SocketAddress;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The channel handler of a listening socket, which assigns every accepted connection to an event
 * loop.
 *
 * <p>When the process has run out of file descriptors, accepting pauses: for 10 ms at first, and
 * for twice as long after each further failure, up to 1 s. Without a pause the socket would stay
 * readable and the loop would spin.
 */
final class ServerAcceptor<I, O> extends ChannelInboundHandlerAdapter implements ServerIntake {

  private static final long MIN_PAUSE_MILLIS = 10;
  private static final long MAX_PAUSE_MILLIS = 1000;
  private static final long FAILING_ACCEPT_NANOS = TimeUnit.MILLISECONDS.toNanos(1);

  private final Endpoint endpoint;
  private final ConnectionConfig<I, O> config;
  private final @Nullable Loop own; // of a reuseport socket: gets all its connections; else null
  private final LoadBalancing balancing;
  private final int maxConnections;
  private final BooleanSupplier isPaused; // accepting; any thread
  private final RateLimitedLog refusals = new RateLimitedLog(); // at maxConnections
  private final RateLimitedLog errors = new RateLimitedLog();

  // Event loop only.
  private long pauseMillis = MIN_PAUSE_MILLIS;
  private boolean failing;
  private boolean paused;
  private final Queue<Channel> arrivedPaused = new ArrayDeque<>(0);

  private volatile long taken; // written by the event loop, read by any thread

  ServerAcceptor(
      Endpoint endpoint,
      ConnectionConfig<I, O> config,
      @Nullable Loop own,
      LoadBalancing balancing,
      int maxConnections,
      BooleanSupplier isPaused) {
    this.endpoint = endpoint;
    this.config = config;
    this.own = own;
    this.balancing = balancing;
    this.maxConnections = maxConnections;
    this.isPaused = isPaused;
  }

  @Override
  public long taken() {
    return taken;
  }

  /** Pauses or resumes accepting, which also pauses while accepts fail. */
  @Override
  public void pause(Channel listener, boolean pause) {
    paused = pause;
    listener.config().setAutoRead(!paused && !failing);
    while (!arrivedPaused.isEmpty() && !isPaused.getAsBoolean()) {
      admit(listener, arrivedPaused.remove());
    }
  }

  @Override
  @SuppressWarnings("NonAtomicVolatileUpdate") // written by one thread only
  public void channelRead(ChannelHandlerContext ctx, Object message) {
    Channel child = (Channel) message;
    taken++;
    pauseMillis = MIN_PAUSE_MILLIS;
    if (isPaused.getAsBoolean()) { // the rest of a batch; with io_uring, all that have arrived
      arrivedPaused.add(child);
    } else {
      admit(ctx.channel(), child);
    }
  }

  private void admit(Channel listener, Channel child) {
    if (isReset(child)) {
      refuse(listener, child, Kind.IO_ERROR);
      return;
    }
    if (!endpoint.admit(maxConnections)) {
      refusals.warning("connection refused: limit of " + maxConnections + " reached");
      refuse(listener, child, Kind.LIMIT);
      return;
    }
    try {
      accept(child);
    } catch (Throwable t) {
      endpoint.unadmit();
      endpoint.forget();
      errors.warning("connection refused: " + child.remoteAddress(), t);
      refuse(listener, child, Kind.HANDLER_ERROR);
    }
  }

  private void refuse(Channel listener, Channel child, Kind reason) {
    SocketAddress address = SocketAddresses.of(listener);
    endpoint.forEachPlugin(
        plugin -> plugin.connectionRefused(endpoint.pluginHost(), address, reason));
    child.unsafe().closeForcibly();
  }

  /**
   * Returns whether a peer has reset its connection before it was accepted, as far as that can be
   * seen: with io_uring such a connection has no address, which handlers and plugins rely on.
   */
  private static boolean isReset(Channel child) {
    return child instanceof SocketChannel && child.remoteAddress() == null;
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

  /** Creates the connection of a channel that the endpoint has counted, and registers it. */
  private void register(Loop loop, Channel child) throws IOException {
    StreamConnection<?, ?> connection = ConnectionFactory.create(config, loop, child);
    child.pipeline().addLast(ConnectionFactory.handler(connection));
    ChannelFuture registered = loop.executor().register(child);
    loop.assign();
    if (registered.cause() != null) { // the loop has ended and calls no listener
      uncount(loop);
    } else {
      registered.addListener(
          done -> {
            if (!done.isSuccess()) {
              uncount(loop);
            }
          });
    }
  }

  private void uncount(Loop loop) {
    loop.unassign();
    endpoint.unadmit();
    endpoint.forget();
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) {
    arrivedPaused.forEach(child -> child.unsafe().closeForcibly());
    arrivedPaused.clear();
    ctx.fireChannelInactive();
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    errors.warning("cannot accept on " + SocketAddresses.of(ctx.channel()) + "; will retry", cause);
    if (failing) {
      // io_uring continues to accept, and to fail, during the pause. Parking slows it down.
      LockSupport.parkNanos(FAILING_ACCEPT_NANOS);
      return;
    }
    failing = true;
    pause(ctx.channel(), paused);
    SocketAddress listener = SocketAddresses.of(ctx.channel());
    endpoint.forEachPlugin(plugin -> plugin.acceptPaused(endpoint.pluginHost(), listener, cause));
    ctx.executor()
        .schedule(
            () -> {
              failing = false;
              pause(ctx.channel(), paused);
              endpoint.forEachPlugin(
                  plugin -> plugin.acceptResumed(endpoint.pluginHost(), listener));
            },
            pauseMillis,
            TimeUnit.MILLISECONDS);
    pauseMillis = Math.min(2 * pauseMillis, MAX_PAUSE_MILLIS);
  }
}
