package dev.jev.plugin;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.jev.CallsPrograms;
import dev.jev.CloseReason;
import dev.jev.Program;
import dev.jev.ProtocolException;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelFuture;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.channels.ClosedChannelException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Tests transforms byte by byte: input, output and faults. */
class StreamTransformTest {

  private static final byte[] TEXT = "a text, a text, and another text".repeat(20).getBytes(UTF_8);
  private static final Object INPUT_END = ChannelInputShutdownEvent.INSTANCE;

  /** The formats, with independent programs that write and read them. */
  enum Format {
    GZIP,
    ZSTD;

    final String program = name().toLowerCase(Locale.ROOT);

    StreamTransform transform() {
      return this == GZIP ? StreamTransform.gzip() : StreamTransform.zstd();
    }

    EmbeddedLink open() {
      return new EmbeddedLink(transform());
    }

    /** Returns the output of the program for {@code bytes}. */
    byte[] pack(byte[] bytes) throws Exception {
      return Program.run(bytes, program, "-c");
    }

    byte[] unpack(byte[] bytes) throws Exception {
      return Program.run(bytes, program, "-d", "-c");
    }
  }

  // Input.

  @ParameterizedTest
  @EnumSource
  @CallsPrograms
  void readsWhatTheProgramMakesInTwoPartsSplitAnywhere(Format format) throws Exception {
    byte[] packed = format.pack(TEXT);
    for (int split = 0; split <= packed.length; split++) {
      EmbeddedLink link = format.open();
      link.arrive(packed, 0, split).arrive(packed, split, packed.length);
      assertThat(link.received()).isEqualTo(TEXT);
      end(link);
      assertThat(link.failures).isEmpty();
    }
  }

  @ParameterizedTest
  @EnumSource
  @CallsPrograms
  void readsByteByByteAndSeveralStreamsOneAfterTheOther(Format format) throws Exception {
    byte[] packed = format.pack(TEXT);
    EmbeddedLink link = format.open();
    for (int i = 0; i < 3 * packed.length; i++) {
      link.arrive(packed, i % packed.length, i % packed.length + 1);
    }
    assertThat(link.received()).isEqualTo(concat(TEXT, TEXT, TEXT));
    link.arrive(concat(packed, packed));
    assertThat(link.received()).isEqualTo(concat(TEXT, TEXT, TEXT, TEXT, TEXT));
    end(link);
    assertThat(link.failures).isEmpty();
  }

  @ParameterizedTest
  @EnumSource
  @CallsPrograms
  void passesLargeOutputOnInChunks(Format format) throws Exception {
    byte[] much = new byte[1_000_000];
    new Random(7).nextBytes(much);
    EmbeddedLink link = format.open();
    link.arrive(format.pack(much));
    assertThat(link.received()).isEqualTo(much);
    assertThat(link.chunks).hasSizeGreaterThan(30).allMatch(length -> length <= 32 * 1024);
    end(link);
  }

  @ParameterizedTest
  @EnumSource
  @CallsPrograms
  void keepsTheRestWhileTheConnectionDoesNotRead(Format format) throws Exception {
    byte[] much = concat(new byte[500_000], TEXT);
    EmbeddedLink link = format.open();
    link.maxChunksBeforePause = 2;
    link.arrive(format.pack(much));
    link.channel().pipeline().fireUserEventTriggered(INPUT_END);
    assertThat(link.chunks).hasSize(2);
    assertThat(link.events).as("the end of the input is delayed too").isEmpty();
    link.maxChunksBeforePause = 5;
    resume(link);
    assertThat(link.chunks).hasSize(5);
    link.maxChunksBeforePause = Integer.MAX_VALUE;
    resume(link);
    assertThat(link.received()).isEqualTo(much);
    assertThat(link.events).containsExactly(INPUT_END);
    end(link);
    assertThat(link.failures).isEmpty();
  }

  @ParameterizedTest
  @EnumSource
  @CallsPrograms
  void inputThatArrivesDuringAPauseFollowsTheRest(Format format) throws Exception {
    EmbeddedLink link = format.open();
    link.maxChunksBeforePause = 1;
    link.arrive(format.pack(new byte[100_000])).arrive(format.pack(TEXT));
    assertThat(link.received()).hasSize(32 * 1024);
    resume(link);
    assertThat(link.received()).isEqualTo(concat(new byte[100_000], TEXT));
    end(link);
  }

  @ParameterizedTest
  @EnumSource
  @CallsPrograms
  void closeDuringAPauseDropsTheRest(Format format) throws Exception {
    EmbeddedLink link = format.open();
    link.maxChunksBeforePause = 1;
    link.arrive(format.pack(new byte[100_000]));
    link.channel().close();
    resume(link);
    assertThat(link.received()).hasSize(32 * 1024);
    end(link);
  }

  @ParameterizedTest
  @EnumSource
  @CallsPrograms
  void inputBeyondTheRatioClosesTheConnection(Format format) throws Exception {
    byte[] bomb = format.pack(new byte[50_000_000]);
    EmbeddedLink link = format.open();
    link.arrive(bomb);
    CloseReason reason = link.reason;
    assertThat(reason.kind()).isEqualTo(CloseReason.Kind.LIMIT);
    assertThat(reason.cause())
        .isInstanceOf(ProtocolException.class)
        .message()
        .matches("transformed input: \\d+ bytes from \\d+ \\(expected: <= 100 times as many\\)");
    assertThat(link.received()).hasSizeLessThanOrEqualTo(1024 * 1024);
    int before = link.received().length;
    link.arrive(bomb);
    assertThat(link.received()).hasSize(before);
    end(link);
    assertThat(link.failures).isEmpty();
  }

  @Test
  @CallsPrograms
  void ratioIsNotLimitedUpToOneMebibyte() throws Exception {
    EmbeddedLink link = new EmbeddedLink(StreamTransform.gzip(6, 1));
    link.arrive(Format.GZIP.pack(new byte[1024 * 1024]));
    assertThat(link.received()).hasSize(1024 * 1024);
    assertThat(link.reason).isNull();
    link.arrive(Format.GZIP.pack(new byte[1]));
    assertThat(link.reason.kind()).isEqualTo(CloseReason.Kind.LIMIT);
    end(link);
  }

  @Test
  @CallsPrograms
  void ordinaryInputIsNoCreditForABomb() throws Exception {
    byte[] ordinary = new byte[20_000_000];
    new Random(7).nextBytes(ordinary);
    EmbeddedLink link = Format.GZIP.open();
    link.arrive(Format.GZIP.pack(ordinary));
    assertThat(link.reason).isNull();
    link.arrive(Format.GZIP.pack(new byte[200_000_000]));
    assertThat(link.reason.kind()).isEqualTo(CloseReason.Kind.LIMIT);
    assertThat(link.received()).hasSizeLessThan(20_000_000 + 110_000_000);
    end(link);
  }

  @ParameterizedTest
  @EnumSource
  void garbageIsAProtocolError(Format format) {
    EmbeddedLink link = format.open();
    link.arrive("GET / HTTP/1.1\r\n\r\n".getBytes(US_ASCII)).arrive(TEXT);
    assertThat(fault(link)).isInstanceOf(ProtocolException.class);
    end(link);
    assertThat(link.failures).isEmpty();
  }

  /** The native library reads these, with windows of up to 128 MiB that nothing would count. */
  @ParameterizedTest
  @ValueSource(strings = {"24b52ffd0e", "25b52ffd0e", "26b52ffd0d", "27b52ffd0088"})
  void zstdFormatsBeforeTheStandardAreRefused(String frame) {
    for (String before : new String[] {"", "28b52ffd2000010000", "502a4d1801000000ff"}) {
      EmbeddedLink link = new EmbeddedLink(StreamTransform.zstd());
      link.arrive(HexFormat.of().parseHex(before + frame));
      assertThat(link.reason).as(before).isNotNull();
      assertThat(link.reason.kind()).isEqualTo(CloseReason.Kind.PROTOCOL_ERROR);
      assertThat(link.reason.cause())
          .hasMessage(
              "zstd: first byte of a frame: "
                  + frame.substring(0, 2)
                  + " (expected: 28 or 50..5f, RFC 8878, 3.1)");
      link.channel().finishAndReleaseAll();
    }
  }

  @ParameterizedTest
  @EnumSource
  @CallsPrograms
  void everyByteThatIsChangedIsFoundOrHarmless(Format format) throws Exception {
    byte[] packed = format.pack(TEXT);
    for (int i = 0; i < packed.length; i++) {
      byte[] changed = packed.clone();
      changed[i] ^= 0x10;
      EmbeddedLink link = format.open();
      link.arrive(changed);
      end(link);
      if (link.reason == null && link.received().length == TEXT.length) {
        assertThat(link.received()).isEqualTo(TEXT);
      }
      assertThat(link.failures).isEmpty();
    }
  }

  // Gzip.

  @ParameterizedTest
  @ValueSource(
      strings = {
        "1f8c0800000000000000 gzip header: byte 8c (expected: 1f8b08 (RFC 1952, 2.3.1))",
        "1f8b0700000000000000 gzip header: byte 7 (expected: 1f8b08 (RFC 1952, 2.3.1))",
        "1f8b0820000000000000"
            + " gzip flags: byte 20 (expected: bits 5 to 7 zero (RFC 1952, 2.3.1.2))",
        "1f8b08000000000000ffff gzip: invalid block type (expected: RFC 1951)",
        "1f8b08000000000000ff03000100000000000000"
            + " gzip CRC-32: 0 (expected: 1, from the trailer)",
        "1f8b08000000000000ff03000000000005000000"
            + " gzip length: 0 (expected: 5, from the trailer)"
      })
  void gzipFaultsAreNamed(String bytesAndMessage) {
    String[] parts = bytesAndMessage.split(" ", 2);
    EmbeddedLink link = Format.GZIP.open();
    link.arrive(HexFormat.of().parseHex(parts[0]));
    assertThat(fault(link)).isInstanceOf(ProtocolException.class).hasMessage(parts[1]);
    end(link);
  }

  @Test
  void gzipHeaderMayHaveAllFields() {
    byte[] packed =
        HexFormat.of()
            .parseHex(
                "1f8b081e00000000" // extra, name, comment and CRC follow
                    + "00ff"
                    + "0300aabbcc" // extra, three bytes
                    + "6e616d6500" // name
                    + "636f6d6d656e7400" // comment
                    + "1234" // CRC of the header
                    + "030000000000" // an empty block, and the trailer
                    + "00000000");
    EmbeddedLink link = Format.GZIP.open();
    for (int i = 0; i < packed.length; i++) {
      link.arrive(packed, i, i + 1);
    }
    link.channel().pipeline().fireUserEventTriggered(INPUT_END);
    end(link);
    assertThat(link.failures).isEmpty();
  }

  @Test
  void gzipHeaderHasALimit() {
    EmbeddedLink link = Format.GZIP.open();
    link.arrive(HexFormat.of().parseHex("1f8b080800000000" + "00ff"));
    byte[] name = new byte[4096];
    Arrays.fill(name, (byte) 'x');
    link.arrive(name);
    assertThat(fault(link))
        .hasMessage("gzip header length: more than 4096 bytes (expected: <= 4096)");
    end(link);
  }

  @Test
  void truncatedGzipIsAFaultUnlessItEndsAfterAFlush() throws Exception {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    GZIPOutputStream gzip = new GZIPOutputStream(bytes, /* syncFlush= */ true);
    gzip.write(TEXT);
    gzip.flush();
    int flushed = bytes.size();
    gzip.write(TEXT);
    gzip.close();
    byte[] packed = bytes.toByteArray();
    for (int length = 0; length <= packed.length; length++) {
      EmbeddedLink link = Format.GZIP.open();
      link.arrive(packed, 0, length);
      link.channel().pipeline().fireUserEventTriggered(INPUT_END);
      assertThat(link.events).containsExactly(INPUT_END);
      if (length == 0 || length == flushed || length == packed.length) {
        assertThat(link.reason).as("at %s", length).isNull();
      } else {
        assertThat(fault(link))
            .as("at %s", length)
            .isInstanceOf(ProtocolException.class)
            .hasMessage("gzip input ended before the end of a member or of a flush");
      }
      end(link);
    }
  }

  // Output.

  @ParameterizedTest
  @EnumSource
  void eachFlushCanBeReadAtOnce(Format format) throws Exception {
    EmbeddedLink sender = format.open();
    EmbeddedLink receiver = format.open();
    for (String text : List.of("one", "two", "x".repeat(100_000), "", "three")) {
      int before = receiver.received().length;
      byte[] sent = sender.write(text.getBytes(UTF_8)).flush().sent();
      receiver.arrive(sent);
      assertThat(new String(receiver.received(), UTF_8).substring(before)).isEqualTo(text);
    }
    end(sender);
    end(receiver);
  }

  @ParameterizedTest
  @EnumSource
  @CallsPrograms
  void programReadsWhatWasSentAndItsEnd(Format format) throws Exception {
    EmbeddedLink link = format.open();
    byte[] first = link.write(TEXT).flush().sent();
    byte[] second = link.write(TEXT).flush().sent();
    assertThat(second).as("compressed with history").hasSizeLessThan(first.length / 2);
    link.end();
    byte[] all = concat(first, second, link.sent());
    assertThat(format.unpack(all)).isEqualTo(concat(TEXT, TEXT));
    end(link);
  }

  @Test
  void jdkReadsWhatWasSent() throws Exception {
    EmbeddedLink link = Format.GZIP.open();
    ByteArrayOutputStream sent = new ByteArrayOutputStream();
    byte[] much = new byte[300_000];
    new Random(7).nextBytes(much);
    for (int i = 0; i < much.length; i += 30_000) {
      sent.writeBytes(link.write(Arrays.copyOfRange(much, i, i + 30_000)).flush().sent());
    }
    link.end();
    sent.writeBytes(link.sent());
    assertThat(gunzip(sent.toByteArray())).isEqualTo(much);
    end(link);
  }

  @ParameterizedTest
  @EnumSource
  void emptyStreamWritesNothing(Format format) {
    EmbeddedLink link = format.open();
    ChannelFuture empty = link.channel().writeAndFlush(link.channel().alloc().buffer());
    assertThat(empty.isSuccess()).isTrue();
    link.flush();
    link.end();
    assertThat(link.sent()).isEmpty();
    end(link);
  }

  @ParameterizedTest
  @EnumSource
  void writesOfOneFlushLeaveTogetherAndTheirPromisesComplete(Format format) {
    EmbeddedLink link = format.open();
    EmbeddedChannel channel = link.channel();
    ChannelFuture first = channel.write(channel.alloc().buffer().writeBytes(TEXT));
    channel.write(channel.alloc().buffer().writeBytes(TEXT), channel.voidPromise());
    ChannelFuture last = channel.write(channel.alloc().buffer().writeBytes(TEXT));
    assertThat(channel.outboundMessages()).isEmpty();
    assertThat(first.isDone() || last.isDone()).isFalse();
    channel.flush();
    assertThat(channel.outboundMessages()).hasSize(1);
    assertThat(first.isSuccess() && last.isSuccess()).isTrue();
    link.sent();
    end(link);
  }

  @ParameterizedTest
  @EnumSource
  void unflushedWritesFailWhenTheChannelCloses(Format format) {
    EmbeddedLink link = format.open();
    ChannelFuture write = link.channel().write(link.channel().alloc().buffer().writeBytes(TEXT));
    link.channel().pipeline().remove(StreamTransformHandler.class);
    assertThat(write.cause()).isInstanceOf(ClosedChannelException.class);
    end(link);
    ChannelFuture late = link.channel().writeAndFlush(link.channel().alloc().buffer());
    assertThat(late.cause()).isInstanceOf(ClosedChannelException.class);
  }

  // Custom transformers.

  /** Turns lower case into upper case, and refuses one character. */
  private static final class Capitals implements StreamTransform.Transformer {
    private boolean closed;

    @Override
    public void inbound(ByteBuf in, ByteBuf out) {
      while (in.isReadable() && in.getByte(in.readerIndex()) != '.') {
        out.writeByte(Character.toUpperCase(in.readByte()));
      }
    }

    @Override
    public void outbound(ByteBuf in, ByteBuf out) {
      while (in.isReadable()) {
        byte letter = in.readByte();
        if (letter == '!') {
          throw new IllegalArgumentException("exclamation mark");
        }
        out.writeByte(Character.toLowerCase(letter));
      }
    }

    @Override
    public void close() {
      assertThat(closed).isFalse();
      closed = true;
    }
  }

  @Test
  void userCanTransformToo() {
    Capitals capitals = new Capitals();
    EmbeddedLink link = new EmbeddedLink(StreamTransform.of(() -> capitals));
    link.arrive("hello".getBytes(US_ASCII));
    assertThat(link.received()).asString(US_ASCII).isEqualTo("HELLO");
    assertThat(link.write("BYE".getBytes(US_ASCII)).flush().sent()).asString().isEqualTo("bye");
    end(link);
    assertThat(capitals.closed).isTrue();
  }

  @Test
  void transformerThatConsumesNothingFails() {
    EmbeddedLink link = new EmbeddedLink(StreamTransform.of(Capitals::new));
    link.arrive("one.two".getBytes(US_ASCII));
    assertThat(link.received()).asString(US_ASCII).isEqualTo("ONE");
    assertThat(link.failures).hasSize(1);
    assertThat(link.failures.get(0))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage(
            "transformer "
                + Capitals.class.getName()
                + " neither consumed any of 4 bytes nor produced output");
    end(link);
  }

  @Test
  void transformerThatThrowsFailsTheWrite() {
    EmbeddedLink link = new EmbeddedLink(StreamTransform.of(Capitals::new));
    ChannelFuture good = link.channel().write(copy(link, "A"));
    ChannelFuture bad = link.channel().write(copy(link, "no!"));
    assertThat(bad.cause()).hasMessage("exclamation mark");
    assertThat(good.cause()).hasMessage("exclamation mark");
    ChannelFuture late = link.channel().writeAndFlush(copy(link, "A"));
    assertThat(late.cause()).isInstanceOf(ClosedChannelException.class);
    assertThat(link.failures).hasSize(1);
    end(link);
  }

  // Configuration.

  @Test
  void levelsAndRatiosAreChecked() {
    assertThatThrownBy(() -> StreamTransform.gzip(0, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("level: 0 (expected: 1..9)");
    assertThatThrownBy(() -> StreamTransform.zstd(20, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("level: 20 (expected: 1..19)");
    assertThatThrownBy(() -> StreamTransform.gzip(1, 0))
        .hasMessage("maxRatio: 0 (expected: 1..2147483647)");
    assertThatThrownBy(() -> StreamTransform.zstd(1, 0))
        .hasMessage("maxRatio: 0 (expected: 1..2147483647)");
    assertThatThrownBy(() -> StreamTransform.of(null))
        .isInstanceOf(NullPointerException.class)
        .hasMessage("transformers");
  }

  // Helpers.

  private static Throwable fault(EmbeddedLink link) {
    assertThat(link.reason).isNotNull();
    assertThat(link.reason.kind()).isEqualTo(CloseReason.Kind.PROTOCOL_ERROR);
    return link.reason.cause();
  }

  private static ByteBuf copy(EmbeddedLink link, String text) {
    return link.channel().alloc().buffer().writeBytes(text.getBytes(US_ASCII));
  }

  private static void resume(EmbeddedLink link) {
    link.channel().config().setAutoRead(true);
    link.channel().read();
    link.channel().runPendingTasks();
  }

  private static void end(EmbeddedLink link) {
    link.channel().finishAndReleaseAll();
  }

  private static byte[] gunzip(byte[] bytes) throws IOException {
    return new GZIPInputStream(new ByteArrayInputStream(bytes)).readAllBytes();
  }

  private static byte[] concat(byte[]... parts) {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      all.writeBytes(part);
    }
    return all.toByteArray();
  }
}
