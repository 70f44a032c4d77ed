package dev.jev.test;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.jev.Handler;
import dev.jev.Plugin;
import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import dev.jev.Server;
import dev.jev.plugin.WireLog;
import io.netty.buffer.ByteBuf;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Captures as samples of a contract. */
@Timeout(60)
class CaptureTest {

  @TempDir private static Path directory;

  /** Captures what clients send to a server, one connection for each text. */
  static Path captured(Path file, String... texts) throws Exception {
    try (Server server = server(WireLog.pcap(file).stage(Plugin.Stage.MESSAGES).build())) {
      for (String text : texts) {
        try (RawPeer peer = RawPeer.connect(server)) {
          byte[] frame = frame(text);
          peer.write(Arrays.copyOf(frame, 1)).write(Arrays.copyOfRange(frame, 1, frame.length));
          assertThat(peer.read(frame.length)).isEqualTo(frame);
        }
      }
    }
    return file;
  }

  private static Server server(Plugin capture) {
    return Server.builder(ShortTexts::new, Handler.<String, String>replying(text -> text))
        .listen("tcp://127.0.0.1:0")
        .plugin(capture)
        .lingeringCloseTimeout(Duration.ofMillis(50))
        .start();
  }

  private static byte[] frame(String text) {
    byte[] frame = new byte[1 + text.length()];
    frame[0] = (byte) text.length();
    System.arraycopy(text.getBytes(US_ASCII), 0, frame, 1, text.length());
    return frame;
  }

  @Test
  void streamsOfACaptureAreThoseOfItsConnections() throws Exception {
    Path file = captured(directory.resolve("streams.pcap"), "one", "two", "one");
    Capture capture = Capture.read(file);
    assertThat(capture.streams()).extracting(Capture.Stream::number).containsExactly(1, 2, 3);
    assertThat(capture.contents(/* ofClients= */ true)).containsExactly(frame("one"), frame("two"));
    assertThat(capture.streams().get(1).bytes(/* ofClient= */ false)).isEqualTo(frame("two"));
    assertThat(capture.streams().get(2).nanos()).isPositive();
  }

  @TestFactory
  Stream<DynamicTest> rightProtocolKeepsTheContractWithACapture() throws Exception {
    Path file = captured(directory.resolve("right.pcap"), "hello", "a".repeat(200));
    return ProtocolContract.of(ShortTexts::new).capture(file).captureOfServers(file).tests();
  }

  @TestFactory
  Stream<DynamicTest> captureIsOneOfManySamples() throws Exception {
    Path file = captured(directory.resolve("beside.pcap"), "hello");
    return ProtocolContractTest.texts().rounds(100).capture(file).tests();
  }

  /** A protocol with a bug that its samples do not show: a length is taken for a signed number. */
  private static final class Signed implements Protocol<String, String> {
    private final ShortTexts texts = new ShortTexts();

    @Override
    public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
      return in.getByte(in.readerIndex()) < 0
          ? in.readBytes(-1).toString() // fails
          : texts.unpack(context, in);
    }

    @Override
    public void pack(String message, ByteBuf out) {
      texts.pack(message, out);
    }
  }

  /** A protocol with another such bug: it loses a byte if it has to wait within a long text. */
  private static final class Impatient implements Protocol<String, String> {
    private final ShortTexts texts = new ShortTexts();

    @Override
    public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
      int length = in.getUnsignedByte(in.readerIndex());
      if (length > 100 && in.readableBytes() == 100) {
        in.skipBytes(1);
        return null;
      }
      return texts.unpack(context, in);
    }

    @Override
    public void pack(String message, ByteBuf out) {
      texts.pack(message, out);
    }
  }

  @Test
  void bugsThatSamplesDoNotShowAreFoundFromACapture() throws Exception {
    Path file = captured(directory.resolve("bugs.pcap"), "hello", "a".repeat(200));
    for (Supplier<Protocol<String, String>> wrong :
        List.<Supplier<Protocol<String, String>>>of(Signed::new, Impatient::new)) {
      ProtocolContract<String, String> contract = ProtocolContract.of(wrong).message("hello");
      contract
          .tests()
          .filter(check -> check.getDisplayName().equals("one byte at a time"))
          .forEach(CaptureTest::run);
      assertThatExceptionOfType(AssertionError.class)
          .isThrownBy(
              () ->
                  contract
                      .capture(file)
                      .tests()
                      .filter(check -> check.getDisplayName().equals("captures"))
                      .forEach(CaptureTest::run))
          .withMessageStartingWith("captures: ")
          .withMessageContaining("input: 201 bytes");
    }
  }

  private static void run(DynamicTest test) {
    try {
      test.getExecutable().execute();
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable t) {
      throw new AssertionError(t);
    }
  }

  @Test
  void captureThatEndsInAPacketIsReadUpToThere() throws Exception {
    Path file = captured(directory.resolve("cut.pcap"), "one", "two");
    byte[] all = Files.readAllBytes(file);
    for (int length = 24; length < all.length; length++) {
      Files.write(file, Arrays.copyOf(all, length));
      assertThat(Capture.read(file).streams()).hasSizeBetween(0, 2);
    }
  }

  @Test
  void otherFilesAreRefused() throws Exception {
    Path file = captured(directory.resolve("other.pcap"), "one");
    byte[] all = Files.readAllBytes(file);
    expectRefused(file, new byte[3], "length: 3 bytes (expected: >= 24");
    expectRefused(
        file, changed(all, 0, 0xd4), "first bytes: d4b23c4d (expected: a1b23c4d, as WireLog.pcap");
    expectRefused(file, changed(all, 23, 1), "link type: 1 (expected: 101, ");
    expectRefused(file, changed(all, 40, 0x35), "packet 1: IP version: 3 (expected: 4 or 6, ");
    int third = 24 + 3 * (16 + 40); // the first packet with payload
    expectRefused(
        file, changed(all, third + 16 + 27, 9), "packet 4: sequence number: 9 (expected: 1, ");
    assertThatThrownBy(() -> ProtocolContract.of(ShortTexts::new).capture(file))
        .isInstanceOf(UncheckedIOException.class);
  }

  private static byte[] changed(byte[] bytes, int index, int value) {
    byte[] changed = bytes.clone();
    changed[index] = (byte) value;
    return changed;
  }

  private static void expectRefused(Path file, byte[] bytes, String message) throws Exception {
    Files.write(file, bytes);
    assertThatThrownBy(() -> Capture.read(file))
        .hasMessageStartingWith("capture " + file)
        .hasMessageContaining(message);
  }
}
