package dev.jev.benchmarks.shared;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;

/** The opening handshake of a client (RFC 6455, 4.1) with one of three sets of header fields. */
public enum WebSocketHandshake {
  /** The required header fields only. */
  MINIMAL(""),

  /** The header fields that a browser sends. */
  BROWSER(
      """
      Pragma: no-cache
      Cache-Control: no-cache
      User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36
      Origin: http://127.0.0.1:%1$d
      Accept-Encoding: gzip, deflate, br, zstd
      Accept-Language: en-GB,en;q=0.9
      Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits
      """),

  /**
   * The required header fields and an offer of compression without context takeover, which the
   * server has to accept.
   */
  DEFLATE(
      "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover;"
          + " client_no_context_takeover\n");

  private static final String REQUEST =
      """
      GET /events?room=1 HTTP/1.1
      Host: 127.0.0.1:%1$d
      Connection: Upgrade
      Upgrade: websocket
      Sec-WebSocket-Version: 13
      Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==
      """;

  private static final String ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
  private static final int MAX_HEAD_BYTES = 8 * 1024;

  private final String moreFields;

  WebSocketHandshake(String moreFields) {
    this.moreFields = moreFields;
  }

  /** Sends the request and reads the response. */
  public void open(Socket socket) throws IOException {
    send(socket);
    awaitResponse(socket);
  }

  /** Sends the request only. */
  public void send(Socket socket) throws IOException {
    socket.getOutputStream().write(request(socket.getPort()));
  }

  /** Reads the response to a request that was sent before. */
  public void awaitResponse(Socket socket) throws IOException {
    String head = readHead(socket.getInputStream());
    boolean accepted = head.startsWith("HTTP/1.1 101 ") && head.contains(ACCEPT);
    if (!accepted || head.contains("_no_context_takeover") != (this == DEFLATE)) {
      throw new BenchmarkException("handshake: " + head.strip() + " (expected: a WebSocket)");
    }
  }

  /** Returns the request to a server at {@code port}. */
  public byte[] request(int port) {
    String lines = (REQUEST + moreFields).formatted(port) + "\n";
    return lines.replace("\n", "\r\n").getBytes(US_ASCII);
  }

  private static String readHead(InputStream in) throws IOException {
    ByteArrayOutputStream head = new ByteArrayOutputStream();
    while (!head.toString(US_ASCII).endsWith("\r\n\r\n")) {
      int next = in.read();
      if (next < 0 || head.size() == MAX_HEAD_BYTES) {
        throw new BenchmarkException("handshake: response has no end (expected: a WebSocket)");
      }
      head.write(next);
    }
    return head.toString(US_ASCII);
  }
}
