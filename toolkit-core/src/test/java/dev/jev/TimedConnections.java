package dev.jev;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.util.concurrent.AbstractScheduledEventExecutor;
import java.io.ByteArrayOutputStream;
import java.lang.reflect.Field;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/** Real connections on one event loop whose time the test advances; the test plays the peers. */
public final class TimedConnections<I, O> implements AutoCloseable {

  private static final WriteBufferWaterMark MARKS = new WriteBufferWaterMark(1_000, 50_000);

  private final EmbeddedChannel clock = new EmbeddedChannel();
  private final Loop loop = new Loop(clock.eventLoop());
  // The sockets are in memory, so that there is nothing to work around.
  private final EventLoops eventLoops =
      EventLoops.builder().count(1).transport(Transport.NIO).start();
  private final List<Socket> sockets = new ArrayList<>();
  private final ConnectionConfig<I, O> config;

  public TimedConnections(
      Supplier<? extends Protocol<I, O>> protocols, Handler<? super I, O> handler) {
    this(protocols, handler, Duration.ofSeconds(30));
  }

  public TimedConnections(
      Supplier<? extends Protocol<I, O>> protocols,
      Handler<? super I, O> handler,
      Duration frameTimeout) {
    Endpoint endpoint =
        new Endpoint(
            "test", "test", eventLoops, /* ownsLoops= */ false, List.of(), new IdleOwner());
    config =
        new ConnectionConfig<>(
            endpoint,
            protocols,
            handler,
            /* maxFrameBytes= */ 100_000,
            /* maxPendingBytes= */ 100_000,
            MARKS,
            OverflowPolicy.CLOSE,
            /* closesOnPackFailure= */ false,
            Duration.ofSeconds(10).toNanos(),
            frameTimeout.toNanos(),
            Duration.ofSeconds(5).toNanos(),
            Duration.ofSeconds(2).toNanos(),
            new SocketOptions(true, 0, 0, 0),
            new RateLimitedLog());
    clock.freezeTime();
  }

  /** The socket of one connection, and its peer. */
  public final class Socket extends EmbeddedChannel {

    private boolean full;
    private final StreamConnection<I, O> connection = new StreamConnection<>(config, loop, this);

    @Override
    protected void doWrite(ChannelOutboundBuffer in) throws Exception {
      if (!full) {
        super.doWrite(in);
      }
    }

    /** The connection that the handler sees. */
    public Connection<O> connection() {
      return connection;
    }

    /** Stops the output. */
    public void fill() {
      full = true;
    }

    /** Resumes the output. */
    public void drain() {
      full = false;
      flush();
      runPendingTasks();
    }

    /** Delivers one byte of the peer. */
    public void arrive(int value) {
      arrive(new byte[] {(byte) value});
    }

    /** Delivers bytes of the peer. */
    public void arrive(byte[] bytes) {
      writeInbound(Loop.ALLOCATOR.directBuffer().writeBytes(bytes));
    }

    /** Takes the bytes sent to the peer since the last call. */
    public byte[] sent() {
      ByteArrayOutputStream all = new ByteArrayOutputStream();
      for (ByteBuf out; (out = readOutbound()) != null; out.release()) {
        byte[] bytes = new byte[out.readableBytes()];
        out.readBytes(bytes);
        all.writeBytes(bytes);
      }
      return all.toByteArray();
    }
  }

  public Socket connect() {
    config.host().admit(Integer.MAX_VALUE);
    loop.assign();
    Socket socket = new Socket();
    socket.config().setWriteBufferWaterMark(MARKS);
    sockets.add(socket);
    socket.pipeline().addLast(socket.connection);
    socket.pipeline().fireChannelActive();
    return socket;
  }

  /** The time of the event loop, in nanoseconds. */
  public long now() {
    return loop.nanoTime();
  }

  /** Advances the time and runs each timer when it is due. */
  public void pass(Duration time) {
    for (long left = time.toNanos(); left > 0; ) {
      long next = clock.runScheduledPendingTasks();
      long step = next < 0 ? left : Math.min(Math.max(next, 1), left);
      halt(Duration.ofNanos(step));
      left -= step;
    }
  }

  /** Advances the time at once, as if the process had been stopped, then runs due timers. */
  public void halt(Duration time) {
    clock.advanceTimeBy(time.toNanos(), TimeUnit.NANOSECONDS);
    clock.runPendingTasks();
  }

  /** The number of timers of the event loop, which Netty does not publish. */
  public int timers() throws ReflectiveOperationException {
    Field queue = AbstractScheduledEventExecutor.class.getDeclaredField("scheduledTaskQueue");
    queue.setAccessible(true);
    Queue<?> timers = (Queue<?>) queue.get(clock.eventLoop());
    return timers == null ? 0 : timers.size();
  }

  @Override
  public void close() {
    loop.end();
    sockets.forEach(EmbeddedChannel::finishAndReleaseAll);
    clock.finishAndReleaseAll();
    eventLoops.close();
  }
}
