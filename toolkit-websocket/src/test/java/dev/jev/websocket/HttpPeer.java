package dev.jev.websocket;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.RawPeer;
import dev.jev.Server;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A socket with methods to speak HTTP and a little WebSocket to a server. */
final class HttpPeer implements AutoCloseable {

  /** The key of RFC 6455, 1.3. */
  static final String KEY = "dGhlIHNhbXBsZSBub25jZQ==";

  /** The handshake of RFC 6455, 1.3. The response to its key is {@link #ACCEPT}. */
  static final List<String> HANDSHAKE =
      List.of(
          "GET /ws HTTP/1.1",
          "Host: server.example.com",
          "Upgrade: websocket",
          "Connection: Upgrade",
          "Sec-WebSocket-Key: " + KEY,
          "Sec-WebSocket-Version: 13");

  static final String ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

  private final RawPeer peer;

  private HttpPeer(RawPeer peer) {
    this.peer = peer;
  }

  /**
   * A response.
   *
   * @param lines the status line and the header lines
   */
  record Reply(List<String> lines, String body) {

    int status() {
      return Integer.parseInt(lines.get(0).substring(9, 12));
    }

    @Nullable String header(String name) {
      String start = name + ": ";
      return lines.stream()
          .filter(line -> line.regionMatches(true, 0, start, 0, start.length()))
          .map(line -> line.substring(start.length()))
          .findFirst()
          .orElse(null);
    }
  }

  static HttpPeer connect(Server server) throws IOException {
    RawPeer peer = RawPeer.connect(server);
    peer.socket().setSoTimeout(20_000);
    return new HttpPeer(peer);
  }

  RawPeer raw() {
    return peer;
  }

  /** Returns the head of a message. */
  static String head(List<String> lines) {
    return String.join("\r\n", lines) + "\r\n\r\n";
  }

  /** Returns the handshake with more header lines at its end. */
  static String handshake(String... more) {
    List<String> lines = new ArrayList<>(HANDSHAKE);
    lines.addAll(List.of(more));
    return head(lines);
  }

  /** Returns a text frame masked with four zeros. */
  static String frame(String text) {
    byte[] utf8 = text.getBytes(UTF_8);
    return "\u0081" + (char) (0x80 | utf8.length) + "\0\0\0\0" + new String(utf8, ISO_8859_1);
  }

  HttpPeer write(String bytes) throws IOException {
    peer.write(bytes.getBytes(ISO_8859_1));
    return this;
  }

  HttpPeer writeOneByOne(String bytes) throws IOException {
    for (int i = 0; i < bytes.length(); i++) {
      write(bytes.substring(i, i + 1));
    }
    return this;
  }

  /** Sends a GET request for a path, with more header lines. */
  HttpPeer get(String path, String... more) throws IOException {
    return request("GET " + path + " HTTP/1.1", more);
  }

  HttpPeer request(String first, String... more) throws IOException {
    List<String> lines = new ArrayList<>(List.of(first, "Host: server.example.com"));
    lines.addAll(List.of(more));
    return write(head(lines));
  }

  Reply read() throws IOException {
    return read(/* isHead= */ false);
  }

  /** Reads a response with its body, if it is not the response to a HEAD request. */
  Reply read(boolean isHead) throws IOException {
    ByteArrayOutputStream head = new ByteArrayOutputStream();
    while (!head.toString(ISO_8859_1).endsWith("\r\n\r\n")) {
      int next = peer.read();
      assertThat(next).as("byte after: %s", head).isNotNegative();
      head.write(next);
    }
    Reply reply = new Reply(List.of(head.toString(ISO_8859_1).split("\r\n", -1)), "");
    String length = reply.header("Content-Length");
    if (isHead || length == null) {
      return reply;
    }
    byte[] body = peer.read(Integer.parseInt(length));
    assertThat(body).hasSize(Integer.parseInt(length));
    return new Reply(reply.lines(), new String(body, UTF_8));
  }

  /** Reads a short text frame. */
  String readText() throws IOException {
    assertThat(peer.read()).isEqualTo(0x81);
    return new String(peer.read(peer.read()), UTF_8);
  }

  void expectEnd() throws IOException {
    peer.expectEnd();
  }

  @Override
  public void close() throws IOException {
    peer.close();
  }
}
