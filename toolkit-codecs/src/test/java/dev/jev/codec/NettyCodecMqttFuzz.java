package dev.jev.codec;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.jev.test.FuzzedProtocol;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandler;
import io.netty.handler.codec.mqtt.MqttDecoder;
import io.netty.handler.codec.mqtt.MqttEncoder;
import io.netty.handler.codec.mqtt.MqttMessage;
import java.util.List;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class NettyCodecMqttFuzz {

  private static final String PROPERTIES = "MqttProperties@";

  private static final int LARGE_FRAME_BYTES = 1 << 20; // the codec has limits of its own

  private static final FuzzedProtocol<MqttMessage, String> PROTOCOL =
      new FuzzedProtocol<>(
          NettyCodec.of(MqttMessage.class, NettyCodecMqttFuzz::handlers),
          NettyCodecMqttFuzz::text,
          LARGE_FRAME_BYTES);

  @FuzzTest
  void messagesDoNotDependOnHowTheyAreCut(byte[] input) {
    PROTOCOL.checkSplits(input);
    PROTOCOL.checkAllocation(input);
  }

  private static List<ChannelHandler> handlers() {
    return List.of(new MqttDecoder(100), MqttEncoder.INSTANCE);
  }

  /**
   * Returns the text of a message. The decoder reports what it has read of a malformed message,
   * which depends on how the bytes arrive, so all malformed messages have the same text.
   */
  private static String text(MqttMessage message) {
    if (message.decoderResult().isFailure()) {
      return "malformed";
    }
    Object payload = message.payload();
    String head = withoutHashes(message.fixedHeader() + " " + message.variableHeader());
    return head + (payload instanceof ByteBuf bytes ? bytes.toString(ISO_8859_1) : payload);
  }

  /** Returns a text without the hash codes of properties, which have no toString. */
  private static String withoutHashes(String text) {
    StringBuilder without = new StringBuilder();
    int end = 0;
    for (int at; (at = text.indexOf(PROPERTIES, end)) >= 0; ) {
      without.append(text, end, at + PROPERTIES.length());
      end = at + PROPERTIES.length();
      while (end < text.length() && Character.digit(text.charAt(end), 16) >= 0) {
        end++;
      }
    }
    return without.append(text, end, text.length()).toString();
  }
}
