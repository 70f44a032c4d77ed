package dev.jev;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Batches of reads, after each of which limits see what has arrived. */
class ReadBatchTest {

  private static final int FRAME_BYTES = 8 * 1024 * 1024;

  private final List<String> longBatches = new ArrayList<>(); // of the only event loop
  private final BlockingQueue<Integer> received = new LinkedBlockingQueue<>();

  @AfterEach
  void nothingIsLeft() throws Exception {
    Eventually.noServerThreadIsLeft();
  }

  /** A plugin that compares each batch with what the connection has buffered before it. */
  private final class Batches implements Plugin {
    @Override
    public Observer install(Link link) {
      return new Observer() {
        private long before;
        private long batch;

        @Override
        public void received(int bytes) {
          batch += bytes;
        }

        @Override
        public void readComplete() {
          // The last read of a batch is at most as long as everything before it.
          if (batch > before + 2 * Inbound.BATCH_BYTES) {
            longBatches.add(batch + " bytes after " + before);
          }
          batch = 0;
          before = link.bufferedBytes();
        }
      };
    }
  }

  @ParameterizedTest
  @MethodSource("dev.jev.Available#transports")
  void longFrameIsReadInShortBatches(Transport transport) throws Exception {
    try (Server server =
            Server.builder(Texts::new, (connection, text) -> received.add(text.length()))
                .listen("tcp://127.0.0.1:0")
                .transport(transport)
                .eventLoops(1)
                .maxFrameBytes(2 * FRAME_BYTES)
                .plugin(new Batches())
                .start();
        RawPeer peer = RawPeer.connect(server)) {
      byte[] payload = new byte[FRAME_BYTES];
      for (int i = 0; i < 4; i++) {
        peer.write(RawPeer.length(FRAME_BYTES)).write(payload);
        assertThat(received.poll(10, TimeUnit.SECONDS)).isEqualTo(FRAME_BYTES);
      }
    }
    assertThat(longBatches).isEmpty();
  }
}
