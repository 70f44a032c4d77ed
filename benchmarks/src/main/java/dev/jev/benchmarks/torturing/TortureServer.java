package dev.jev.benchmarks.torturing;

import static java.nio.charset.StandardCharsets.US_ASCII;

import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.LoadBalancing;
import dev.jev.Plugin;
import dev.jev.PluginHost;
import dev.jev.ScheduledTask;
import dev.jev.Server;
import dev.jev.Topic;
import dev.jev.plugin.IdleReaper;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PoolArenaMetric;
import io.netty.buffer.PooledByteBufAllocator;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.management.BufferPoolMXBean;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.HdrHistogram.ConcurrentHistogram;
import org.HdrHistogram.Histogram;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * The server under test: an echo server that its peers can make misbehave. It executes commands
 * from standard input and answers each line with one line.
 */
@Command(name = "torture-server", hidden = true, description = "The server under test.")
public final class TortureServer implements Callable<Integer>, Handler<ByteBuf, ByteBuf>, Plugin {

  @Option(names = "--listen", description = "listen address (default: ${DEFAULT-VALUE})")
  private List<String> addresses = List.of("tcp://127.0.0.1:0");

  @Option(names = "--max-connections", description = "default: that of the toolkit")
  private int maxConnections;

  @Option(
      names = "--blocked-ms",
      description = "blocked loop threshold (default: ${DEFAULT-VALUE})")
  private int blockedMillis = 500;

  @Option(names = "--idle-ms", description = "idle timeout of a connection (default: none)")
  private int idleMillis;

  @Option(names = "--twin", description = "starts a second server on the same port")
  private boolean twin;

  @Option(names = "--warm", description = "starts and stops a server first, to load its classes")
  private boolean warm;

  @Mixin private TortureServerOptions options = new TortureServerOptions();

  private final Histogram lagMicros = new ConcurrentHistogram(3);
  private final AtomicLong ticks = new AtomicLong();
  private final AtomicLong datagrams = new AtomicLong();
  private final AtomicLong unsent = new AtomicLong();
  private final AtomicLong opened = new AtomicLong();
  private final AtomicLong connected = new AtomicLong();
  private final AtomicLong received = new AtomicLong();
  private final AtomicLong sent = new AtomicLong();
  private final AtomicLong maxPending = new AtomicLong();
  private final AtomicInteger calledTwice = new AtomicInteger();
  private final Map<CloseReason.Kind, AtomicLong> closed = new ConcurrentSkipListMap<>();
  private final Set<Connection<ByteBuf>> feedReaders = ConcurrentHashMap.newKeySet();
  private final Set<Link> links = ConcurrentHashMap.newKeySet();
  private final Topic<ByteBuf> topic = Topic.of("torture");
  private final List<Server> servers = new ArrayList<>();
  private volatile String blocked = "none";
  private volatile @Nullable ScheduledTask feeding;

  /** The state of a push to one connection. */
  private static final class Push {
    int next;
    int count;
    int size;
  }

  @Override
  public Integer call() throws InterruptedException, IOException {
    if (warm) {
      start(List.of("tcp://127.0.0.1:0")).close();
    }
    long start = System.nanoTime();
    servers.add(start(addresses));
    if (twin) {
      servers.add(start(List.of("tcp://127.0.0.1:" + servers.get(0).port() + "?reuseport=true")));
    }
    long millis = (System.nanoTime() - start) / 1_000_000;
    Runtime.getRuntime().addShutdownHook(new Thread(this::stop, "stop"));
    System.out.printf(
        "listening on tcp://127.0.0.1:%d after %d ms%n", servers.get(0).port(), millis);
    readCommands();
    return 0;
  }

  private Server start(List<String> addresses) {
    Server.Builder<ByteBuf, ByteBuf> builder =
        Server.builder(options.protocol(), this)
            .plugin(this)
            .eventLoops(twin ? 1 : 2)
            .loadBalancing(LoadBalancing.roundRobin())
            .blockedLoopThreshold(Duration.ofMillis(blockedMillis));
    addresses.forEach(builder::listen);
    options.install(builder);
    if (idleMillis > 0) {
      builder.plugin(IdleReaper.readIdle(Duration.ofMillis(idleMillis)));
    }
    if (maxConnections > 0) {
      builder.maxConnections(maxConnections);
    }
    return builder.start();
  }

  private void stop() {
    int status = 1;
    try {
      options.drain();
      for (Server server : servers) {
        server.stop(Duration.ofSeconds(10));
        server.awaitStop();
      }
      status = 0;
    } catch (IllegalStateException | InterruptedException e) {
      System.err.println(e.getMessage());
    } finally {
      System.out.println(stats());
      System.out.flush();
      Runtime.getRuntime().halt(status);
    }
  }

  // Commands from standard input.

  private void readCommands() throws IOException {
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, US_ASCII));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      String[] words = line.split(" ", -1);
      System.out.println(execute(words));
      System.out.flush();
    }
  }

  private String execute(String[] words) {
    switch (words[0]) {
      case "gc" -> System.gc();
      case "pause" -> servers.forEach(server -> server.pauseAccepting("torture"));
      case "resume" -> servers.forEach(server -> server.resumeAccepting("torture"));
      case "stop-accepting" -> servers.get(0).stopAccepting();
      case "stop" -> servers.get(0).stop(Duration.ofMillis(Long.parseLong(words[1])));
      case "feed" -> feed(Integer.parseInt(words[1]), Integer.parseInt(words[2]));
      case "timers" -> {
        return timers(Integer.parseInt(words[1]), Integer.parseInt(words[2]));
      }
      default -> {
        // Only the counters are returned.
      }
    }
    return stats();
  }

  private String stats() {
    long direct = 0;
    for (PoolArenaMetric arena : PooledByteBufAllocator.DEFAULT.metric().directArenas()) {
      direct += arena.numActiveBytes();
    }
    StringBuilder line =
        new StringBuilder("connections=" + servers.stream().mapToInt(Server::connectionCount).sum())
            .append(" opened=" + opened + " connected=" + connected)
            .append(" received=" + received + " sent=" + sent)
            .append(" calledTwice=" + calledTwice + " maxPending=" + maxPending)
            .append(" datagrams=" + datagrams + " unsent=" + unsent + " dropped=" + dropped())
            .append(" loops=" + loops() + " direct=" + direct + " jdkDirect=" + jdkDirect())
            .append(" largestPending=" + largestPending())
            .append(" heap=" + heap())
            .append(" ticks=" + ticks + " blocked=" + blocked);
    closed.forEach((kind, count) -> line.append(" " + kind + "=" + count));
    return line.toString();
  }

  /** Returns the direct memory that the JDK manages, which Netty does not count. */
  private static long jdkDirect() {
    return ManagementFactory.getPlatformMXBeans(BufferPoolMXBean.class).stream()
        .filter(pool -> pool.getName().equals("direct"))
        .mapToLong(BufferPoolMXBean::getMemoryUsed)
        .sum();
  }

  /** Returns the most pending bytes that a connection has now, also before it is ready. */
  private long largestPending() {
    return links.stream().mapToLong(link -> link.connection().pendingBytes()).max().orElse(0);
  }

  private long dropped() {
    return servers.stream().mapToLong(Server::droppedDatagrams).sum();
  }

  private static long loops() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().startsWith("jev-loop") && thread.isAlive())
        .count();
  }

  /**
   * Sends {@code size} bytes to every connection that has requested it, every {@code periodMillis}
   * ms.
   */
  private void feed(int size, int periodMillis) {
    ScheduledTask before = feeding;
    if (before != null) {
      before.cancel();
    }
    feeding = servers.get(0).runEvery(Duration.ofMillis(periodMillis), () -> feed(size));
  }

  private void feed(int size) {
    ticks.incrementAndGet();
    feedReaders.forEach(connection -> feed(connection, size));
    topic.publish(PooledByteBufAllocator.DEFAULT.buffer(size).writeZero(size));
    topic.forEach(this::recordPending);
  }

  private void feed(Connection<ByteBuf> connection, int size) {
    connection.send(PooledByteBufAllocator.DEFAULT.buffer(size).writeZero(size));
    recordPending(connection);
  }

  private void recordPending(Connection<ByteBuf> connection) {
    maxPending.accumulateAndGet(connection.pendingBytes(), Math::max);
  }

  /** Creates and cancels timers at a given rate, and measures the cost. */
  private String timers(int perSecond, int seconds) {
    Server server = servers.get(0);
    System.gc();
    ScheduledTask[] some = new ScheduledTask[perSecond / 200];
    long busy = 0;
    long done = 0;
    long start = System.nanoTime();
    lagMicros.reset();
    while (System.nanoTime() - start < seconds * 1_000_000_000L) {
      long before = System.nanoTime();
      for (int i = 0; i < some.length; i++) {
        some[i] = server.runAfter(Duration.ofMinutes(1), TortureServer::never);
      }
      for (ScheduledTask timer : some) {
        timer.cancel();
      }
      busy += System.nanoTime() - before;
      done += some.length;
      LockSupport.parkNanos(start + done * 1_000_000_000L / perSecond - System.nanoTime());
    }
    double elapsed = (System.nanoTime() - start) / 1e9;
    String lag =
        " lagP99=%d lagMax=%d"
            .formatted(lagMicros.getValueAtPercentile(99), lagMicros.getMaxValue());
    return stats()
        + lag
        + " bytes="
        + heapOfTimers(server)
        + " perSecond=%d nanos=%d".formatted(Math.round(done / elapsed), busy / Math.max(done, 1));
  }

  private static long heapOfTimers(Server server) {
    ScheduledTask[] waiting = new ScheduledTask[100_000];
    System.gc();
    long before = heap();
    for (int i = 0; i < waiting.length; i++) {
      waiting[i] = server.runAfter(Duration.ofHours(1), TortureServer::never);
    }
    System.gc();
    long bytes = (heap() - before) / waiting.length;
    for (ScheduledTask timer : waiting) {
      timer.cancel();
    }
    return bytes;
  }

  private static long heap() {
    return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
  }

  private static void never() {
    throw new IllegalStateException("cancelled timer fired");
  }

  // Messages and commands from peers.

  @Override
  public void onConnect(Connection<ByteBuf> connection) {
    connected.incrementAndGet();
    connection.attach(new Push());
  }

  @Override
  public void onMessage(Connection<ByteBuf> connection, ByteBuf message) {
    if (!connection.listener().equals(servers.get(0).addresses().get(0)) && !twin) {
      answerDatagram(connection, message);
      return;
    }
    received.incrementAndGet();
    if (message.isReadable() && message.getByte(message.readerIndex()) == '!') {
      execute(connection, message.toString(US_ASCII).substring(1).split(" ", -1));
    }
    if (connection.send(message)) {
      sent.incrementAndGet();
    }
    recordPending(connection);
  }

  private void answerDatagram(Connection<ByteBuf> connection, ByteBuf message) {
    datagrams.incrementAndGet();
    if (!connection.send(message)) {
      unsent.incrementAndGet();
    }
  }

  private void execute(Connection<ByteBuf> connection, String[] words) {
    switch (words[0]) {
      case "feed" -> feedReaders.add(connection);
      case "subscribe" -> topic.subscribe(connection);
      case "pause" -> connection.pauseReading();
      case "close" -> connection.runAfter(Duration.ZERO, connection::close);
      case "block" -> LockSupport.parkNanos(Long.parseLong(words[1]) * 1_000_000L);
      case "push" -> {
        Push push = push(connection);
        push.count = Integer.parseInt(words[1]);
        push.size = Integer.parseInt(words[2]);
        connection.runAfter(Duration.ZERO, () -> onWritable(connection));
      }
      case "throw" -> fail(words[1]);
      case "throw-later" -> connection.execute(() -> fail(words[1]));
      case "throw-timer" -> connection.runAfter(Duration.ZERO, () -> fail(words[1]));
      default -> throw new IllegalArgumentException("command: " + words[0]);
    }
  }

  private static void fail(String how) {
    switch (how) {
      case "memory" -> System.out.println(new byte[Integer.MAX_VALUE - 8].length);
      case "stack" -> fail(how);
      case "class" -> throw new NoClassDefFoundError("on purpose");
      case "assertion" -> throw new AssertionError("on purpose");
      default -> throw new IllegalStateException("on purpose");
    }
  }

  private static Push push(Connection<ByteBuf> connection) {
    Push push = connection.attachment(Push.class);
    return push == null ? new Push() : push;
  }

  @Override
  public void onWritable(Connection<ByteBuf> connection) {
    Push push = push(connection);
    while (push.next < push.count && connection.isWritable()) {
      ByteBuf block = PooledByteBufAllocator.DEFAULT.buffer(push.size);
      connection.send(block.writeInt(push.next++).writeZero(push.size - 4));
      recordPending(connection);
    }
  }

  @Override
  public void onClose(Connection<ByteBuf> connection, CloseReason reason) {
    feedReaders.remove(connection);
  }

  // Events of the plugin.

  @Override
  public void loopLagged(PluginHost host, Thread loop, Duration lag) {
    lagMicros.recordValue(lag.toNanos() / 1000);
  }

  @Override
  public void loopBlocked(PluginHost host, Thread loop, Duration time) {
    StackTraceElement[] stack = loop.getStackTrace();
    boolean shown = List.of(stack).toString().contains("TortureServer.execute");
    blocked = System.currentTimeMillis() + "/" + time.toMillis() + "/" + shown;
  }

  @Override
  public Observer install(Link link) {
    opened.incrementAndGet();
    links.add(link);
    return new Observer() {
      private boolean over;

      @Override
      public void closed(CloseReason reason) {
        links.remove(link);
        if (over) {
          calledTwice.incrementAndGet();
        }
        over = true;
        count(reason.kind());
      }

      private void count(CloseReason.Kind kind) {
        TortureServer.this
            .closed
            .computeIfAbsent(kind, unknown -> new AtomicLong())
            .incrementAndGet();
      }
    };
  }
}
