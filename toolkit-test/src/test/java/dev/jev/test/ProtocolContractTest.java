package dev.jev.test;

import static io.netty.buffer.Unpooled.wrappedBuffer;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import dev.jev.ProtocolException;
import io.netty.buffer.ByteBuf;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** Correct protocols, which keep the contract, and the reports on others. */
class ProtocolContractTest {

  static ProtocolContract<String, String> texts() {
    return ProtocolContract.of(ShortTexts::new)
        .message("hello")
        .message("a".repeat(255))
        .wire("05 68656c6c6f", "hello")
        .wire("01 61 02 6263", "a", "bc")
        .refused("00", "length: 0 (expected: 1..255)")
        .refused("01 61 00", "length: 0");
  }

  static ProtocolContract<ByteBuf, ByteBuf> blocks() {
    return ProtocolContract.of(Blocks::new)
        .message(wrappedBuffer("hello".getBytes(US_ASCII)))
        .message(wrappedBuffer(new byte[0]))
        .message(wrappedBuffer(new byte[3000]))
        .wire("00000002 6869", wrappedBuffer("hi".getBytes(US_ASCII)))
        .refused("ffffffff", "block: -1 bytes")
        .refused("00010000", "block: 65536 bytes (expected: 0..65532)");
  }

  @TestFactory
  Stream<DynamicTest> textsAsTests() {
    return texts().tests();
  }

  @TestFactory
  Stream<DynamicTest> blocksAsTests() {
    return blocks().tests();
  }

  /** A correct protocol with different directions: texts come in, buffers go out. */
  private static final class Server implements Protocol<String, ByteBuf> {
    private final ShortTexts texts = new ShortTexts();
    private final Blocks blocks = new Blocks();

    @Override
    public void open(ProtocolContext context) {
      context.write(wrappedBuffer("hello\n".getBytes(US_ASCII)));
      context.ready();
    }

    @Override
    public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
      return texts.unpack(context, in);
    }

    @Override
    public void pack(ByteBuf message, ByteBuf out) {
      blocks.pack(message, out);
    }

    @Override
    public ByteBuf zeroCopyTail(ByteBuf message) {
      return message;
    }
  }

  /** The other end of {@link Server}, which is ready after the greeting. */
  private static final class Client implements Protocol<ByteBuf, String> {
    private final ShortTexts texts = new ShortTexts();
    private final Blocks blocks = new Blocks();

    @Override
    public void open(ProtocolContext context) {}

    @Override
    public @Nullable ByteBuf unpack(ProtocolContext context, ByteBuf in) {
      if (context.isReady()) {
        return blocks.unpack(context, in);
      }
      int end = in.bytesBefore((byte) '\n');
      if (end < 0 && in.readableBytes() >= 6) {
        throw new ProtocolException("greeting: more than 6 bytes");
      }
      if (end >= 0) {
        in.skipBytes(end + 1);
        context.ready();
      }
      return null;
    }

    @Override
    public void pack(String message, ByteBuf out) {
      texts.pack(message, out);
    }
  }

  @Test
  void counterpartPacksWhatComesIn() {
    ProtocolContract.of(Server::new).counterpart(Client::new).message("hello").check();
  }

  @Test
  void openingComesBeforeEverySample() {
    ProtocolContract.of(Client::new)
        .opening("hello\n".getBytes(US_ASCII))
        .wire("00000001 61", wrappedBuffer(new byte[] {'a'}))
        .refused("80000000", "block: -2147483648 bytes")
        .check();
  }

  @Test
  void streamMayBeSplitAnywhere() {
    class Bytes implements Protocol<ByteBuf, ByteBuf> {
      @Override
      public ByteBuf unpack(ProtocolContext context, ByteBuf in) {
        return in.readRetainedSlice(in.readableBytes());
      }

      @Override
      public void pack(ByteBuf message, ByteBuf out) {
        out.writeBytes(message, message.readerIndex(), message.readableBytes());
      }
    }
    ProtocolContract.of(Bytes::new).stream()
        .message(wrappedBuffer("hello".getBytes(US_ASCII)))
        .check();
  }

  @Test
  void bytesThatAreSkippedAreNoPartOfAFrame() {
    class Lines implements Protocol<String, String> { // and empty ones are ignored
      private int searched;

      @Override
      public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
        while (in.isReadable() && in.getByte(in.readerIndex()) == '\n') {
          in.skipBytes(1);
        }
        int from = in.readerIndex() + searched;
        int end = in.indexOf(from, in.writerIndex(), (byte) '\n');
        int length = end < 0 ? in.readableBytes() : end - in.readerIndex();
        if (length >= context.maxFrameBytes()) {
          throw new ProtocolException("line: " + length + " bytes");
        }
        searched = end < 0 ? length : 0;
        return end < 0 ? null : in.readCharSequence(length, US_ASCII).toString();
      }

      @Override
      public void pack(String message, ByteBuf out) {
        out.writeCharSequence(message + "\n", US_ASCII);
      }
    }
    ProtocolContract<String, String> contract = ProtocolContract.of(Lines::new);
    contract.wire("0a 0a 61 0a", "a").maxFrameBytes(256).check();
  }

  @Test
  void messagesWithoutEqualsAreComparedByAKey() {
    class Text {
      private final String text;

      Text(String text) {
        this.text = text;
      }
    }
    ProtocolContract<Text, Text> contract =
        ProtocolContract.of(() -> new ShortTexts().<Text, Text>map(Text::new, text -> text.text));
    contract.comparing(text -> text.text).message(new Text("hello")).check();
  }

  @Test
  void failureTellsEverything() {
    AssertionError failure =
        catchThrowableOfType(
            AssertionError.class,
            () ->
                ProtocolContract.of(ShortTexts::new)
                    .wire("02 6869", "ho")
                    .refused("01 61", "length: 0")
                    .seed(7)
                    .rounds(10)
                    .check());
    assertThat(failure.getMessage().lines().toList())
        .startsWith(
            "dev.jev.test.ShortTexts: 8 of 16 checks failed",
            "* whole input: message 1: \"hi\" (expected: \"ho\")",
            "  protocol: dev.jev.test.ShortTexts",
            "  seed: 7",
            "  input: 3 bytes, in reads of 3 bytes",
            "    00000000  02 68 69                                         .hi")
        .contains(
            "* every split in two: message 1: \"hi\" (expected: \"ho\")",
            "  input: 3 bytes, in reads of 1, 2 bytes",
            "    00000000  02|68 69                                         .hi",
            "* refusals: not refused (expected: length: 0)");
    assertThat(failure.getSuppressed()).hasSize(8);
  }

  @Test
  void testsAreNamedAfterTheChecksAndFailAsTheyDo() {
    List<DynamicTest> tests =
        ProtocolContract.of(ShortTexts::new).wire("02 6869", "ho").rounds(10).tests().toList();
    assertThat(tests)
        .extracting(DynamicTest::getDisplayName)
        .containsExactly(
            "round trip",
            "whole input",
            "one byte at a time",
            "every split in two",
            "random splits",
            "many in one read",
            "independent instances",
            "truncation",
            "captures",
            "refusals",
            "frame limit",
            "garbage",
            "mutated input",
            "declared lengths",
            "linear time",
            "idle memory");
    assertThatExceptionOfType(AssertionError.class)
        .isThrownBy(() -> tests.get(1).getExecutable().execute())
        .withMessageStartingWith("whole input: message 1: \"hi\" (expected: \"ho\")");
  }

  @Test
  void contractWithoutSamplesFails() {
    assertThatExceptionOfType(AssertionError.class)
        .isThrownBy(() -> ProtocolContract.of(ShortTexts::new).rounds(1).check())
        .withMessageContaining("samples: none (expected: a message or a wire sample)");
  }

  @Test
  void badOptionsAreRefused() {
    ProtocolContract<String, String> contract = ProtocolContract.of(ShortTexts::new);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> contract.maxFrameBytes(0))
        .withMessage("maxFrameBytes: 0 (expected: >= 1)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> contract.maxIdleBytes(0))
        .withMessage("maxIdleBytes: 0 (expected: >= 1)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> contract.rounds(-1))
        .withMessage("rounds: -1 (expected: >= 1)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> contract.deadline(Duration.ZERO))
        .withMessage("deadline: PT0S (expected: > PT0S)");
  }

  @Test
  void rightProtocolsPassThePlainCall() {
    texts().check();
    blocks().check();
  }
}
