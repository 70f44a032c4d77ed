package dev.jev.codec;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.jev.test.FuzzedProtocol;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class LengthFieldFuzz {

  private static final List<LengthField> FIELDS =
      List.of(
          LengthField.ofBytes(1).strip(1),
          LengthField.ofBytes(2).littleEndian().offset(3).includesItself(),
          LengthField.ofBytes(3).offset(1).adjustment(-2).maxFrameBytes(100),
          LengthField.ofBytes(4).littleEndian().strip(4),
          LengthField.ofBytes(2).header(0xCA, 0xFE).strip(4),
          LengthField.ofBytes(8).adjustment(1));

  @FuzzTest
  void framesArePackedAsTheyCame(byte[] input) {
    for (LengthField field : FIELDS) {
      FuzzedProtocol<ByteBuf, String> protocol =
          FuzzedProtocol.ofBuffers(() -> Protocols.lengthField(field));
      protocol.checkSplits(input);
      byte[] packed =
          protocol.checkRoundTrip(
              protocol.checkAllocation(input).messages(),
              Protocols.lengthField(field),
              text -> Unpooled.copiedBuffer(text, ISO_8859_1));
      assertThat(packed).isEqualTo(Arrays.copyOf(input, packed.length));
    }
  }
}
