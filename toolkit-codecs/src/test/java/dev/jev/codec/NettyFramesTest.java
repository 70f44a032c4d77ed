package dev.jev.codec;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Protocol;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.CorruptedFrameException;
import io.netty.handler.codec.DelimiterBasedFrameDecoder;
import io.netty.handler.codec.EncoderException;
import io.netty.handler.codec.FixedLengthFrameDecoder;
import io.netty.handler.codec.LengthFieldBasedFrameDecoder;
import io.netty.handler.codec.LengthFieldPrepender;
import io.netty.handler.codec.LineBasedFrameDecoder;
import io.netty.handler.codec.TooLongFrameException;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.Timeout;

/**
 * Frames of Jev compared with those that Netty's decoders produce from the same bytes, up to the
 * first rejection: Netty then searches for the next frame, whereas Jev closes the connection.
 */
@Timeout(60)
class NettyFramesTest {

  private static final int ROUNDS = 4_000;
  private static final int SERVER_LIMIT = 4096;

  private static final ByteBufAllocator UNTRACKED =
      new UnpooledByteBufAllocator(/* preferDirect= */ false, /* disableLeakDetector= */ true);

  private final long seed = System.nanoTime();
  private final Random random = new Random(seed);

  /**
   * The frames decoded from some bytes, as texts; {@code refused} is true if the rest was rejected.
   */
  private record Result(List<String> messages, boolean refused) {}

  @BeforeEach
  void printSeed(TestInfo test) {
    System.out.println(test.getDisplayName() + " seed: " + seed);
  }

  @Test
  void linesAreTheSame() {
    int refusals = 0;
    for (int round = 0; round < ROUNDS; round++) {
      int limit = 8 + random.nextInt(40);
      StringBuilder bytes = new StringBuilder();
      for (int lines = random.nextInt(8); lines > 0; lines--) {
        // Netty's limit does not include the line end; Jev's does.
        int length = oneIn(20) ? limit + 3 : random.nextInt(limit - 1);
        bytes.append(text("ab\r\0\u00e9", length)).append(random.nextBoolean() ? "\n" : "\r\n");
      }
      Result netty =
          netty(
              new LineBasedFrameDecoder(limit, /* stripDelimiter= */ true, /* failFast= */ true),
              bytes);
      refusals += compare(new LineFrames(limit + 2), netty, bytes, "limit %d".formatted(limit));
    }
    assertThat(refusals).isBetween(ROUNDS / 100, ROUNDS / 2);
  }

  @Test
  void delimitedFramesAreTheSame() {
    int compared = 0;
    while (compared < ROUNDS) {
      byte[][] sequences = new byte[1 + random.nextInt(4)][];
      for (int i = 0; i < sequences.length; i++) {
        sequences[i] = text("ab", 1 + random.nextInt(5)).getBytes(ISO_8859_1);
      }
      Delimiters delimiters;
      try {
        delimiters = Delimiters.of(sequences);
      } catch (IllegalArgumentException e) {
        continue; // one contains another: the frames of Netty depend on the pieces
      }
      compared++;
      boolean strip = random.nextBoolean();
      String bytes = text("abc", random.nextInt(200));
      Result netty =
          netty(
              new DelimiterBasedFrameDecoder(
                  SERVER_LIMIT, strip, /* failFast= */ true, buffers(sequences)),
              bytes);
      compare(
          Protocols.delimited(strip ? delimiters : delimiters.kept()),
          netty,
          bytes,
          "delimiters " + String.join(" ", texts(sequences)));
    }
  }

  @Test
  void delimitersAreTheSameInLongFrames() {
    for (int round = 0; round < 1000; round++) {
      byte[][] sequences = {{'\r', '\n'}, {'\n'}, {0, 1}, {(byte) 0xff}};
      StringBuilder bytes = new StringBuilder();
      for (int frames = random.nextInt(8); frames > 0; frames--) {
        bytes
            .append(text("\r\0ab\u0080\u0081\u007f\u00fe", random.nextInt(100)))
            .append(new String(sequences[random.nextInt(4)], ISO_8859_1));
      }
      Result netty =
          netty(
              new DelimiterBasedFrameDecoder(
                  SERVER_LIMIT,
                  /* stripDelimiter= */ true,
                  /* failFast= */ true,
                  buffers(sequences)),
              bytes);
      compare(Protocols.delimited(Delimiters.of(sequences)), netty, bytes, "long frames");
    }
  }

  @Test
  void delimitedFramesAreRefusedAtTheSameLength() {
    int refusals = 0;
    for (int round = 0; round < ROUNDS; round++) {
      String delimiter = text("ab", 1 + random.nextInt(4));
      int limit = 8 + random.nextInt(8);
      StringBuilder bytes = new StringBuilder();
      for (int frames = random.nextInt(6); frames > 0; frames--) {
        bytes.append(text("ab", random.nextInt(12))).append(delimiter);
      }
      byte[][] sequences = {delimiter.getBytes(ISO_8859_1)};
      ChannelHandler decoder =
          new DelimiterBasedFrameDecoder(
              limit, /* stripDelimiter= */ true, /* failFast= */ true, buffers(sequences));
      // In one piece: Netty rejects a frame of maximum length if its delimiter arrives later.
      Result netty = netty(decoder, List.of(bytes.toString()));
      Delimiters delimiters = Delimiters.of(sequences).maxFrameBytes(limit + delimiter.length());
      refusals +=
          compare(
              Protocols.delimited(delimiters),
              netty,
              bytes,
              "delimiter %s, limit %d".formatted(delimiter, limit));
    }
    assertThat(refusals).isBetween(ROUNDS / 100, ROUNDS * 9 / 10);
  }

  @Test
  void framesOfOneLengthAreTheSame() {
    for (int round = 0; round < ROUNDS / 10; round++) {
      int length = 1 + random.nextInt(20);
      String bytes = text("abc", random.nextInt(100));
      Result netty = netty(new FixedLengthFrameDecoder(length), bytes);
      compare(Protocols.fixedLength(length), netty, bytes, "length %d".formatted(length));
    }
  }

  @Test
  void framesWithALengthFieldAreTheSame() {
    int refusals = 0;
    int messages = 0;
    for (int round = 0; round < 2 * ROUNDS; round++) {
      LengthField field = randomField();
      StringBuilder bytes = new StringBuilder();
      for (int frames = random.nextInt(8); frames > 0; frames--) {
        bytes.append(frame(field));
      }
      // With enough bytes after it, Netty also detects a frame shorter than the stripped bytes.
      bytes.append("\0".repeat(4 * field.maxFrameBytes()));
      Result netty =
          netty(
              new LengthFieldBasedFrameDecoder(
                  field.order(),
                  field.maxFrameBytes(),
                  field.offset(),
                  field.width(),
                  field.adjustment() - (field.countsItself() ? field.width() : 0),
                  field.strip(),
                  /* failFast= */ true),
              bytes);
      messages += netty.messages().size();
      refusals +=
          compare(Protocols.lengthField(field.inboundOnly()), netty, bytes, field.toString());
    }
    assertThat(refusals).isBetween(ROUNDS / 2, 2 * ROUNDS - ROUNDS / 10);
    assertThat(messages).isGreaterThan(2 * ROUNDS);
  }

  @Test
  void whatCameInGoesOutAsTheSameBytes() {
    int compared = 0;
    while (compared < ROUNDS) {
      LengthField field = randomField();
      field = random.nextBoolean() ? field.strip(0) : field.offset(0).strip(field.width());
      String frame = frame(field);
      try (Peer<ByteBuf, ByteBuf> peer = peer(Protocols.lengthField(field))) {
        List<String> messages = peer.sends(frame).messages();
        if (messages.size() == 1 && peer.unreadBytes() == 0 && peer.refusal().isEmpty()) {
          compared++;
          assertThat(peer.receives(buffer(messages.get(0))))
              .as("seed %d, %s", seed, field)
              .isEqualTo(frame);
        }
      }
    }
  }

  @Test
  void lengthsAreWrittenTheSame() {
    int refusals = 0;
    int[] widths = {1, 2, 3, 4, 8};
    for (int round = 0; round < ROUNDS; round++) {
      int width = widths[random.nextInt(widths.length)];
      ByteOrder order = random.nextBoolean() ? ByteOrder.BIG_ENDIAN : ByteOrder.LITTLE_ENDIAN;
      boolean includesItself = random.nextBoolean();
      int adjustment = random.nextInt(-50, 50);
      int most = width == 1 ? 300 : oneIn(100) ? 66_000 : 100;
      String payload = "x".repeat(random.nextInt(most));
      LengthField field = LengthField.ofBytes(width).strip(width).adjustment(-adjustment);
      field = order == ByteOrder.LITTLE_ENDIAN ? field.littleEndian() : field;
      field = includesItself ? field.includesItself() : field;
      String netty =
          nettySends(new LengthFieldPrepender(order, width, adjustment, includesItself), payload);
      refusals += netty.equals("refused") ? 1 : 0;
      assertThat(send(field, payload)).as("seed %d, %s", seed, field).isEqualTo(netty);
    }
    assertThat(refusals).isBetween(ROUNDS / 100, ROUNDS / 2);
  }

  /** The only difference in accepted frames: Netty continues where Jev closes. */
  @Test
  void behindARefusedFrameNettyLooksForTheNextAndWeDoNot() {
    try (NettyPeer netty = new NettyPeer(new LineBasedFrameDecoder(3))) {
      netty.sends("one\nthree\ntwo\n");
      assertThat(netty.refusal).isInstanceOf(TooLongFrameException.class);
      assertThat(netty.messages).containsExactly("one");
      assertThat(netty.messagesAfterIt).containsExactly("two");
    }
    try (Peer<ByteBuf, ByteBuf> peer = peer(new LineFrames(5))) {
      assertThat(peer.sends("one\nthree\ntwo\n").messages()).containsExactly("one");
      assertThat(peer.refusal()).isEqualTo("!line: more than 5 bytes (expected: <= 5)");
    }
  }

  /** Netty waits for the whole frame before it detects that more bytes are stripped than it has. */
  @Test
  void frameWithLessThanWhatIsStrippedIsRefusedEarlierThanByNetty() {
    try (NettyPeer netty = new NettyPeer(new LengthFieldBasedFrameDecoder(100, 0, 1, 0, 4))) {
      netty.sends("\2a");
      assertThat(netty.refusal).isNull();
      netty.sends("b");
      assertThat(netty.refusal).isInstanceOf(CorruptedFrameException.class);
    }
    LengthField field = LengthField.ofBytes(1).strip(4).inboundOnly();
    try (Peer<ByteBuf, ByteBuf> peer = peer(Protocols.lengthField(field))) {
      assertThat(peer.sends("\2").refusal()).isEqualTo("!frame: 3 bytes (expected: >= 4)");
    }
  }

  /** The delimiter that Netty finds depends on the pieces if one delimiter is within another. */
  @Test
  void delimiterWithinAnotherMeansDifferentFramesToNetty() {
    byte[][] sequences = {{'a', 'b', 'c'}, {'b'}};
    assertThat(nettyDelimited(sequences, List.of("xabc")).messages()).containsExactly("x");
    assertThat(nettyDelimited(sequences, List.of("xab", "c")).messages()).containsExactly("xa");
  }

  /** Netty counts the beginning of an incomplete delimiter as a part of the frame. */
  @Test
  void nettyRefusesTheLongestFrameIfItsDelimiterIsCut() {
    byte[][] sequences = {{'<', '>'}};
    String longest = "x".repeat(SERVER_LIMIT);
    assertThat(nettyDelimited(sequences, List.of(longest + "<>")).refused()).isFalse();
    assertThat(nettyDelimited(sequences, List.of(longest + "<", ">")).refused()).isTrue();
    Protocol<ByteBuf, ByteBuf> ours =
        Protocols.delimited(Delimiters.of(sequences).maxFrameBytes(SERVER_LIMIT + 2));
    try (Peer<ByteBuf, ByteBuf> peer = new Peer<>(ours, 2 * SERVER_LIMIT)) {
      assertThat(peer.sends(longest + "<").sends(">").messages()).containsExactly(longest);
    }
  }

  // Random input.

  private LengthField randomField() {
    int[] widths = {1, 2, 3, 4, 8};
    int width = widths[random.nextInt(widths.length)];
    LengthField field =
        LengthField.ofBytes(width)
            .maxFrameBytes(20 + random.nextInt(50))
            .offset(random.nextInt(5))
            .adjustment(oneIn(2) ? 0 : random.nextInt(-12, 12))
            .strip(oneIn(2) ? 0 : random.nextInt(oneIn(3) ? 18 : 4));
    field = random.nextBoolean() ? field.littleEndian() : field;
    return random.nextBoolean() ? field.includesItself() : field;
  }

  /** Returns a frame, sometimes with a wrong length. */
  private String frame(LengthField field) {
    int least = Math.max(field.headerBytes(), field.strip());
    int bytes = least + random.nextInt(field.maxFrameBytes() - least + (oneIn(10) ? 10 : 1));
    long length = Math.max(0, bytes - field.uncountedBytes());
    if (oneIn(30)) {
      length = oneIn(2) ? random.nextLong() : random.nextInt(20);
    }
    ByteBuf frame = Unpooled.buffer();
    for (int i = 0; i < field.offset(); i++) {
      frame.writeByte(random.nextInt());
    }
    for (int i = 0; i < field.width(); i++) {
      int place = field.order() == ByteOrder.LITTLE_ENDIAN ? i : field.width() - 1 - i;
      frame.writeByte((int) (length >>> (Byte.SIZE * place)));
    }
    String header = frame.toString(ISO_8859_1);
    frame.release();
    return header + text("abc", bytes - header.length());
  }

  private String text(String characters, int length) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < length; i++) {
      text.append(characters.charAt(random.nextInt(characters.length())));
    }
    return text.toString();
  }

  private List<String> cut(CharSequence bytes) {
    List<String> pieces = new ArrayList<>();
    int longest = oneIn(3) ? 1 : 1 + random.nextInt(60);
    for (int start = 0, end; start < bytes.length(); start = end) {
      end = Math.min(bytes.length(), start + 1 + random.nextInt(longest));
      pieces.add(bytes.subSequence(start, end).toString());
    }
    return pieces;
  }

  private boolean oneIn(int n) {
    return random.nextInt(n) == 0;
  }

  // Jev.

  /** Compares the frames of Jev, decoded from other pieces; returns the number of rejections. */
  private int compare(
      Protocol<ByteBuf, ByteBuf> protocol, Result netty, CharSequence bytes, String what) {
    try (Peer<ByteBuf, ByteBuf> peer = peer(protocol)) {
      cut(bytes).forEach(peer::sends);
      assertThat(new Result(peer.messages(), !peer.refusal().isEmpty()))
          .as("seed %d, %s", seed, what)
          .isEqualTo(netty);
    }
    return netty.refused() ? 1 : 0;
  }

  private static String send(LengthField field, String payload) {
    try (Peer<ByteBuf, ByteBuf> peer = peer(Protocols.lengthField(field))) {
      return peer.receives(buffer(payload));
    } catch (IllegalArgumentException e) {
      return "refused";
    }
  }

  private static Peer<ByteBuf, ByteBuf> peer(Protocol<ByteBuf, ByteBuf> protocol) {
    return new Peer<>(protocol, SERVER_LIMIT);
  }

  // Netty.

  private Result netty(ChannelHandler decoder, CharSequence bytes) {
    return netty(decoder, cut(bytes));
  }

  private static Result netty(ChannelHandler decoder, List<String> pieces) {
    try (NettyPeer peer = new NettyPeer(decoder)) {
      pieces.forEach(peer::sends);
      return new Result(peer.messages, peer.refusal != null);
    }
  }

  private static Result nettyDelimited(byte[][] sequences, List<String> pieces) {
    return netty(new DelimiterBasedFrameDecoder(SERVER_LIMIT, buffers(sequences)), pieces);
  }

  private static String nettySends(ChannelHandler encoder, String payload) {
    EmbeddedChannel channel = channel(encoder);
    try {
      channel.writeOutbound(buffer(payload));
    } catch (EncoderException e) {
      channel.finishAndReleaseAll();
      return "refused";
    }
    StringBuilder bytes = new StringBuilder();
    for (ByteBuf part; (part = channel.readOutbound()) != null; ) {
      bytes.append(part.toString(ISO_8859_1));
      part.release();
    }
    channel.finishAndReleaseAll();
    return bytes.toString();
  }

  /**
   * Creates a channel with untracked buffers: to track each access to Netty's own takes minutes.
   */
  private static EmbeddedChannel channel(ChannelHandler handler) {
    EmbeddedChannel channel = new EmbeddedChannel();
    channel.config().setAllocator(UNTRACKED);
    channel.pipeline().addLast(handler);
    return channel;
  }

  private static ByteBuf buffer(String bytes) {
    return Unpooled.wrappedBuffer(bytes.getBytes(ISO_8859_1));
  }

  private static ByteBuf[] buffers(byte[][] sequences) {
    ByteBuf[] buffers = new ByteBuf[sequences.length];
    for (int i = 0; i < buffers.length; i++) {
      buffers[i] = Unpooled.wrappedBuffer(sequences[i]);
    }
    return buffers;
  }

  private static List<String> texts(byte[][] sequences) {
    List<String> texts = new ArrayList<>();
    for (byte[] sequence : sequences) {
      texts.add(new String(sequence, ISO_8859_1));
    }
    return texts;
  }

  /** Sends bytes to a decoder of Netty, and separates the messages after the first rejection. */
  private static final class NettyPeer extends ChannelInboundHandlerAdapter
      implements AutoCloseable {

    final List<String> messages = new ArrayList<>();
    final List<String> messagesAfterIt = new ArrayList<>();
    @Nullable Throwable refusal;

    private final EmbeddedChannel channel;

    NettyPeer(ChannelHandler decoder) {
      channel = channel(decoder);
      channel.pipeline().addLast(this);
    }

    void sends(String bytes) {
      channel.writeInbound(buffer(bytes));
    }

    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
      ByteBuf frame = (ByteBuf) message;
      (refusal == null ? messages : messagesAfterIt).add(frame.toString(ISO_8859_1));
      frame.release();
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
      refusal = refusal == null ? cause : refusal;
    }

    @Override
    public void close() {
      channel.finishAndReleaseAll();
    }
  }
}
