package dev.jev;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CloseReason.Kind;
import java.io.IOException;
import org.junit.jupiter.api.Test;

class CloseReasonTest {

  @Test
  void reasonWithoutCauseIsItsKind() {
    assertThat(CloseReason.of(Kind.PEER_CLOSED)).hasToString("PEER_CLOSED");
  }

  @Test
  void textFollowsTheKind() {
    assertThat(CloseReason.of(Kind.LIMIT, "too many rooms")).hasToString("LIMIT: too many rooms");
    assertThat(new CloseReason(Kind.IO_ERROR, "log", new IOException("disk full")))
        .hasToString("IO_ERROR: log: java.io.IOException: disk full");
  }

  @Test
  void causeIsShownWithItsClass() {
    assertThat(new CloseReason(Kind.HANDLER_ERROR, new IllegalStateException("boom")))
        .hasToString("HANDLER_ERROR: java.lang.IllegalStateException: boom");
    assertThat(new CloseReason(Kind.IO_ERROR, new IOException("Connection reset by peer")))
        .hasToString("IO_ERROR: java.io.IOException: Connection reset by peer");
  }

  @Test
  void causeWithoutMessageIsItsClass() {
    assertThat(new CloseReason(Kind.HANDLER_ERROR, new NullPointerException()))
        .hasToString("HANDLER_ERROR: java.lang.NullPointerException");
  }

  /** Its class says no more than that it is the peer's fault. */
  @Test
  void protocolExceptionIsItsMessage() {
    ProtocolException fault = new ProtocolException("version: 1 (expected: 2)");
    assertThat(new CloseReason(Kind.PROTOCOL_ERROR, fault))
        .hasToString("PROTOCOL_ERROR: version: 1 (expected: 2)");
  }
}
