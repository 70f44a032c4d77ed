package dev.jev.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.jev.Available;
import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.LogCapture;
import dev.jev.Protocol;
import dev.jev.Server;
import dev.jev.codec.NettyCodec;
import dev.jev.codec.Protocols;
import dev.jev.plugin.Tls;
import dev.jev.plugin.TlsIdentity;
import dev.jev.websocket.WebSocketProtocol;
import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.pkitesting.CertificateBuilder;
import io.netty.pkitesting.X509Bundle;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.io.PrintStream;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.function.Supplier;
import java.util.stream.Stream;
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

  /** A server that answers a line with itself, and closes. */
  private static Server echoOnce() {
    Handler<String, String> once =
        (connection, line) -> {
          connection.send(line);
          connection.close();
        };
    return Server.builder(Protocols::lines, once).listen("tcp://127.0.0.1:0").start();
  }

  /** A server of HTTP that answers a request with its target and its host, and closes. */
  private static Server http(String uri) {
    Handler<FullHttpRequest, Object> handler =
        (connection, request) -> {
          String text = request.uri() + " " + request.headers().get(HttpHeaderNames.HOST);
          DefaultFullHttpResponse response =
              new DefaultFullHttpResponse(
                  HttpVersion.HTTP_1_1,
                  HttpResponseStatus.OK,
                  Unpooled.wrappedBuffer(text.getBytes(UTF_8)));
          HttpUtil.setContentLength(response, text.length());
          connection.send(response);
          connection.close();
        };
    return Server.builder(
            NettyCodec.of(
                FullHttpRequest.class,
                () -> List.of(new HttpServerCodec(), new HttpObjectAggregator(1024))),
            handler)
        .listen(uri)
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
  void carriageReturnBelongsToTheEndOfALine() {
    try (Server server = echoOnce()) {
      CommandRun run = CommandRun.of("hello\r\n", "cat", "--wait=20", address(server));
      assertThat(run).isEqualTo(new CommandRun(0, lines("hello"), ""));
    }
  }

  @Test
  void messageThatCannotBePackedIsTold() {
    try (Server server = echo(Protocols::lines);
        LogCapture log = new LogCapture("dev.jev")) {
      CommandRun run = CommandRun.of("hello\r\r\n", "cat", "--wait=20", address(server));
      assertThat(run.status()).isEqualTo(1);
      assertThat(run.err())
          .startsWith("jev cat: connection closed: HANDLER_ERROR: ")
          .contains("message: has a line break (expected: one line)")
          .hasLineCount(1);
      assertThat(log.records()).isNotEmpty();
    }
  }

  @Test
  void bytesAreHexadecimal() {
    try (Server server = echo(Protocols::lengthPrefixed)) {
      CommandRun run =
          CommandRun.of(
              "00ff 0a0d\r\n", "cat", "--protocol=length", "--hex", "--wait=0.3", address(server));
      assertThat(run.out()).isEqualTo(lines("00ff0a0d"));
    }
  }

  @Test
  void requestHasTheQueryOfTheUri() {
    try (Server server = http("tcp://127.0.0.1:0")) {
      String uri = "http://" + address(server) + "/a?b=c%20d";
      assertThat(CommandRun.of("\n", "cat", "--wait=20", uri).out())
          .isEqualTo(lines("200 OK\n/a?b=c%20d " + address(server)));
    }
  }

  @Test
  void httpOfAUnixSocketHasAHost(@TempDir Path directory) {
    String uri = "unix://" + directory.resolve("socket");
    try (Server server = http(uri)) {
      assertThat(server.connectionCount()).isZero();
      assertThat(CommandRun.of("\n", "cat", "--protocol=http", "--wait=20", uri).out())
          .isEqualTo(lines("200 OK\n/ localhost"));
    }
  }

  @Test
  void certificateMayBeThatOfAnIpv6Address(@TempDir Path directory) throws Exception {
    assumeTrue(Available.ip6());
    X509Bundle bundle =
        new CertificateBuilder()
            .ecp256()
            .subject("CN=x")
            .addSanIpAddress("::1")
            .setIsCertificateAuthority(true)
            .buildSelfSigned();
    Path chain = Files.writeString(directory.resolve("chain.pem"), bundle.getCertificatePEM());
    Path key = Files.writeString(directory.resolve("key.pem"), bundle.getPrivateKeyPEM());
    try (Server server =
        Server.<String, String>builder(Protocols::lines, Connection::send)
            .plugin(Tls.server().identity(TlsIdentity.pem(chain, key)).build())
            .listen("tcp://[::1]:0")
            .start()) {
      String uri = "tls://[::1]:" + server.port();
      CommandRun run = CommandRun.of("hello\n", "cat", "--wait=0.3", "--trust=" + chain, uri);
      assertThat(run).isEqualTo(new CommandRun(0, lines("hello"), ""));
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
    try (Server server = echoOnce();
        PipedOutputStream typed = new PipedOutputStream();
        InputStream terminal = new PipedInputStream(typed)) { // does not end
      typed.write("hello\n".getBytes(UTF_8));
      CommandRun run = CommandRun.of(terminal, "cat", address(server));
      assertThat(run).isEqualTo(new CommandRun(0, lines("hello"), ""));
    }
  }

  @Test
  void endsWhenItsOutputIsClosed() throws Exception {
    Handler<String, String> endless =
        new Handler<>() {
          @Override
          public void onConnect(Connection<String> connection) {
            connection.runEvery(Duration.ofMillis(10), () -> connection.send("tick"));
          }

          @Override
          public void onMessage(Connection<String> connection, String line) {}
        };
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    try (Server server =
            Server.builder(Protocols::lines, endless).listen("tcp://127.0.0.1:0").start();
        InputStream terminal = new PipedInputStream(new PipedOutputStream()); // does not end
        PrintStream out = new PrintStream(new Head(), /* autoFlush= */ true, UTF_8);
        PrintStream errors = new PrintStream(err, /* autoFlush= */ true, UTF_8)) {
      assertThat(Jev.run(terminal, out, errors, "cat", address(server))).isZero();
      assertThat(err.toString(UTF_8)).isEmpty();
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
    assertThat(error("--protocol", "none", "localhost:1"))
        .startsWith("jev cat: protocol: none (expected: lines, length, resp, json, ws, http, sh");
    assertThat(error("a b"))
        .isEqualTo("jev cat: URI: a b (expected: one such as tcp://localhost:5000)");
    assertThat(error("localhost")).startsWith("jev cat: address: tcp://localhost (expected: ");
    assertThat(error("tls:/path")).startsWith("jev cat: URI: tls:/path (expected: ");
    assertThat(CommandRun.of("zz\n", "cat", "--hex", "localhost:1").status()).isEqualTo(1);
    assertThat(CommandRun.of("")).extracting(CommandRun::status).isEqualTo(2);
    assertThat(CommandRun.of("").err()).contains("command: none (expected: one of ");
    assertThat(CommandRun.of("", "cat").err()).contains("Missing required parameter: 'URI'");
  }

  private static String error(String... arguments) {
    String[] command = Stream.concat(Stream.of("cat"), Stream.of(arguments)).toArray(String[]::new);
    CommandRun run = CommandRun.of("", command);
    assertThat(run.status()).isEqualTo(2);
    assertThat(run.err()).hasLineCount(1);
    return run.err().strip();
  }

  private static String lines(String... lines) {
    return String.join(System.lineSeparator(), lines) + System.lineSeparator();
  }

  /** A pipe whose reader ends after some lines. */
  private static final class Head extends OutputStream {

    private int remaining = 3;

    @Override
    public void write(int b) throws IOException {
      if (remaining == 0) {
        throw new IOException("Broken pipe");
      }
      remaining -= b == '\n' ? 1 : 0;
    }
  }
}
