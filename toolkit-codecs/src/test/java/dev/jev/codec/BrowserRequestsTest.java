package dev.jev.codec;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Protocol;
import io.netty.buffer.Unpooled;
import java.util.List;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The requests that a web page can make a browser send to any port: cross-protocol scripting. The
 * page chooses the path, without blanks and control characters, and the body.
 */
@Timeout(60)
class BrowserRequestsTest {

  private static String request(String line, String body) {
    return line
        + " HTTP/1.1\r\nHost: 127.0.0.1:6379\r\nConnection: keep-alive\r\nContent-Length: "
        + body.length()
        + "\r\nContent-Type: text/plain;charset=UTF-8\r\nOrigin: https://evil.example\r\n\r\n"
        + body;
  }

  /** The first lines of requests that a page can cause without the consent of the server. */
  private static final List<String> LINES =
      List.of("POST /", "POST /'", "GET /", "GET /SET/a/b", "HEAD /", "OPTIONS /");

  private static <I, O> Peer<I, O> peer(Protocol<I, O> protocol) {
    return new Peer<>(protocol, /* maxFrameBytes= */ 1 << 20);
  }

  @Test
  void respExecutesNothingOfABody() {
    String body = "SET a b\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n";
    for (String line : LINES) {
      try (Peer<RespCommand, RespValue> peer = peer(Protocols.resp())) {
        peer.sends(request(line, body));
        // A method other than POST is a command that Redis, too, passes on.
        assertThat(String.join("", peer.messages())).as(line).doesNotContain("SET\" ", "\"a\"");
        assertThat(peer.refusal()).as(line).startsWith(line.equals("POST /'") ? "-ERR" : "!inline");
      }
    }
  }

  static Stream<Arguments> httpLines() {
    return Stream.of(
        Arguments.of("POST / HTTP/1.1\r\n", "POST"),
        Arguments.of("post\n", "POST"),
        Arguments.of(" \"POST\" x\r\n", "POST"),
        Arguments.of("Host: x\r\n", "HOST:"),
        Arguments.of("HOST:\n", "HOST:"));
  }

  @ParameterizedTest
  @MethodSource("httpLines")
  void respEndsWithoutAReplyAtALineOfHttp(String line, String name) {
    try (Peer<RespCommand, RespValue> peer = peer(Protocols.resp())) {
      assertThat(peer.sendsOneByOne("PING\r\n" + line + "PING\r\n").messages())
          .containsExactly("\"PING\"");
      assertThat(peer.refusal())
          .isEqualTo(
              "!inline command: " + name + " (expected: a command of Redis, not an HTTP request)");
    }
  }

  @Test
  void respCommandInTheUsualFormMayBeNamedLikeHttp() {
    try (Peer<RespCommand, RespValue> peer = peer(Protocols.resp())) {
      peer.sends("*1\r\n$4\r\nPOST\r\n*1\r\n$5\r\nHost:\r\nPOSTS\r\nhost\r\n");
      assertThat(peer.messages()).containsExactly("\"POST\"", "\"Host:\"", "\"POSTS\"", "\"host\"");
      assertThat(peer.refusal()).isEmpty();
    }
  }

  static Stream<Arguments> refusing() {
    LengthField field = LengthField.ofBytes(4);
    return Stream.of(
        Arguments.of("jsonLines", (Supplier<?>) Protocols::jsonLines, "{\"set\":1}\n"),
        Arguments.of("lengthPrefixed", (Supplier<?>) Protocols::lengthPrefixed, "\0\0\0\1a"),
        Arguments.of("lengthField", (Supplier<?>) () -> Protocols.lengthField(field), "\0\0\0\1a"),
        Arguments.of(
            "gevProtobuf",
            (Supplier<?>) () -> Protocols.gevProtobuf(ProtobufTypes.of()),
            "\0\0\0\2\0\0"));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("refusing")
  void otherProtocolsRefuseARequestAtItsFirstFrame(
      String name, Supplier<Protocol<?, ?>> protocol, String body) {
    for (String line : LINES) {
      try (Peer<?, ?> peer = peer(protocol.get())) {
        peer.sends(request(line, body));
        assertThat(peer.messages()).as("%s: %s", name, line).isEmpty();
        assertThat(peer.refusal()).as("%s: %s", name, line).startsWith("!");
      }
    }
  }

  // Nothing tells these frames from others, so the handler has to know its peer.
  @Test
  void framesWithoutAFormOfTheirOwnReachTheHandler() {
    try (Peer<String, String> lines = peer(Protocols.lines());
        Peer<?, ?> delimited = peer(Protocols.delimited(Delimiters.of(new byte[] {'\n'})));
        Peer<?, ?> values = peer(Protocols.messagePack())) {
      String request = request("POST /", "delete\n");
      assertThat(lines.sends(request).messages()).contains("POST / HTTP/1.1", "delete");
      assertThat(delimited.sends(request).messages()).contains("delete");
      assertThat(values.sends(request).messages()).startsWith("80", "79", "83", "84");
    }
  }

  @Test
  void multiplexerKeepsRequestsAwayFromOtherProtocols() {
    for (String line : LINES) {
      byte[] request = request(line, "delete\n").getBytes(ISO_8859_1);
      assertThat(FirstBytes.http().judge(Unpooled.wrappedBuffer(request)))
          .as(line)
          .isEqualTo(FirstBytes.Verdict.YES);
    }
  }
}
