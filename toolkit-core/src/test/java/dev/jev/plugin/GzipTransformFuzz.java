package dev.jev.plugin;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class GzipTransformFuzz {

  private static final FuzzedPlugin GZIP = new FuzzedPlugin(StreamTransform.gzip());

  @FuzzTest
  void outputIsThatOfTheJdkHoweverTheInputIsSplit(byte[] input) {
    GZIP.checkSplits(input).checkOutput(input, GZIPInputStream::new);
    GZIP.checkRoundTrip(input, GZIPInputStream::new);
  }
}
