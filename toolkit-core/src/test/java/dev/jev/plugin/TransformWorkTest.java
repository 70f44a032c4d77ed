package dev.jev.plugin;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdOutputStream;
import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.RawPeer;
import dev.jev.Server;
import dev.jev.Texts;
import dev.jev.plugin.StreamTransformHandler.Framed;
import io.netty.buffer.ByteBuf;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Limits of the work that input causes, whether or not it makes output. */
class TransformWorkTest {

  private static final int PIECE_BYTES = 1024;
  private static final String EMPTY_FRAME = "28b52ffd2000010000";
  private static final String EMPTY_FRAME_WITH_WINDOW = "28b52ffd0068010000"; // of 8 MiB
  private static final String EMPTY_FRAME_WITH_CHECKSUM = "28b52ffd240001000099e9d851";
  private static final String SKIPPABLE_FRAME = "502a4d1800000000";
  private static final String FRAME = "28b52ffd0058"; // with a window of 2 MiB
  private static final String TEXT_BLOCK = "4000006162636465666761";
  private static final String BLOCK_WITH_TABLES = // one literal, one match, and four tables
      "bc00001200028a123456789ab00301a8e4ffe37fe4ff00000004";

  private static byte[] repeated(byte[] bytes, int times) {
    byte[] all = new byte[bytes.length * times];
    for (int i = 0; i < times; i++) {
      System.arraycopy(bytes, 0, all, i * bytes.length, bytes.length);
    }
    return all;
  }

  private static byte[] gzip(byte[] bytes) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (GZIPOutputStream gzip = new GZIPOutputStream(out)) {
      gzip.write(bytes);
    }
    return out.toByteArray();
  }

  /** Counts the native contexts and the frames of a transformer. */
  private static final class Counting implements Framed {
    private final ZstdTransformer transformer = new ZstdTransformer(3);
    private int mostFrames; // of one call
    private int mostBytes; // given to one call
    private int frames;

    @Override
    public void inbound(ByteBuf in, ByteBuf out) {
      mostBytes = Math.max(mostBytes, in.readableBytes());
      transformer.inbound(in, out);
      frames += transformer.endedFrames();
      mostFrames = Math.max(mostFrames, transformer.endedFrames());
    }

    @Override
    public int endedFrames() {
      return transformer.endedFrames();
    }

    @Override
    public int builtTables() {
      return transformer.builtTables();
    }

    @Override
    public void outbound(ByteBuf in, ByteBuf out) {
      transformer.outbound(in, out);
    }

    @Override
    public void close() {
      transformer.close();
    }
  }

  // Frames.

  @ParameterizedTest
  @ValueSource(strings = {SKIPPABLE_FRAME, EMPTY_FRAME, EMPTY_FRAME_WITH_WINDOW})
  void framesWithoutContentCloseTheConnectionAfterAThousand(String frame) {
    byte[] frames = repeated(HexFormat.of().parseHex(frame), 100_000);
    EmbeddedLink link = new EmbeddedLink(StreamTransform.zstd());
    int sent = 0;
    for (; link.reason == null && sent + PIECE_BYTES <= frames.length; sent += PIECE_BYTES) {
      link.arrive(frames, sent, sent + PIECE_BYTES);
    }
    assertThat(link.reason).as("after %s bytes", sent).isNotNull();
    assertThat(link.reason.kind()).isEqualTo(CloseReason.Kind.LIMIT);
    assertThat(link.reason.cause())
        .message()
        .matches(
            "transformed input: \\d+ bytes from \\d+, counting 1024 for each frame and table"
                + " \\(expected: <= 100 times as many\\)");
    assertThat(2 * sent / frame.length()).as("frames").isBetween(1024, 1200);
    link.channel().finishAndReleaseAll();
  }

  @Test
  void blocksOfTablesCloseTheConnectionAfterAThousandTables() {
    byte[] blocks = repeated(HexFormat.of().parseHex(BLOCK_WITH_TABLES), 10_000);
    EmbeddedLink link = new EmbeddedLink(StreamTransform.zstd());
    link.arrive(HexFormat.of().parseHex(FRAME + TEXT_BLOCK));
    int sent = 0;
    for (; link.reason == null && sent + PIECE_BYTES <= blocks.length; sent += PIECE_BYTES) {
      link.arrive(blocks, sent, sent + PIECE_BYTES);
    }
    assertThat(link.reason).as("after %s bytes", sent).isNotNull();
    assertThat(link.reason.kind()).isEqualTo(CloseReason.Kind.LIMIT);
    assertThat(2 * sent / BLOCK_WITH_TABLES.length()).as("blocks").isBetween(256, 300);
    link.channel().finishAndReleaseAll();
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3, 19})
  void flushedMessagesAreNotLimited(int level) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    StringBuilder all = new StringBuilder();
    Random random = new Random(level);
    try (ZstdOutputStream zstd = new ZstdOutputStream(out, level)) {
      for (int i = 0; all.length() < 4_000_000; i++) {
        int length = random.nextInt(i % 10 == 0 ? 20_000 : 400);
        StringBuilder message = new StringBuilder();
        while (message.length() < length) {
          message.append("{\"price\":").append(random.nextInt(100_000)).append("}");
        }
        all.append(message);
        zstd.write(message.toString().getBytes(UTF_8));
        zstd.flush();
      }
    }
    EmbeddedLink link = new EmbeddedLink(StreamTransform.zstd());
    link.arrive(out.toByteArray());
    assertThat(link.reason).isNull();
    assertThat(link.received()).asString(UTF_8).isEqualTo(all.toString());
    link.channel().finishAndReleaseAll();
  }

  @Test
  void framesWithShortMessagesAreNotLimited() {
    byte[] message = "PING".getBytes(UTF_8);
    byte[] frames = repeated(Zstd.compress(message), 100_000);
    EmbeddedLink link = new EmbeddedLink(StreamTransform.zstd());
    link.arrive(frames);
    assertThat(link.reason).isNull();
    assertThat(link.received()).isEqualTo(repeated(message, 100_000));
    link.channel().finishAndReleaseAll();
  }

  @Test
  void oneCallEndsNoMoreFramesThanAreWorkForAChunk() {
    Counting counting = new Counting();
    EmbeddedLink link = new EmbeddedLink(StreamTransform.of(() -> counting));
    for (String frame : new String[] {SKIPPABLE_FRAME, EMPTY_FRAME, EMPTY_FRAME_WITH_CHECKSUM}) {
      link.arrive(repeated(HexFormat.of().parseHex(frame), 50_000));
    }
    assertThat(link.failures).isEmpty();
    assertThat(link.reason).isNull();
    assertThat(counting.frames).isEqualTo(150_000);
    assertThat(counting.mostFrames).isEqualTo(32);
    assertThat(counting.mostBytes).isEqualTo(32 * 1024);
    link.channel().finishAndReleaseAll();
  }

  // Turns.

  @Test
  void turnEndsAfterAFewChunksOfOutput() throws Exception {
    byte[] bomb = gzip(new byte[10_000_000]);
    EmbeddedLink link = new EmbeddedLink(StreamTransform.gzip(6, Integer.MAX_VALUE));
    link.arrive(bomb);
    assertThat(link.received()).hasSize(10_000_000);
    assertTurnsAreShort(link, 128 * 1024);
  }

  @Test
  void turnEndsAfterAFewChunksOfInput() {
    byte[] frames = repeated(HexFormat.of().parseHex(SKIPPABLE_FRAME), 50_000);
    EmbeddedLink link = new EmbeddedLink(StreamTransform.zstd(3, Integer.MAX_VALUE));
    link.arrive(frames);
    assertThat(link.received()).isEmpty();
    assertThat(link.pauses).hasSizeGreaterThan(2 * 50_000 / 32 / 5);
    link.channel().finishAndReleaseAll();
  }

  @Test
  void turnEndsAfterATableForEachKibibyte() {
    byte[] blocks = repeated(HexFormat.of().parseHex(BLOCK_WITH_TABLES), 10_000);
    EmbeddedLink link = new EmbeddedLink(StreamTransform.zstd(3, Integer.MAX_VALUE));
    link.arrive(HexFormat.of().parseHex(FRAME + TEXT_BLOCK)).arrive(blocks);
    assertThat(link.reason).isNull();
    int blocksPerCall = 4 * 1024 / (BLOCK_WITH_TABLES.length() / 2);
    assertThat(link.pauses).hasSizeGreaterThan(10_000 / (blocksPerCall + 1) - 1);
    link.channel().finishAndReleaseAll();
  }

  private static void assertTurnsAreShort(EmbeddedLink link, int bytes) {
    assertThat(link.receivedAtPauses).hasSizeGreaterThan(10);
    int before = 0;
    for (int received : link.receivedAtPauses) {
      assertThat(received - before).isLessThanOrEqualTo(bytes + 64 * 1024);
      before = received;
    }
    link.channel().finishAndReleaseAll();
  }

  /** A connection with 4 MiB of empty messages in 4 KiB, and one with a single message. */
  @Test
  void otherConnectionsOfTheLoopHaveTheirTurn() throws Exception {
    int messages = 1 << 20;
    CountDownLatch begun = new CountDownLatch(1);
    CountDownLatch otherHasSent = new CountDownLatch(1);
    AtomicInteger empty = new AtomicInteger();
    AtomicInteger emptyBeforeOther = new AtomicInteger(-1);
    Handler<String, String> handler =
        new Handler<>() {
          @Override
          public void onMessage(Connection<String> connection, String message) {
            if (message.equals("other")) {
              emptyBeforeOther.set(empty.get());
              connection.send(message);
              return;
            }
            if (empty.incrementAndGet() == 1) {
              begun.countDown();
              await(otherHasSent);
            }
          }
        };
    try (Server server =
            Server.<String, String>builder(Texts::new, handler)
                .listen("tcp://127.0.0.1:0")
                .eventLoops(1)
                .plugin(StreamTransform.gzip(6, Integer.MAX_VALUE))
                .start();
        RawPeer bomber = RawPeer.connect(server);
        RawPeer other = RawPeer.connect(server)) {
      bomber.write(gzip(new byte[4 * messages]));
      await(begun);
      other.write(gzip(RawPeer.frames("other")));
      otherHasSent.countDown();
      assertThat(other.socket().getInputStream().readNBytes(1)).hasSize(1);
      assertThat(emptyBeforeOther.get()).isBetween(1, messages / 4);
    }
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void framesAreReadHoweverTheyAreCut() {
    byte[] frames =
        HexFormat.of().parseHex(SKIPPABLE_FRAME + EMPTY_FRAME + EMPTY_FRAME_WITH_CHECKSUM);
    byte[] text = Zstd.compress("text".getBytes(UTF_8));
    byte[] all = Arrays.copyOf(frames, frames.length + text.length);
    System.arraycopy(text, 0, all, frames.length, text.length);
    for (int cut = 0; cut <= all.length; cut++) {
      EmbeddedLink link = new EmbeddedLink(StreamTransform.zstd());
      link.arrive(all, 0, cut).arrive(all, cut, all.length).arrive(all);
      assertThat(link.received()).asString(UTF_8).isEqualTo("texttext");
      assertThat(link.failures).isEmpty();
      link.channel().finishAndReleaseAll();
    }
  }
}
