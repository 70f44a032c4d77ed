package dev.jev.websocket;

import static java.util.Objects.requireNonNull;

import dev.jev.ProtocolContext;
import dev.jev.ProtocolException;
import dev.jev.plugin.TlsSession;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The client side of the opening handshake (RFC 6455, 4.1).
 *
 * <p>It neither follows redirects nor answers authentication challenges: every response except 101
 * is a failure.
 */
final class ClientOpening implements Opening {

  /** Maximum number of interim responses, each of which is parsed and then ignored. */
  private static final int MAX_INTERIM = 10;

  private final ClientRequest request;
  private final String key;
  private final HeadScanner scanner = new HeadScanner();
  private @Nullable Runnable opened;
  private @Nullable PermessageDeflate compression;
  private int interim;

  ClientOpening(ClientRequest request) {
    this(request, HandshakeKey.random());
  }

  ClientOpening(ClientRequest request, String key) {
    this.request = request;
    this.key = key;
  }

  @Override
  public void begin(ProtocolContext context, Runnable opened) {
    this.opened = opened;
    if (request.secure() && context.attribute(TlsSession.class) == null) {
      throw new IllegalStateException(
          "wss: without TLS (expected: the client has the plugin Tls.client)");
    }
    StringBuilder head = new StringBuilder(256);
    head.append("GET ").append(request.target()).append(" HTTP/1.1\r\n");
    head.append("Host: ").append(request.host()).append("\r\n");
    head.append("Upgrade: websocket\r\nConnection: Upgrade\r\n");
    head.append("Sec-WebSocket-Key: ").append(key).append("\r\n");
    head.append("Sec-WebSocket-Version: 13\r\n");
    request.fields().appendTo(head);
    byte[] bytes = StrictText.ascii("head", head.append("\r\n").toString());
    context.write(Unpooled.wrappedBuffer(bytes));
  }

  @Override
  public void read(ProtocolContext context, ByteBuf in) {
    try {
      int length;
      while ((length = scanner.scan(in)) >= 0) {
        HttpResponse response = HeadParser.response(in.readSlice(length));
        if (response.isAccept() || response.status() >= 200) {
          Opening.observer(context).answered(response.status());
          check(response);
          open(context, response);
          return;
        }
        if (++interim > MAX_INTERIM) { // RFC 9110, 15.2
          throw failure(
              "interim responses: more than %1$d (expected: <= %1$d)".formatted(MAX_INTERIM));
        }
      }
    } catch (Refusal e) {
      throw failure(e.description());
    }
  }

  private void open(ProtocolContext context, HttpResponse response) {
    HttpRequest sent =
        new HttpRequest(
            "GET",
            request.target(),
            request.host(),
            /* persistent= */ true,
            request.fields(),
            context);
    context.attribute(WebSocketHandshake.class, new WebSocketHandshake(sent, response.kept()));
    requireNonNull(opened).run();
  }

  private void check(HttpResponse response) {
    if (!response.isAccept()) {
      throw failure("status: " + response.status() + " (expected: 101)");
    }
    List<String> upgrade = response.headers("Upgrade");
    if (upgrade.size() != 1 || !upgrade.get(0).equalsIgnoreCase("websocket")) {
      throw failure("header Upgrade: missing or different (expected: websocket)");
    }
    if (!Tokens.contains(response.headers("Connection"), "Upgrade")) {
      throw failure("header Connection: without Upgrade (expected: Upgrade)");
    }
    if (!response.headers("Sec-WebSocket-Accept").equals(List.of(HandshakeKey.answer(key)))) {
      throw failure("header Sec-WebSocket-Accept: wrong (expected: the answer to the key)");
    }
    checkExtensions(response.headers(PermessageDeflate.HEADER));
    List<String> subprotocols = response.headers(HttpResponse.SUBPROTOCOL);
    if (subprotocols.size() > 1 || !request.subprotocols().containsAll(subprotocols)) {
      throw failure("header Sec-WebSocket-Protocol: not offered (expected: one that was offered)");
    }
  }

  private void checkExtensions(List<String> lines) {
    if (lines.isEmpty()) {
      return;
    }
    WebSocketCompression options = request.compression();
    if (options == null) {
      throw failure("header Sec-WebSocket-Extensions: set (expected: none, as none was offered)");
    }
    List<ExtensionOffer> answers = ExtensionOffer.parse(lines);
    compression = answers.size() == 1 ? PermessageDeflate.agreed(options, answers.get(0)) : null;
    if (compression == null) {
      throw failure("header Sec-WebSocket-Extensions: not offered (expected: what was offered)");
    }
  }

  @Override
  public @Nullable PermessageDeflate compression() {
    return compression;
  }

  private static ProtocolException failure(String description) {
    return new ProtocolException("handshake: " + description);
  }
}
