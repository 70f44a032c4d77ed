package dev.jev;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.ChannelOutboundHandlerAdapter;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.embedded.EmbeddedChannel;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;

/** A connection to a peer that takes nothing until told to, with a clock that the test advances. */
final class SlowPeer<O> implements AutoCloseable {

  static final int HIGH_MARK = 2_000;
  static final int MAX_PENDING_BYTES = 100_000;

  private final Channel channel = new Channel();
  private final Loop loop = new Loop(channel.eventLoop());
  private final EventLoops eventLoops = EventLoops.builder().count(1).start();
  private final StreamConnection<?, O> connection;
  private final ByteBuf received = Unpooled.buffer();

  SlowPeer(
      Supplier<? extends Protocol<O, O>> protocol, Handler<O, O> handler, OverflowPolicy overflow) {
    ConnectionConfig<O, O> config =
        new ConnectionConfig<>(
            new Endpoint(
                "test", "test", eventLoops, /* ownsLoops= */ false, List.of(), new IdleOwner()),
            protocol,
            handler,
            /* maxFrameBytes= */ 1000,
            MAX_PENDING_BYTES,
            new WriteBufferWaterMark(/* low= */ 1000, HIGH_MARK),
            overflow,
            /* closesOnPackFailure= */ false,
            Duration.ofSeconds(10).toNanos(),
            Duration.ofSeconds(30).toNanos(),
            Duration.ofSeconds(5).toNanos(),
            Duration.ofSeconds(2).toNanos(),
            new SocketOptions(true, 0, 0, 0),
            new RateLimitedLog());
    channel.config().setWriteBufferWaterMark(config.watermarks());
    channel.freezeTime();
    config.host().admit(1);
    loop.assign();
    StreamConnection<O, O> opening = new StreamConnection<>(config, loop, channel);
    connection = opening;
    channel.pipeline().addLast(opening);
    channel.pipeline().fireChannelActive();
    run();
  }

  /** Creates one for {@link Texts}, with a handler that does nothing. */
  static SlowPeer<String> ofTexts() {
    return new SlowPeer<>(Texts::new, (connection, message) -> {}, OverflowPolicy.CLOSE);
  }

  StreamConnection<?, O> connection() {
    return connection;
  }

  Loop loop() {
    return loop;
  }

  /** Runs the tasks of the event loop. */
  SlowPeer<O> run() {
    channel.runScheduledPendingTasks();
    channel.runPendingTasks();
    return this;
  }

  SlowPeer<O> pass(Duration time) {
    channel.advanceTimeBy(time.toNanos(), TimeUnit.NANOSECONDS);
    return run();
  }

  /** Counts the flushes from now on. */
  AtomicInteger countFlushes() {
    AtomicInteger flushes = new AtomicInteger();
    channel
        .pipeline()
        .addFirst(
            new ChannelOutboundHandlerAdapter() {
              @Override
              public void flush(ChannelHandlerContext ctx) {
                flushes.incrementAndGet();
                ctx.flush();
              }
            });
    return flushes;
  }

  /** Takes nothing more. */
  SlowPeer<O> block() {
    channel.blocked = true;
    return run();
  }

  /** Takes everything again, at once. */
  SlowPeer<O> unblock() {
    channel.blocked = false;
    channel.flush();
    return run();
  }

  /** The texts that have arrived since the last call, see {@link Texts}. */
  List<String> texts() {
    run();
    List<String> texts = new ArrayList<>();
    for (ByteBuf bytes; (bytes = channel.readOutbound()) != null; ) {
      received.writeBytes(bytes);
      bytes.release();
    }
    while (received.readableBytes() >= 4) {
      int length = received.readInt();
      texts.add(received.readCharSequence(length, StandardCharsets.UTF_8).toString());
    }
    received.discardReadBytes();
    return texts;
  }

  void lose() {
    channel.close();
    run();
  }

  @Override
  public void close() {
    channel.blocked = false;
    channel.finishAndReleaseAll();
    loop.end();
    eventLoops.close();
  }

  /** A socket that takes nothing while {@code blocked}. */
  private static final class Channel extends EmbeddedChannel {
    private boolean blocked;

    @Override
    protected void doWrite(ChannelOutboundBuffer in) throws Exception {
      if (!blocked) {
        super.doWrite(in);
      }
    }
  }
}
