package dev.jev;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.ChannelPromise;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.channel.socket.DuplexChannel;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Deadlines, with a clock that the test advances. */
class DeadlinesTest {

  private final Recorder<String, String> recorder = Recorder.silent();
  private final PatientChannel channel = new PatientChannel();
  private final Loop loop = new Loop(channel.eventLoop());
  private final EventLoops eventLoops = EventLoops.builder().count(1).start();
  private boolean ready = true;

  private final Endpoint endpoint =
      new Endpoint("test", "test", eventLoops, /* ownsLoops= */ false, List.of(), new IdleOwner());

  /** A socket that takes nothing while {@code full}, and notes the shutdown of its output. */
  private static final class PatientChannel extends EmbeddedChannel implements DuplexChannel {
    private boolean full;
    private boolean outputShutdown;

    @Override
    protected void doWrite(ChannelOutboundBuffer in) throws Exception {
      if (!full) {
        super.doWrite(in);
      }
    }

    @Override
    public ChannelFuture shutdownOutput() {
      outputShutdown = true;
      return newSucceededFuture();
    }

    @Override
    public boolean isOutputShutdown() {
      return outputShutdown;
    }

    @Override
    public boolean isInputShutdown() {
      return false;
    }

    @Override
    public boolean isShutdown() {
      return false;
    }

    @Override
    public ChannelFuture shutdownInput() {
      return newSucceededFuture();
    }

    @Override
    public ChannelFuture shutdownInput(ChannelPromise promise) {
      return promise.setSuccess();
    }

    @Override
    public ChannelFuture shutdownOutput(ChannelPromise promise) {
      outputShutdown = true;
      return promise.setSuccess();
    }

    @Override
    public ChannelFuture shutdown() {
      return newSucceededFuture();
    }

    @Override
    public ChannelFuture shutdown(ChannelPromise promise) {
      return promise.setSuccess();
    }
  }

  private Connection<String> connect() {
    class Handshake extends TextsWithHandshake {
      @Override
      public void open(ProtocolContext context) {
        if (ready) {
          context.ready();
        }
      }
    }
    ConnectionConfig<String, String> config =
        new ConnectionConfig<>(
            endpoint,
            Handshake::new,
            recorder,
            /* maxFrameBytes= */ 1000,
            /* maxPendingBytes= */ 100_000,
            new WriteBufferWaterMark(/* low= */ 1000, /* high= */ 50_000),
            OverflowPolicy.CLOSE,
            /* closesOnPackFailure= */ false,
            Duration.ofSeconds(10).toNanos(),
            Duration.ofSeconds(30).toNanos(),
            Duration.ofSeconds(5).toNanos(),
            Duration.ofSeconds(2).toNanos(),
            new SocketOptions(true, 0, 0, 0),
            new RateLimitedLog());
    channel.freezeTime();
    endpoint.admit(1);
    loop.assign();
    StreamConnection<String, String> connection = new StreamConnection<>(config, loop, channel);
    channel.pipeline().addLast(connection);
    channel.pipeline().fireChannelActive();
    return connection;
  }

  private static class TextsWithHandshake implements Protocol<String, String> {
    private final Texts texts = new Texts();

    @Override
    public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
      return texts.unpack(context, in);
    }

    @Override
    public void pack(String message, ByteBuf out) {
      texts.pack(message, out);
    }
  }

  private void pass(Duration time) {
    channel.advanceTimeBy(time.toMillis(), TimeUnit.MILLISECONDS);
    channel.runScheduledPendingTasks();
    channel.runPendingTasks();
  }

  @AfterEach
  void release() {
    channel.finishAndReleaseAll();
    loop.end();
    eventLoops.close();
  }

  @Test
  void handshakeMayLastTenSecondsAndNoLonger() {
    ready = false;
    connect();
    pass(Duration.ofMillis(9_999));
    assertThat(channel.outputShutdown).isFalse();
    pass(Duration.ofMillis(1));
    assertThat(channel.outputShutdown).isTrue();
    recorder.expectNothingMore();
  }

  @Test
  void connectionThatIsReadyHasNoDeadline() throws Exception {
    Connection<String> connection = connect();
    pass(Duration.ofDays(10));
    assertThat(connection.isOpen()).isTrue();
    recorder.expect("connect");
  }

  @Test
  void flushAtTheCloseMayLastFiveSeconds() throws Exception {
    Connection<String> connection = connect();
    channel.full = true;
    connection.send("never taken");
    channel.runPendingTasks();
    connection.close();
    pass(Duration.ofMillis(4_999));
    recorder.expect("connect");
    recorder.expectNothingMore();
    pass(Duration.ofMillis(1));
    recorder.expect("close CLOSED");
    assertThat(channel.outputShutdown).isFalse();
  }

  @Test
  void peerHasTwoSecondsToCloseAfterUs() throws Exception {
    Connection<String> connection = connect();
    connection.close();
    assertThat(channel.outputShutdown).isTrue();
    pass(Duration.ofMillis(1_999));
    recorder.expect("connect");
    recorder.expectNothingMore();
    pass(Duration.ofMillis(1));
    recorder.expect("close CLOSED");
  }

  @Test
  void peerThatClosesAfterUsEndsTheWait() throws Exception {
    Connection<String> connection = connect();
    connection.close();
    channel.pipeline().fireUserEventTriggered(ChannelInputShutdownEvent.INSTANCE);
    channel.runPendingTasks();
    recorder.expect("connect", "close CLOSED");
  }
}
