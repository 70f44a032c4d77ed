package dev.jev.codec;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.jev.test.FuzzedProtocol;
import io.netty.channel.ChannelHandler;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpServerCodec;
import java.util.List;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class NettyCodecHttpFuzz {

  private static final int LARGE_FRAME_BYTES = 1 << 20; // the codec has limits of its own

  private static final FuzzedProtocol<FullHttpRequest, String> PROTOCOL =
      new FuzzedProtocol<>(
          NettyCodec.of(FullHttpRequest.class, NettyCodecHttpFuzz::handlers),
          NettyCodecHttpFuzz::text,
          LARGE_FRAME_BYTES);

  @FuzzTest
  void requestsDoNotDependOnHowTheyAreCut(byte[] input) {
    PROTOCOL.checkSplits(input);
    PROTOCOL.checkAllocation(input);
  }

  private static List<ChannelHandler> handlers() {
    return List.of(new HttpServerCodec(), new HttpObjectAggregator(100));
  }

  private static String text(FullHttpRequest request) {
    return request.method()
        + " "
        + request.uri()
        + " "
        + request.protocolVersion()
        + request.headers().entries()
        + request.content().toString(ISO_8859_1)
        + request.trailingHeaders().entries()
        + request.decoderResult();
  }
}
