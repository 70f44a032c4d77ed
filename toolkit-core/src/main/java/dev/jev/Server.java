package dev.jev;

import static java.util.Objects.requireNonNull;
import static java.util.concurrent.TimeUnit.NANOSECONDS;

import io.netty.channel.Channel;
import io.netty.channel.ChannelException;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoop;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.ServerChannel;
import io.netty.channel.socket.SocketProtocolFamily;
import io.netty.util.concurrent.DefaultThreadFactory;
import io.netty.util.concurrent.EventExecutor;
import io.netty.util.concurrent.SingleThreadEventExecutor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.System.Logger.Level;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Listens on one or more addresses and runs a {@link Handler} over the connections it accepts.
 *
 * <pre>
 *   Server server = Server.builder(MyProtocol::new, new MyHandler()).listen("tcp://:5000").start();
 * </pre>
 *
 * <p>A server runs from {@link Builder#start} until {@link #stop}. All its listeners share its
 * event loops, one thread each.
 *
 * <p><b>Faults.</b> Nothing that happens in one connection ends another one or the server. When the
 * process has no file descriptor left, accepting pauses and goes on by itself. An event loop that
 * does not come round for long is reported in the log with its stack. If the thread of an event
 * loop dies, the server cannot keep its promises: it reports that, stops at once, and {@link
 * #awaitStop} throws.
 *
 * <p><b>Threads.</b> All methods may be called from any thread, callbacks included.
 */
public final class Server implements AutoCloseable {

  private static final Duration CLOSE_GRACE = Duration.ofSeconds(10);

  /** How long stop waits for what should happen at once, before it reports that it did not. */
  private static final long STUCK_NANOS = TimeUnit.SECONDS.toNanos(5);

  private final Transport transport;
  private final MultiThreadIoEventLoopGroup group;
  private final List<Thread> threads = new CopyOnWriteArrayList<>();
  private final AtomicInteger open = new AtomicInteger(); // connections
  private final List<Loop> loops;
  private final List<Channel> listeners = new ArrayList<>();
  private final List<SocketAddress> addresses = new ArrayList<>();
  private final Watchdog watchdog;
  private final Thread stopper = new Thread(this::runStop, "jev-stop");
  private final CountDownLatch stopped = new CountDownLatch(1);

  // Guarded by this.
  private boolean stopping;

  // Volatile: read by any thread.
  private volatile long graceEnd;
  private volatile @Nullable Throwable death;

  private Server(Builder<?, ?> builder, Transport transport) {
    this.transport = transport;
    ThreadFactory factory = new DefaultThreadFactory("jev-loop");
    this.group =
        new MultiThreadIoEventLoopGroup(
            builder.eventLoops,
            task -> {
              Thread thread = factory.newThread(task);
              threads.add(thread);
              return thread;
            },
            transport.newIoHandlerFactory());
    this.loops = newLoops();
    this.watchdog = new Watchdog(loops, builder.blockedLoopTime.toNanos());
  }

  /**
   * Begins the configuration of a server.
   *
   * @param protocols makes the protocol of each connection; called once for each, on the event loop
   *     that accepts it, so perhaps on several threads at once
   * @param handler gets the messages of all connections
   * @param <I> the messages that come in
   * @param <O> the messages that go out
   */
  public static <I, O> Builder<I, O> builder(
      Supplier<? extends Protocol<I, O>> protocols, Handler<? super I, O> handler) {
    return new Builder<>(protocols, handler);
  }

  private List<Loop> newLoops() {
    List<Loop> all = new ArrayList<>();
    for (EventExecutor executor : group) {
      Loop loop = new Loop((EventLoop) executor, open);
      ((SingleThreadEventExecutor) executor).addShutdownHook(loop::end);
      executor.terminationFuture().addListener(ended -> loopEnded(ended.cause()));
      all.add(loop);
    }
    return List.copyOf(all);
  }

  private <I, O> void listen(Builder<I, O> builder) {
    Settings<I, O> settings = builder.settings();
    try {
      for (Listener listener : builder.listeners) {
        listen(listener, own -> builder.acceptor(settings, this, own));
      }
    } catch (RuntimeException | Error e) {
      stop(Duration.ZERO);
      awaitUninterruptibly();
      throw e;
    }
    listeners.forEach(listener -> listener.config().setAutoRead(true));
    watchdog.start();
  }

  /** Binds one listening socket, or one for each loop, which then keeps what it accepts. */
  private void listen(Listener listener, Function<@Nullable Loop, Acceptor<?, ?>> acceptors) {
    try {
      InetSocketAddress address = listener.resolve();
      if (!listener.reusePort()) {
        Loop loop = loops.get(listeners.size() % loops.size());
        addresses.add(bind(listener, address, loop, acceptors.apply(null)));
        return;
      }
      SocketAddress bound = address;
      for (Loop loop : loops) {
        bound = bind(listener, bound, loop, acceptors.apply(loop));
      }
      addresses.add(bound);
    } catch (IOException | ChannelException e) {
      throw new UncheckedIOException(
          "cannot listen on " + listener.uri() + ": " + message(e),
          e instanceof IOException io ? io : new IOException(e));
    }
  }

  private static String message(Throwable failure) {
    Throwable root = Transport.root(failure);
    return root.getMessage() == null ? root.toString() : root.getMessage();
  }

  private SocketAddress bind(
      Listener listener, SocketAddress address, Loop loop, Acceptor<?, ?> acceptor)
      throws IOException {
    ServerChannel channel = transport.newServerChannel(listener.family());
    try {
      configure(channel, listener);
      channel.pipeline().addLast(acceptor);
      finish(loop.executor().register(channel));
    } catch (Throwable t) {
      channel.unsafe().closeForcibly();
      throw t;
    }
    listeners.add(channel);
    loop.executor().execute(() -> loop.add(channel));
    finish(channel.bind(address));
    return channel.localAddress();
  }

  private void configure(ServerChannel channel, Listener listener) throws IOException {
    channel.config().setAutoRead(false); // until all addresses are bound
    channel.config().setOption(ChannelOption.SO_BACKLOG, listener.backlog());
    if (listener.family() == SocketProtocolFamily.INET6) {
      transport.restrictToIp6(channel.config());
    }
    if (!transport.canRestrictTo(listener.family()) && listener.host().isEmpty()) {
      throw new IOException("host: none (expected: one, for tcp4 with " + transport + ")");
    }
    if (listener.reusePort() && !transport.reusePort(channel.config())) {
      throw new IOException("reuseport: true (expected: a transport that has it)");
    }
  }

  private static void finish(ChannelFuture step) throws IOException {
    Throwable cause = step.awaitUninterruptibly().cause();
    if (cause != null) {
      throw cause instanceof IOException io ? io : new IOException(cause);
    }
  }

  /** The transport in use; never {@link Transport#AUTO}. */
  public Transport transport() {
    return transport;
  }

  /** The addresses listened on, in the order they were given, with the real port for port 0. */
  public List<SocketAddress> addresses() {
    return List.copyOf(addresses);
  }

  /** The port of the first address. */
  public int port() {
    return ((InetSocketAddress) addresses.get(0)).getPort();
  }

  /** How many connections are open; those that are closing are counted, detached ones are not. */
  public int connectionCount() {
    return open.get();
  }

  /**
   * Begins to stop and returns at once; {@link #awaitStop} waits for the end of it.
   *
   * <p>Closes the listeners. Then closes every connection with {@link
   * CloseReason.Kind#SERVER_STOPPED}, in the way of {@link Connection#close}: what was sent before
   * goes out, messages that have not been delivered are dropped. What is still open after {@code
   * grace} is closed at once. Then the event loops end. A second call can shorten the grace.
   */
  public void stop(Duration grace) {
    long end = System.nanoTime() + Checks.notNegative("grace", grace).toNanos();
    synchronized (this) {
      if (stopping) {
        graceEnd = Math.min(graceEnd - end, 0) + end;
        LockSupport.unpark(stopper);
      } else {
        stopping = true;
        graceEnd = end;
        stopper.start();
      }
    }
  }

  /** Stops with a grace of 10 s, and waits for the end unless called on one of the event loops. */
  @Override
  public void close() {
    stop(CLOSE_GRACE);
    if (!isOnLoop()) {
      awaitUninterruptibly();
    }
  }

  private boolean isOnLoop() {
    Loop current = Loop.current();
    return current != null && loops.contains(current);
  }

  /**
   * Waits until the server has stopped: all connections closed, all their {@code onClose} called,
   * all event loops ended.
   *
   * @throws IllegalStateException if the server stopped because an event loop died, or if called on
   *     one of the event loops
   * @throws InterruptedException if the calling thread is interrupted meanwhile
   */
  public void awaitStop() throws InterruptedException {
    if (isOnLoop()) {
      throw new IllegalStateException("awaitStop called on an event loop, which it would block");
    }
    stopped.await();
    stopper.join();
    if (death != null) {
      throw new IllegalStateException("server stopped because an event loop died: " + death, death);
    }
  }

  private void awaitUninterruptibly() {
    boolean interrupted = false;
    while (true) {
      try {
        stopped.await();
        stopper.join();
        break;
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  // The stopping thread.

  private void runStop() {
    try {
      stopAll();
    } catch (Throwable t) {
      RateLimitedLog.write(Level.ERROR, "server did not stop as it should", t);
    } finally {
      stopped.countDown();
    }
  }

  private void stopAll() {
    long closed = System.nanoTime() + STUCK_NANOS;
    listeners.forEach(Channel::close);
    for (Channel listener : listeners) {
      listener.closeFuture().awaitUninterruptibly(closed - System.nanoTime(), NANOSECONDS);
    }
    CloseReason reason = CloseReason.of(CloseReason.Kind.SERVER_STOPPED);
    onEachLoop(loop -> loop.stop(reason));
    loops.forEach(loop -> loop.whenEmpty(() -> LockSupport.unpark(stopper)));
    awaitEmpty(() -> graceEnd);
    onEachLoop(loop -> loop.forEach(connection -> connection.abort(reason)));
    long stuck = System.nanoTime() + STUCK_NANOS;
    awaitEmpty(() -> stuck);
    threads.add(watchdog.stop());
    group.shutdownGracefully(0, STUCK_NANOS, NANOSECONDS);
    group.terminationFuture().awaitUninterruptibly(STUCK_NANOS, NANOSECONDS);
    for (Thread thread : threads) {
      join(thread);
    }
  }

  private void awaitEmpty(LongSupplier end) {
    for (long left; (left = end.getAsLong() - System.nanoTime()) > 0; ) {
      if (loops.stream().allMatch(loop -> loop.connections() == 0 || loop.hasEnded())) {
        return;
      }
      LockSupport.parkNanos(this, left);
    }
  }

  private void onEachLoop(Consumer<Loop> action) {
    for (Loop loop : loops) {
      try {
        loop.executor().execute(() -> action.accept(loop));
      } catch (RejectedExecutionException e) {
        // It has died, and its connections with it.
      }
    }
  }

  private static void join(Thread thread) {
    try {
      thread.join(TimeUnit.SECONDS.toMillis(1));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    if (thread.isAlive()) {
      Throwable stack = new Throwable("its stack");
      stack.setStackTrace(thread.getStackTrace());
      RateLimitedLog.write(Level.ERROR, "thread " + thread.getName() + " does not end", stack);
    }
  }

  private void loopEnded(@Nullable Throwable cause) {
    synchronized (this) {
      if (stopping) {
        return;
      }
      death = cause != null ? cause : new IllegalStateException("its executor was shut down");
    }
    RateLimitedLog.write(Level.ERROR, "an event loop died; the server stops", death);
    stop(CLOSE_GRACE);
  }

  /**
   * The configuration of a {@link Server}.
   *
   * <p>Every setter checks its value at once and throws {@link IllegalArgumentException} with the
   * value and what was expected.
   *
   * @param <I> the messages that come in
   * @param <O> the messages that go out
   */
  public static final class Builder<I, O> {

    /** Without a file descriptor left they could not be loaded, and nothing could be closed. */
    private static final List<Class<?>> CLASSES_OF_A_CLOSE =
        List.of(
            NettyConnection.class,
            Inbound.class,
            Inbound.Paused.class,
            Outbound.class,
            CloseReason.class,
            CloseReason.Kind.class,
            OverflowPolicy.class,
            Delivery.class,
            Delivery.Outcome.class);

    private final Supplier<? extends Protocol<I, O>> protocols;
    private final Handler<? super I, O> handler;
    private final List<Listener> listeners = new ArrayList<>();
    private Transport transport = Transport.AUTO;
    private int eventLoops = Runtime.getRuntime().availableProcessors();
    private LoadBalancing loadBalancing = LoadBalancing.roundRobin();
    private int maxConnections = FileDescriptors.maxConnections();
    private int maxFrameBytes = 1024 * 1024;
    private int maxPendingBytes = 1024 * 1024;
    private int lowMark = 64 * 1024;
    private int highMark = 256 * 1024;
    private OverflowPolicy overflow = OverflowPolicy.CLOSE;
    private Duration handshakeTimeout = Duration.ofSeconds(10);
    private Duration closeTimeout = Duration.ofSeconds(5);
    private Duration blockedLoopTime = Duration.ofMillis(500);

    private Builder(Supplier<? extends Protocol<I, O>> protocols, Handler<? super I, O> handler) {
      this.protocols = requireNonNull(protocols, "protocols");
      this.handler = requireNonNull(handler, "handler");
    }

    /**
     * Adds an address to listen on: {@code [tcp|tcp4|tcp6]://host:port[?option=value&...]}.
     *
     * <p>Without a scheme it is {@code tcp}, which takes IPv4 and IPv6; {@code tcp4} and {@code
     * tcp6} take one of them (NIO cannot keep IPv4 off {@code tcp6}; io_uring and kqueue need a
     * host for {@code tcp4}). Without a host it is all addresses of the machine; a literal IPv6
     * address stands in brackets. Port 0 is any free one, see {@link Server#addresses}. The options
     * are {@code reuseport} (false by default; if true every event loop has a listening socket of
     * its own and keeps what it accepts) and {@code backlog} (how many connections may wait to be
     * accepted, 4096 by default; the system may have a lower limit).
     */
    public Builder<I, O> listen(String uri) {
      listeners.add(Listener.parse(uri));
      return this;
    }

    /** How bytes are moved; {@link Transport#AUTO} by default. */
    public Builder<I, O> transport(Transport transport) {
      this.transport = requireNonNull(transport, "transport");
      return this;
    }

    /** How many event loops, of one thread each; by default as many as processors. */
    public Builder<I, O> eventLoops(int eventLoops) {
      this.eventLoops = Checks.inRange("eventLoops", eventLoops, 1, 1024);
      return this;
    }

    /** How connections get their event loop; {@link LoadBalancing#roundRobin} by default. */
    public Builder<I, O> loadBalancing(LoadBalancing loadBalancing) {
      this.loadBalancing = requireNonNull(loadBalancing, "loadBalancing");
      return this;
    }

    /**
     * How many connections may be open; a further one is closed as soon as it is accepted. By
     * default nine tenths of the process's limit of file descriptors, less 64; 10,000 if that is
     * not known.
     */
    public Builder<I, O> maxConnections(int maxConnections) {
      this.maxConnections = Checks.inRange("maxConnections", maxConnections, 1, Integer.MAX_VALUE);
      return this;
    }

    /**
     * The longest inbound frame in bytes, header included; 1 MiB by default. A longer one closes
     * the connection with {@link CloseReason.Kind#PROTOCOL_ERROR}.
     */
    public Builder<I, O> maxFrameBytes(int maxFrameBytes) {
      this.maxFrameBytes = Checks.inRange("maxFrameBytes", maxFrameBytes, 1, 1 << 30);
      return this;
    }

    /**
     * How many bytes may wait to be written to one peer; 1 MiB by default. A message that is sent
     * when so many wait already meets the {@link #overflow} policy; so there are never more than
     * this and one message.
     */
    public Builder<I, O> maxPendingBytes(int maxPendingBytes) {
      this.maxPendingBytes = Checks.inRange("maxPendingBytes", maxPendingBytes, 1, 1 << 30);
      return this;
    }

    /**
     * The marks of back-pressure, in bytes waiting to be written to one peer: above {@code high}
     * the connection is not writable and nothing is read from it, until fewer than {@code low}
     * wait. 64 KiB and 256 KiB by default.
     */
    public Builder<I, O> pendingMarks(int low, int high) {
      Checks.inRange("high", high, 1, 1 << 30);
      this.lowMark = Checks.inRange("low", low, 1, high);
      this.highMark = high;
      return this;
    }

    /** What happens at {@link #maxPendingBytes}; {@link OverflowPolicy#CLOSE} by default. */
    public Builder<I, O> overflow(OverflowPolicy overflow) {
      this.overflow = requireNonNull(overflow, "overflow");
      return this;
    }

    /** Longest time from the accept until the protocol's handshake is over; 10 s by default. */
    public Builder<I, O> handshakeTimeout(Duration handshakeTimeout) {
      this.handshakeTimeout = Checks.positive("handshakeTimeout", handshakeTimeout);
      return this;
    }

    /** Longest time for writing what is pending when a connection closes; 5 s by default. */
    public Builder<I, O> closeTimeout(Duration closeTimeout) {
      this.closeTimeout = Checks.positive("closeTimeout", closeTimeout);
      return this;
    }

    /** After how long an event loop that does not come round is reported; 500 ms by default. */
    public Builder<I, O> blockedLoopTime(Duration blockedLoopTime) {
      this.blockedLoopTime = Checks.positive("blockedLoopTime", blockedLoopTime);
      return this;
    }

    /**
     * Starts a server that accepts connections on all addresses.
     *
     * @throws IllegalStateException if there is no address, or the transport is not available
     * @throws IllegalArgumentException if two limits contradict each other
     * @throws UncheckedIOException if an address cannot be listened on; none is then
     */
    public Server start() {
      if (listeners.isEmpty()) {
        throw new IllegalStateException("no address to listen on; call listen first");
      }
      if (highMark > maxPendingBytes) {
        throw new IllegalArgumentException(
            "maxPendingBytes: " + maxPendingBytes + " (expected: >= high mark " + highMark + ")");
      }
      Transport resolved = transport.resolve();
      if (resolved == Transport.NIO && transport == Transport.AUTO) {
        logFallback();
      }
      warmUp();
      Server server = new Server(this, resolved);
      server.listen(this);
      return server;
    }

    /**
     * Does what would otherwise block an event loop, or fail, when it is done for the first time.
     */
    private static void warmUp() {
      RateLimitedLog.warmUp();
      CLASSES_OF_A_CLOSE.forEach(Builder::load);
      Loop.ALLOCATOR.directBuffer(Loop.READ_BYTES).release();
    }

    private static void load(Class<?> type) {
      try {
        Class.forName(type.getName(), /* initialize= */ true, type.getClassLoader());
      } catch (ClassNotFoundException e) {
        throw new IllegalStateException(e);
      }
    }

    private static void logFallback() {
      Throwable cause = Transport.nativeOfPlatform().unavailabilityCause();
      if (cause != null) {
        String why = Transport.nativeOfPlatform() + " is not available: " + Transport.reason(cause);
        RateLimitedLog.write(Level.WARNING, "transport: NIO, because " + why, null);
      }
    }

    private Settings<I, O> settings() {
      return new Settings<>(
          protocols,
          handler,
          maxFrameBytes,
          maxPendingBytes,
          lowMark,
          highMark,
          overflow,
          closeTimeout.toNanos(),
          handshakeTimeout.toNanos(),
          new RateLimitedLog());
    }

    private Acceptor<I, O> acceptor(Settings<I, O> settings, Server server, @Nullable Loop own) {
      return new Acceptor<>(
          settings,
          server.loops,
          own,
          loadBalancing,
          maxConnections,
          server.open,
          server.transport);
    }
  }
}
