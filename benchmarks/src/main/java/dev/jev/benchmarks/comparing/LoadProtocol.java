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

/** The framing of the load generator's messages and of their replies. */
enum LoadProtocol {
  /** The payload alone. */
  ECHO("echo", null),

  /** A 4-byte big-endian length, then the payload. */
  LENGTH_PREFIXED("length-prefixed", null),

  /** WebSocket text messages. */
  WS_TEXT("ws-text", WebSocketHandshake.MINIMAL),

  /** WebSocket text messages after a handshake with a browser's header fields. */
  WS_BROWSER("ws-browser", WebSocketHandshake.BROWSER),

  /** WebSocket binary messages. */
  WS_BINARY("ws-binary", WebSocketHandshake.MINIMAL),

  /** Compressed WebSocket text messages, without context takeover on either side. */
  WS_DEFLATE("ws-deflate", WebSocketHandshake.DEFLATE);

  /** Size of the number at the start of a payload. */
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

  /** Performs the opening handshake on a new connection, if the protocol has one. */
  void open(Socket socket) throws IOException {
    if (handshake != null) {
      handshake.open(socket);
    }
  }

  /** Returns a random payload. Different seeds give different payloads. */
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

  /** Returns the bytes of a message as it is sent. */
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

  /**
   * Returns the bytes of the expected reply. With compression, they are the server's first reply,
   * whose text is checked.
   */
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

  /**
   * Writes a number to the start of the payload of a request and of its expected reply, which begin
   * at the given positions.
   */
  void number(ByteBuffer requests, int request, ByteBuffer replies, int reply, long number) {
    switch (this) {
      case ECHO -> requests.putLong(request, number); // the reply is the same buffer
      case LENGTH_PREFIXED -> requests.putLong(request + 4, number);
      case WS_TEXT, WS_BROWSER, WS_BINARY -> {
        long shown = isText() ? WebSocketFrames.letters(number) : number;
        int payload = replyHeaderBytes(replies, reply);
        requests.putLong(request + payload + 4, shown ^ WebSocketFrames.LONG_KEY);
        replies.putLong(reply + payload, shown);
      }
      case WS_DEFLATE -> {} // compressing during the measurement would cost the load's time
    }
  }

  private static int replyHeaderBytes(ByteBuffer replies, int reply) {
    int length = replies.get(reply + 1);
    return length == 127 ? 10 : length == 126 ? 4 : 2;
  }

  /** Returns whether the bytes of a reply are those of its request. */
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
