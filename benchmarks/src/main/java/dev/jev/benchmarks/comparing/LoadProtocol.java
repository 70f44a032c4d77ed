package dev.jev.benchmarks.comparing;

import dev.jev.benchmarks.shared.BenchmarkException;
import dev.jev.benchmarks.shared.WebSocketFrames;
import dev.jev.benchmarks.shared.WebSocketHandshake;
import java.io.IOException;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** How the load generator frames a message, and what comes back. */
enum LoadProtocol {
  /** The payload alone. */
  ECHO("echo", null),

  /** A 4-byte big-endian length, then the payload. */
  LENGTH_PREFIXED("length-prefixed", null),

  /** WebSocket, texts. */
  WS_TEXT("ws-text", WebSocketHandshake.MINIMAL),

  /** The same with the header lines that a browser sends. */
  WS_BROWSER("ws-browser", WebSocketHandshake.BROWSER),

  /** WebSocket, bytes. */
  WS_BINARY("ws-binary", WebSocketHandshake.MINIMAL),

  /** WebSocket, compressed texts; both sides forget everything after each message. */
  WS_DEFLATE("ws-deflate", WebSocketHandshake.DEFLATE);

  /** The number at the start of a payload. */
  static final int NUMBER_BYTES = Long.BYTES;

  private final String label;
  private final @Nullable WebSocketHandshake handshake;

  LoadProtocol(String label, @Nullable WebSocketHandshake handshake) {
    this.label = label;
    this.handshake = handshake;
  }

  static LoadProtocol of(String label) {
    for (LoadProtocol protocol : values()) {
      if (protocol.label.equals(label)) {
        return protocol;
      }
    }
    String expected =
        Arrays.stream(values()).map(LoadProtocol::toString).collect(Collectors.joining(", "));
    throw new BenchmarkException("protocol: " + label + " (expected: one of " + expected + ")");
  }

  /** Says hello over a connection that was just opened. */
  void open(Socket socket) throws IOException {
    if (handshake != null) {
      handshake.open(socket);
    }
  }

  /** A payload like no other. */
  byte[] payload(int bytes, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    if (this == WS_DEFLATE) {
      return WebSocketFrames.json(bytes, random);
    }
    byte[] payload = new byte[bytes];
    random.nextBytes(payload);
    for (int i = 0; isText() && i < bytes; i++) {
      payload[i] = (byte) ('a' + (payload[i] & 0xf));
    }
    return payload;
  }

  /** A message, as it is sent. */
  byte[] request(byte[] payload) {
    return switch (this) {
      case ECHO -> payload;
      case LENGTH_PREFIXED -> lengthPrefixed(payload);
      case WS_TEXT, WS_BROWSER -> WebSocketFrames.ofClient(WebSocketFrames.TEXT, payload);
      case WS_BINARY -> WebSocketFrames.ofClient(WebSocketFrames.BINARY, payload);
      case WS_DEFLATE ->
          WebSocketFrames.ofClient(
              WebSocketFrames.COMPRESSED_TEXT, WebSocketFrames.deflated(payload));
    };
  }

  /** The same as it has to come back; how it is compressed the server's first answer tells. */
  byte[] reply(Socket socket, byte[] payload) throws IOException {
    return switch (this) {
      case ECHO, LENGTH_PREFIXED -> request(payload);
      case WS_TEXT, WS_BROWSER -> WebSocketFrames.ofServer(WebSocketFrames.TEXT, payload);
      case WS_BINARY -> WebSocketFrames.ofServer(WebSocketFrames.BINARY, payload);
      case WS_DEFLATE -> {
        socket.getOutputStream().write(request(payload));
        yield WebSocketFrames.readCompressed(socket, payload);
      }
    };
  }

  /** Numbers a message that begins at {@code index}: its payload begins with that then. */
  void number(ByteBuffer requests, int request, ByteBuffer replies, int reply, long number) {
    switch (this) {
      case ECHO -> requests.putLong(request, number); // what comes back are these very bytes
      case LENGTH_PREFIXED -> requests.putLong(request + 4, number);
      case WS_TEXT, WS_BROWSER, WS_BINARY -> {
        long shown = isText() ? WebSocketFrames.letters(number) : number;
        int payload = replyHeaderBytes(replies, reply);
        requests.putLong(request + payload + 4, shown ^ WebSocketFrames.LONG_KEY);
        replies.putLong(reply + payload, shown);
      }
      case WS_DEFLATE -> {} // to compress while measuring would be the load's time
    }
  }

  private static int replyHeaderBytes(ByteBuffer replies, int reply) {
    int length = replies.get(reply + 1);
    return length == 127 ? 10 : length == 126 ? 4 : 2;
  }

  /** Whether what comes back are the bytes that were sent. */
  boolean isVerbatim() {
    return handshake == null;
  }

  private boolean isText() {
    return this == WS_TEXT || this == WS_BROWSER;
  }

  private static byte[] lengthPrefixed(byte[] payload) {
    ByteBuffer message = ByteBuffer.allocate(4 + payload.length);
    return message.putInt(payload.length).put(payload).array();
  }

  @Override
  public String toString() {
    return label;
  }
}
