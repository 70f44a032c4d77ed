package dev.jev;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The count of messages that an observer sees, if the peer is slow. */
@Timeout(60)
class SentMessagesTest {

  private static final int LENGTH = 100_000;
  private static final int FILLING = 200; // messages that are more than the sockets take

  /** Output behind the published messages in the queue, because of which they are packed. */
  private enum Behind {
    NOTHING,
    MESSAGE,
    CLOSE
  }

  /** Texts with or without an encoding that is shared. */
  private static final class Wire implements Protocol<String, String> {

    private final Texts texts = new Texts();
    private final boolean shared;

    Wire(boolean shared) {
      this.shared = shared;
    }

    @Override
    public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
      return texts.unpack(context, in);
    }

    @Override
    public void pack(String message, ByteBuf out) {
      texts.pack(message, out);
    }

    @Override
    public @Nullable Object encodingKey() {
      return shared ? Wire.class : null;
    }
  }

  @ParameterizedTest
  @EnumSource
  void eachMessageCountsOnce(Behind behind) throws Exception {
    expectCount(behind, OverflowPolicy.CLOSE, /* shared= */ false);
    expectCount(behind, OverflowPolicy.CLOSE, /* shared= */ true);
    expectCount(behind, OverflowPolicy.DROP_OLDEST, /* shared= */ false);
  }

  private static void expectCount(Behind behind, OverflowPolicy overflow, boolean shared)
      throws Exception {
    Topic<String> topic = Topic.of("news");
    Recorder<String, String> recorder = Recorder.silent();
    CompletableFuture<Integer> count = new CompletableFuture<>();
    try (Server server =
            Server.builder(() -> new Wire(shared), recorder)
                .plugin(counting(count))
                .overflow(overflow)
                .maxPendingBytes(2 * FILLING * LENGTH)
                .listen("tcp://127.0.0.1:0")
                .start();
        RawPeer peer = RawPeer.connect(server, /* receiveBuffer= */ 4096)) {
      Connection<String> connection = recorder.connection();
      topic.subscribe(connection, SlowConsumer.<String>dropNewest().maxBytes(2 * FILLING * LENGTH));
      int messages = 0;
      for (; messages < FILLING; messages++) {
        connection.send("x".repeat(LENGTH));
      }
      for (int i = 0; i < 5; i++) {
        topic.publish("published");
        messages++;
      }
      Eventually.holds("messages are queued", () -> topic.pendingBytes() > 0);
      if (behind == Behind.MESSAGE) {
        connection.send("sent");
        messages++;
      } else if (behind == Behind.CLOSE) {
        connection.close();
      }
      for (int i = 0; i < messages; i++) {
        peer.receive();
      }
      peer.shutdownOutput().expectEndAndClose();
      assertThat(count.get(10, TimeUnit.SECONDS)).isEqualTo(messages);
    }
  }

  private static Plugin counting(CompletableFuture<Integer> result) {
    return new Plugin() {
      @Override
      public Observer install(Link link) {
        return new Observer() {
          private int count;

          @Override
          public void sent() {
            count++;
          }

          @Override
          public void closed(CloseReason reason) {
            result.complete(count);
          }
        };
      }
    };
  }
}
