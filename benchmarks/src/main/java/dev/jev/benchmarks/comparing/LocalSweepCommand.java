package dev.jev.benchmarks.comparing;

import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.DeadlineWheel;
import dev.jev.Plugin;
import dev.jev.PluginHost;
import dev.jev.benchmarks.shared.BenchmarkException;
import dev.jev.plugin.IdleReaper;
import io.netty.bootstrap.Bootstrap;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.EventLoop;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.local.LocalAddress;
import io.netty.channel.local.LocalChannel;
import io.netty.channel.local.LocalIoHandler;
import io.netty.channel.local.LocalServerChannel;
import io.netty.handler.timeout.IdleStateHandler;
import io.netty.util.concurrent.ScheduledFuture;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryMXBean;
import java.lang.management.ThreadMXBean;
import java.lang.reflect.Proxy;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/**
 * Opens connections within the process, on one event loop. Prints the live heap per connection in
 * bytes and the CPU time of the event loop in seconds per second.
 */
@Command(
    name = "local-sweep",
    description = "Measures the cost of finding idle connections within a process.")
public final class LocalSweepCommand implements Callable<Integer> {

  @Parameters(paramLabel = "KIND", description = "none, jev or netty")
  private String kind = "";

  @Option(names = "--connections", required = true)
  private int connections;

  @Option(names = "--idle-seconds", required = true)
  private int idleSeconds;

  @Option(names = "--seconds", required = true)
  private int seconds;

  private static DeadlineWheel wheel(EventLoop loop, Duration span) {
    return new DeadlineWheel(
        span,
        loop.ticker()::nanoTime,
        (task, delay) -> {
          ScheduledFuture<?> timer = loop.schedule(task, delay, TimeUnit.NANOSECONDS);
          return () -> timer.cancel(false);
        });
  }

  @Override
  public Integer call() throws Exception {
    Duration span = Duration.ofSeconds(idleSeconds);
    EventLoopGroup group = new MultiThreadIoEventLoopGroup(1, LocalIoHandler.newFactory());
    CompletableFuture<Long> thread = new CompletableFuture<>();
    group.execute(() -> thread.complete(Thread.currentThread().getId()));
    LocalAddress address = new LocalAddress("sweep");
    new ServerBootstrap()
        .group(group)
        .channel(LocalServerChannel.class)
        .childHandler(initializer(sweeperOf(kind, wheel(group.next(), span))))
        .bind(address)
        .sync();
    Bootstrap client =
        new Bootstrap()
            .group(group)
            .channel(LocalChannel.class)
            .handler(initializer(pipeline -> {}));
    long before = liveHeap();
    connect(client, address);
    long each = (liveHeap() - before) / connections;
    TimeUnit.SECONDS.sleep(2L * idleSeconds); // each is found idle once
    ThreadMXBean threads = ManagementFactory.getThreadMXBean();
    long start = threads.getThreadCpuTime(thread.join());
    TimeUnit.SECONDS.sleep(seconds);
    double cpu = (threads.getThreadCpuTime(thread.join()) - start) / 1e9 / seconds;
    System.out.printf(Locale.ROOT, "%d %.6f%n", each, cpu);
    System.out.flush();
    Runtime.getRuntime().halt(0); // closing all connections would take long
    return 0;
  }

  /** Connects in batches, spread evenly over one timeout, as real clients would. */
  private void connect(Bootstrap client, LocalAddress address) throws InterruptedException {
    long start = System.nanoTime();
    int batch = 1_000;
    for (int i = 0; i < connections; i += batch) {
      ChannelFuture last = client.connect(address);
      for (int j = 1; j < batch; j++) {
        last = client.connect(address);
      }
      last.sync();
      long due = start + TimeUnit.SECONDS.toNanos(idleSeconds) / connections * i;
      TimeUnit.NANOSECONDS.sleep(Math.max(due - System.nanoTime(), 0));
    }
  }

  private Consumer<ChannelPipeline> sweeperOf(String name, DeadlineWheel wheel) {
    return switch (name) {
      case "none" -> pipeline -> pipeline.addLast(new ChannelInboundHandlerAdapter());
      case "netty" ->
          pipeline ->
              pipeline.addLast(
                  new IdleStateHandler(idleSeconds, 0, 0), new ChannelInboundHandlerAdapter());
      case "jev" -> {
        Plugin reaper =
            IdleReaper.readIdle(Duration.ofSeconds(idleSeconds)).onIdle(connection -> {});
        yield pipeline -> {
          pipeline.addLast(new ChannelInboundHandlerAdapter());
          Plugin.Observer observer = reaper.install(new BareLink(pipeline, wheel));
          if (observer != null) {
            observer.connected();
          }
        };
      }
      default -> throw new BenchmarkException("kind: " + name + " (expected: none, jev or netty)");
    };
  }

  private static ChannelInitializer<Channel> initializer(Consumer<ChannelPipeline> handlers) {
    return new ChannelInitializer<>() {
      @Override
      protected void initChannel(Channel channel) {
        handlers.accept(channel.pipeline());
      }
    };
  }

  private static long liveHeap() {
    MemoryMXBean memory = ManagementFactory.getMemoryMXBean();
    for (int i = 0; i < 2; i++) {
      memory.gc();
    }
    return memory.getHeapMemoryUsage().getUsed();
  }

  /** A plugin's view of a channel that belongs to no Jev server. */
  private record BareLink(ChannelPipeline pipeline, DeadlineWheel shared) implements Plugin.Link {

    /** A connection that runs each task at once. */
    private static final Connection<?> CONNECTION =
        (Connection<?>)
            Proxy.newProxyInstance(
                Connection.class.getClassLoader(),
                new Class<?>[] {Connection.class},
                (proxy, method, arguments) -> {
                  ((Runnable) arguments[0]).run();
                  return null;
                });

    @Override
    public Connection<?> connection() {
      return CONNECTION;
    }

    @Override
    public PluginHost host() {
      throw new AssertionError("not expected of a plugin: host");
    }

    @Override
    public void addresses(SocketAddress remote, SocketAddress local) {}

    @Override
    public void close(CloseReason reason) {}

    @Override
    public void closeNow(CloseReason reason) {}

    @Override
    public void pauseReading() {}

    @Override
    public void resumeReading() {}

    @Override
    public long bufferedBytes() {
      return 0;
    }

    @Override
    public DeadlineWheel deadlineWheel(Duration span) {
      return shared;
    }
  }
}
