package dev.jev.codec;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.jev.ProtocolException;
import dev.jev.test.TestContext;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class RespCommandTest {

  @ParameterizedTest
  @ValueSource(strings = {"GET", "get", "Get", "FLUSHALL", "incrbyfloat", "nosuch", "zscore", "g"})
  void nameIsInCapitalsAndArgumentZeroAsItWasSpelled(String spelled) {
    RespCommand command = unpack("*1\r\n$" + spelled.length() + "\r\n" + spelled + "\r\n");
    assertThat(command.name()).isEqualTo(spelled.toUpperCase(Locale.ROOT));
    assertThat(command.text(0)).isEqualTo(spelled);
    assertThat(command.argument(0)).asString(US_ASCII).isEqualTo(spelled);
    assertThat(command).isEqualTo(RespCommand.of(spelled));
  }

  @Test
  void usualNameIsOneAndTheSameString() {
    assertThat(unpack("*1\r\n$4\r\nPING\r\n").name())
        .isSameAs(unpack("*1\r\n$4\r\nping\r\n").name())
        .isSameAs(unpack("*2\r\n$4\r\nPING\r\n$5\r\nhello\r\n").name());
  }

  @Test
  void sizeIsThatOfTheArgumentsAndTheirObjects() {
    assertThat(RespCommand.of("SET", "k", "ü").sizeBytes()).isEqualTo(3 + 1 + 2 + 3 * 32);
  }

  @Test
  void nameBeginningWithZeroBytesIsAnother() {
    assertThat(unpack("*1\r\n$4\r\n\0GET\r\n").name()).isEqualTo("\0GET");
    assertThat(unpack("*1\r\n$8\r\n\0\0\0\0\0GET\r\n").name()).isEqualTo("\0\0\0\0\0GET");
  }

  @Test
  void writingToTheNameChangesNoOtherCommand() {
    unpack("*1\r\n$3\r\nGET\r\n").argument(0)[0] = 'S';
    assertThat(unpack("*1\r\n$3\r\nGET\r\n")).isEqualTo(RespCommand.of("GET"));
  }

  @Test
  void argumentsAreCountedFromTheName() {
    RespCommand command = RespCommand.of("SET", "k", "ü");
    assertThat(command.size()).isEqualTo(3);
    assertThat(command.argument(2)).containsExactly(0xc3, 0xbc);
    assertThat(command.text(2)).isEqualTo("ü");
    assertThatExceptionOfType(IndexOutOfBoundsException.class)
        .isThrownBy(() -> command.argument(3));
    assertThatExceptionOfType(IndexOutOfBoundsException.class).isThrownBy(() -> command.text(3));
  }

  @Test
  void textOfAnArgumentThatIsNotUtf8IsRefused() {
    byte[][] malformed = {
      {(byte) 0xff}, {'a', (byte) 0xed, (byte) 0xa0, (byte) 0x80}, {(byte) 0xc3}
    };
    for (byte[] bytes : malformed) {
      RespCommand command = RespCommand.of(new byte[] {'G', (byte) 0xff}, bytes);
      assertThatExceptionOfType(ProtocolException.class)
          .isThrownBy(() -> command.text(1))
          .withMessage(
              "text: malformed at byte " + (bytes.length > 1 ? 1 : 0) + " (expected: UTF-8)");
      assertThat(command.name()).isEqualTo("G\uFFFD");
    }
    assertThat(RespCommand.of("GET", "a\uFFFD").text(1)).isEqualTo("a\uFFFD");
  }

  @Test
  void commandWithoutNameIsRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(RespCommand::of)
        .withMessage("arguments: 0 (expected: >= 1)");
  }

  @Test
  void commandsWithEqualArgumentsAreEqual() {
    assertThat(RespCommand.of("GET", "a"))
        .isEqualTo(unpack("*2\r\n$3\r\nGET\r\n$1\r\na\r\n"))
        .hasSameHashCodeAs(unpack("*2\r\n$3\r\nGET\r\n$1\r\na\r\n"))
        .isNotEqualTo(RespCommand.of("get", "a"))
        .isNotEqualTo(RespCommand.of("GET"))
        .isNotEqualTo("GET a");
  }

  @Test
  void onlyTheBeginningIsPrinted() {
    assertThat(RespCommand.of("SET", "a\"\\\r\n\tü", "x".repeat(33)))
        .hasToString("\"SET\" \"a\\\"\\\\\\r\\n\\t\\xc3\\xbc\" \"" + "x".repeat(32) + "\"...");
    assertThat(RespCommand.of("DEL", "1", "2", "3", "4", "5", "6", "7", "8", "9"))
        .hasToString("\"DEL\" \"1\" \"2\" \"3\" \"4\" \"5\" \"6\" \"7\" (2 more)");
  }

  private static RespCommand unpack(String bytes) {
    ByteBuf in = Unpooled.copiedBuffer(bytes, US_ASCII);
    try {
      return assertThat(Protocols.resp().unpack(new TestContext(), in)).isNotNull().actual();
    } finally {
      in.release();
    }
  }
}
