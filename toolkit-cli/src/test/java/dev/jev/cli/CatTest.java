package dev.jev.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.Protocol;
import dev.jev.Server;
import dev.jev.codec.Protocols;
import dev.jev.websocket.WebSocketProtocol;
import java.io.InputStream;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The command cat. */
@Timeout(30)
class CatTest {

  private static <M> Server echo(Supplier<? extends Protocol<M, M>> protocol) {
    return Server.<M, M>builder(protocol, Connection::send)
        .eventLoops(1)
        .listen("tcp://127.0.0.1:0")
        .start();
  }

  private static String address(Server server) {
    return "127.0.0.1:" + server.port();
  }

  @Test
  void linesAreSentAndAnswersPrinted() {
    try (Server server = echo(Protocols::lines)) {
      CommandRun run = CommandRun.of("hello\nwörld\n", "cat", "--wait", "0.3", address(server));
      assertThat(run).isEqualTo(new CommandRun(0, lines("hello", "wörld"), ""));
    }
  }

  @Test
  void lastLineNeedsNoEnd() {
    try (Server server = echo(Protocols::lines)) {
      CommandRun run = CommandRun.of("hello", "cat", "--wait", "0.3", address(server));
      assertThat(run.out()).isEqualTo(lines("hello"));
    }
  }

  @Test
  void bytesAreHexadecimal() {
    try (Server server = echo(Protocols::lengthPrefixed)) {
      CommandRun run =
          CommandRun.of(
              "00ff 0a\n", "cat", "--protocol=length", "--hex", "--wait=0.3", address(server));
      assertThat(run.out()).isEqualTo(lines("00ff0a"));
    }
  }

  @Test
  void uriOfAWebSocketNamesItsProtocol() {
    try (Server server = echo(WebSocketProtocol.server().path("/a").build())) {
      String uri = "ws://" + address(server) + "/a";
      assertThat(CommandRun.of("hello\n", "cat", "--wait", "0.3", uri).out())
          .isEqualTo(lines("hello"));
    }
  }

  @Test
  void jsonIsCheckedBeforeItIsSent() {
    try (Server server = echo(Protocols::jsonLines)) {
      String[] command = {"cat", "--protocol", "json", "--wait", "0.3", address(server)};
      assertThat(CommandRun.of("{ \"a\": 1 }\n", command).out()).isEqualTo(lines("{\"a\":1}"));
      CommandRun wrong = CommandRun.of("{\n", command);
      assertThat(wrong.status()).isEqualTo(1);
      assertThat(wrong.err())
          .startsWith("jev cat: message: Unexpected end-of-input")
          .endsWith("(expected: a JSON value)" + System.lineSeparator());
    }
  }

  @Test
  void unixSocketIsAnAddress(@TempDir Path directory) {
    String uri = "unix://" + directory.resolve("socket");
    try (Server server =
        Server.<String, String>builder(Protocols::lines, Connection::send).listen(uri).start()) {
      assertThat(server.connectionCount()).isZero();
      assertThat(CommandRun.of("hello\n", "cat", "--wait", "0.3", uri).out())
          .isEqualTo(lines("hello"));
    }
  }

  @Test
  void protocolOfAServiceIsFoundByItsName() {
    try (Server server = echo(Protocols::lines)) {
      for (String name : new String[] {"shouting", Shouting.class.getName()}) {
        CommandRun run =
            CommandRun.of("hello\n", "cat", "--protocol", name, "--wait=0.3", address(server));
        assertThat(run.out()).isEqualTo(lines("HELLO!"));
      }
    }
  }

  @Test
  void endsWhenThePeerCloses() throws Exception {
    Handler<String, String> once =
        (connection, line) -> {
          connection.send(line);
          connection.close();
        };
    try (Server server =
            Server.builder(Protocols::lines, once).listen("tcp://127.0.0.1:0").start();
        PipedOutputStream typed = new PipedOutputStream();
        InputStream terminal = new PipedInputStream(typed)) { // does not end
      typed.write("hello\n".getBytes(UTF_8));
      CommandRun run = CommandRun.of(terminal, "cat", address(server));
      assertThat(run).isEqualTo(new CommandRun(0, lines("hello"), ""));
    }
  }

  @Test
  void malformedMessageIsToldAndFails() {
    try (Server server = echo(Protocols::lines)) {
      CommandRun run = CommandRun.of("hello\n", "cat", "--protocol", "resp", address(server));
      assertThat(run.status()).isEqualTo(1);
      assertThat(run.err()).startsWith("jev cat: connection closed: PROTOCOL_ERROR");
    }
  }

  @Test
  void refusedConnectionIsToldInOneLine() throws Exception {
    int port;
    try (ServerSocket socket = new ServerSocket(0)) {
      port = socket.getLocalPort();
    }
    CommandRun run = CommandRun.of("", "cat", "127.0.0.1:" + port);
    assertThat(run.status()).isEqualTo(1);
    assertThat(run.err())
        .isEqualTo(
            lines("jev cat: cannot connect to tcp://127.0.0.1:" + port + ": Connection refused"));
  }

  @Test
  void wrongArgumentsAreNamed() {
    assertThat(CommandRun.of("", "cat", "--protocol", "none", "localhost:1").err())
        .startsWith("jev cat: protocol: none (expected: lines, length, resp, json, ws, http, sh");
    assertThat(CommandRun.of("", "cat", "a b").err())
        .startsWith("jev cat: URI: a b (expected: one such as tcp://localhost:5000)");
    assertThat(CommandRun.of("zz\n", "cat", "--hex", "localhost:1").status()).isEqualTo(1);
    assertThat(CommandRun.of("")).extracting(CommandRun::status).isEqualTo(2);
    assertThat(CommandRun.of("").err()).contains("command: none (expected: one of ");
    assertThat(CommandRun.of("", "cat").err()).contains("Missing required parameter: 'URI'");
  }

  private static String lines(String... lines) {
    return String.join(System.lineSeparator(), lines) + System.lineSeparator();
  }
}
