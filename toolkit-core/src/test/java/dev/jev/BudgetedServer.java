package dev.jev;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.plugin.Limits;
import io.netty.buffer.PoolArenaMetric;
import io.netty.buffer.PoolChunkListMetric;
import io.netty.buffer.PoolChunkMetric;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.buffer.PooledByteBufAllocatorMetric;
import io.netty.util.ResourceLeakDetector;
import io.netty.util.ResourceLeakDetector.Level;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;
import java.util.stream.Stream;

/** A server with a budget of buffered bytes, and its peers. Compares what is counted and held. */
public final class BudgetedServer implements AutoCloseable {

  public static final int MAX_FRAME_BYTES = 4 * 1024 * 1024;

  private static final int PEERS = 4;

  /** The memory that caches of the allocator, and garbage, may hide. */
  private static final long NOISE_BYTES = 2 * 1024 * 1024;

  /** The counted bytes differ from those that are held by this factor at most. */
  private static final double FACTOR = 2;

  private final ResourceLeakDetector.Level leakDetection = ResourceLeakDetector.getLevel();
  private final List<RawPeer> peers = new ArrayList<>();
  private final AtomicLong received = new AtomicLong();
  private final Limits limits;
  private final Server server;
  private final long before;
  private long mostInUse;

  /** Starts a server with a budget, whose plugins precede the protocol. */
  public BudgetedServer(
      long budget,
      Supplier<? extends Protocol<?, ?>> protocols,
      Handler<?, ?> handler,
      Plugin... plugins) {
    ResourceLeakDetector.setLevel(Level.SIMPLE); // its records would need memory, and time per byte
    limits = Limits.builder().bufferBudget(budget).build();
    @SuppressWarnings("unchecked") // the test knows the types
    Server.Builder<Object, Object> builder =
        Server.builder(
                () -> (Protocol<Object, Object>) protocols.get(), (Handler<Object, Object>) handler)
            .listen("tcp://127.0.0.1:0")
            .eventLoops(1)
            .maxFrameBytes(MAX_FRAME_BYTES)
            .lingeringCloseTimeout(Duration.ofMillis(100))
            .plugin(new ReceivedBytes())
            .plugin(limits);
    Stream.of(plugins).forEach(builder::plugin);
    server = builder.start();
    before = settledMemoryInUse();
  }

  /**
   * Returns the memory in use when it does not shrink any more: earlier tests may let go of some.
   */
  private static long settledMemoryInUse() {
    long settled = memoryInUse();
    for (int same = 0; same < 3; same++) {
      LockSupport.parkNanos(20_000_000);
      long now = memoryInUse();
      same = now < settled - NOISE_BYTES / 4 ? 0 : same;
      settled = Math.min(settled, now);
    }
    return settled;
  }

  /** Counts what reaches the protocols. */
  private final class ReceivedBytes implements Plugin {

    @Override
    public Observer install(Link link) {
      return new Observer() {
        @Override
        public void received(int bytes) {
          received.addAndGet(bytes);
        }
      };
    }
  }

  /** A handler that does nothing. */
  public static Handler<Object, Object> ignoring() {
    return (connection, message) -> {};
  }

  /**
   * Sends the same bytes from several peers, and expects that what the server holds of them is
   * counted while the peers are connected, and nothing afterwards.
   */
  public static void expectCounted(
      Supplier<? extends Protocol<?, ?>> protocols, byte[] input, Plugin... plugins)
      throws Exception {
    try (BudgetedServer server =
        new BudgetedServer(Long.MAX_VALUE, protocols, ignoring(), plugins)) {
      for (int i = 0; i < PEERS; i++) {
        server.connect().write(input);
      }
      Eventually.holds(
          "all is received", () -> server.received.get() == (long) PEERS * input.length);
      server.expectCountedIsHeld();
      server.disconnect();
      server.expectNothingCounted();
    }
  }

  public Server server() {
    return server;
  }

  public Limits limits() {
    return limits;
  }

  public RawPeer connect() throws IOException {
    RawPeer peer = RawPeer.connect(server);
    peers.add(peer);
    return peer;
  }

  /** Waits until the counted bytes do not change any more, and compares them with the memory. */
  public void expectCountedIsHeld() throws Exception {
    awaitCounted();
    long held = held();
    assertThat((double) limits.bufferedBytes())
        .as("counted bytes, %d held", held)
        .isBetween((held - NOISE_BYTES) / FACTOR, (held + NOISE_BYTES) * FACTOR);
    assertThat(held).as("held bytes").isGreaterThan(2 * NOISE_BYTES);
  }

  /** Returns the bytes of memory that are in use since the start of the server. */
  public long held() {
    return memoryInUse() - before;
  }

  /** Waits until bytes are counted and their number does not change for some time. */
  public void awaitCounted() {
    long start = System.nanoTime();
    long since = start;
    long counted = 0;
    while (System.nanoTime() - since < Duration.ofMillis(300).toNanos()) {
      long now = limits.bufferedBytes();
      boolean awaited = now == 0 && System.nanoTime() - start < Duration.ofSeconds(3).toNanos();
      if (now != counted || awaited) {
        counted = now;
        since = System.nanoTime();
      }
      mostInUse = Math.max(mostInUse, buffersInUse());
      LockSupport.parkNanos(1_000_000);
    }
  }

  /**
   * Sends the same bytes from many peers at the same time, of which the server may close some;
   * returns the most memory of buffers that was in use until the counted bytes did not change.
   */
  public long attack(int count, byte[] input) throws IOException {
    long start = buffersInUse();
    for (int i = 0; i < count; i++) {
      RawPeer peer = connect();
      Thread writer = new Thread(() -> writeIfRead(peer, input));
      writer.setDaemon(true);
      writer.start();
    }
    mostInUse = 0;
    awaitCounted();
    return mostInUse - start;
  }

  private static void writeIfRead(RawPeer peer, byte[] input) {
    try {
      peer.write(input);
    } catch (IOException e) {
      // The server has closed the connection, or the test has.
    }
  }

  public void expectNothingCounted() throws Exception {
    Eventually.holds("nothing is counted", () -> limits.bufferedBytes() == 0);
  }

  /**
   * Resets the connections of all peers. The end of a stream would wait behind what was sent, and
   * that is not read while the budget pauses reading, for 10 s at a time.
   */
  public void disconnect() throws IOException {
    for (RawPeer peer : peers) {
      peer.reset();
    }
    peers.clear();
  }

  /** Returns the bytes of memory of buffers and objects that are in use. */
  public static long memoryInUse() {
    return buffersInUse() + objectsInUse();
  }

  /** Returns the bytes of the allocator's memory that are in use. */
  public static long buffersInUse() {
    PooledByteBufAllocatorMetric metric = PooledByteBufAllocator.DEFAULT.metric();
    return metric.directArenas().stream().mapToLong(BudgetedServer::inUse).sum();
  }

  private static long inUse(PoolArenaMetric arena) {
    long bytes = arena.numActiveBytes(); // of whole chunks
    for (PoolChunkListMetric chunks : arena.chunkLists()) {
      for (PoolChunkMetric chunk : chunks) {
        bytes -= chunk.freeBytes();
      }
    }
    return bytes;
  }

  private static long objectsInUse() {
    System.gc();
    Runtime runtime = Runtime.getRuntime();
    return runtime.totalMemory() - runtime.freeMemory();
  }

  @Override
  public void close() throws IOException {
    disconnect();
    server.close();
    ResourceLeakDetector.setLevel(leakDetection);
    assertThat(limits.bufferedBytes()).as("counted bytes after the stop").isZero();
  }
}
