package dev.jev.codec;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.jev.test.FuzzedProtocol;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class DelimitedFuzz {

  private static final List<String> ENDS = List.of("\r\n", "\n", "abab", "bb");
  private static final Delimiters DELIMITERS =
      Delimiters.of(ENDS.stream().map(end -> end.getBytes(ISO_8859_1)).toArray(byte[][]::new));
  private static final FuzzedProtocol<ByteBuf, String> STRIPPED =
      FuzzedProtocol.ofBuffers(() -> Protocols.delimited(DELIMITERS));
  private static final FuzzedProtocol<ByteBuf, String> KEPT =
      FuzzedProtocol.ofBuffers(() -> Protocols.delimited(DELIMITERS.kept()));

  @FuzzTest
  void framesEndWhereTheFirstDelimiterEnds(byte[] input) {
    STRIPPED.checkSplits(input);
    KEPT.checkSplits(input);
    List<String> kept = KEPT.checkAllocation(input).messages();
    List<String> stripped = STRIPPED.checkAllocation(input).messages();
    assertThat(kept).isEqualTo(frames(new String(input, ISO_8859_1)));
    assertThat(stripped).isEqualTo(kept.stream().map(DelimitedFuzz::strip).toList());
    byte[] packed =
        KEPT.checkRoundTrip(kept, Protocols.delimited(DELIMITERS.kept()), DelimitedFuzz::bytes);
    assertThat(packed).isEqualTo(Arrays.copyOf(input, packed.length));
    STRIPPED.checkRoundTrip(stripped, Protocols.delimited(DELIMITERS), DelimitedFuzz::bytes);
  }

  /** Returns the frames that a naive search finds. */
  private static List<String> frames(String text) {
    List<String> frames = new ArrayList<>();
    int start = 0;
    for (int end = 1; end <= text.length(); end++) {
      String frame = text.substring(start, end);
      if (ENDS.stream().anyMatch(frame::endsWith)) {
        frames.add(frame);
        start = end;
      }
    }
    return frames;
  }

  private static String strip(String frame) {
    int longest =
        ENDS.stream().filter(frame::endsWith).mapToInt(String::length).max().orElseThrow();
    return frame.substring(0, frame.length() - longest);
  }

  private static ByteBuf bytes(String frame) {
    return Unpooled.copiedBuffer(frame, ISO_8859_1);
  }
}
