package dev.jev;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.netty.channel.ChannelDuplexHandler;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Output that waits for the socket while other connections use the same pack buffer. */
@Timeout(60)
class PendingOutputTest {

  private static final int PEERS = 6;

  /** Texts that are packed for each connection. */
  private static final class Unshared implements Protocol<String, String> {
    private final Texts texts = new Texts();

    @Override
    public String unpack(ProtocolContext context, io.netty.buffer.ByteBuf in) {
      return texts.unpack(context, in);
    }

    @Override
    public void pack(String message, io.netty.buffer.ByteBuf out) {
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
}
