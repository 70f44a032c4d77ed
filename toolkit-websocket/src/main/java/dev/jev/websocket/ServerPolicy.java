package dev.jev.websocket;

import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletionStage;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** The handshake options of a {@link WebSocketServerBuilder}, which documents them. */
record ServerPolicy(
    List<String> paths,
    Set<String> hosts,
    OriginPolicy origins,
    List<String> subprotocols,
    boolean subprotocolRequired,
    @Nullable WebSocketCompression compression,
    @Nullable Function<HttpRequest, CompletionStage<HttpResponse>> decision,
    @Nullable HttpResponder http) {

  static final ServerPolicy DEFAULT =
      new ServerPolicy(
          List.of(),
          Set.of(),
          OriginPolicy.DEFAULT,
          List.of(),
          /* subprotocolRequired= */ false,
          /* compression= */ null,
          /* decision= */ null,
          /* http= */ null);

  /**
   * Checks a handshake against all options except the decision.
   *
   * @throws Refusal if the request is refused
   */
  void check(UpgradeRequest request) {
    HttpRequest http = request.http();
    if (!paths.isEmpty() && !isListed(http.path())) {
      throw new Refusal(404, "path: " + Refusal.shown(http.path()) + " (expected: a known path)");
    }
    String host = http.host();
    if (!hosts.isEmpty() && (host == null || !hosts.contains(withoutPort(host)))) {
      String shown = Refusal.shown(String.valueOf(host));
      throw new Refusal(421, "host: " + shown + " (expected: a name of this server)");
    }
    origins.check(http);
    if (subprotocolRequired && choose(request.subprotocols()) == null) {
      throw Refusal.bad(
          "header Sec-WebSocket-Protocol: none supported (expected: a supported one)");
    }
  }

  private static String withoutPort(String host) {
    int colon = host.lastIndexOf(':');
    boolean isPort = colon > host.lastIndexOf(']');
    return Authority.normalized(isPort ? host.substring(0, colon) : host);
  }

  /** Returns whether a path is among the configured paths. */
  boolean isListed(String path) {
    for (String listed : paths) {
      boolean isPrefix = listed.endsWith("/*");
      if (isPrefix
          ? path.startsWith(listed.substring(0, listed.length() - 1))
          : path.equals(listed)) {
        return true;
      }
    }
    return false;
  }

  /** Returns the most preferred of the offered subprotocols, or null if none is supported. */
  @Nullable String choose(List<String> offered) {
    for (String subprotocol : subprotocols) {
      if (offered.contains(subprotocol)) {
        return subprotocol;
      }
    }
    return null;
  }

  /** Returns the compression to use, given the client's offers; null for no compression. */
  @Nullable PermessageDeflate compress(List<ExtensionOffer> offered) {
    return compression == null ? null : PermessageDeflate.accept(compression, offered);
  }

  /**
   * Returns the response to a plain HTTP request.
   *
   * @throws Refusal if the request is refused
   */
  HttpResponse respond(HttpRequest request) {
    HttpResponder responder = http;
    if (UpgradeRequest.hasContent(request)) {
      throw responder == null
          ? Refusal.bad("content: present (expected: none)")
          : new Refusal(413, "content: present (expected: none)");
    }
    HttpResponse response = responder == null ? null : responder.respond(request);
    if (response != null) {
      if (response.isAccept()) {
        throw new IllegalStateException("responder's status: 101 (expected: 200..599)");
      }
      return response;
    }
    if (responder != null && !isListed(request.path())) {
      return HttpResponse.of(404).text("not found\n");
    }
    if (!paths.isEmpty() && !isListed(request.path())) {
      throw new Refusal(
          404, "path: " + Refusal.shown(request.path()) + " (expected: a known path)");
    }
    if (request.isOld()) {
      throw new Refusal(505, "version: HTTP/1.0 (expected: HTTP/1.1)");
    }
    throw new Refusal(426, "header Upgrade: none (expected: websocket)");
  }
}
