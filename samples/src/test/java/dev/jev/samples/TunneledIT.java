package dev.jev.samples;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CallsPrograms;
import dev.jev.Program;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Clients of TCP and of WebSocket at the same time, on one port and through bridges. */
@Timeout(180)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class TunneledIT {

  private Program server;

  @BeforeAll
  void start() throws Exception {
    server = Sample.server("tunneled", "--port", "0");
  }

  @AfterAll
  void stop() throws Exception {
    expectEnd(server);
  }

  private static void expectEnd(Program server) throws Exception {
    try (server) {
      assertThat(server.terminate().exitStatus()).isZero();
      assertThat(server.errors()).isEmpty();
    }
  }

  /** Collects the bytes of the binary messages until there are enough. */
  private static final class Bytes implements WebSocket.Listener {

    private final StringBuilder text = new StringBuilder();
    private final CompletableFuture<String> received = new CompletableFuture<>();
    private final CompletableFuture<Integer> code = new CompletableFuture<>();
    private final int expected;

    Bytes(int expected) {
      this.expected = expected;
    }

    @Override
    public CompletionStage<?> onBinary(WebSocket socket, ByteBuffer data, boolean last) {
      text.append(UTF_8.decode(data));
      if (text.length() >= expected) {
        received.complete(text.toString());
      }
      return WebSocket.Listener.super.onBinary(socket, data, last);
    }

    @Override
    public CompletionStage<?> onClose(WebSocket socket, int statusCode, String reason) {
      code.complete(statusCode);
      return null;
    }
  }

  private static WebSocket connect(int port, Bytes listener) throws Exception {
    return HttpClient.newHttpClient()
        .newWebSocketBuilder()
        .buildAsync(URI.create("ws://127.0.0.1:" + port + "/"), listener)
        .get(60, SECONDS);
  }

  @Test
  void clientsOfTcpAndOfWebSocketAreServedByTheSameHandler() throws Exception {
    Bytes bytes = new Bytes(200_000);
    try (RawClient tcp = new RawClient(server.port())) {
      tcp.sends("one ");
      WebSocket socket = connect(server.port(), bytes);
      socket
          .sendBinary(ByteBuffer.wrap("x".repeat(100_000).getBytes(UTF_8)), false)
          .get(60, SECONDS);
      assertThat(tcp.sends("two").receives(7)).isEqualTo("one two");
      socket
          .sendBinary(ByteBuffer.wrap("y".repeat(100_000).getBytes(UTF_8)), true)
          .get(60, SECONDS);
      assertThat(bytes.received.get(60, SECONDS))
          .isEqualTo("x".repeat(100_000) + "y".repeat(100_000));
      socket.sendText("text", true).get(60, SECONDS);
      assertThat(bytes.code.get(60, SECONDS)).isEqualTo(1003);
    }
  }

  @Test
  @CallsPrograms
  void ncAndChromiumAreServedAtOnce(@TempDir Path profile) throws Exception {
    try (Browser browser = Browser.start(profile);
        Program nc = Program.start("nc", "-N", "127.0.0.1", String.valueOf(server.port()))) {
      nc.typesAndWaits("from nc\n");
      browser.opens("http://127.0.0.1:" + server.port() + "/");
      browser.runs(
          """
          window.heard = '';
          window.socket = new WebSocket(arguments[0]);
          socket.binaryType = 'arraybuffer';
          socket.onopen = () => socket.send(new TextEncoder().encode('from a page'));
          socket.onmessage = e => heard += new TextDecoder().decode(e.data);
          """,
          "ws://127.0.0.1:" + server.port() + "/");
      assertThat(nc.line()).isEqualTo("from nc");
      browser.awaits("heard === 'from a page'");
      nc.types("again\n");
      assertThat(nc.line()).isEqualTo("again");
    }
  }

  @Test
  @CallsPrograms
  void redisCliReachesItsServerThroughBothDirectionsOfABridge() throws Exception {
    try (LocalRedis redis = LocalRedis.start();
        Program inner = bridge("tcp://127.0.0.1:" + redis.port());
        Program outer = bridge("ws://127.0.0.1:" + inner.port() + "/")) {
      String port = String.valueOf(outer.port());
      assertThat(cli(port, "SET", "key", "value")).isEqualTo("OK");
      assertThat(cli(port, "GET", "key")).isEqualTo("value");
      assertThat(cli(port, "EVAL", "return string.rep('x', 3000000)", "0"))
          .isEqualTo("x".repeat(3_000_000));
      assertThat(askedByAClientThatEndsFirst(outer.port())).isEqualTo("+PONG\r\n");
      try (Program load =
          Program.start(
              "redis-benchmark", "-p", port, "-t", "set,get", "-n", "5000", "-P", "16", "-q")) {
        assertThat(load.exitStatus()).isZero();
      }
      expectEnd(outer);
      expectEnd(inner);
    }
  }

  private static String askedByAClientThatEndsFirst(int port) throws IOException {
    try (Socket client = new Socket(InetAddress.getLoopbackAddress(), port)) {
      client.getOutputStream().write("PING\r\n".getBytes(US_ASCII));
      client.shutdownOutput();
      return new String(client.getInputStream().readAllBytes(), US_ASCII);
    }
  }

  @Test
  void bridgeClosesTheConnectionOfAClientIfThereIsNoServer() throws Exception {
    try (Program bridge = bridge("tcp://127.0.0.1:1");
        RawClient client = new RawClient(bridge.port())) {
      client.requestsWebSocket("/");
      assertThat(client.receivesLine()).isEqualTo("HTTP/1.1 101 Switching Protocols\r");
      assertThat(client.receivesAll()).endsWith("\u0088\2\3\u00e8"); // 1000
    }
  }

  private static Program bridge(String to) throws Exception {
    return Sample.server("bridge", "--port", "0", "--to", to);
  }

  private static String cli(String port, String... command) throws Exception {
    String[] arguments = new String[command.length + 3];
    arguments[0] = "redis-cli";
    arguments[1] = "-p";
    arguments[2] = port;
    System.arraycopy(command, 0, arguments, 3, command.length);
    try (Program cli = Program.start(arguments)) {
      return cli.line();
    }
  }
}
