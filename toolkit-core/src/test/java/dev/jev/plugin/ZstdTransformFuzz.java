package dev.jev.plugin;

import com.code_intelligence.jazzer.junit.FuzzTest;
import com.github.luben.zstd.ZstdInputStream;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class ZstdTransformFuzz {

  private static final FuzzedPlugin ZSTD = new FuzzedPlugin(StreamTransform.zstd());

  @FuzzTest
  void outputIsThatOfTheLibraryHoweverTheInputIsSplit(byte[] input) {
    ZSTD.checkSplits(input).checkOutput(input, ZstdInputStream::new);
    ZSTD.checkRoundTrip(input, ZstdInputStream::new);
  }
}
