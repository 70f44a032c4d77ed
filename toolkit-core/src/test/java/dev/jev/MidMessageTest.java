package dev.jev;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Plugins that use the connection while a message is written, whose bytes stay together. */
class MidMessageTest {

  private static final int SHORT = 3_000; // copied
  private static final int SHORT_MESSAGES = 10; // almost as many as are flushed early
  private static final int LONG = 100_000; // written without a copy, after what is packed before

  /** The moment at which a plugin uses the connection. */
  private enum Moment {
    STALLED,
    STALLED_BEHIND_HANDLER,
    WRITE
  }

  /** The call of the plugin at that moment. */
  private enum Use {
    SEND_SHORT,
    SEND_LONG,
    CLOSE,
    FAIL,
    SHUT_DOWN_OUTPUT
  }

  static Stream<Arguments> uses() {
    return Available.transports()
        .flatMap(
            transport ->
                Stream.of(Moment.values())
                    .flatMap(
                        moment ->
                            Stream.of(Use.values())
                                .filter(use -> use != Use.FAIL || moment != Moment.WRITE)
                                .map(use -> arguments(transport, moment, use))));
  }

  @ParameterizedTest
  @MethodSource("uses")
  void bytesOfEachMessageStayTogether(Transport transport, Moment moment, Use use)
      throws Exception {
    Handler<ByteBuf, ByteBuf> handler =
        (connection, message) -> {
          for (int i = 0; i < SHORT_MESSAGES; i++) {
            connection.send(message(SHORT, 1));
          }
          connection.send(message(LONG, 2));
        };
    try (Server server =
            Server.builder(Buffers::new, handler)
                .transport(transport)
                .plugin(new Using(moment, use))
                .writeWatermarks(1, 10_000)
                .eventLoops(1)
                .listen("tcp://127.0.0.1:0")
                .start();
        RawPeer peer = RawPeer.connect(server)) {
      peer.send("go");
      for (int i = 0; i < SHORT_MESSAGES; i++) {
        expect(peer, SHORT, 1);
      }
      expect(peer, LONG, 2);
      if (use == Use.SEND_SHORT || use == Use.SEND_LONG) {
        expect(peer, use == Use.SEND_SHORT ? SHORT : LONG, 3);
      } else {
        peer.expectEnd();
      }
    }
  }

  @Test
  void limitOfPendingBytesAppliesInTheMiddleOfAWriteToo() throws Exception {
    AtomicInteger taken = new AtomicInteger();
    Plugin sending =
        new Plugin() {
          private boolean done;

          @Override
          public @Nullable Observer install(Link link) {
            link.pipeline()
                .addLast(
                    new ChannelDuplexHandler() {
                      @Override
                      public void write(
                          ChannelHandlerContext ctx, Object message, ChannelPromise promise) {
                        for (int i = 0; i < 20 && !done; i++) {
                          taken.addAndGet(send(link, message(LONG, 3)) ? 1 : 0);
                        }
                        done = true;
                        ctx.write(message, promise);
                      }
                    });
            return null;
          }
        };
    Handler<ByteBuf, ByteBuf> handler = (connection, message) -> connection.send(message(SHORT, 1));
    try (Server server =
            Server.builder(Buffers::new, handler)
                .plugin(sending)
                .maxPendingBytes(3 * LONG)
                .overflow(OverflowPolicy.DROP_NEWEST)
                .listen("tcp://127.0.0.1:0")
                .start();
        RawPeer peer = RawPeer.connect(server)) {
      peer.send("go");
      expect(peer, SHORT, 1);
      for (int i = 0; i < 3; i++) {
        expect(peer, LONG, 3);
      }
      assertThat(taken).hasValue(3);
    }
  }

  @SuppressWarnings("unchecked") // the only type of messages here
  private static boolean send(Plugin.Link link, ByteBuf message) {
    return ((Connection<ByteBuf>) link.connection()).send(message);
  }

  private static ByteBuf message(int length, int content) {
    return PooledByteBufAllocator.DEFAULT.directBuffer().writeBytes(bytes(length, content));
  }

  private static byte[] bytes(int length, int content) {
    byte[] bytes = new byte[length];
    Arrays.fill(bytes, (byte) content);
    return bytes;
  }

  private static void expect(RawPeer peer, int length, int content) throws Exception {
    assertThat(peer.read(4)).isEqualTo(RawPeer.length(length));
    assertThat(peer.read(length)).isEqualTo(bytes(length, content));
  }

  /** A plugin that uses the connection once, in the middle of the first output. */
  private static final class Using implements Plugin {

    private final Moment moment;
    private final Use use;
    private boolean used;

    Using(Moment moment, Use use) {
      this.moment = moment;
      this.use = use;
    }

    @Override
    public Observer install(Link link) {
      if (moment != Moment.STALLED) {
        link.pipeline().addLast(new Writer(link));
      }
      return new Observer() {
        @Override
        public void stalled() {
          if (moment != Moment.WRITE) {
            use(link);
          }
        }
      };
    }

    private final class Writer extends ChannelDuplexHandler {

      private final Link link;

      Writer(Link link) {
        this.link = link;
      }

      @Override
      public void write(ChannelHandlerContext ctx, Object message, ChannelPromise promise) {
        if (moment == Moment.WRITE) {
          use(link);
        }
        ctx.write(message, promise);
      }
    }

    @SuppressWarnings("unchecked") // the only type of messages here
    private void use(Link link) {
      if (used) {
        return;
      }
      used = true;
      Connection<ByteBuf> connection = (Connection<ByteBuf>) link.connection();
      switch (use) {
        case SEND_SHORT -> connection.send(message(SHORT, 3));
        case SEND_LONG -> connection.send(message(LONG, 3));
        case CLOSE -> connection.close();
        case SHUT_DOWN_OUTPUT -> connection.shutdownOutput();
        case FAIL -> throw new IllegalStateException("boom");
      }
    }
  }
}
