package dev.jev.test;

import static io.netty.buffer.Unpooled.wrappedBuffer;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.jev.CloseReason;
import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import dev.jev.ProtocolException;
import io.netty.buffer.ByteBuf;
import java.io.ByteArrayOutputStream;
import java.time.Duration;
import java.util.Arrays;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Wrong protocols, each of which the check for its fault finds and explains. */
class WrongProtocolsTest {

  /** Expects that checks fail, and that one of them explains the reason. */
  private static void fails(ProtocolContract<?, ?> contract, String check, String... why) {
    AssertionError failure = catchThrowableOfType(AssertionError.class, contract::check);
    assertThat(failure).as("the contract is broken").isNotNull();
    assertThat(failure.getSuppressed())
        .as("%s", failure.getMessage())
        .anySatisfy(
            each ->
                assertThat(each)
                    .message()
                    .startsWith(check + ": ")
                    .contains(why)
                    .contains("seed: 1"));
  }

  /** Expects that one check fails and all others pass. */
  private static void failsOnly(ProtocolContract<?, ?> contract, String check, String... why) {
    AssertionError failure = catchThrowableOfType(AssertionError.class, contract::check);
    assertThat(failure).as("the contract is broken").isNotNull();
    assertThat(failure.getSuppressed()).as("%s", failure.getMessage()).hasSize(1);
    assertThat(failure.getSuppressed()[0]).message().startsWith(check + ": ").contains(why);
  }

  private static ProtocolContract<String, String> texts(
      Supplier<? extends Protocol<String, String>> protocols) {
    return ProtocolContract.of(protocols)
        .message("hello")
        .message("world!")
        .message("x".repeat(200))
        .rounds(300);
  }

  private static ProtocolContract<ByteBuf, ByteBuf> blocks(
      Supplier<? extends Protocol<ByteBuf, ByteBuf>> protocols) {
    return ProtocolContract.of(protocols)
        .message(wrappedBuffer("hello".getBytes(US_ASCII)))
        .message(wrappedBuffer(new byte[2000]))
        .rounds(300);
  }

  /** A base class of protocols that unpack {@link Blocks} wrongly. */
  private abstract static class WrongBlocks extends Blocks {

    static boolean isWhole(ProtocolContext context, ByteBuf in) {
      return in.readableBytes() >= HEADER_BYTES
          && length(context, in) <= in.readableBytes() - HEADER_BYTES;
    }

    static int length(ProtocolContext context, ByteBuf in) {
      int length = in.getInt(in.readerIndex());
      if (length < 0 || length > context.maxFrameBytes() - HEADER_BYTES) {
        throw new ProtocolException("block: " + length + " bytes");
      }
      return length;
    }
  }

  @Test
  void losesItsStateOnASplit() {
    class LosesState extends ShortTexts {
      @Override
      public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
        int length = in.readUnsignedByte(); // gone if the rest is not there
        if (length == 0) {
          throw new ProtocolException("length: 0");
        }
        return in.readableBytes() < length ? null : in.readCharSequence(length, UTF_8).toString();
      }
    }
    fails(texts(LosesState::new), "one byte at a time", "messages: 0 (expected: 1)");
    fails(
        texts(LosesState::new),
        "every split in two",
        "input: 6 bytes, in reads of 1, 5 bytes",
        "00000000  05|68 65 6c 6c 6f");
  }

  @Test
  void swallowsTheNextMessageOfACoalescedRead() {
    class Swallows extends ShortTexts {
      @Override
      public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
        String text = super.unpack(context, in);
        if (text != null) {
          in.skipBytes(in.readableBytes());
        }
        return text;
      }
    }
    fails(texts(Swallows::new), "whole input", "messages: 1 (expected: 3), missing: \"world!\"");
    fails(texts(Swallows::new), "many in one read", "frame: ");
  }

  @Test
  void needsTheWholeFrameInOneRead() {
    class Impatient extends ShortTexts {
      @Override
      public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
        if (in.readableBytes() < 1 + in.getUnsignedByte(in.readerIndex())) {
          throw new ProtocolException("text: not complete");
        }
        return super.unpack(context, in);
      }
    }
    fails(texts(Impatient::new), "one byte at a time", "refused: text: not complete");
    fails(texts(Impatient::new), "truncation", "refused: text: not complete");
  }

  /** Consumes each byte at once and keeps those of an incomplete text. */
  private static class Holding extends ShortTexts {

    private final ByteArrayOutputStream kept = new ByteArrayOutputStream();

    @Override
    public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
      String text = null;
      while (text == null && in.isReadable()) {
        kept.write(in.readByte());
        ByteBuf all = wrappedBuffer(kept.toByteArray());
        text = super.unpack(context, all);
      }
      if (text != null) {
        kept.reset();
      }
      return text;
    }

    long keptBytes() {
      return kept.size();
    }
  }

  @Test
  void keepsBytesWithoutSayingSo() {
    failsOnly(
        texts(Holding::new),
        "truncation",
        "held bytes: 0, and no byte is unread, within a message");
    class Honest extends Holding {
      @Override
      public long heldBytes() {
        return keptBytes();
      }
    }
    texts(Honest::new).check();
  }

  @Test
  void holdsBytesAfterItsMessages() {
    class Forgetful extends ShortTexts {
      @Override
      public long heldBytes() {
        return 7;
      }
    }
    failsOnly(
        texts(Forgetful::new), "truncation", "held bytes: 7 after whole messages (expected: 0)");
    class Negative extends ShortTexts {
      @Override
      public long heldBytes() {
        return -1;
      }
    }
    failsOnly(texts(Negative::new), "truncation", "held bytes: -1 (expected: >= 0)");
  }

  @Test
  void deliversOnTruncation() {
    class Hasty extends ShortTexts {
      @Override
      public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
        int length = in.getUnsignedByte(in.readerIndex());
        if (length == 0 || in.readableBytes() < 2) {
          return super.unpack(context, in);
        }
        in.skipBytes(1);
        return in.readCharSequence(Math.min(length, in.readableBytes()), UTF_8).toString();
      }
    }
    fails(texts(Hasty::new), "truncation", "message 1: \"h\" (expected: \"hello\")");
  }

  @Test
  void deliversBeforeTheFrameIsWhole() {
    class Early extends ShortTexts { // a padding byte behind each text that it skips later
      private boolean padding;

      @Override
      public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
        if (padding) {
          in.skipBytes(1);
          padding = false;
          return null;
        }
        String text = super.unpack(context, in);
        padding = text != null;
        return text;
      }

      @Override
      public void pack(String message, ByteBuf out) {
        super.pack(message, out);
        out.writeByte(0);
      }
    }
    fails(texts(Early::new), "truncation", "delivered after 6 bytes (expected: after all 7)");
  }

  @Test
  void throwsAtTheEndOfATruncatedInput() {
    class Sour extends ShortTexts {
      private boolean inside;

      @Override
      public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
        String text = super.unpack(context, in);
        inside = text == null;
        return text;
      }

      @Override
      public void close(ProtocolContext context, CloseReason reason) {
        if (inside) {
          throw new ProtocolException("text: cut off");
        }
      }
    }
    fails(texts(Sour::new), "truncation", "close: threw dev.jev.ProtocolException: text: cut off");
  }

  @Test
  void consumesNothingAndReturnsAMessage() {
    class Generous extends ShortTexts {
      @Override
      public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
        return in.getByte(in.readerIndex()) == 7 ? "bell" : super.unpack(context, in);
      }
    }
    fails(texts(Generous::new), "garbage", "returned a message but consumed no bytes");
  }

  @Test
  void rewindsConsumedBytes() {
    class Rewinds extends ShortTexts {
      private int begun;

      @Override
      public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
        if (begun > 0) {
          in.readerIndex(in.readerIndex() - 1);
        }
        int length = in.readUnsignedByte();
        if (length == 0) {
          throw new ProtocolException("length: 0");
        }
        begun = in.readableBytes() < length ? length : 0;
        return begun > 0 ? null : in.readCharSequence(length, UTF_8).toString();
      }
    }
    fails(texts(Rewinds::new), "every split in two", "in: bytes consumed earlier are read again");
  }

  @Test
  void releasesItsInput() {
    class Releases extends ShortTexts {
      @Override
      public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
        String text = super.unpack(context, in);
        in.release();
        return text;
      }
    }
    fails(texts(Releases::new), "whole input", "in: released by the protocol (expected: left");
  }

  @Test
  void writesToItsInput() {
    class Writes extends ShortTexts {
      @Override
      public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
        in.setByte(in.readerIndex() - 1, 0);
        return super.unpack(context, in);
      }
    }
    fails(texts(Writes::new), "random splits", "in: 1 bytes written at ");
  }

  @Test
  void leaksASliceOnRefusal() {
    class Leaks extends WrongBlocks {
      @Override
      public @Nullable ByteBuf unpack(ProtocolContext context, ByteBuf in) {
        ByteBuf block = super.unpack(context, in);
        if (block != null && block.isReadable() && block.getByte(block.readerIndex()) == 'j') {
          throw new ProtocolException("block: begins with j"); // block is not released
        }
        return block;
      }
    }
    failsOnly(
        blocks(Leaks::new).refused("00000002 6a6a", "begins with j"),
        "refusals",
        "buffers that are not released after the close: ",
        "retained slice of 2 bytes of in");
  }

  @Test
  void keepsABufferAfterTheClose() {
    class Keeps extends WrongBlocks {
      private @Nullable ByteBuf header;

      @Override
      public @Nullable ByteBuf unpack(ProtocolContext context, ByteBuf in) {
        ByteBuf block = super.unpack(context, in);
        if (block == null && header == null) {
          header = in.alloc().buffer(64);
        } else if (block != null && header != null) {
          header.release();
          header = null;
        }
        return block;
      }
    }
    fails(
        blocks(Keeps::new),
        "truncation",
        "buffers that are not released after the close: 1",
        "buffer of 64 bytes, made by in.alloc()");
  }

  @Test
  void sharesItsStateWithOtherInstances() {
    byte[] shared = new byte[256];
    int[] filled = new int[1];
    class Shared extends ShortTexts {
      @Override
      public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
        while (in.isReadable()) {
          shared[filled[0]++] = in.readByte();
          int length = Byte.toUnsignedInt(shared[0]);
          if (length == 0) {
            filled[0] = 0;
            throw new ProtocolException("length: 0");
          }
          if (filled[0] == 1 + length) {
            filled[0] = 0;
            return new String(shared, 1, length, UTF_8);
          }
        }
        return null;
      }

      @Override
      public long heldBytes() {
        return filled[0];
      }

      @Override
      public void close(ProtocolContext context, CloseReason reason) {
        filled[0] = 0;
      }
    }
    fails(texts(Shared::new), "independent instances", "message");
    AssertionError failure = catchThrowableOfType(AssertionError.class, texts(Shared::new)::check);
    assertThat(failure.getSuppressed()).hasSize(1);
  }

  @Test
  void allocatesWhatWasDeclared() {
    class Trusts extends WrongBlocks {
      private byte @Nullable [] block;

      @Override
      public @Nullable ByteBuf unpack(ProtocolContext context, ByteBuf in) {
        if (in.readableBytes() >= HEADER_BYTES && block == null) {
          block = new byte[length(context, in)];
        }
        if (!isWhole(context, in)) {
          return null;
        }
        block = null;
        return super.unpack(context, in);
      }
    }
    failsOnly(blocks(Trusts::new), "declared lengths", "allocated: 16", "bytes of input (expected");
  }

  @Test
  void allocatesABufferAsLongAsDeclared() {
    class Trusts extends WrongBlocks {
      @Override
      public @Nullable ByteBuf unpack(ProtocolContext context, ByteBuf in) {
        if (in.readableBytes() >= HEADER_BYTES) {
          in.alloc().directBuffer(length(context, in)).release();
        }
        return super.unpack(context, in);
      }
    }
    fails(blocks(Trusts::new), "declared lengths", "allocated: ", "bytes of input (expected");
  }

  @Test
  void acceptsAFrameBeyondTheLimit() {
    class Unlimited extends WrongBlocks {
      @Override
      public @Nullable ByteBuf unpack(ProtocolContext context, ByteBuf in) {
        if (in.readableBytes() < HEADER_BYTES) {
          return null;
        }
        int length = in.getInt(in.readerIndex());
        if (length < 0) {
          throw new ProtocolException("block: " + length + " bytes");
        }
        return in.readableBytes() - HEADER_BYTES < length
            ? null
            : in.skipBytes(HEADER_BYTES).readRetainedSlice(length);
      }
    }
    failsOnly(
        blocks(Unlimited::new),
        "frame limit",
        "frame: 2004 bytes, delivered (expected: refused, <= 2003)");
  }

  @Test
  void gathersALineWithoutEnd() {
    class Endless extends ShortTexts {
      private final StringBuilder line = new StringBuilder();

      @Override
      public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
        while (in.isReadable()) {
          char c = (char) in.readByte();
          if (c == '\n') {
            String text = line.toString();
            line.setLength(0);
            return text;
          }
          line.append(c);
        }
        return null;
      }

      @Override
      public void pack(String message, ByteBuf out) {
        out.writeCharSequence(message + "\n", US_ASCII);
      }
    }
    fails(texts(Endless::new), "frame limit", "frame: 13", "(expected: refused, <= 65536)");
  }

  @Test
  void remembersAnAbsoluteIndex() {
    class Absolute extends ShortTexts {
      private int end = -1;

      @Override
      public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
        if (end < 0) {
          end = in.readerIndex() + 1 + in.getUnsignedByte(in.readerIndex());
        }
        if (in.writerIndex() < end) {
          return null;
        }
        end = -1;
        return super.unpack(context, in);
      }
    }
    fails(texts(Absolute::new), "random splits", "message");
  }

  @Test
  void doesNotUnpackWhatItPacks() {
    class Lossy extends ShortTexts {
      @Override
      public void pack(String message, ByteBuf out) {
        super.pack(message.replace('!', '?'), out);
      }
    }
    fails(texts(Lossy::new), "round trip", "message 2: \"world?\" (expected: \"world!\")");
  }

  @Test
  void changesTheMessageThatItPacks() {
    class Drains extends Blocks {
      @Override
      public void pack(ByteBuf message, ByteBuf out) {
        out.writeInt(message.readableBytes()).writeBytes(message);
      }

      @Override
      public @Nullable ByteBuf zeroCopyTail(ByteBuf message) {
        return null;
      }
    }
    fails(blocks(Drains::new), "round trip", "pack: changed indices");
  }

  @Test
  void deliversASliceWithoutAReference() {
    class Unretained extends WrongBlocks {
      @Override
      public @Nullable ByteBuf unpack(ProtocolContext context, ByteBuf in) {
        return isWhole(context, in) ? in.readSlice(in.readInt()) : null;
      }
    }
    fails(
        blocks(Unretained::new),
        "whole input",
        "message: a view of in without a reference of its own");
  }

  @Test
  void usesTheInputOfAnEarlierRead() {
    class Remembers extends WrongBlocks {
      private @Nullable ByteBuf first;

      @Override
      public @Nullable ByteBuf unpack(ProtocolContext context, ByteBuf in) {
        if (first == null) {
          first = in;
        }
        if (!isWhole(context, in)) {
          return null;
        }
        first.getByte(first.readerIndex());
        first = null;
        return super.unpack(context, in);
      }
    }
    fails(blocks(Remembers::new), "every split in two", "IllegalReferenceCountException");
  }

  @Test
  void throwsOtherExceptionsOnGarbage() {
    class Careless extends WrongBlocks {
      @Override
      public @Nullable ByteBuf unpack(ProtocolContext context, ByteBuf in) {
        if (in.readableBytes() >= HEADER_BYTES && in.getInt(in.readerIndex()) < 0) {
          in.getByte(-1);
        }
        return super.unpack(context, in);
      }
    }
    fails(
        blocks(Careless::new),
        "garbage",
        "unpack: threw java.lang.IndexOutOfBoundsException",
        "Careless.unpack",
        "(expected: ProtocolException)");
  }

  @Test
  void isHugeWhenIdle() {
    class Huge extends ShortTexts {
      private final byte[] room = new byte[8192];

      @Override
      public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
        Arrays.fill(room, (byte) 1);
        return super.unpack(context, in);
      }
    }
    failsOnly(texts(Huge::new), "idle memory", "idle instance: 8", "(expected: <= 1024)");
  }

  @Test
  void looksAtEveryByteAgainAndAgain() {
    class Quadratic extends ShortTexts {
      @Override
      public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
        int end = in.indexOf(in.readerIndex(), in.writerIndex(), (byte) '\n');
        if (end < 0) {
          return null;
        }
        String text = in.readCharSequence(end - in.readerIndex(), US_ASCII).toString();
        in.skipBytes(1);
        return text;
      }

      @Override
      public void pack(String message, ByteBuf out) {
        out.writeCharSequence(message + "\n", US_ASCII);
      }
    }
    failsOnly(texts(Quadratic::new), "linear time", "read: ", "so the time is not linear");
  }

  @Test
  void loopsWithoutEndOverItsInput() {
    class Circles extends ShortTexts {
      @Override
      public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
        while (in.getByte(in.readerIndex()) == 0x7f) {}
        return super.unpack(context, in);
      }
    }
    fails(texts(Circles::new), "garbage", "unpack: reads the same bytes again and again");
  }

  @Test
  void loopsWithoutEnd() {
    class Loops extends ShortTexts {
      @Override
      public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
        boolean stuck = in.getByte(in.readerIndex()) == 0x7f;
        while (stuck && !Thread.currentThread().isInterrupted()) {
          Thread.onSpinWait();
        }
        return super.unpack(context, in);
      }
    }
    fails(
        texts(Loops::new).deadline(Duration.ofSeconds(3)),
        "garbage",
        "does not end: more than 3000 ms");
  }

  @Test
  void deliversBeforeItIsReady() {
    class Unready extends ShortTexts {
      @Override
      public void open(ProtocolContext context) {}
    }
    fails(
        ProtocolContract.of(Unready::new).wire("01 61", "a").rounds(300),
        "whole input",
        "returned a message before it was ready");
  }
}
