package dev.jev.codec;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.util.concurrent.TimeUnit.DAYS;
import static java.util.concurrent.TimeUnit.NANOSECONDS;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Connection;
import dev.jev.Eventually;
import dev.jev.Handler;
import dev.jev.RawPeer;
import dev.jev.Server;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.LineBasedFrameDecoder;
import io.netty.handler.codec.string.StringDecoder;
import io.netty.handler.codec.string.StringEncoder;
import io.netty.handler.timeout.ReadTimeoutHandler;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Scheduled tasks of Netty's handlers. */
@Timeout(60)
class NettyCodecTimersTest {

  private static final Handler<Object, Object> SHOUTING =
      (connection, line) -> connection.send(line + "!\n");

  /** Starts a server of lines whose pipeline ends with {@code last}. */
  private static Server server(ChannelHandler last, Handler<Object, Object> handler) {
    return Server.builder(
            NettyCodec.of(
                () ->
                    List.of(
                        new LineBasedFrameDecoder(1_000),
                        new StringDecoder(US_ASCII),
                        new StringEncoder(US_ASCII),
                        last)),
            handler)
        .listen("tcp://127.0.0.1:0")
        .eventLoops(1)
        .start();
  }

  private static void answersALineWith(ChannelHandler last) throws Exception {
    try (Server server = server(last, SHOUTING);
        RawPeer peer = RawPeer.connect(server)) {
      peer.write("a\n".getBytes(US_ASCII)).shutdownOutput();
      assertThat(new String(peer.readAll(), US_ASCII)).isEqualTo("a!\n");
    }
  }

  private static ChannelHandler whenActive(Consumer<ChannelHandlerContext> action) {
    return new ChannelInboundHandlerAdapter() {
      @Override
      public void channelActive(ChannelHandlerContext ctx) {
        action.accept(ctx);
      }
    };
  }

  @Test
  void taskMayBeDueInTwentyYears() throws Exception {
    answersALineWith(whenActive(ctx -> ctx.executor().schedule(() -> {}, 7_300, DAYS)));
  }

  @Test
  void taskMayBeDueNever() throws Exception {
    answersALineWith(
        whenActive(ctx -> ctx.executor().schedule(() -> {}, Long.MAX_VALUE, NANOSECONDS)));
  }

  @Test
  void timeoutMayBeAHundredYears() throws Exception {
    answersALineWith(new ReadTimeoutHandler(36_500, DAYS));
  }

  @Test
  void taskThatIsDueSoonRunsBeforeOneInTwentyYears() throws Exception {
    ChannelHandler soon =
        whenActive(
            ctx -> {
              ctx.executor().schedule(() -> {}, 7_300, DAYS);
              ctx.executor().schedule(() -> ctx.writeAndFlush("soon\n"), 1, NANOSECONDS);
            });
    try (Server server = server(soon, SHOUTING);
        RawPeer peer = RawPeer.connect(server)) {
      assertThat(new String(peer.read(5), US_ASCII)).isEqualTo("soon\n");
    }
  }

  @Test
  void otherWorkOfTheLoopRunsBetweenTasksThatAreDueAtOnce() throws Exception {
    int tasks = 10_000;
    AtomicInteger runs = new AtomicInteger();
    CompletableFuture<Integer> runsBetween = new CompletableFuture<>();
    CompletableFuture<Connection<Object>> connected = new CompletableFuture<>();
    ChannelHandler busy =
        new ChannelInboundHandlerAdapter() {
          @Override
          public void channelRead(ChannelHandlerContext ctx, Object line) {
            for (int i = 0; i < tasks; i++) {
              ctx.executor().schedule(this::run, 1, NANOSECONDS);
            }
          }

          private void run() {
            if (runs.incrementAndGet() == 1) {
              connected.join().execute(() -> runsBetween.complete(runs.get()));
            }
          }
        };
    Handler<Object, Object> handler =
        new Handler<>() {
          @Override
          public void onConnect(Connection<Object> connection) {
            connected.complete(connection);
          }

          @Override
          public void onMessage(Connection<Object> connection, Object message) {}
        };
    try (Server server = server(busy, handler);
        RawPeer peer = RawPeer.connect(server)) {
      peer.write("a\n".getBytes(US_ASCII));
      assertThat(runsBetween.get(10, SECONDS)).isBetween(1, tasks / 10);
      Eventually.holds("all tasks", () -> runs.get() == tasks);
    }
  }
}
