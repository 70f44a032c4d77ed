package dev.jev.samples;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Program;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.ByteBuffer;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(180)
class WsEchoIT {

  /** The events of the JDK's client, as texts. */
  private static final class Events implements WebSocket.Listener {

    private final BlockingQueue<String> queue = new LinkedBlockingQueue<>();

    @Override
    public CompletionStage<?> onText(WebSocket socket, CharSequence data, boolean last) {
      queue.add("text " + data);
      return WebSocket.Listener.super.onText(socket, data, last);
    }

    @Override
    public CompletionStage<?> onBinary(WebSocket socket, ByteBuffer data, boolean last) {
      queue.add("binary " + data.remaining());
      return WebSocket.Listener.super.onBinary(socket, data, last);
    }

    @Override
    public CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
      queue.add("close " + code);
      return WebSocket.Listener.super.onClose(socket, code, reason);
    }

    private void expect(String event) throws InterruptedException {
      assertThat(queue.poll(30, SECONDS)).isEqualTo(event);
    }
  }

  private static WebSocket connect(Program server, String path, Events events) throws Exception {
    return HttpClient.newHttpClient()
        .newWebSocketBuilder()
        .buildAsync(URI.create("ws://127.0.0.1:" + server.port() + path), events)
        .get(30, SECONDS);
  }

  @Test
  void messagesComeBackOnAnyPathAndSigtermEndsTheServerWithStatusZero() throws Exception {
    try (Program server = Sample.server("ws-echo", "--port", "0")) {
      for (String path : new String[] {"/", "/any/path?q=1"}) {
        Events events = new Events();
        WebSocket socket = connect(server, path, events);
        socket.sendText("gr\u00fc\u00dfe", /* last= */ true).get(30, SECONDS);
        events.expect("text gr\u00fc\u00dfe");
        socket.sendBinary(ByteBuffer.allocate(5), /* last= */ true).get(30, SECONDS);
        events.expect("binary 5");
        socket.sendClose(4000, "bye").get(30, SECONDS);
        events.expect("close 4000");
      }
      Events events = new Events();
      connect(server, "/", events);
      server.terminate();
      events.expect("close 1001");
      assertThat(server.exitStatus()).isZero();
      assertThat(server.output()).isEmpty();
      assertThat(server.errors()).isEmpty();
    }
  }

  @Test
  void longerMessagesAreRefused() throws Exception {
    try (Program server = Sample.server("ws-echo", "--port", "0", "--max-message-bytes", "1000")) {
      Events events = new Events();
      WebSocket socket = connect(server, "/", events);
      socket.sendText("x".repeat(1000), /* last= */ true).get(30, SECONDS);
      events.expect("text " + "x".repeat(1000));
      socket.sendText("x".repeat(1001), /* last= */ true).get(30, SECONDS);
      events.expect("close 1009");
      assertThat(server.terminate().exitStatus()).isZero();
      assertThat(server.errors()).isEmpty();
    }
  }
}
