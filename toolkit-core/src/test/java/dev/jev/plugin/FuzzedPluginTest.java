package dev.jev.plugin;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.jev.ProtocolException;
import dev.jev.plugin.FuzzedPlugin.Outcome;
import io.netty.buffer.ByteBuf;
import org.junit.jupiter.api.Test;

/** Incorrect transforms, each of which a fuzzer detects for a different reason. */
class FuzzedPluginTest {

  private static final byte[] INPUT = "hello, world".getBytes(US_ASCII);

  /** Passes bytes on as they are. */
  private static class Copy implements StreamTransform.Transformer {

    @Override
    public void inbound(ByteBuf in, ByteBuf out) {
      out.writeBytes(in);
    }

    @Override
    public void outbound(ByteBuf in, ByteBuf out) {
      out.writeBytes(in);
    }
  }

  private static FuzzedPlugin fuzzed(StreamTransform.Transformer transformer) {
    return new FuzzedPlugin(StreamTransform.of(() -> transformer));
  }

  private static void assertNoticed(StreamTransform.Transformer transformer, String how) {
    assertThatThrownBy(() -> fuzzed(transformer).checkSplits(INPUT)).hasMessageContaining(how);
  }

  @Test
  void transformThatKeepsItsPromisesPasses() {
    Outcome outcome = fuzzed(new Copy()).checkSplits(INPUT);
    assertThat(outcome.received()).isEqualTo("hello, world");
    assertThat(outcome.refusal()).isNull();
    outcome.checkOutput(INPUT, in -> in);
    fuzzed(new Copy()).checkRoundTrip(INPUT, in -> in);
  }

  @Test
  void outputThatDependsOnTheCutsIsNoticed() {
    assertNoticed(
        new Copy() {
          @Override
          public void inbound(ByteBuf in, ByteBuf out) {
            super.inbound(in, out.writeByte('.'));
          }
        },
        "byte by byte: ");
  }

  @Test
  void refusalThatDependsOnTheCutsIsNoticed() {
    assertNoticed(
        new Copy() {
          @Override
          public void inbound(ByteBuf in, ByteBuf out) {
            if (in.readableBytes() > 1) {
              throw new ProtocolException("more than a byte");
            }
            super.inbound(in, out);
          }
        },
        "byte by byte: ");
  }

  @Test
  void bufferThatIsNotReleasedIsNoticed() {
    assertNoticed(
        new Copy() {
          @Override
          public void inbound(ByteBuf in, ByteBuf out) {
            super.inbound(in.retain(), out);
          }
        },
        "bytes not released");
  }

  @Test
  void anyOtherExceptionIsNoticed() {
    assertNoticed(
        new Copy() {
          @Override
          public void inbound(ByteBuf in, ByteBuf out) {
            throw new IndexOutOfBoundsException("5");
          }
        },
        "plugin failed: java.lang.IndexOutOfBoundsException: 5");
  }

  @Test
  void memoryThatInputDoesNotJustifyIsNoticed() {
    assertNoticed(
        new Copy() {
          private byte[] room = {};

          @Override
          public void inbound(ByteBuf in, ByteBuf out) {
            room = new byte[room.length + 10_000_000];
            super.inbound(in, out);
          }
        },
        "allocated bytes too many");
  }

  @Test
  void outputThatAnotherDecoderDoesNotHaveIsNoticed() {
    Outcome outcome = fuzzed(new Copy()).checkSplits(INPUT);
    byte[] other = "hello".getBytes(US_ASCII);
    outcome.checkOutput(other, in -> in); // it may have failed there
    byte[] longer = "hello, world!".getBytes(US_ASCII);
    assertThatThrownBy(() -> outcome.checkOutput(longer, in -> in))
        .hasMessageContaining("expected: hello, world!");
  }
}
