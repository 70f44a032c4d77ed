package com.example;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.example.TextProtocol.Message;
import com.example.TextProtocol.Type;
import dev.jev.test.ProtocolContract;
import io.netty.buffer.Unpooled;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

class TextProtocolTest {

  @TestFactory
  Stream<DynamicTest> keepsTheContract() {
    return ProtocolContract.of(TextProtocol::new)
        .message(new Message(Type.ECHO, ""))
        .message(new Message(Type.REVERSE, "x".repeat(1024)))
        .wire("01 0005 68656c6c6f", new Message(Type.ECHO, "hello"))
        .refused("03", "type: 3 (expected: 1..2)")
        .refused("01 0401", "text: 1025 bytes (expected: <= 1024)")
        .refused("01 0001 ff", "text: not UTF-8")
        .tests();
  }

  @Test
  void textLongerThan1024BytesIsNotSent() {
    Message message = new Message(Type.ECHO, "x".repeat(1025));
    Exception e =
        assertThrows(
            IllegalArgumentException.class,
            () -> new TextProtocol().pack(message, Unpooled.buffer()));
    assertEquals("text: 1025 bytes (expected: <= 1024)", e.getMessage());
  }

  @Test
  void serverReversesText() {
    Message reply = TextServer.reply(new Message(Type.REVERSE, "hello"));
    assertEquals(new Message(Type.REVERSE, "olleh"), reply);
  }
}
