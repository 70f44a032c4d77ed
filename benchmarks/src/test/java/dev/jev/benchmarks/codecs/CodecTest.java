package dev.jev.benchmarks.codecs;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.jev.codec.RespCommand;
import dev.jev.codec.RespValue;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufHolder;
import io.netty.handler.codec.redis.ArrayRedisMessage;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Both sides of a comparison do the same work. */
@Timeout(60)
class CodecTest {

  private static final int BYTES = 100;
  private static final int COUNT = 3;

  @ParameterizedTest
  @EnumSource
  void allMessagesOfAReadComeOut(Codec codec) {
    int expected = codec == Codec.BYTES ? 1 : COUNT;
    assertThat(unpacked(codec, codec.jev(BYTES)))
        .hasSize(expected)
        .allSatisfy(message -> assertThat(message).contains(Messages.text(BYTES)));
  }

  @ParameterizedTest
  @EnumSource
  void bothSidesMakeTheSameMessages(Codec codec) {
    assumeTrue(codec.hasCounterpart());
    assertThat(unpacked(codec, codec.netty(BYTES))).isEqualTo(unpacked(codec, codec.jev(BYTES)));
  }

  @ParameterizedTest
  @EnumSource
  void bothSidesWriteTheSameBytes(Codec codec) {
    assumeTrue(codec.hasCounterpart());
    assertThat(packed(codec.netty(BYTES))).isEqualTo(packed(codec.jev(BYTES)));
  }

  private static List<String> unpacked(Codec codec, CodecDriver side) {
    List<String> messages = new ArrayList<>();
    try (side) {
      side.read(codec.frames(BYTES, COUNT), message -> messages.add(textOf(message)));
    }
    return messages;
  }

  private static String packed(CodecDriver side) {
    StringBuilder bytes = new StringBuilder();
    try (side) {
      side.send(COUNT, written -> bytes.append(textOf(written)));
    }
    return bytes.toString();
  }

  private static String textOf(Object message) {
    if (message instanceof ByteBuf bytes) {
      return bytes.toString(ISO_8859_1);
    } else if (message instanceof ByteBufHolder holder) {
      return textOf(holder.content());
    } else if (message instanceof byte[] bytes) {
      return new String(bytes, ISO_8859_1);
    } else if (message instanceof RespValue.Bulk bulk) {
      return new String(bulk.bytes(), ISO_8859_1);
    } else if (message instanceof RespCommand command) {
      return IntStream.range(0, command.size())
          .mapToObj(command::text)
          .collect(Collectors.joining(" "));
    } else if (message instanceof ArrayRedisMessage array) {
      return array.children().stream().map(CodecTest::textOf).collect(Collectors.joining(" "));
    }
    return message.toString();
  }
}
