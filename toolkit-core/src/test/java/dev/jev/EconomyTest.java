package dev.jev;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.sun.management.ThreadMXBean;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOutboundHandlerAdapter;
import io.netty.channel.ChannelPromise;
import io.netty.util.ResourceLeakDetector;
import io.netty.util.concurrent.SingleThreadEventExecutor;
import io.netty.util.internal.PlatformDependent;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

/** Work that is done once for many messages, or not at all. */
class EconomyTest {

  /**
   * The allocation of Netty for a copy between two buffers without Unsafe, from JDK 24 on: two
   * views of 64 bytes, and an array of 24 bytes that the compiler does not always remove.
   */
  private static final int NETTY_COPY_BYTES = PlatformDependent.hasUnsafe() ? 0 : 2 * 64 + 24;

  private static final int MEASUREMENTS = 20;

  /** Records the writes and flushes between a connection and its socket. */
  private static final class Tap extends ChannelOutboundHandlerAdapter {
    final List<String> calls = new ArrayList<>();
    int mostMemory; // bytes of the buffer that a written slice belongs to

    @Override
    public void write(ChannelHandlerContext ctx, Object message, ChannelPromise promise) {
      ByteBuf whole = (ByteBuf) message;
      while (whole.unwrap() != null) {
        whole = whole.unwrap();
      }
      mostMemory = Math.max(mostMemory, whole.capacity());
      String kind = promise.isVoid() ? "" : " with a promise";
      calls.add("write " + ((ByteBuf) message).readableBytes() + kind);
      ctx.write(message, promise);
    }

    @Override
    public void flush(ChannelHandlerContext ctx) {
      calls.add("flush");
      ctx.flush();
    }

    List<String> take() {
      List<String> taken = List.copyOf(calls);
      calls.clear();
      return taken;
    }
  }

  private static <T> T onLoop(Connection<?> connection, Supplier<T> task) throws Exception {
    CompletableFuture<T> result = new CompletableFuture<>();
    connection.execute(() -> result.complete(task.get()));
    return result.get(10, TimeUnit.SECONDS);
  }

  private static Tap tap(Connection<?> connection) throws Exception {
    Tap tap = new Tap();
    StreamConnection<?, ?> tapped = (StreamConnection<?, ?>) connection;
    return onLoop(
        connection,
        () -> {
          tapped.channel().pipeline().addFirst(tap);
          return tap;
        });
  }

  /** A buffer written with io_uring is kept until the next iteration of the loop. */
  @Test
  void outputThatLeavesLaterHoldsNoMoreMemoryThanItNeeds() throws Exception {
    assumeTrue(Transport.IO_URING.isAvailable());
    Recorder<String, String> recorder = new Recorder<>(Handler.replying(text -> text));
    Server.Builder<String, String> builder = Server.builder(Texts::new, recorder);
    try (Server server = builder.transport(Transport.IO_URING).listen("127.0.0.1:0").start();
        RawPeer peer = RawPeer.connect(server)) {
      Connection<String> connection = recorder.connection();
      Tap tap = tap(connection);
      peer.send("0123456789");
      assertThat(peer.receive()).isEqualTo("0123456789");
      assertThat(onLoop(connection, () -> tap.mostMemory)).isLessThan(1024);
    }
  }

  @Test
  void repliesToOneReadLeaveWithOneWriteAndOneFlushAndNoPromise() throws Exception {
    Recorder<String, String> recorder = new Recorder<>(Handler.replying(text -> text));
    try (Server server = Server.builder(Texts::new, recorder).listen("127.0.0.1:0").start();
        RawPeer peer = RawPeer.connect(server)) {
      Connection<String> connection = recorder.connection();
      Tap tap = tap(connection);
      String[] texts = new String[100];
      Arrays.fill(texts, "0123456789");
      peer.send(texts); // one segment: one read
      for (String text : texts) {
        assertThat(peer.receive()).isEqualTo(text);
      }
      assertThat(onLoop(connection, tap::take)).containsExactly("write 1400", "flush");
    }
  }

  @Test
  void oneWakeUpServesManyMessagesOfAnotherThread() throws Exception {
    Recorder<String, String> recorder = Recorder.silent();
    try (Server server = Server.builder(Texts::new, recorder).listen("127.0.0.1:0").start();
        RawPeer peer = RawPeer.connect(server)) {
      Connection<String> connection = recorder.connection();
      Tap tap = tap(connection);
      CompletableFuture<Void> busy = new CompletableFuture<>();
      CompletableFuture<Void> isBusy = new CompletableFuture<>();
      connection.execute(
          () -> {
            isBusy.complete(null);
            busy.join();
          });
      isBusy.get(10, TimeUnit.SECONDS);
      StreamConnection<?, ?> inner = (StreamConnection<?, ?>) connection;
      SingleThreadEventExecutor loop = (SingleThreadEventExecutor) inner.loop().executor();
      int before = loop.pendingTasks();
      for (int i = 0; i < 1_000; i++) {
        assertThat(connection.send("0123456789")).isTrue();
      }
      assertThat(loop.pendingTasks()).isLessThanOrEqualTo(before + 2); // the watchdog has one, too
      busy.complete(null);
      for (int i = 0; i < 1_000; i++) {
        assertThat(peer.receive()).isEqualTo("0123456789");
      }
      assertThat(onLoop(connection, tap::take)).containsExactly("write 14000", "flush");
    }
  }

  @Test
  void longTailIsNotCopiedAndAShortOneIs() throws Exception {
    Recorder<ByteBuf, ByteBuf> recorder = Recorder.silent();
    try (Server server = Server.builder(Buffers::new, recorder).listen("127.0.0.1:0").start();
        RawPeer peer = RawPeer.connect(server)) {
      Connection<ByteBuf> connection = recorder.connection();
      Tap tap = tap(connection);
      connection.send(Unpooled.wrappedBuffer(new byte[16 * 1024]));
      assertThat(peer.receive()).hasSize(16 * 1024);
      assertThat(onLoop(connection, tap::take)).containsExactly("write 4", "write 16384", "flush");
      connection.send(Unpooled.wrappedBuffer(new byte[64]));
      assertThat(peer.receive()).hasSize(64);
      assertThat(onLoop(connection, tap::take)).containsExactly("write 68", "flush");
    }
  }

  @Test
  void messageCostsNoAllocation() throws Exception {
    ResourceLeakDetector.Level level = ResourceLeakDetector.getLevel();
    ResourceLeakDetector.setLevel(ResourceLeakDetector.Level.DISABLED); // it allocates a lot
    CompletableFuture<Thread> loop = new CompletableFuture<>();
    Handler<ByteBuf, ByteBuf> echo =
        (connection, message) -> {
          loop.complete(Thread.currentThread());
          connection.send(message);
        };
    int batch = 500;
    try (Server server =
            Server.builder(Buffers::new, echo).listen("127.0.0.1:0").eventLoops(1).start();
        RawPeer peer = RawPeer.connect(server)) {
      String[] texts = new String[batch];
      Arrays.fill(texts, "x".repeat(60));
      byte[] frames = RawPeer.frames(texts);
      peer.write(frames).read(frames.length);
      expectAllocation(
          "bytes per message",
          NETTY_COPY_BYTES + 4,
          batch,
          loop.join().getId(),
          () -> assertThat(peer.write(frames).read(frames.length)).hasSize(frames.length));
    } finally {
      ResourceLeakDetector.setLevel(level);
    }
  }

  @Test
  void deliveryOfAPublishedMessageCostsNoAllocation() throws Exception {
    ResourceLeakDetector.Level level = ResourceLeakDetector.getLevel();
    ResourceLeakDetector.setLevel(ResourceLeakDetector.Level.DISABLED); // it allocates a lot
    Recorder<String, String> recorder = Recorder.silent();
    Topic<String> topic = Topic.of("news");
    int subscribers = 100;
    List<RawPeer> peers = new ArrayList<>();
    try (Server server =
        Server.builder(Texts::new, recorder).listen("127.0.0.1:0").eventLoops(1).start()) {
      for (int i = 0; i < subscribers; i++) {
        peers.add(RawPeer.connect(server));
        topic.subscribe(recorder.connection());
      }
      String text = "x".repeat(60);
      expectAllocation(
          "bytes per delivery",
          NETTY_COPY_BYTES + 16, // the cost of each publication, and the watchdog
          subscribers,
          onLoop(connections(topic).get(0), () -> Thread.currentThread().getId()),
          () -> {
            topic.publish(text);
            for (RawPeer peer : peers) {
              assertThat(peer.read(64)).hasSize(64);
            }
            return null;
          });
    } finally {
      for (RawPeer peer : peers) {
        peer.close();
      }
      ResourceLeakDetector.setLevel(level);
    }
  }

  /**
   * Measures until a thread allocates less than a limit: code that is not compiled yet allocates
   * more, and when it is compiled depends on the machine.
   */
  private static void expectAllocation(
      String what, int limit, int messages, long thread, Callable<?> round) throws Exception {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    double least = Double.MAX_VALUE;
    for (int i = 0; i < MEASUREMENTS && least >= limit; i++) {
      int rounds = 100;
      long before = threads.getThreadAllocatedBytes(thread);
      for (int j = 0; j < rounds; j++) {
        round.call();
      }
      long allocated = threads.getThreadAllocatedBytes(thread) - before;
      least = Math.min(least, (double) allocated / rounds / messages);
    }
    assertThat(least).as(what).isLessThan(limit);
  }

  private static List<Connection<String>> connections(Topic<String> topic) {
    List<Connection<String>> all = new ArrayList<>();
    topic.forEach(all::add);
    return all;
  }
}
