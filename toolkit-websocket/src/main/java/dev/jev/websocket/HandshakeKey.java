package dev.jev.websocket;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;
import java.util.concurrent.ThreadLocalRandom;

/**
 * The key of an opening handshake and the response to it, which prove that both sides speak
 * WebSocket (RFC 6455, 1.3).
 */
final class HandshakeKey {

  private static final String GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  private static final int BYTES = 16;

  private HandshakeKey() {}

  /** Returns a new random key, which does not need to be secret. */
  static String random() {
    byte[] nonce = new byte[BYTES];
    ThreadLocalRandom.current().nextBytes(nonce);
    return Base64.getEncoder().encodeToString(nonce);
  }

  /** Returns whether a key is 16 bytes in base64 (RFC 6455, 4.2.1). */
  static boolean isValid(String key) {
    try {
      return key.length() == 24 && Base64.getDecoder().decode(key).length == BYTES;
    } catch (IllegalArgumentException e) {
      return false;
    }
  }

  /** Returns the value of {@code Sec-WebSocket-Accept} for a key (RFC 6455, 4.2.2). */
  static String answer(String key) {
    try {
      MessageDigest sha1 = MessageDigest.getInstance("SHA-1");
      byte[] hash = sha1.digest((key + GUID).getBytes(ISO_8859_1));
      return Base64.getEncoder().encodeToString(hash);
    } catch (NoSuchAlgorithmException e) { // every Java platform has SHA-1
      throw new IllegalStateException(e);
    }
  }
}
