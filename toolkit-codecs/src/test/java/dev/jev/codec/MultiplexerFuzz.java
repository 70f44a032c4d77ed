package dev.jev.codec;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.jev.Connection;
import dev.jev.Protocol;
import dev.jev.test.FuzzedProtocol;
import io.netty.buffer.ByteBuf;
import java.util.function.Supplier;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class MultiplexerFuzz {

  private static final Supplier<Protocol<ByteBuf, ByteBuf>> FRAMES = Protocols::lengthPrefixed;
  private static final Multiplexer.Builder CHOICES =
      Multiplexer.builder()
          .when(FirstBytes.tls(), FRAMES, Connection::send)
          .when(FirstBytes.proxyHeader(), FRAMES, Connection::send)
          .when(FirstBytes.of((byte) 0, (byte) 0, (byte) 1), FRAMES, Connection::send)
          .when(FirstBytes.http(), Protocols::resp, (connection, command) -> {});
  private static final Multiplexer REFUSING = CHOICES.maxBytes(16).build();
  private static final Multiplexer LENIENT =
      CHOICES.otherwise(FRAMES, Connection::send).maxBytes(3).build();

  @FuzzTest
  void choiceDoesNotDependOnHowTheFirstBytesAreCut(byte[] input) {
    for (Multiplexer port : new Multiplexer[] {REFUSING, LENIENT}) {
      FuzzedProtocol<Object, String> protocol =
          new FuzzedProtocol<>(port::protocol, MultiplexerFuzz::text);
      protocol.checkSplits(input);
      protocol.checkAllocation(input);
    }
  }

  private static String text(Object message) {
    return message instanceof ByteBuf bytes ? bytes.toString(ISO_8859_1) : message.toString();
  }
}
