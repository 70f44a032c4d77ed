package dev.jev.websocket;

import java.util.HashSet;
import java.util.List;

/**
 * A request that is a valid opening handshake (RFC 6455, 4.2.1).
 *
 * @param http the request
 * @param key the value of {@code Sec-WebSocket-Key}
 * @param subprotocols the offered subprotocols, in the client's order of preference
 * @param extensions the offered extensions, in the client's order of preference
 */
record UpgradeRequest(
    HttpRequest http, String key, List<String> subprotocols, List<ExtensionOffer> extensions) {

  /**
   * Returns whether a request asks for a WebSocket, valid or not. Requests of HTTP/1.0 never do.
   */
  static boolean isMeant(HttpRequest request) {
    return !request.isOld()
        && Tokens.elements(request.headers("Upgrade")).stream()
            .anyMatch(UpgradeRequest::isWebSocket);
  }

  /** Returns whether a protocol is websocket, whatever version follows a slash. */
  private static boolean isWebSocket(String protocol) {
    int slash = protocol.indexOf('/');
    return "websocket".equalsIgnoreCase(slash < 0 ? protocol : protocol.substring(0, slash));
  }

  /**
   * Returns the handshake of a request after checking what the standard requires.
   *
   * @throws Refusal if a required header is missing or wrong
   */
  static UpgradeRequest of(HttpRequest request) {
    if (!request.method().equals("GET")) {
      String fault = "method: " + Refusal.shown(request.method()) + " (expected: GET)";
      throw new Refusal(HttpResponse.of(405).header("Allow", "GET").text(fault + "\n"), fault);
    }
    checkToken(request, "Upgrade", "websocket");
    checkToken(request, "Connection", "Upgrade");
    if (hasContent(request)) {
      throw Refusal.bad("content: present (expected: none)");
    }
    checkVersion(request.headers("Sec-WebSocket-Version"));
    return new UpgradeRequest(
        request,
        key(request.headers("Sec-WebSocket-Key")),
        subprotocols(request.subprotocols()),
        ExtensionOffer.parse(request.headers("Sec-WebSocket-Extensions")));
  }

  /** Returns whether a request announces content (RFC 9112, 6). */
  static boolean hasContent(HttpRequest request) {
    return !request.headers("Transfer-Encoding").isEmpty()
        || request.headers("Content-Length").stream().anyMatch(length -> !length.equals("0"));
  }

  private static void checkToken(HttpRequest request, String header, String token) {
    if (!Tokens.contains(request.headers(header), token)) {
      throw Refusal.bad("header " + header + ": without " + token + " (expected: " + token + ")");
    }
  }

  private static void checkVersion(List<String> versions) {
    if (versions.size() > 1) {
      throw Refusal.bad(
          "header Sec-WebSocket-Version: " + versions.size() + " lines (expected: 1)");
    }
    String version = versions.isEmpty() ? "none" : versions.get(0);
    if (!version.equals("13")) { // RFC 6455, 4.2.2 and 4.4
      throw new Refusal(
          426, "header Sec-WebSocket-Version: " + Refusal.shown(version) + " (expected: 13)");
    }
  }

  private static String key(List<String> keys) {
    if (keys.size() != 1) {
      throw Refusal.bad("header Sec-WebSocket-Key: " + keys.size() + " lines (expected: 1)");
    }
    if (!HandshakeKey.isValid(keys.get(0))) {
      throw Refusal.bad("header Sec-WebSocket-Key: malformed (expected: 16 bytes in base64)");
    }
    return keys.get(0);
  }

  /** Checks offered subprotocols: tokens without duplicates (RFC 6455, 4.1). */
  private static List<String> subprotocols(List<String> offered) {
    boolean valid = offered.stream().allMatch(Tokens::isToken);
    if (!valid || new HashSet<>(offered).size() < offered.size()) {
      throw Refusal.bad("header Sec-WebSocket-Protocol: malformed (expected: tokens, each once)");
    }
    return offered;
  }
}
