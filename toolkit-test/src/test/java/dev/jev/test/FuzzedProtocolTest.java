package dev.jev.test;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import dev.jev.test.FuzzedProtocol.Outcome;
import io.netty.buffer.ByteBuf;
import java.util.List;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Incorrect protocols, each of which a fuzzer detects for a different reason. */
@Timeout(60)
class FuzzedProtocolTest {

  /** A protocol of messages of five bytes. */
  private static class Fives implements Protocol<String, String> {

    @Override
    public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
      if (in.readableBytes() < 5) {
        return null;
      }
      StringBuilder text = new StringBuilder();
      for (int i = 0; i < 5; i++) {
        text.append((char) in.readByte());
      }
      return text.toString();
    }

    @Override
    public void pack(String message, ByteBuf out) {
      out.writeBytes(message.getBytes(ISO_8859_1));
    }
  }

  private static final byte[] INPUT = "helloworld!".getBytes(US_ASCII);

  private static FuzzedProtocol<String, String> fuzzed(Supplier<Fives> protocols) {
    return new FuzzedProtocol<>(protocols, Function.identity());
  }

  @Test
  void protocolThatKeepsItsPromisesPasses() {
    FuzzedProtocol<String, String> fives = fuzzed(Fives::new);
    Outcome<String> outcome = fives.checkSplits(INPUT);
    assertThat(outcome)
        .isEqualTo(new Outcome<>(List.of("hello", "world"), /* refused= */ false, ""));
    assertThat(fives.checkRoundTrip(outcome.messages(), new Fives(), Function.<String>identity()))
        .asString()
        .isEqualTo("helloworld");
  }

  @Test
  void messageThatDependsOnTheCutsIsNoticed() {
    assertNoticed(
        new Fives() {
          @Override
          public String unpack(ProtocolContext context, ByteBuf in) {
            return in.readCharSequence(in.readableBytes(), US_ASCII).toString();
          }
        },
        "byte by byte");
  }

  @Test
  void indexThatIsKeptBetweenReadsIsNoticed() {
    assertNoticed(
        new Fives() {
          private int end = 5;

          @Override
          public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
            if (in.writerIndex() < end) {
              return null;
            }
            end += 5;
            return super.unpack(context, in);
          }
        },
        "by");
  }

  @Test
  void messageWithoutABeginningIsNoticed() {
    assertNoticed(
        new Fives() {
          @Override
          public String unpack(ProtocolContext context, ByteBuf in) {
            return "again";
          }
        },
        "returned a message but consumed no bytes");
  }

  @Test
  void messageBeforeReadinessIsNoticed() {
    assertNoticed(
        new Fives() {
          @Override
          public void open(ProtocolContext context) {}
        },
        "returned a message before it was ready");
  }

  @Test
  void bufferThatIsNotReleasedIsNoticed() {
    assertNoticed(
        new Fives() {
          @Override
          public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
            in.retain();
            return super.unpack(context, in);
          }
        },
        "direct bytes not released");
  }

  @Test
  void anyOtherExceptionIsNoticed() {
    assertThatThrownBy(
            () ->
                fuzzed(
                        () ->
                            new Fives() {
                              @Override
                              public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
                                throw new IndexOutOfBoundsException("5");
                              }
                            })
                    .checkSplits(INPUT))
        .isInstanceOf(AssertionError.class)
        .hasMessage("protocol failed: java.lang.IndexOutOfBoundsException: 5")
        .hasCauseInstanceOf(IndexOutOfBoundsException.class);
  }

  @Test
  void memoryForWhatHasNotComeIsNoticed() {
    FuzzedProtocol<String, String> protocol =
        fuzzed(
            () ->
                new Fives() {
                  private byte[] room = {};

                  @Override
                  public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
                    room = new byte[Math.max(room.length, 10_000 * in.getByte(in.readerIndex()))];
                    return super.unpack(context, in);
                  }
                });
    assertThatThrownBy(() -> protocol.checkAllocation(INPUT))
        .hasMessageContaining("allocated bytes: ");
  }

  @Test
  void messageThatIsPackedWronglyIsNoticed() {
    Fives wrong =
        new Fives() {
          @Override
          public void pack(String message, ByteBuf out) {
            out.writeByte('x');
          }
        };
    assertThatThrownBy(
            () ->
                fuzzed(Fives::new)
                    .checkRoundTrip(List.of("hello"), wrong, Function.<String>identity()))
        .hasMessageContaining("packed messages: ");
  }

  private static void assertNoticed(Fives protocol, String how) {
    assertThatThrownBy(() -> fuzzed(() -> protocol).checkSplits(INPUT)).hasMessageContaining(how);
  }
}
