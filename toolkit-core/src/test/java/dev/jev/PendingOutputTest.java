package dev.jev;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Output that waits for the socket while other connections use the same pack buffer. */
@Timeout(60)
class PendingOutputTest {

  private static final int PEERS = 6;

  private static final String TAIL_TEXT = "t".repeat(4_200);

  /** The frame of a text. */
  private static final ByteBuf TAIL =
      Unpooled.unreleasableBuffer(
          Unpooled.directBuffer()
              .writeInt(TAIL_TEXT.length())
              .writeBytes(TAIL_TEXT.getBytes(US_ASCII)));

  /** Texts that are packed for each connection. */
  private static class Unshared implements Protocol<String, String> {
    private final Texts texts = new Texts();

    @Override
    public String unpack(ProtocolContext context, ByteBuf in) {
      return texts.unpack(context, in);
    }

    @Override
    public void pack(String message, ByteBuf out) {
      texts.pack(message, out);
    }
  }

  /** A plugin whose handler passes everything on. */
  private static final class PassingOn implements Plugin {
    @Override
    public Observer install(Link link) {
      link.pipeline().addLast(new ChannelDuplexHandler());
      return new Observer() {};
    }
  }

  /** A plugin whose handler flushes each write at once. */
  private static final class Hasty implements Plugin {
    @Override
    public Observer install(Link link) {
      link.pipeline()
          .addLast(
              new ChannelDuplexHandler() {
                @Override
                public void write(ChannelHandlerContext ctx, Object bytes, ChannelPromise promise) {
                  ctx.writeAndFlush(bytes, promise);
                }
              });
      return new Observer() {};
    }
  }

  /** Texts, of which those that begin with "a" have a tail that is not copied. */
  private static final class Tailed extends Unshared {
    @Override
    public @Nullable ByteBuf zeroCopyTail(String message) {
      return message.startsWith("a") ? TAIL : null;
    }
  }

  private static List<String> texts() {
    Random random = new Random(1);
    List<String> texts = new ArrayList<>();
    for (int i = 0; i < 150; i++) {
      int length = random.nextInt(3) == 0 ? random.nextInt(150_000) : random.nextInt(20_000);
      texts.add(Character.toString('a' + i % 26).repeat(1 + length));
    }
    return texts;
  }

  @ParameterizedTest
  @CsvSource({
    "NIO, false",
    "NIO, true",
    "EPOLL, false",
    "EPOLL, true",
    "IO_URING, false",
    "IO_URING, true"
  })
  void isNotChangedByOutputOfOthers(Transport transport, boolean plugin) throws Exception {
    assumeThat(transport.isAvailable()).isTrue();
    Topic<String> topic = Topic.of("news");
    Recorder<String, String> recorder = Recorder.silent();
    Server.Builder<String, String> builder =
        Server.builder(Unshared::new, recorder)
            .listen("127.0.0.1:0")
            .transport(transport)
            .eventLoops(1)
            .sendBufferBytes(8192)
            .maxPendingBytes(1 << 28);
    List<RawPeer> peers = new ArrayList<>();
    try (Server server = (plugin ? builder.plugin(new PassingOn()) : builder).start()) {
      for (int i = 0; i < PEERS; i++) {
        peers.add(RawPeer.connect(server, /* receiveBuffer= */ 4096));
        topic.subscribe(recorder.connection(), SlowConsumer.<String>close().maxBytes(1 << 28));
      }
      texts().forEach(topic::publish);
      for (RawPeer peer : peers) {
        for (String text : texts()) {
          assertThat(peer.receive().equals(text)).as("text of %s", text.length()).isTrue();
        }
      }
    } finally {
      for (RawPeer peer : peers) {
        peer.close();
      }
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Transport.class,
      names = {"NIO", "EPOLL", "IO_URING"})
  void isNotChangedByABufferThatGrowsBehindAFlush(Transport transport) throws Exception {
    assumeThat(transport.isAvailable()).isTrue();
    String first = "a".repeat(27_000); // with the tail less than a turn flushes early
    String second = "b".repeat(150_000); // more than the pack buffer has
    Recorder<String, String> recorder =
        new Recorder<>(
            (connection, message) -> {
              connection.send(first);
              connection.send(second);
              for (int i = 0; i < 8; i++) { // gets the freed memory, if any
                ByteBuf other = Loop.ALLOCATOR.directBuffer(64 * 1024);
                other.writeZero(other.writableBytes()).release();
              }
            });
    try (Server server =
            Server.builder(Tailed::new, recorder)
                .listen("127.0.0.1:0")
                .transport(transport)
                .eventLoops(1)
                .sendBufferBytes(8192)
                .maxPendingBytes(1 << 28)
                .plugin(new Hasty())
                .start();
        RawPeer peer = RawPeer.connect(server, /* receiveBuffer= */ 4096)) {
      peer.send("go");
      recorder.expect("connect", "message go");
      byte[] expected = RawPeer.frames(first, TAIL_TEXT, second);
      assertThat(Arrays.mismatch(peer.read(expected.length), expected)).isEqualTo(-1);
    }
  }
}
