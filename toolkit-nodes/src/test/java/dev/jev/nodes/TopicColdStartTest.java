package dev.jev.nodes;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.ColdStart;
import dev.jev.Server;
import dev.jev.Transport;
import dev.jev.nodes.TopicGate.Grant;
import java.io.InputStream;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The first command of the first client. */
class TopicColdStartTest {

  private static final String REQUEST =
      String.join(
          "\r\n",
          "GET / HTTP/1.1",
          "Host: localhost",
          "Upgrade: websocket",
          "Connection: Upgrade",
          "Sec-WebSocket-Version: 13",
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
          "Sec-WebSocket-Protocol: " + TopicSocket.SUBPROTOCOL,
          "",
          "");

  /** A server whose clients may subscribe to any topic. */
  public static final class TopicServer implements ColdStart.Running {

    private final Server server =
        TopicSocket.builder(Nodes.builder(Backplane.inProcess()).build())
            .gate(TopicGate.always(Grant.read(TopicKind.events(MessageCodec.utf8()))))
            .build()
            .server(protocol -> protocol)
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
  void firstCommandDoesNotInitializeJackson() throws Exception {
    String command = "{\"subscribe\":[\"a\"]}";
    String frame = "\u0081" + (char) (0x80 | command.length()) + "\0\0\0\0" + command;
    List<String> loaded =
        ColdStart.loadedByFirstConnection(
            TopicServer.class,
            socket -> {
              socket.getOutputStream().write((REQUEST + frame).getBytes(ISO_8859_1));
              InputStream in = socket.getInputStream();
              StringBuilder answer = new StringBuilder();
              while (answer.indexOf("subscribed") < 0) {
                int next = in.read();
                assertThat(next).as(answer.toString()).isNotNegative();
                answer.append((char) next);
              }
            });
    assertThat(loaded).isNotEmpty().noneMatch(name -> name.startsWith("tools.jackson."));
  }
}
