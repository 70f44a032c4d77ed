package dev.jev.websocket;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.ColdStart;
import dev.jev.Handler;
import dev.jev.Server;
import dev.jev.Transport;
import java.io.InputStream;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The warm-up of the first WebSocket. */
class WebSocketWarmUpTest {

  /** A server that echoes messages. */
  public static final class EchoServer implements ColdStart.Running {

    private final Server server =
        Server.<WebSocketMessage, WebSocketMessage>builder(
                WebSocketProtocol.server().build(), Handler.replying(message -> message))
            .transport(Transport.NIO)
            .eventLoops(1)
            .listen("tcp://127.0.0.1:0")
            .start();

    @Override
    public int getAsInt() {
      return server.port();
    }

    @Override
    public void close() {
      server.close();
    }
  }

  @Test
  void firstWebSocketLoadsHardlyAnyClassOnItsEventLoop() throws Exception {
    String request =
        String.join(
            "\r\n",
            "GET / HTTP/1.1",
            "Host: localhost",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "",
            "");
    String text = "\u0081\u0082\0\0\0\0hi"; // masked with zeros
    List<String> loaded =
        ColdStart.loadedByFirstConnection(
            EchoServer.class,
            socket -> {
              socket.getOutputStream().write((request + text).getBytes(ISO_8859_1));
              InputStream in = socket.getInputStream();
              StringBuilder answer = new StringBuilder();
              while (!answer.toString().endsWith("\r\n\r\n\u0081\u0002hi")) {
                int next = in.read();
                assertThat(next).as(answer.toString()).isNotNegative();
                answer.append((char) next);
              }
            });
    assertThat(loaded).hasSizeLessThan(10); // 197 without it
  }
}
