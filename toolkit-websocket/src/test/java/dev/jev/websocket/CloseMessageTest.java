package dev.jev.websocket;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.jev.websocket.WebSocketMessage.Close;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CloseMessageTest {

  private static final String CODES = "1000..1003, 1007..1014 or 3000..4999";

  @ParameterizedTest
  @ValueSource(ints = {-1, 0, 999, 1004, 1006, 1015, 1016, 2999, 5000, 65_535})
  void codeThatCannotBeSentIsRejected(int code) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> WebSocketMessage.close(code, ""))
        .withMessage("close code: " + code + " (expected: " + CODES + ")");
  }

  @Test
  void closeWithoutCodeCanBeReceivedButNotSent() {
    Close close = WebSocketMessage.close(CloseCode.NO_CODE, "");
    try (var pair = new LoopbackPair(Role.SERVER, /* agreed= */ null, /* maxMessageBytes= */ 1)) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> pair.pack(close))
          .withMessage("close code: 1005 (expected: " + CODES + ")");
    }
  }

  @Test
  void reasonIsLimitedInUtf8() {
    assertThat(WebSocketMessage.close(1000, "a".repeat(123)).reason()).hasSize(123);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> WebSocketMessage.close(1000, "\u00e4".repeat(62)))
        .withMessage("close reason: 124 bytes (expected: <= 123)");
  }
}
