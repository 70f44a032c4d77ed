package dev.jev.codec;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.jev.test.FuzzedProtocol;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import org.junit.jupiter.api.Timeout;
import org.msgpack.core.MessageBufferPacker;
import org.msgpack.core.MessagePack;
import org.msgpack.core.MessageUnpacker;
import org.msgpack.value.Value;

/**
 * MessagePack values. They are compared in the text form of msgpack-core, in which all NaNs are
 * equal.
 */
@Timeout(60)
class MessagePackFuzz {

  private static final FuzzedProtocol<Value, String> PROTOCOL =
      new FuzzedProtocol<>(Protocols::messagePack, MessagePackFuzz::pack);

  @FuzzTest
  void valuesAreThoseThatMsgpackCoreReads(byte[] input) throws IOException {
    PROTOCOL.checkSplits(input);
    List<String> values = PROTOCOL.checkAllocation(input).messages();
    try (MessageUnpacker unpacker = MessagePack.newDefaultUnpacker(input)) {
      for (String value : values) {
        assertThat(value).isEqualTo(pack(unpacker.unpackValue()));
      }
    }
    PROTOCOL.checkRoundTrip(values, Protocols.messagePack(), MessagePackFuzz::unpack);
  }

  private static String pack(Value value) {
    try (MessageBufferPacker packer = MessagePack.newDefaultBufferPacker()) {
      packer.packValue(value);
      return new String(packer.toByteArray(), ISO_8859_1);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Value unpack(String packed) {
    try (MessageUnpacker unpacker = MessagePack.newDefaultUnpacker(packed.getBytes(ISO_8859_1))) {
      return unpacker.unpackValue();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
